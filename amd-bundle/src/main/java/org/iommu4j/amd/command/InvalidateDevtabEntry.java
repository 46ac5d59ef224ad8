package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** INVALIDATE_DEVTAB_ENTRY, 48882 2.4.2: the cached device table entry goes, the translations of its domain stay. */
public final class InvalidateDevtabEntry {
    private static final Layout.Builder CMD =
            Layout.named("INVALIDATE_DEVTAB_ENTRY").size(128).littleEndian().spec("AMD 48882 2.4.2");
    public static final BitField DEVICE_ID = CMD.bits("DeviceID", 15, 0, about("bus 15:8, device 7:3, function 2:0"));
    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(2, "invalidate device table entry")));

    public static final Layout LAYOUT = CMD.build();

    private InvalidateDevtabEntry() {}

    /** First word of the command; the second is 0. */
    public static long word0(int deviceId) {
        return OPCODE.of(AmdViCommand.OP_DEVTAB_ENTRY) | DEVICE_ID.of(deviceId);
    }
}
