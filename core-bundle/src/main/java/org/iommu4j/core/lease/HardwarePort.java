package org.iommu4j.core.lease;

import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;

/** A driver's way to the chip of its unit, until the lease of both ends. */
public final class HardwarePort implements NativePort {
    /** Answer of a bus where nobody answers. */
    private static final long ALL_ONES = -1;

    private final Lease lease;
    private final Hardware hardware;

    /** The way to one chip in one machine. */
    public HardwarePort(Lease lease, Hardware hardware) {
        this.lease = lease;
        this.hardware = hardware;
    }

    @Override
    public Platform platform() {
        return lease;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        lease.expectAlive();
        return lease.isUnplugged() ? nobody(sizeBytes) : hardware.readRegister(offset, sizeBytes);
    }

    /** Answer of the bus for a chip that is not there: all ones, in 4 or 8 bytes. */
    public static long nobody(int sizeBytes) {
        return ALL_ONES >>> (Long.SIZE - Byte.SIZE * sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        lease.expectAlive();
        if (!lease.isUnplugged()) {
            hardware.writeRegister(offset, sizeBytes, value);
        }
    }

    @Override
    public void call(NativeCall call) {
        lease.expectAlive();
        if (!lease.isUnplugged()) {
            hardware.call(call);
        }
    }
}
