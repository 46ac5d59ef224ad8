package org.iommu4j.core.backends;

import java.util.List;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.lease.Lease;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.layout.BitField;

/**
 * The trial of a backend on a unit of its own, before it may serve: a chip and a driver of each generation are made; a domain
 * is opened, a device attached and bound, translations are invalidated, a device accesses memory; both are saved and
 * restored, and what was restored goes on. The core knows no model, so that a typed refusal of a device or of a bind is an
 * answer like any other; a failure is what the contract forbids: an exception, {@code EIO}, no answer, or an access that goes
 * through although nothing was bound for the device.
 */
public final class Trial {
    private static final int DOMAIN = 0;
    private static final int REQUESTER = 8;
    private static final long BLOCKED = -1;
    private static final long PAGE_BYTES = 4096;

    private final BackendEntry entry;
    private final PlatformFactory platforms;

    private Trial(BackendEntry entry, PlatformFactory platforms) {
        this.entry = entry;
        this.platforms = platforms;
    }

    /**
     * The result of a trial.
     *
     * @param failure why the backend must not serve beside another; null if it passed
     * @param makesChips true if it makes a chip of each generation, whatever else fails: better than nobody
     */
    public record Result(VendorFailure failure, boolean makesChips) {}

    /** Tries a backend, in a thread of its own and in a bounded time. */
    public static Result of(BackendEntry entry, PlatformFactory platforms) {
        Trial trial = new Trial(entry, platforms);
        VendorFailure failure = trial.ofEach("trial of " + entry, trial::run);
        return new Result(failure, failure == null || trial.ofEach("chips of " + entry, trial::makeChip) == null);
    }

    /** The first failure of any generation, in a bounded time for all of them; null if there is none. */
    private VendorFailure ofEach(String what, Consumer<Generation> part) {
        try (VendorThread thread = new VendorThread("iommu4j-trial")) {
            thread.callWithoutHaste(what, SwapLimits.DEFAULT.handoverNanos(), () -> {
                entry.description().generations().forEach(part);
                return null;
            });
            return null;
        } catch (VendorFailure e) {
            return e;
        }
    }

    private UnitConfig config(Generation generation) {
        return UnitConfig.of(entry.description().model(), HardwareConfig.of(generation.subVersion()));
    }

    private Lease machine(Generation generation) {
        int width = Math.max(
                BenchSupport.LEAST_HOST_ADDRESS_WIDTH,
                Math.min(BenchSupport.MOST_HOST_ADDRESS_WIDTH, generation.hostAddressWidth()));
        return new Lease(platforms
                .create(new PlatformConfig(width, List.of(), (address, data) -> {}, DevicePort.COMPLETING))
                .forOwner(PageOwner.HOST));
    }

    private void makeChip(Generation generation) {
        Lease lease = machine(generation);
        try {
            ChipMaker.fresh(config(generation).withoutDriver(), lease, entry);
        } finally {
            lease.end();
        }
    }

    private void run(Generation generation) {
        Lease first = machine(generation);
        Lease second = null;
        try {
            Chip chip = ChipMaker.fresh(config(generation), first, entry);
            Completion completion = new Completion();
            expect("open a domain", chip.translator().openDomain(DOMAIN, completion.begin()), completion);
            boolean attached = attach(chip.translator(), completion);
            blockedAccess(chip);
            if (attached) {
                bind(chip.translator(), generation, completion);
            }
            invalidate(chip.translator(), completion);
            Snapshot hardware = ChipMaker.checked(chip.hardware().save(), Snapshot.Kind.HARDWARE, entry);
            Snapshot driver = ChipMaker.checked(chip.translator().save(), Snapshot.Kind.TRANSLATOR, entry);
            second = first.handOver();
            Chip again = ChipMaker.resumed(hardware, driver, generation.subVersion(), second, entry);
            first.end();
            second.takeOver();
            again.translateOrThrow(new DmaAccess().begin(REQUESTER, 0, DmaAccess.READ));
            invalidate(again.translator(), completion);
            expect("close a domain", again.translator().closeDomain(DOMAIN, completion.begin()), completion);
        } finally {
            first.end();
            if (second != null) {
                second.end();
            }
        }
    }

    private static boolean attach(Translator translator, Completion completion) {
        return answered(
                        "attach a device",
                        translator.attach(DOMAIN, REQUESTER, BLOCKED, 0, completion.begin()),
                        completion)
                == Errno.OK;
    }

    /** Checks that an access is blocked while nothing is bound for any device. */
    private static void blockedAccess(Chip chip) {
        DmaAccess access = new DmaAccess().begin(REQUESTER, 0, DmaAccess.READ);
        chip.translateOrThrow(access);
        if (access.outcome() == DmaAccess.Outcome.TRANSLATED) {
            throw new IllegalStateException("a device for which nothing is bound reaches memory");
        }
    }

    /** Binds by each format of the generation, as far as the backend takes the plainest vendor part. */
    private void bind(Translator translator, Generation generation, Completion completion) {
        BindRequest request = new BindRequest();
        for (BindFormat format : entry.parts().bindFormats()) {
            if (Integer.compareUnsigned(format.subVersion(), generation.subVersion()) <= 0) {
                byte[] payload = payload(format);
                request.set(format.operation(), generation.subVersion(), 0, payload, 0, payload.length);
                answered("bind", translator.bind(DOMAIN, request, completion.begin()), completion);
            }
        }
    }

    /** Zeroes, but for the device if the format names one, and for fields of which 0 is no code: they have their first one. */
    private static byte[] payload(BindFormat format) {
        long[] words = new long[format.layout().words()];
        for (BitField field : format.layout().fields()) {
            if (field.name().equalsIgnoreCase("requester")) {
                words[field.word()] = field.set(words[field.word()], REQUESTER);
            } else if (field.isReservedValue(0)) {
                words[field.word()] =
                        field.set(words[field.word()], field.codes().get(0).value());
            }
        }
        return format.layout().encode(words);
    }

    private static void invalidate(Translator translator, Completion completion) {
        InvalidateRequest request = new InvalidateRequest();
        request.set(0, 0, 0, 0, 0, translator.subVersion(), new byte[0], 0, 0);
        answered(
                "invalidate a domain",
                ChipMaker.invalidate(translator, DOMAIN, request, completion.begin()),
                completion);
        expect("complete an invalidation", translator.finish(completion.begin()), completion);
        request.set(
                Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0, PAGE_BYTES, translator.subVersion(), new byte[0], 0, 0);
        answered(
                "invalidate a page", ChipMaker.invalidate(translator, DOMAIN, request, completion.begin()), completion);
        expect("complete an invalidation", translator.finish(completion.begin()), completion);
    }

    private static Errno answered(String what, int code, Completion completion) {
        Contained.settle(code, completion);
        if (completion.errno() == Errno.EIO) {
            throw new BackendException(Errno.EIO, "it cannot " + what + ": " + completion);
        }
        return completion.errno();
    }

    private static void expect(String what, int code, Completion completion) {
        if (answered(what, code, completion) != Errno.OK) {
            throw new BackendException(completion.errno(), "it cannot " + what + ": " + completion);
        }
    }
}
