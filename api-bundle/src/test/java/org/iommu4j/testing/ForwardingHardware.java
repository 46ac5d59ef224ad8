package org.iommu4j.testing;

import java.util.function.Consumer;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Snapshot;

/** A chip that passes every call on to another one. A test changes what it needs to by overriding it. */
public class ForwardingHardware implements Hardware {
    private final Hardware target;

    /** Passes calls on to {@code target}. */
    public ForwardingHardware(Hardware target) {
        this.target = target;
    }

    @Override
    public HardwareConfig config() {
        return target.config();
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return target.readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        target.writeRegister(offset, sizeBytes, value);
    }

    @Override
    public void call(NativeCall call) {
        target.call(call);
    }

    @Override
    public void translate(DmaAccess access) {
        target.translate(access);
    }

    @Override
    public PageRequest.Outcome request(PageRequest request) {
        return target.request(request);
    }

    @Override
    public void stepping(boolean on) {
        target.stepping(on);
    }

    @Override
    public int step(int commands) {
        return target.step(commands);
    }

    @Override
    public Snapshot save() {
        return target.save();
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        target.takeEvents(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        target.visitCache(visitor);
    }

    @Override
    public HardwareCounters counters() {
        return target.counters();
    }
}
