package org.iommu4j.testing;

import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;

/** A driver's view of a chip that passes every call on to it. A test changes what it needs to by overriding it. */
public class ForwardingPort implements NativePort {
    private final Platform platform;
    private final Hardware chip;

    /** A view of {@code chip}, in the machine {@code platform}. */
    public ForwardingPort(Platform platform, Hardware chip) {
        this.platform = platform;
        this.chip = chip;
    }

    /** The chip behind the port. */
    public final Hardware chip() {
        return chip;
    }

    @Override
    public Platform platform() {
        return platform;
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
}
