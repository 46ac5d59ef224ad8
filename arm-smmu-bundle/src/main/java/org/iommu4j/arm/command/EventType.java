package org.iommu4j.arm.command;

import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.Layout;

/**
 * What an event record tells, IHI 0070 7.3, by its type; each has a layout of its own. The last two are never written here: no
 * page is asked for on speculation, and there is no VM structure without IDR3.MPAM.
 */
public enum EventType {
    F_UUT(0x01, "7.3.2", "unsupported upstream transaction", Fields.IDS, Fields.CAUSE, Fields.ACCESS, Fields.INPUT),
    C_BAD_STREAMID(0x02, "7.3.3", "StreamID out of range", Fields.IDS),
    F_STE_FETCH(0x03, "7.3.4", "fetch of the stream table entry aborted", Fields.IDS, Fields.CAUSE, Fields.FETCH),
    C_BAD_STE(0x04, "7.3.5", "stream table entry invalid", Fields.IDS),
    F_BAD_ATS_TREQ(0x05, "7.3.6", "translation request not allowed", Fields.IDS, Fields.REQUEST),
    F_STREAM_DISABLED(0x06, "7.3.7", "stream without this substream", Fields.STREAM),
    F_TRANSL_FORBIDDEN(
            0x07, "7.3.8", "translated transaction not allowed", Fields.STREAM, Fields.DIRECTION, Fields.INPUT),
    C_BAD_SUBSTREAMID(0x08, "7.3.9", "SubstreamID out of range", Fields.STREAM, Fields.SUBSTREAM),
    F_CD_FETCH(0x09, "7.3.10", "fetch of the context descriptor aborted", Fields.IDS, Fields.CAUSE, Fields.FETCH),
    C_BAD_CD(0x0A, "7.3.11", "context descriptor invalid", Fields.IDS),
    F_WALK_EABT(
            0x0B,
            "7.3.12",
            "table walk aborted",
            Fields.IDS,
            Fields.CAUSE,
            Fields.ACCESS,
            Fields.STAGE,
            Fields.CLASSES,
            Fields.INPUT,
            Fields.FETCH),
    F_TRANSLATION(0x10, "7.3.13", "no translation"),
    F_ADDR_SIZE(0x11, "7.3.14", "address beyond the output size"),
    F_ACCESS(0x12, "7.3.15", "access flag not set"),
    F_PERMISSION(
            0x13,
            "7.3.16",
            "no permission",
            Fields.IDS,
            Fields.STALLS,
            Fields.ACCESS,
            Fields.STAGE,
            Fields.CLASSES,
            Fields.DESCRIPTOR_ACCESS,
            Fields.INPUT,
            Fields.IPAS),
    F_TLB_CONFLICT(
            0x20,
            "7.3.17",
            "conflicting translations",
            Fields.IDS,
            Fields.CONFLICT,
            Fields.ACCESS,
            Fields.STAGE,
            Fields.INPUT,
            Fields.IPAS),
    F_CFG_CONFLICT(0x21, "7.3.18", "conflicting configuration", Fields.IDS, Fields.CONFLICT),
    E_PAGE_REQUEST(0x24, "7.3.19", "speculative page request", Fields.IDS, Fields.PAGE_REQUEST),
    F_VMS_FETCH(0x25, "7.3.20", "fetch of the VM structure aborted", Fields.IDS, Fields.CAUSE, Fields.FETCH);

    private static final int TYPE_BITS = 8;
    private static final EventType[] BY_CODE = new EventType[1 << TYPE_BITS];

    static {
        for (EventType type : values()) {
            BY_CODE[type.code] = type;
        }
    }

    private final int code;
    private final String text;

    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final Layout layout;

    /** A fault of a table, which a transaction may be stalled for. */
    EventType(int code, String section, String text) {
        this(
                code,
                section,
                text,
                Fields.IDS,
                Fields.STALLS,
                Fields.ACCESS,
                Fields.STAGE,
                Fields.CLASSES,
                Fields.INPUT,
                Fields.IPAS);
    }

    EventType(int code, String section, String text, BitField[]... groups) {
        this.code = code;
        this.text = text;
        Layout.Builder builder = Layout.named(name())
                .size(Byte.SIZE * EventFields.RECORD_BYTES)
                .littleEndian()
                .spec("IHI 0070 " + section);
        builder.bits("Type", TYPE_BITS - 1, 0, oneOf(new Code(code, name())));
        for (BitField[] group : groups) {
            builder.shared(group);
        }
        layout = builder.build();
    }

    /** The code in the record, and of the fault. */
    public int code() {
        return code;
    }

    /** A few words for people. */
    public String text() {
        return text;
    }

    /** The record. */
    public Layout layout() {
        return layout;
    }

    /** True if CD.A, R, S or STE.S2R, S2S decide what becomes of it, IHI 0070 5.5; every other is recorded and aborts. */
    public boolean isTranslationFault() {
        return switch (this) {
            case F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION -> true;
            default -> false;
        };
    }

    /** The type of a code, or null if none has it. */
    public static EventType of(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** The type code of a record. */
    public static int codeOf(long word0) {
        return (int) word0 & (BY_CODE.length - 1);
    }

    /** Fields that go together. */
    private static final class Fields {
        static final BitField[] STREAM = {EventFields.SID};
        static final BitField[] SUBSTREAM = {EventFields.SSID};
        static final BitField[] IDS = {EventFields.SSV, EventFields.SSID, EventFields.SID};
        static final BitField[] CAUSE = {EventFields.REASON};
        static final BitField[] CONFLICT = {EventFields.CONFLICT_REASON};
        static final BitField[] STALLS = {EventFields.STAG, EventFields.STALL};
        static final BitField[] DIRECTION = {EventFields.RNW};
        static final BitField[] ACCESS = {EventFields.PNU, EventFields.IND, EventFields.RNW};
        static final BitField[] STAGE = {EventFields.NSIPA, EventFields.S2};
        static final BitField[] CLASSES = {EventFields.CLASS};
        static final BitField[] DESCRIPTOR_ACCESS = {EventFields.TTRNW};
        static final BitField[] INPUT = {EventFields.INPUT_ADDRESS};
        static final BitField[] IPAS = {EventFields.IPA};
        static final BitField[] FETCH = {EventFields.GPCF, EventFields.FETCH_ADDRESS};
        static final BitField[] PAGE_REQUEST = {
            EventFields.UNPRIVILEGED_EXECUTE,
            EventFields.UNPRIVILEGED_WRITE,
            EventFields.UNPRIVILEGED_READ,
            EventFields.PRIVILEGED_EXECUTE,
            EventFields.PRIVILEGED_WRITE,
            EventFields.PRIVILEGED_READ,
            EventFields.PAGE_SPAN,
            EventFields.PAGE
        };
        static final BitField[] REQUEST = {
            EventFields.REQUEST_SPAN,
            EventFields.REQUEST_PRIVILEGED,
            EventFields.REQUEST_EXECUTE,
            EventFields.REQUEST_WRITE,
            EventFields.REQUEST_READ,
            EventFields.PAGE
        };
    }
}
