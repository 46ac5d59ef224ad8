package org.iommu4j.testbench.run;

import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.core.service.Unit;

/**
 * A driver's view of a unit's chip.
 *
 * @param unit takes each access and call, as of any of its clients
 */
public record UnitPort(Unit unit) implements NativePort {
    @Override
    public Platform platform() {
        return unit.platform();
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return unit.readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        unit.writeRegister(offset, sizeBytes, value);
    }

    @Override
    public void call(NativeCall call) {
        unit.call(call);
    }
}
