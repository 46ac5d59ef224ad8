package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** INVALIDATE_INTERRUPT_TABLE, 48882 2.4.5: cached interrupt table entries of a device. */
public final class InvalidateInterruptTable {
    private static final Layout.Builder CMD =
            Layout.named("INVALIDATE_INTERRUPT_TABLE").size(128).littleEndian().spec("AMD 48882 2.4.5");
    public static final BitField DEVICE_ID = CMD.bits("DeviceID", 15, 0, about("bus 15:8, device 7:3, function 2:0"));
    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(5, "invalidate interrupt table")));

    public static final Layout LAYOUT = CMD.build();

    private InvalidateInterruptTable() {}
}
