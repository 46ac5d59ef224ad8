package org.iommu4j.testbench.fuzz;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.InvalidateRequest;

/** Operations that reached the chip and its driver during a case, so that they can be done again below the core. */
final class Trace {
    private final List<Op> ops = new ArrayList<>();
    private boolean complete = true;

    /** One operation. */
    sealed interface Op {
        /** A write to memory. */
        record Memory(long pa, byte[] bytes) implements Op {}

        /** A register write. */
        record Register(long offset, int sizeBytes, long value) implements Op {}

        /** A call, and its result. */
        record Call(int function, long[] words, long result) implements Op {}

        /** An access, and its outcome. */
        record Access(Map<String, Object> step, String op, Map<String, Object> values) implements Op {}

        /** The queue was stepped. */
        record Step(int commands) implements Op {}

        /** Records were taken. */
        record Events() implements Op {}

        /** A device was attached. */
        record Attach(int requester, long table, int levels) implements Op {}

        /** A device was detached. */
        record Detach(int requester) implements Op {}

        /** A bind or unbind was carried out. */
        record Bind(BindRequest request) implements Op {}

        /** An invalidation was carried out. */
        record Invalidate(InvalidateRequest request) implements Op {}
    }

    /** The operations, in order. */
    List<Op> ops() {
        return ops;
    }

    /** False if something was done that the trace cannot hold. */
    boolean isComplete() {
        return complete;
    }

    void incomplete() {
        complete = false;
    }

    void memory(Map<String, Object> step, ByteOrder order) {
        long pa = Steps.number(step, "pa", 0);
        byte[] bytes = Steps.written(step, order);
        long count = Steps.number(step, "count", 1);
        for (long i = 0; i < count; i++) {
            ops.add(new Op.Memory(pa + i * Steps.number(step, "stride", 0), bytes));
        }
    }

    void register(long offset, int sizeBytes, long value) {
        ops.add(new Op.Register(offset, sizeBytes, value));
    }

    void call(int function, long[] words, long result) {
        ops.add(new Op.Call(function, words, result));
    }

    void access(Map<String, Object> step, String op, Map<String, Object> values) {
        ops.add(new Op.Access(step, op, values));
    }

    void step(int commands) {
        ops.add(new Op.Step(commands));
    }

    void events() {
        ops.add(new Op.Events());
    }

    void attach(int requester, long table, int levels) {
        ops.add(new Op.Attach(requester, table, levels));
    }

    void detach(int requester) {
        ops.add(new Op.Detach(requester));
    }

    void bind(BindRequest request) {
        byte[] payload = copy(request.payload(), request.payloadOffset(), request.payloadLength());
        ops.add(new Op.Bind(new BindRequest()
                .set(request.operation(), request.subVersion(), request.flags(), payload, 0, payload.length)));
    }

    void invalidate(InvalidateRequest request) {
        byte[] payload = copy(request.payload(), request.payloadOffset(), request.payloadLength());
        ops.add(new Op.Invalidate(new InvalidateRequest()
                .set(
                        request.scope(),
                        request.flags(),
                        request.pasid(),
                        request.vaddr(),
                        request.size(),
                        request.subVersion(),
                        payload,
                        0,
                        payload.length)));
    }

    private static byte[] copy(byte[] bytes, int offset, int length) {
        return Arrays.copyOfRange(bytes, offset, offset + length);
    }
}
