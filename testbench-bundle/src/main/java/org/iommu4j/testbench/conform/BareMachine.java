package org.iommu4j.testbench.conform;

import java.util.List;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;

/**
 * A chip and its driver, joined without the core, which would contain what they throw: here an exception that is no error of
 * the contract breaks the rule that is looked at. So does what the core forbids a driver.
 */
final class BareMachine implements Client, NativePort {
    private static final int DOMAIN = 0;
    private static final long BLOCKED = -1;

    private final Backend backend;
    private final Trouble trouble;
    private final Platform machine;
    private final Platform platform;
    private final InvalidateRequest invalidation = new InvalidateRequest();
    private Hardware chip;
    private Translator driver;

    /**
     * A machine with a domain.
     *
     * @throws BackendException if chip or driver are refused
     */
    BareMachine(Subject subject, HardwareConfig config, Trouble trouble) {
        backend = subject.backend();
        this.trouble = trouble;
        int width = Math.max(
                BenchSupport.LEAST_HOST_ADDRESS_WIDTH,
                Math.min(BenchSupport.MOST_HOST_ADDRESS_WIDTH, backend.bench().hostAddressWidth(config)));
        machine = subject.platforms().create(new PlatformConfig(width, List.of(), Trouble.lost(), trouble.devices()));
        platform = new TroubledPlatform(machine.forOwner(PageOwner.HOST), trouble);
        chip = typed("making the chip", () -> backend.createHardware(config, platform));
        driver = typed("making the driver", () -> backend.createTranslator(config.subVersion(), this));
        Completion completion = new Completion();
        answered("opening a domain", completion, () -> driver.openDomain(DOMAIN, completion));
        if (completion.errno() != Errno.OK) {
            throw new BackendException(completion.errno(), "opening a domain: " + completion);
        }
    }

    /** The chip. */
    Hardware chip() {
        return chip;
    }

    /** The saved state of the chip. */
    Snapshot saveChip() {
        return saved("saving the chip", Snapshot.Kind.HARDWARE, chip::save);
    }

    /** The saved state of the driver. */
    Snapshot saveDriver() {
        return saved("saving the driver", Snapshot.Kind.TRANSLATOR, driver::save);
    }

    private Snapshot saved(String what, Snapshot.Kind kind, Supplier<Snapshot> save) {
        Snapshot state = typed(what, save);
        Check.expect(
                state != null
                        && state.kind() == kind
                        && state.model() == backend.describe().model()
                        && state.version() == backend.describe().stateWritten(),
                what + " gives " + state + ", which is not what the backend says that it writes");
        return state;
    }

    /** Puts a chip of that state in place of its own; the old one goes on if it is refused. */
    void restoreChip(Snapshot state) {
        chip = typed("restoring the chip", () -> backend.restoreHardware(state, platform));
    }

    /** Puts a driver of that state in place of its own; the old one goes on if it is refused. */
    void restoreDriver(Snapshot state) {
        driver = typed("restoring the driver", () -> backend.restoreTranslator(state, this));
    }

    /** Does what a vendor's code does; only its refusals come out as they are. */
    static <T> T typed(String what, Supplier<T> work) {
        try {
            return work.get();
        } catch (BackendException e) {
            throw e;
        } catch (Throwable e) {
            // Languages other than Java throw checked exceptions that no signature announces.
            throw new Check.Unmet(what + " throws " + e, e);
        }
    }

    private interface Answering {
        int answer();
    }

    /** Checks that code and completion agree. */
    private static Completion answered(String what, Completion completion, Answering work) {
        int code = typed(what, work::answer);
        Check.expect(
                code == completion.errno().code(),
                what + " answers " + code + ", and its completion says " + completion);
        return completion;
    }

    /** The machine without trouble: what is planted is for the driver. */
    @Override
    public NativePort port() {
        return new NativePort() {
            @Override
            public Platform platform() {
                return machine;
            }

            @Override
            public long readRegister(long offset, int sizeBytes) {
                return chip.readRegister(offset, sizeBytes);
            }

            @Override
            public void writeRegister(long offset, int sizeBytes, long value) {
                chip.writeRegister(offset, sizeBytes, value);
            }

            @Override
            public void call(NativeCall call) {
                chip.call(call);
            }
        };
    }

    @Override
    public Completion attach(int requester) {
        Completion completion = new Completion();
        return answered(
                "attaching a device", completion, () -> driver.attach(DOMAIN, requester, BLOCKED, 0, completion));
    }

    @Override
    public Completion attach(int requester, FuzzScene.Root root) {
        Completion completion = new Completion();
        return answered(
                "attaching a device",
                completion,
                () -> driver.attach(DOMAIN, requester, root.table(), root.levels(), completion));
    }

    @Override
    public Completion detach(int requester) {
        Completion completion = new Completion();
        return answered("detaching a device", completion, () -> driver.detach(DOMAIN, requester, completion));
    }

    @Override
    public Completion bind(int operation, int flags, byte[] payload) {
        Completion completion = new Completion();
        BindRequest request = new BindRequest().set(operation, driver.subVersion(), flags, payload, 0, payload.length);
        return answered("binding", completion, () -> driver.bind(DOMAIN, request, completion));
    }

    @Override
    public Completion invalidate(int scope, int flags, int pasid, long vaddr, long size, byte[] payload) {
        Completion completion = new Completion();
        invalidation.set(scope, flags, pasid, vaddr, size, driver.subVersion(), payload, 0, payload.length);
        return answered("invalidating", completion, () -> {
            int code = 0;
            long before = -1;
            do {
                Check.expect(
                        code == 0 || Long.compareUnsigned(invalidation.progress(), before) > 0,
                        "an invalidation that is unfinished gets no further");
                before = invalidation.progress();
                code = driver.invalidate(DOMAIN, invalidation, completion);
                if (code == Translator.UNFINISHED) {
                    int between = driver.finish(completion);
                    if (between != 0) {
                        return between;
                    }
                }
            } while (code == Translator.UNFINISHED);
            return code == 0 ? finished(completion) : code;
        });
    }

    private int finished(Completion completion) {
        int code = driver.finish(completion);
        if (code == 0) {
            completion.done(completion.fidelity());
        }
        return code;
    }

    @Override
    public Completion closeDomain() {
        Completion completion = new Completion();
        return answered("closing the domain", completion, () -> driver.closeDomain(DOMAIN, completion));
    }

    /** Opens the domain again after it was closed. */
    Completion openDomain() {
        Completion completion = new Completion();
        return answered("opening a domain", completion, () -> driver.openDomain(DOMAIN, completion));
    }

    @Override
    public void access(DmaAccess access) {
        typed("an access", () -> {
            chip.translate(access);
            return null;
        });
    }

    @Override
    public Platform platform() {
        return platform;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return trouble.using(false)
                ? chip.readRegister(offset, sizeBytes)
                : Trouble.ALL_ONES >>> (Long.SIZE - sizeBytes * Byte.SIZE);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        if (trouble.using(true)) {
            chip.writeRegister(offset, sizeBytes, value);
        }
    }

    @Override
    public void call(NativeCall call) {
        if (!trouble.using(true)) {
            throw new BackendException(Errno.EIO, "nobody answers the call, as planted");
        }
        chip.call(call);
    }
}
