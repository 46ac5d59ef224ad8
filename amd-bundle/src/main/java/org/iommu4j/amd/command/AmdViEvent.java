package org.iommu4j.amd.command;

import org.iommu4j.layout.Layout;

/** The events that a unit logs, by their code, 48882 2.5 Table 42. A fault code of an access is that of its event. */
public enum AmdViEvent {
    /** A device table entry that is not legal. */
    ILLEGAL_DEV_TABLE_ENTRY(0x1, AmdViEvents.IllegalDevTableEntry.LAYOUT),
    /** An access that the tables refuse. */
    IO_PAGE_FAULT(0x2, AmdViEvents.IoPageFault.LAYOUT),
    /** A device table entry that cannot be read. */
    DEV_TAB_HARDWARE_ERROR(0x3, AmdViEvents.DevTabHardwareError.LAYOUT),
    /** An entry of another table that cannot be read. */
    PAGE_TAB_HARDWARE_ERROR(0x4, AmdViEvents.PageTabHardwareError.LAYOUT),
    /** A command that is not legal. */
    ILLEGAL_COMMAND_ERROR(0x5, AmdViEvents.IllegalCommandError.LAYOUT),
    /** A command that cannot be read, or whose store fails. */
    COMMAND_HARDWARE_ERROR(0x6, AmdViEvents.CommandHardwareError.LAYOUT),
    /** A device that does not answer an invalidation. */
    IOTLB_INV_TIMEOUT(0x7, AmdViEvents.IotlbInvTimeout.LAYOUT),
    /** A request that a device must not make. */
    INVALID_DEVICE_REQUEST(0x8, AmdViEvents.InvalidDeviceRequest.LAYOUT),
    /** A page request that a device must not make. */
    INVALID_PPR_REQUEST(0x9, AmdViEvents.InvalidPprRequest.LAYOUT);

    static final int CODE_ILLEGAL_DEV_TABLE_ENTRY = 0x1;
    static final int CODE_IO_PAGE_FAULT = 0x2;
    static final int CODE_DEV_TAB_HARDWARE_ERROR = 0x3;
    static final int CODE_PAGE_TAB_HARDWARE_ERROR = 0x4;
    static final int CODE_ILLEGAL_COMMAND_ERROR = 0x5;
    static final int CODE_COMMAND_HARDWARE_ERROR = 0x6;
    static final int CODE_IOTLB_INV_TIMEOUT = 0x7;
    static final int CODE_INVALID_DEVICE_REQUEST = 0x8;
    static final int CODE_INVALID_PPR_REQUEST = 0x9;

    private final int code;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    AmdViEvent(int code, Layout layout) {
        this.code = code;
        this.layout = layout;
    }

    /** The code. */
    public int code() {
        return code;
    }

    /** The entry of the log. */
    public Layout layout() {
        return layout;
    }

    /** The event of a code, or null if none has it. */
    public static AmdViEvent of(int code) {
        return code > 0 && code <= values().length ? values()[code - 1] : null;
    }
}
