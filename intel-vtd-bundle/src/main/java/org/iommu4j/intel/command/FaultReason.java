package org.iommu4j.intel.command;

/** Why a request was refused, VT-d 7.1.3: the codes that legacy mode reports, by the code of FRCD.FR. */
public enum FaultReason {
    ROOT_NOT_PRESENT(0x1, false, "root entry: P=0"),
    CONTEXT_NOT_PRESENT(0x2, true, "context entry: P=0"),
    /** Context entry programmed wrongly: TT, AW or, at the top level, an unreadable table. */
    CONTEXT_INVALID(0x3, true, "context entry: invalid programming"),
    ADDRESS_BEYOND_WIDTH(0x4, true, "address beyond MGAW or AGAW"),
    WRITE_DENIED(0x5, true, "no write permission"),
    READ_DENIED(0x6, true, "no read permission"),
    /** A second-stage table below the top one cannot be read. */
    PAGING_ENTRY_ACCESS(0x7, true, "paging entry: access error"),
    ROOT_ACCESS(0x8, false, "root table: access error"),
    CONTEXT_ACCESS(0x9, false, "context table: access error"),
    ROOT_RESERVED(0xA, false, "root entry: reserved bit set"),
    CONTEXT_RESERVED(0xB, true, "context entry: reserved bit set"),
    PAGING_ENTRY_RESERVED(0xC, true, "paging entry: reserved bit set"),
    TRANSLATION_TYPE_BLOCKED(0xD, true, "translation or translated request blocked by TT"),
    /** The output lies in 0xfee00000-0xfeefffff. */
    INTERRUPT_RANGE_OUTPUT(0xE, true, "output in the interrupt range"),
    /** Without PASID and in 0xfee00000-0xfeefffff, and neither a write of one doubleword nor a zero-length read. */
    INTERRUPT_REQUEST_BLOCKED(0x29, false, "illegal request to the interrupt range"),
    /** The root table address register names a mode that the chip does not have. */
    ROOT_ADDRESS_INVALID(0x30, false, "root table address register: mode not supported"),
    PASID_IN_LEGACY_MODE(0x31, false, "request with PASID in legacy mode");

    private static final FaultReason[] BY_CODE = new FaultReason[256];

    static {
        for (FaultReason reason : values()) {
            BY_CODE[reason.code] = reason;
        }
    }

    private final int code;
    private final boolean qualified;
    private final String text;

    FaultReason(int code, boolean qualified, String text) {
        this.code = code;
        this.qualified = qualified;
        this.text = text;
    }

    /** The code in FRCD.FR. */
    public int code() {
        return code;
    }

    /** True if FPD of the context entry suppresses the record. */
    public boolean qualified() {
        return qualified;
    }

    /** Description, a few words. */
    public String text() {
        return text;
    }

    /** Section of the specification that defines the code. */
    public String section() {
        return this == INTERRUPT_REQUEST_BLOCKED ? "VT-d 3.15, 5.1.4.1" : "VT-d 7.1.3";
    }

    /** The reason of a code, or null if it is none of legacy mode's. */
    public static FaultReason of(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** Name of a code for people; its hexadecimal number if the code is unknown. */
    public static String nameOf(int code) {
        FaultReason reason = of(code);
        return reason != null ? reason.name() : "0x" + Integer.toHexString(code);
    }
}
