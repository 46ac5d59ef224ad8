package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.DevTabSegment;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.register.RegisterFile;

/** Finds the entry of a DeviceID, 48882 2.2.2 and 3.4.1: in one table, or one of up to eight segments. */
public final class DeviceTable {
    /** There is no entry: the DeviceID is beyond its table. */
    public static final long OUTSIDE = -1;

    private static final int DEVICE_ID_BITS = 16;
    private static final int UNIT_SHIFT = 12;

    private final RegisterFile registers;

    /** The tables that the registers name. */
    public DeviceTable(RegisterFile registers) {
        this.registers = registers;
    }

    /** Address of the first table. */
    public long base() {
        return registers.get(DevTabBase.REGISTER, DevTabBase.BASE_ADDRESS);
    }

    /** Physical address of the entry of a DeviceID, or {@link #OUTSIDE}. */
    public long entry(int deviceId) {
        int indexBits = DEVICE_ID_BITS - (int) registers.get(Control.REGISTER, Control.DEV_TBL_SEG_EN);
        int segment = deviceId >>> indexBits;
        int index = deviceId & (1 << indexBits) - 1;
        Register place = segment == 0 ? DevTabBase.REGISTER : DevTabSegment.of(segment);
        long value = registers.get(place);
        long size = segment == 0 ? DevTabBase.SIZE.get(value) : DevTabSegment.SIZE.get(value);
        long offset = (long) index * DeviceTableEntry.BYTES;
        return offset >>> UNIT_SHIFT > size ? OUTSIDE : DevTabBase.BASE_ADDRESS.get(value) + offset;
    }
}
