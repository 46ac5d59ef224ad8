package org.iommu4j.testbench.fake;

import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.Layout;

/**
 * A chip that has calls and nothing else, without a driver. Its hypercalls add, keep and sum up words of memory; its RTAS
 * call says how it was called; its instructions negate bits, store what was asked for, and answer behind a request.
 */
public final class CallingBackend implements Backend {
    private static final int H_ADD = 0x20;
    private static final int H_SUM = 0x24;
    private static final int RTAS_ECHO = 0x2026;
    private static final int NOT = 0xb9d3;
    private static final int STORE = 0xe3d4;
    private static final int LOGICAL = 0xb9a0;

    private static final List<Code> HYPERCALL_CODES =
            List.of(Code.code(0, "H_SUCCESS"), Code.code(-2, "H_FUNCTION"), Code.code(-4, "H_PARAMETER"));
    private static final List<Code> INTERRUPTIONS = List.of(Code.code(-6, "specification"));

    private static final List<CallFormat> HYPERCALLS = List.of(
            new CallFormat(
                    Kind.HYPERCALL,
                    "H_ADD",
                    H_ADD,
                    List.of(
                            Operand.field("liobn", 0, 0, 32, ""),
                            Operand.word("value", 1, ""),
                            Operand.word("more", 2, "").orNothing()),
                    List.of(Operand.word("sum", 0, "")),
                    HYPERCALL_CODES,
                    ""),
            new CallFormat(
                    Kind.HYPERCALL,
                    "H_SUM",
                    H_SUM,
                    List.of(Operand.memory("list", 0, 4096, ""), Operand.word("count", 1, "")),
                    List.of(Operand.word("sum", 0, "")),
                    HYPERCALL_CODES,
                    ""),
            new CallFormat(
                    Kind.RTAS,
                    "test,echo",
                    RTAS_ECHO,
                    List.of(Operand.field("first", 2, 0, 32, "")),
                    List.of(
                            Operand.field("arguments", 0, 0, 32, ""),
                            Operand.field("cells", 1, 0, 32, ""),
                            Operand.field("echo", 2, 0, 32, "").orNothing()),
                    List.of(Code.code(0, "success"), Code.code(-3, "parameter")),
                    ""));

    private static final List<CallFormat> INSTRUCTIONS = List.of(
            new CallFormat(
                    Kind.INSTRUCTION,
                    "NOT",
                    NOT,
                    List.of(
                            Operand.field("handle", 0, 32, 32, "").alias("fh"),
                            Operand.field("oc", 0, 0, 8, ""),
                            Operand.word("r1", 0, "").orNothing()),
                    List.of(Operand.field("status", 0, 24, 8, "")),
                    INTERRUPTIONS,
                    ""),
            new CallFormat(
                    Kind.INSTRUCTION,
                    "STORE",
                    STORE,
                    List.of(Operand.word("r1", 0, ""), Operand.memory("fib", 1, 16, "")),
                    List.of(Operand.memory("fib", 1, 16, "")),
                    INTERRUPTIONS,
                    ""),
            new CallFormat(
                    Kind.INSTRUCTION,
                    "LOGICAL",
                    LOGICAL,
                    List.of(Operand.memory("block", 0, 4096, "").alias("request")),
                    List.of(Operand.answer("response", 0, 4080, "")),
                    INTERRUPTIONS,
                    ""));

    private final IommuModel model;

    /** A backend with hypercalls if the model is {@link IommuModel#SPAPR}, else one with instructions. */
    public CallingBackend(IommuModel model) {
        this.model = model;
    }

    @Override
    public BackendDescription describe() {
        return new BackendDescription(
                model,
                "calls",
                "1.0.0",
                List.of(new Generation(1, "g1", Set.of(0), 12, 0, 64, Set.of(), Set.of())),
                1,
                1);
    }

    @Override
    public List<CallFormat> calls() {
        return model == IommuModel.SPAPR ? HYPERCALLS : INSTRUCTIONS;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return new Chip(config, platform.memory());
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        throw new UnsupportedOperationException();
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        throw new UnsupportedOperationException();
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<Layout> layouts() {
        return List.of();
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of();
    }

    @Override
    public List<Shim> shims() {
        return List.of();
    }

    /** Answers calls. */
    private record Chip(HardwareConfig config, PhysicalMemory memory) implements Hardware {
        @Override
        public void call(NativeCall call) {
            switch (call.function()) {
                case H_ADD -> call.word(0, call.word(1) + call.word(2));
                case H_SUM -> {
                    long sum = 0;
                    for (int i = 0; i < call.word(1); i++) {
                        sum += memory.readLongBe(call.word(0) + (long) i * Long.BYTES);
                    }
                    call.word(0, sum);
                    call.result(call.word(1) == 0 ? -4 : 0);
                }
                case RTAS_ECHO -> {
                    long echo = call.word(CallFormat.RTAS_FIRST_ARGUMENT);
                    call.word(2, echo);
                    call.result(call.word(CallFormat.RTAS_ARGUMENT_COUNT) == 1 ? 0 : -3);
                }
                case NOT -> {
                    call.word(0, ~call.word(0));
                    call.result(1);
                }
                case STORE -> {
                    if ((call.word(1) & 7) != 0) {
                        call.result(-6);
                        return;
                    }
                    memory.writeLongBe(call.word(1), call.word(0));
                }
                case LOGICAL -> {
                    int length = (int) (memory.readLongBe(call.word(0)) >>> 48);
                    memory.writeLongBe(call.word(0) + length, 0x0010_0000_0000_0000L);
                }
                default -> call.result(-2);
            }
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return 0;
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            // It has none.
        }

        @Override
        public void translate(DmaAccess access) {
            access.blocked();
        }

        @Override
        public void stepping(boolean on) {
            // It has no queue.
        }

        @Override
        public int step(int commands) {
            return 0;
        }

        @Override
        public Snapshot save() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void takeEvents(Consumer<byte[]> sink) {
            // It has none.
        }

        @Override
        public void visitCache(CacheVisitor visitor) {
            // It keeps nothing.
        }

        @Override
        public HardwareCounters counters() {
            return new HardwareCounters(0, 0, 0, 0, 0);
        }
    }
}
