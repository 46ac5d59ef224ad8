package org.iommu4j.testbench.fuzz;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.layout.Register;
import org.iommu4j.testbench.FuzzFailure.Kind;
import org.iommu4j.testbench.run.StepRunner;

/**
 * Does a case again on a chip and a driver of its own, without the core that contains what they throw. It must come to the
 * same, and what is saved in the end must be the same after it was restored; a damaged state may only be refused.
 */
final class Twin {
    private static final int PAGE = 4096;
    private static final int DAMAGED_STATES = 4;
    private static final int LAST_ACCESSES = 8;

    private final IommuService service;
    private final Setup setup;
    private final Backend backend;
    private final HardwareConfig config;
    private final boolean settled;
    private final ExplainHints hints;
    private Platform platform;
    private Hardware hardware;
    private Translator translator;

    /**
     * A twin of a case.
     *
     * @param settled true if in the end nothing kept is outdated
     */
    Twin(IommuService service, Setup setup, Backend backend, HardwareConfig config, boolean settled) {
        this.service = service;
        this.setup = setup;
        this.backend = backend;
        this.config = config;
        this.settled = settled;
        hints = ExplainHints.of(backend);
    }

    /**
     * Does what was done, and compares.
     *
     * @throws Failed if something must not be as it is
     */
    void check(Trace trace) {
        if (!trace.isComplete()) {
            return;
        }
        platform = emptyMachine().forOwner(PageOwner.HOST);
        hardware = backend.createHardware(config, platform);
        NativePort port = new Direct();
        guarded("the driver's start", () -> {
            if (setup.driver()) {
                translator = backend.createTranslator(config.subVersion(), port);
                translator.openDomain(0, new Completion().begin());
            }
        });
        guarded("setting up interrupts", () -> {
            if (setup.interrupts()) {
                backend.bench().enableInterrupts(port);
            }
            if (setup.stepping()) {
                hardware.stepping(true);
            }
        });
        for (Trace.Op op : trace.ops()) {
            try {
                guarded(op.getClass().getSimpleName(), () -> run(op));
            } catch (Failed e) {
                throw e.explained(hints(op));
            }
        }
        Snapshot saved = saved(hardware::save);
        Hardware restored = restored(saved, state -> backend.restoreHardware(state, platform), Hardware::save);
        compare(restored, trace);
        if (translator != null) {
            restored(saved(translator::save), state -> backend.restoreTranslator(state, port), Translator::save);
        }
    }

    /**
     * A machine like that of the case, without its unit, whose pages of the host are free again: so the twin's tables are where
     * those of the case were. Software names them: it asks a platform where a table is, and sets it again.
     */
    private Platform emptyMachine() {
        Platform empty;
        try (StepRunner machine =
                StepRunner.open(service, setup.model(), setup.subVersion(), setup.config(), false, false, false)) {
            empty = machine.unit().platform();
        }
        // The host's pages begin in the middle of the address space, and a chip's stand one after the other.
        long page = 1L << (empty.hostAddressWidth() - 1);
        while (empty.memory().contains(page, PAGE) && !empty.guestTables().contains(page, PAGE)) {
            empty.freePages(page, 1);
            page += PAGE;
        }
        return empty;
    }

    private void run(Trace.Op op) {
        if (op instanceof Trace.Op.Memory write) {
            platform.memory().write(write.pa(), write.bytes(), 0, write.bytes().length);
        } else if (op instanceof Trace.Op.Register write) {
            hardware.writeRegister(write.offset(), write.sizeBytes(), write.value());
        } else if (op instanceof Trace.Op.Call call) {
            NativeCall made = new NativeCall().begin(call.function());
            for (int word = 0; word < call.words().length; word++) {
                made.word(word, call.words()[word]);
            }
            hardware.call(made);
            same("call 0x" + Integer.toHexString(call.function()), call.result(), made.result());
        } else if (op instanceof Trace.Op.Access access) {
            same(StepRunner.json(access.step()), outcome(access.values()), access(access));
        } else if (op instanceof Trace.Op.Step step) {
            hardware.step(step.commands());
        } else if (op instanceof Trace.Op.Events) {
            hardware.takeEvents(record -> {});
        } else {
            request(op);
        }
    }

    /** Command lines that decode the bytes of an operation. */
    private List<String> hints(Trace.Op op) {
        if (op instanceof Trace.Op.Memory write) {
            return ExplainHints.list(hints.structure("", write.bytes()));
        }
        if (op instanceof Trace.Op.Register write) {
            return hints.registers(config.subVersion(), write.offset(), write.sizeBytes(), write.value());
        }
        return op instanceof Trace.Op.Call call
                ? ExplainHints.list(hints.call(call.function(), call.words()))
                : List.of();
    }

    private void request(Trace.Op op) {
        Completion completion = new Completion().begin();
        if (op instanceof Trace.Op.Attach attach) {
            translator.attach(0, attach.requester(), attach.table(), attach.levels(), completion);
        } else if (op instanceof Trace.Op.Detach detach) {
            translator.detach(0, detach.requester(), completion);
        } else if (op instanceof Trace.Op.Bind bind) {
            translator.bind(0, bind.request(), completion);
        } else if (op instanceof Trace.Op.Invalidate invalidate
                && translator.invalidate(0, invalidate.request(), completion) == 0) {
            translator.finish(completion);
        }
        same(op.getClass().getSimpleName(), Errno.OK, completion.errno());
    }

    /** The address to which an access was translated, or the reason of the first piece that was refused. */
    private String access(Trace.Op.Access op) {
        DmaAccess access = new DmaAccess();
        long length = Steps.number(op.step(), "len", 1);
        long iova = Steps.number(op.step(), "iova", 0);
        String first = "";
        long done = 0;
        do {
            long at = iova + done;
            int piece = (int) Math.min(length - done, PAGE - (at & (PAGE - 1)));
            hardware.translate(AccessStep.begin(op.step(), op.op(), access, at, piece, length - done));
            switch (access.outcome()) {
                case FAULT -> {
                    return "fault 0x" + Integer.toHexString(access.faultCode());
                }
                case TRANSLATED -> {
                    if (!AccessStep.isAllowed(access, platform)) {
                        return "BUS_ERROR";
                    }
                    first = first.isEmpty() ? Steps.hex(access.spa()) : first;
                }
                default -> {
                    return access.outcome().name();
                }
            }
            done += piece;
        } while (done < length);
        return first;
    }

    private static String outcome(Map<String, Object> values) {
        if (!(values.get("fault") instanceof Map<?, ?> fault)) {
            return String.valueOf(values.get("pa"));
        }
        return fault.containsKey("code") ? "fault " + fault.get("code") : String.valueOf(fault.get("name"));
    }

    private static void same(String what, Object once, Object again) {
        if (!once.equals(again)) {
            throw new Failed(Kind.NOT_DETERMINISTIC, what + " came to " + once + ", the second time to " + again);
        }
    }

    /** A chip that goes on where another stopped shows the same registers and lets the same accesses through. */
    private void compare(Hardware restored, Trace trace) {
        for (Register register : backend.registers(config.subVersion())) {
            int size = register.widthBits() / Byte.SIZE;
            long before = hardware.readRegister(register.offset(), size);
            long after = restored.readRegister(register.offset(), size);
            if (before != after) {
                throw new Failed(
                                Kind.ROUND_TRIP,
                                "register " + register.name() + " is " + Steps.hex(after) + " after restoring, before "
                                        + Steps.hex(before))
                        .explained(ExplainHints.list(
                                hints.register(register.name(), before), hints.register(register.name(), after)));
            }
        }
        if (!settled) {
            return;
        }
        Hardware original = hardware;
        trace.ops().stream()
                .filter(Trace.Op.Access.class::isInstance)
                .map(Trace.Op.Access.class::cast)
                .skip(Math.max(0, trace.ops().size() - LAST_ACCESSES))
                .forEach(op -> {
                    String before = access(op);
                    hardware = restored;
                    String after = access(op);
                    hardware = original;
                    if (!before.equals(after)) {
                        throw new Failed(
                                Kind.ROUND_TRIP,
                                StepRunner.json(op.step()) + " comes to " + after + " after restoring, before to "
                                        + before);
                    }
                });
    }

    private interface Saving {
        Snapshot save();
    }

    private static Snapshot saved(Saving saving) {
        Snapshot[] state = new Snapshot[1];
        guarded("saving", () -> state[0] = saving.save());
        return state[0];
    }

    private static <T> T restored(Snapshot state, Function<Snapshot, T> restore, Function<T, Snapshot> save) {
        T restored;
        try {
            restored = restore.apply(state);
        } catch (RuntimeException e) {
            throw new Failed(Kind.ROUND_TRIP, state + " cannot be restored: " + CaseRun.describe(e), e)
                    .explained(ExplainHints.list(ExplainHints.state(state.bytes())));
        }
        Snapshot again = saved(() -> save.apply(restored));
        if (!state.equals(again)) {
            int at = Arrays.mismatch(state.bytes(), again.bytes());
            throw new Failed(Kind.ROUND_TRIP, state + " becomes " + again + " after restoring, from byte " + at + " on")
                    .explained(ExplainHints.list(ExplainHints.state(state.bytes()), ExplainHints.state(again.bytes())));
        }
        SplittableRandom random = new SplittableRandom(state.hashCode());
        for (int i = 0; i < DAMAGED_STATES; i++) {
            restoreDamaged(damaged(state, random), restore);
        }
        return restored;
    }

    /** Whether a damaged state can be restored is not known, but if not, it is refused by name. */
    private static <T> boolean restoreDamaged(Snapshot damaged, Function<Snapshot, T> restore) {
        try {
            return restore.apply(damaged) != null;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            if (isRefusal(e)) {
                return false;
            }
            throw new Failed(
                            Kind.UNTYPED_EXCEPTION,
                            "a damaged state (" + Steps.hex(damaged.bytes()) + ") ends in " + CaseRun.describe(e),
                            e)
                    .explained(ExplainHints.list(ExplainHints.state(damaged.bytes())));
        }
    }

    private static Snapshot damaged(Snapshot state, SplittableRandom random) {
        byte[] bytes = state.bytes();
        if (bytes.length == 0 || random.nextInt(4) == 0) {
            bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 9));
        } else {
            for (int i = random.nextInt(3); i >= 0; i--) {
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
            }
        }
        return new Snapshot(state.model(), state.kind(), state.version(), bytes);
    }

    /** True if the backend said no; an {@code EIO} is what the core makes of an error that it had to contain. */
    private static boolean isRefusal(Throwable thrown) {
        return thrown instanceof BackendException refusal && refusal.errno() != Errno.EIO;
    }

    private static void guarded(String what, Runnable action) {
        try {
            action.run();
        } catch (Failed e) {
            throw e;
        } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
            if (!isRefusal(e)) {
                throw new Failed(Kind.UNTYPED_EXCEPTION, what + " ends in " + CaseRun.describe(e), e);
            }
        }
    }

    /** The twin's own chip. */
    private final class Direct implements NativePort {
        @Override
        public Platform platform() {
            return platform;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return hardware.readRegister(offset, sizeBytes);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            hardware.writeRegister(offset, sizeBytes, value);
        }

        @Override
        public void call(NativeCall call) {
            hardware.call(call);
        }
    }
}
