package org.iommu4j.intel.command;

/** Why a request was refused, VT-d 7.1.3, by the code of FRCD.FR. */
public enum FaultReason {
    ROOT_NOT_PRESENT(0x1, false, "root entry: P=0"),
    CONTEXT_NOT_PRESENT(0x2, true, "context entry: P=0"),
    /** Context entry programmed wrongly: TT, AW or, at the top level, an unreadable table. */
    CONTEXT_INVALID(0x3, true, "context entry: invalid programming"),
    ADDRESS_BEYOND_WIDTH(0x4, true, Answer.WITHOUT_RIGHTS, "address beyond MGAW or AGAW"),
    WRITE_DENIED(0x5, true, Answer.WITHOUT_RIGHTS, "no write permission"),
    READ_DENIED(0x6, true, Answer.WITHOUT_RIGHTS, "no read permission"),
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
    PASID_IN_LEGACY_MODE(0x31, false, "request with PASID in legacy mode"),
    PAGE_REQUEST_IN_LEGACY_MODE(0x32, false, "page request in legacy mode"),
    /** Abort mode: every access is blocked. */
    ABORT_MODE(0x33, false, "root table address register: abort mode"),
    /** A request to execute with PASID, from major version 8 on. */
    EXECUTE_REQUEST_UNKNOWN(0x34, false, "request to execute"),
    SCALABLE_ROOT_ACCESS(0x38, false, "scalable root table: access error"),
    /** Scalable mode: the half of the root entry is not present. */
    SCALABLE_ROOT_NOT_PRESENT(0x39, false, "scalable root entry: LP or UP is 0"),
    SCALABLE_ROOT_RESERVED(0x3A, false, "scalable root entry: reserved bit set"),
    SCALABLE_CONTEXT_ACCESS(0x40, false, "scalable context table: access error"),
    SCALABLE_CONTEXT_NOT_PRESENT(0x41, true, "scalable context entry: P=0"),
    SCALABLE_CONTEXT_RESERVED(0x42, true, "scalable context entry: reserved bit set"),
    /** Scalable mode: the fields of a context entry contradict each other. */
    SCALABLE_CONTEXT_INVALID(0x43, true, "scalable context entry: invalid programming"),
    DEVICE_TLB_DISABLED(0x44, true, "translation or translated request with DTE=0"),
    PASID_DISABLED(0x45, true, "request with PASID with PASIDE=0"),
    PASID_BEYOND_DIRECTORY(0x46, true, "PASID beyond PDTS"),
    PAGE_REQUEST_DISABLED(0x47, true, "page request with PRE=0"),
    /** The PASID is the one that stands for requests without one. */
    PASID_IS_RID_PASID(0x48, true, "PASID is RID_PASID"),
    TRANSLATED_PASID_DISABLED(0x49, true, "translated request with PASID with EPTR=0"),
    PASID_DIRECTORY_ACCESS(0x50, false, "PASID directory: access error"),
    PASID_DIRECTORY_NOT_PRESENT(0x51, true, Answer.WITHOUT_RIGHTS, "PASID directory entry: P=0"),
    PASID_DIRECTORY_RESERVED(0x52, true, "PASID directory entry: reserved bit set"),
    PASID_TABLE_ACCESS(0x58, false, "PASID table: access error"),
    PASID_NOT_PRESENT(0x59, true, Answer.WITHOUT_RIGHTS, "PASID entry: P=0"),
    PASID_RESERVED(0x5A, true, "PASID entry: reserved bit set"),
    /** PASID entry programmed wrongly: PGTT, AW, FSPM or FSPTPTR. */
    PASID_INVALID(0x5B, true, "PASID entry: invalid programming"),
    /** A request to execute with PASID, up to major version 7. */
    EXECUTE_REQUEST_BLOCKED(0x5C, true, Answer.WITHOUT_RIGHTS, "request to execute"),
    /** A supervisor request where the PASID entry has no SRE. */
    SUPERVISOR_REQUEST_BLOCKED(0x5D, true, Answer.WITHOUT_RIGHTS, "supervisor request with SRE=0"),
    BEYOND_PERMISSION_TABLE(0x60, true, "address beyond HPTSZ"),
    /** A first-stage table below the top one cannot be read. */
    FIRST_STAGE_ACCESS(0x70, true, Answer.WITHOUT_RIGHTS, "first-stage entry: access error"),
    FIRST_STAGE_NOT_PRESENT(0x71, true, Answer.WITHOUT_RIGHTS, "first-stage entry: P=0"),
    FIRST_STAGE_RESERVED(0x72, true, Answer.WITHOUT_RIGHTS, "first-stage entry: reserved bit set"),
    FIRST_STAGE_TOP_ACCESS(0x73, true, Answer.WITHOUT_RIGHTS, "top first-stage entry: access error"),
    /** Nested: a first-stage entry leads beyond what the second stage translates. */
    FIRST_STAGE_BEYOND_WIDTH(0x74, true, Answer.WITHOUT_RIGHTS, "first-stage entry: address beyond the second stage"),
    FIRST_STAGE_TOP_READ_DENIED(0x75, true, Answer.WITHOUT_RIGHTS, "top first-stage entry: second stage denies read"),
    /** Nested: the second stage does not let a lower first-stage entry be read. */
    FIRST_STAGE_READ_DENIED(0x76, true, Answer.WITHOUT_RIGHTS, "first-stage entry: second stage denies read"),
    /** Nested: the second stage does not let a flag of a first-stage entry be set. */
    FIRST_STAGE_WRITE_DENIED(0x77, true, Answer.WITHOUT_RIGHTS, "first-stage entry: second stage denies its flags"),
    /** Scalable mode: a second-stage table below the top one cannot be read. */
    SECOND_STAGE_ACCESS(0x78, true, "second-stage entry: access error"),
    SECOND_STAGE_NOT_PRESENT(0x79, true, Answer.WITHOUT_RIGHTS, "second-stage entry: no permission"),
    SECOND_STAGE_RESERVED(0x7A, true, "second-stage entry: reserved bit set"),
    SECOND_STAGE_TOP_ACCESS(0x7B, true, "top second-stage entry: access error"),
    /** A flag of a second-stage entry has to be set, but walks are not snooped. */
    SECOND_STAGE_FLAG_NOT_SNOOPED(0x7C, true, "second-stage entry: flag to be set, walk not snooped"),
    /** A flag of a second-stage entry could not be set. */
    SECOND_STAGE_FLAG_FAILED(0x7D, true, "second-stage entry: flag could not be set"),
    ADDRESS_NOT_CANONICAL(0x80, true, Answer.WITHOUT_RIGHTS, "address not canonical"),
    USER_REQUEST_DENIED(0x81, true, Answer.WITHOUT_RIGHTS, "user request to a supervisor page"),
    /** Pass-through or translated: the host has no such address. */
    ADDRESS_BEYOND_HOST(0x83, true, Answer.WITHOUT_RIGHTS, "address beyond the host's width"),
    /** Scalable mode: address above what the second-stage table's width or CAP.MGAW allows. */
    SCALABLE_ADDRESS_BEYOND_WIDTH(0x84, true, Answer.WITHOUT_RIGHTS, "address beyond MGAW or AGAW"),
    SCALABLE_WRITE_DENIED(0x85, true, Answer.WITHOUT_RIGHTS, "no write permission"),
    SCALABLE_READ_DENIED(0x86, true, Answer.WITHOUT_RIGHTS, "no read permission"),
    /** Scalable mode: the output lies in 0xfee00000-0xfeefffff. */
    SCALABLE_INTERRUPT_RANGE_OUTPUT(0x87, true, "output in the interrupt range"),
    PASID_BEYOND_WIDTH(0x89, true, "PASID beyond PSS"),
    /** A flag of a first-stage entry has to be set, but walks are not snooped. */
    FIRST_STAGE_FLAG_NOT_SNOOPED(
            0x90, true, Answer.WITHOUT_RIGHTS, "first-stage entry: flag to be set, walk not snooped"),
    /** A flag of a first-stage entry could not be set; recorded whoever asks. */
    FIRST_STAGE_FLAG_FAILED(0x91, true, "first-stage entry: flag could not be set"),
    /** A host permission table below the top one cannot be read. */
    PERMISSION_ACCESS(0xA0, true, "host permission entry: access error"),
    PERMISSION_RESERVED(0xA1, true, "host permission entry: reserved bit set"),
    PERMISSION_TOP_ACCESS(0xA2, true, "top host permission entry: access error"),
    /** A zero-length read of a page without any host permission. */
    NO_PERMISSION(0xA3, true, "no host permission"),
    PERMISSION_WRITE_DENIED(0xA4, true, "no host permission to write"),
    PERMISSION_READ_DENIED(0xA5, true, "no host permission to read");

    /** The answer to a translation request that ends so. */
    private enum Answer {
        /** An error. */
        ERROR,
        /** An answer without permissions, which says that nothing is mapped: it is not recorded. */
        WITHOUT_RIGHTS
    }

    private static final FaultReason[] BY_CODE = new FaultReason[256];

    static {
        for (FaultReason reason : values()) {
            BY_CODE[reason.code] = reason;
        }
    }

    private final int code;
    private final boolean qualified;
    private final Answer answer;
    private final String text;

    FaultReason(int code, boolean qualified, String text) {
        this(code, qualified, Answer.ERROR, text);
    }

    FaultReason(int code, boolean qualified, Answer answer, String text) {
        this.code = code;
        this.qualified = qualified;
        this.answer = answer;
        this.text = text;
    }

    /** The code in FRCD.FR. */
    public int code() {
        return code;
    }

    /** True if FPD of an entry that was read suppresses the record. */
    public boolean qualified() {
        return qualified;
    }

    /** True if a translation request that ends so is answered without permissions, and not recorded, VT-d 4.2.3. */
    public boolean answersTranslationRequests() {
        return answer == Answer.WITHOUT_RIGHTS;
    }

    /** Description, a few words. */
    public String text() {
        return text;
    }

    /** Section of the specification that defines the code. */
    public String section() {
        return this == INTERRUPT_REQUEST_BLOCKED ? "VT-d 3.15, 5.1.4.1" : "VT-d 7.1.3";
    }

    /** The reason of a code, or null if none has it. */
    public static FaultReason of(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** Name of a code for people; its hexadecimal number if the code is unknown. */
    public static String nameOf(int code) {
        FaultReason reason = of(code);
        return reason != null ? reason.name() : "0x" + Integer.toHexString(code);
    }
}
