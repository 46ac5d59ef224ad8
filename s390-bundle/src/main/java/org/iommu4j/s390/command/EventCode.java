package org.iommu4j.s390.command;

/** Why a function went into error, or what became of it, by the code in the event's record; docs/spec/s390-zpci.md 3.4. */
public enum EventCode {
    NOT_REGISTERED(0x1, "no address translation registered"),
    OUTSIDE_RANGE(0x2, "outside the registered range"),
    /** The anchor's table type or origin is wrong. */
    ANCHOR_FORMAT(0x3, "IOTA format"),
    ANCHOR_PROTECTION(0x4, "write protection by the IOTA"),
    ENTRY_PROTECTION(0x5, "write protection by a table entry"),
    KEY(0x6, "storage key"),
    /** Entry invalid, zero or not readable. */
    INVALID_ENTRY(0x7, "invalid table entry"),
    /** The address exceeds the table, or the entry's length or offset is wrong. */
    TABLE_LENGTH(0x8, "table length or offset"),
    /** The entry is of another level. */
    TABLE_TYPE(0x9, "table type"),
    MSI(0xA, "MSI address"),
    SERR(0xB, "SERR"),
    MSI_NOT_REGISTERED(0x10, "no interrupts registered"),
    BIT_VECTOR(0x11, "interrupt bit vector"),
    BIT_VECTOR_ACCESS(0x12, "interrupt bit vector access"),
    INTERRUPT_REPORTING(0x13, "interrupt reporting"),
    // The measurement block: these do not stop the function.
    MEASUREMENT_KEY(0x2A, "measurement block key"),
    MEASUREMENT_ACCESS(0x2B, "measurement block access"),
    MEASUREMENT_ADDRESS(0x2C, "measurement block address"),
    CONFIGURATION(0x30, "configuration"),
    SERVICE_ACTION(0x3A, "service action"),
    PERMANENT_ERROR(0x3B, "permanent error"),
    RECOVERY_FAILED(0x40, "recovery failed"),
    // Availability.
    CONFIGURED(0x301, "configured"),
    RESERVED_TO_STANDBY(0x302, "reserved to standby"),
    DECONFIGURE_REQUESTED(0x303, "deconfiguration requested"),
    CONFIGURED_TO_STANDBY(0x304, "configured to standby or reserved"),
    SEVERAL_CHANGED(0x306, "several functions changed"),
    STANDBY_TO_RESERVED(0x308, "standby to reserved");

    private final int code;
    private final String text;

    EventCode(int code, String text) {
        this.code = code;
        this.text = text;
    }

    /** The code in the record. */
    public int code() {
        return code;
    }

    /** True if it puts a function that runs into it into the error state. */
    public boolean stops() {
        return code < MEASUREMENT_KEY.code;
    }

    /** Description, a few words. */
    public String text() {
        return text;
    }

    /** The event of a code, or null. */
    public static EventCode of(int code) {
        for (EventCode event : values()) {
            if (event.code == code) {
                return event;
            }
        }
        return null;
    }
}
