package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** INVALIDATE_IOMMU_ALL, 48882 2.4.8: everything that the unit keeps; nothing that devices keep. */
public final class InvalidateIommuAll {
    private static final Layout.Builder CMD =
            Layout.named("INVALIDATE_IOMMU_ALL").size(128).littleEndian().spec("AMD 48882 2.4.8");
    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(8, "invalidate everything")));

    public static final Layout LAYOUT = CMD.build();

    private InvalidateIommuAll() {}

    /** First word of the command; the second is 0. */
    public static long word0() {
        return OPCODE.of(AmdViCommand.OP_ALL);
    }
}
