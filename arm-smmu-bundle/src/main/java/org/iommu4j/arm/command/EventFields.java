package org.iommu4j.arm.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** The fields of event records, IHI 0070 7.3, each declared once; {@link EventType} says which record has which. */
public final class EventFields {
    /** Size of a record. */
    public static final int RECORD_BYTES = 32;

    /** 64-bit words of a record. */
    public static final int RECORD_WORDS = RECORD_BYTES / Long.BYTES;

    private static final Layout.Builder EVENT = Layout.named("event").size(Byte.SIZE * RECORD_BYTES);
    public static final BitField SSV = EVENT.bit("SSV", 11, about("SubstreamID valid"));

    /** SubstreamID; 0 here if there was none. */
    public static final BitField SSID = EVENT.bits("SubstreamID", 31, 12, about("SubstreamID"));

    public static final BitField SID = EVENT.bits("StreamID", 63, 32, about("StreamID"));

    /** Implementation's reason for an external abort. */
    public static final BitField REASON = EVENT.bits("Reason", 79, 64, about("implementation defined"));

    public static final BitField CONFLICT_REASON = EVENT.bits("Reason", 95, 64, about("implementation defined"));

    /** Tag by which CMD_RESUME names a stalled transaction. */
    public static final BitField STAG = EVENT.bits("STAG", 79, 64, about("stall tag"));

    /** Granule protection check fault; never here. */
    public static final BitField GPCF = EVENT.bit("GPCF", 80, about("granule protection check fault"));

    /** The transaction waits for CMD_RESUME. */
    public static final BitField STALL = EVENT.bit("Stall", 95, about("the transaction is stalled"));

    public static final BitField PNU = EVENT.bit("PnU", 97, about("privileged"));
    public static final BitField IND = EVENT.bit("InD", 98, about("instruction"));
    public static final BitField RNW = EVENT.bit("RnW", 99, about("read"));

    /** Never set for a Non-secure stream. */
    public static final BitField NSIPA = EVENT.bit("NSIPA", 102, about("0 on the Non-secure queue"));

    public static final BitField S2 = EVENT.bit("S2", 103, about("stage 2"));

    /** Kind of the access that was being done. */
    public static final BitField CLASS = EVENT.bits(
            "CLASS",
            105,
            104,
            oneOf(code(0, "fetch of a context descriptor"), code(1, "table walk"), code(2, "input address")));

    /** {@link #CLASS}: the context descriptor, or its level-1 descriptor, was fetched. */
    public static final int CLASS_CD = 0;

    /** {@link #CLASS}: a stage-1 descriptor was read or updated. */
    public static final int CLASS_TT = 1;

    /** {@link #CLASS}: the address of the transaction was translated. */
    public static final int CLASS_IN = 2;

    /** The stage-1 descriptor was read, not updated. */
    public static final BitField TTRNW = EVENT.bit("TTRnW", 108, about("the descriptor was read"));

    /** Address of the transaction, unchanged. */
    public static final BitField INPUT_ADDRESS = EVENT.bits("InputAddr", 191, 128, about("address of the transaction"));

    /** Page of the intermediate physical address that stage 2 was translating. */
    public static final BitField IPA = EVENT.address("IPA", 247, 204, about("page given to stage 2"));

    /** Physical address of a fetch that was aborted. */
    public static final BitField FETCH_ADDRESS = EVENT.address("FetchAddr", 247, 195, about("aborted fetch"));

    /** Smallest translation units that a translation request asks for. */
    public static final BitField REQUEST_SPAN = EVENT.bits("Span", 67, 64, about("translation units asked for"));

    public static final BitField REQUEST_PRIVILEGED = EVENT.bit("Priv", 92, about("privileged"));
    public static final BitField REQUEST_EXECUTE = EVENT.bit("X", 93, about("execute asked for"));
    public static final BitField REQUEST_WRITE = EVENT.bit("W", 94, about("write asked for"));
    public static final BitField REQUEST_READ = EVENT.bit("R", 95, about("read asked for"));

    /** Page of a translation request or page request. */
    public static final BitField PAGE = EVENT.address("PageAddr", 191, 140, about("page asked for"));

    /** Pages of 4 KiB of a speculative page request. */
    public static final BitField PAGE_SPAN = EVENT.bits("Span", 115, 108, about("pages of 4 KiB"));

    /** Rights that a speculative page request asks for: unprivileged execute, write, read, then privileged. */
    public static final BitField UNPRIVILEGED_EXECUTE = EVENT.bit("uX", 97, about("unprivileged execute"));

    public static final BitField UNPRIVILEGED_WRITE = EVENT.bit("uW", 98, about("unprivileged write"));
    public static final BitField UNPRIVILEGED_READ = EVENT.bit("uR", 99, about("unprivileged read"));
    public static final BitField PRIVILEGED_EXECUTE = EVENT.bit("pX", 101, about("privileged execute"));
    public static final BitField PRIVILEGED_WRITE = EVENT.bit("pW", 102, about("privileged write"));
    public static final BitField PRIVILEGED_READ = EVENT.bit("pR", 103, about("privileged read"));

    private EventFields() {}
}
