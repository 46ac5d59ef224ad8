package org.iommu4j.upgrade.plain;

import java.util.function.Consumer;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;

/** A chip that is a {@link PlainMachine}, with three calls of its own for the host's driver. */
final class PlainChip implements Hardware {
    static final int BIND = 1;
    static final int UNBIND = 2;
    static final int DROP = 3;

    private final PlainBackend backend;
    private final HardwareConfig config;
    private final PlainMachine machine;
    private long calls;

    PlainChip(PlainBackend backend, HardwareConfig config, PlainMachine machine) {
        this.backend = backend;
        this.config = config;
        this.machine = machine;
    }

    /** The same chip in another view of its machine. */
    PlainChip on(Platform view) {
        machine.on(view);
        return this;
    }

    @Override
    public HardwareConfig config() {
        return config;
    }

    @Override
    public void call(NativeCall call) {
        calls++;
        int requester = (int) call.word(0);
        switch (call.function()) {
            case BIND -> machine.bind(requester, call.word(1), call.word(2), call.word(3));
            case UNBIND -> machine.unbind(requester);
            case DROP -> machine.drop(requester, call.word(1), call.word(2));
            default -> machine.call(call, PlainMachine.Changes.IGNORED);
        }
    }

    @Override
    public void translate(DmaAccess access) {
        machine.translate(access);
    }

    @Override
    public Snapshot save() {
        return backend.keep(Snapshot.Kind.HARDWARE, this);
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
    public void stepping(boolean on) {
        // It has no queue.
    }

    @Override
    public int step(int commands) {
        return 0;
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        // It records none.
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        // It may cache as it likes.
    }

    @Override
    public HardwareCounters counters() {
        return new HardwareCounters(calls, 0, 0, 0, 0);
    }
}
