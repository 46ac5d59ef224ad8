package org.iommu4j.amd.command;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/**
 * The commands by their opcode, 48882 2.4, and the capability without which a unit does not have them. Commands 9 and 0xa belong
 * to hardware that runs the command buffers of guests itself, which is not modelled: they are illegal like every other opcode.
 */
public enum AmdViCommand implements CommandFormat {
    /** Completion of all earlier commands. */
    COMPLETION_WAIT(0x1, CompletionWait.LAYOUT, ""),
    /** A device table entry. */
    INVALIDATE_DEVTAB_ENTRY(0x2, InvalidateDevtabEntry.LAYOUT, ""),
    /** Translations of a domain or a PASID. */
    INVALIDATE_IOMMU_PAGES(0x3, InvalidateIommuPages.LAYOUT, ""),
    /** Translations that a device holds. */
    INVALIDATE_IOTLB_PAGES(0x4, InvalidateIotlbPages.LAYOUT, "IotlbSup"),
    /** Interrupt table entries of a device. */
    INVALIDATE_INTERRUPT_TABLE(0x5, InvalidateInterruptTable.LAYOUT, ""),
    /** Prefetch of translations. */
    PREFETCH_IOMMU_PAGES(0x6, PrefetchIommuPages.LAYOUT, "PrefSup"),
    /** Answer to page requests. */
    COMPLETE_PPR_REQUEST(0x7, CompletePprRequest.LAYOUT, "PPRSup"),
    /** Everything. */
    INVALIDATE_IOMMU_ALL(0x8, InvalidateIommuAll.LAYOUT, "IASup");

    /** Size of a command. */
    public static final int BYTES = 16;

    // The opcodes as constants, for a switch.
    public static final int OP_COMPLETION_WAIT = 0x1;
    public static final int OP_DEVTAB_ENTRY = 0x2;
    public static final int OP_IOMMU_PAGES = 0x3;
    public static final int OP_IOTLB_PAGES = 0x4;
    public static final int OP_INTERRUPT_TABLE = 0x5;
    public static final int OP_PREFETCH = 0x6;
    public static final int OP_COMPLETE_PPR = 0x7;
    public static final int OP_ALL = 0x8;

    private static final BitField OPCODE = CompletionWait.OPCODE;
    private static final AmdViCommand[] BY_OPCODE = new AmdViCommand[1 << OPCODE.width()];

    static {
        for (AmdViCommand command : values()) {
            BY_OPCODE[command.opcode] = command;
        }
    }

    private final int opcode;
    private final String capability;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    AmdViCommand(int opcode, Layout layout, String capability) {
        this.opcode = opcode;
        this.layout = layout;
        this.capability = capability;
    }

    @Override
    public int opcode() {
        return opcode;
    }

    @Override
    public Layout layout() {
        return layout;
    }

    @Override
    public int since() {
        return AmdViGeneration.V1;
    }

    /** The capability without which the opcode is illegal; empty if every unit has it. */
    public String capability() {
        return capability;
    }

    /** The opcode in the first word of a command, which is at the same place in all of them. */
    public static int opcodeOf(long word0) {
        return OPCODE.getInt(word0);
    }

    /** The command of an opcode, or null if none has it. */
    public static AmdViCommand of(int opcode) {
        return opcode >= 0 && opcode < BY_OPCODE.length ? BY_OPCODE[opcode] : null;
    }

    /** Name of a command in captures. */
    public static String nameOf(long word0) {
        AmdViCommand command = of(opcodeOf(word0));
        return command == null ? "OPCODE_0x" + Integer.toHexString(opcodeOf(word0)) : command.name();
    }
}
