package org.iommu4j.amd.command;

import org.iommu4j.layout.Layout;

/** The events that a unit logs, by their code, 48882 2.5 Table 42. A fault code of an access is that of its event. */
public enum AmdViEvent {
    ILLEGAL_DEV_TABLE_ENTRY(0x1, "device table entry: not legal", AmdViEvents.IllegalDevTableEntry.LAYOUT),
    IO_PAGE_FAULT(0x2, "the tables refuse the access", AmdViEvents.IoPageFault.LAYOUT),
    DEV_TAB_HARDWARE_ERROR(0x3, "device table entry: cannot be read", AmdViEvents.DevTabHardwareError.LAYOUT),
    PAGE_TAB_HARDWARE_ERROR(0x4, "entry of another table: cannot be read", AmdViEvents.PageTabHardwareError.LAYOUT),
    ILLEGAL_COMMAND_ERROR(0x5, "command: not legal", AmdViEvents.IllegalCommandError.LAYOUT),
    COMMAND_HARDWARE_ERROR(0x6, "command: cannot be read, or its store fails", AmdViEvents.CommandHardwareError.LAYOUT),
    IOTLB_INV_TIMEOUT(0x7, "the device does not answer an invalidation", AmdViEvents.IotlbInvTimeout.LAYOUT),
    INVALID_DEVICE_REQUEST(0x8, "request that a device must not make", AmdViEvents.InvalidDeviceRequest.LAYOUT),
    INVALID_PPR_REQUEST(0x9, "page request that a device must not make", AmdViEvents.InvalidPprRequest.LAYOUT);

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
    private final String text;

    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    AmdViEvent(int code, String text, Layout layout) {
        this.code = code;
        this.text = text;
        this.layout = layout;
    }

    /** The code. */
    public int code() {
        return code;
    }

    /** Description, a few words. */
    public String text() {
        return text;
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
