package org.iommu4j.core;

import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;

/** A driver's way to the chip of its unit. */
final class HardwarePort implements NativePort {
    private final Platform platform;
    private final Hardware hardware;

    /** The way to one chip in one machine. */
    HardwarePort(Platform platform, Hardware hardware) {
        this.platform = platform;
        this.hardware = hardware;
    }

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
