package org.iommu4j.intel.command;

import static org.iommu4j.layout.Access.READ_ONLY;
import static org.iommu4j.layout.Access.WRITE_ONE_CLEARS;
import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Fault recording register, VT-d 11.4.7.6 (FRCD_REG); 128 bits at CAP.FRO * 16 + 16 * n. */
public final class FaultRecord {
    private static final Layout.Builder FRCD =
            Layout.named("FRCD").size(128).littleEndian().spec("VT-d 11.4.7.6");
    public static final BitField FI = FRCD.address("FI", 63, 12, READ_ONLY, about("page address"));
    public static final BitField SID = FRCD.bits("SID", 79, 64, READ_ONLY, about("source id"));
    public static final BitField T2 =
            FRCD.bit("T2", 92, READ_ONLY, about("with T1: 00 write, 01 page request, 10 read, 11 AtomicOp"));
    public static final BitField PRIV = FRCD.bit("PRIV", 93, READ_ONLY, about("privileged"));
    public static final BitField EXE = FRCD.bit("EXE", 94, READ_ONLY, about("execute"));
    public static final BitField PP = FRCD.bit("PP", 95, READ_ONLY, about("PASID present"));

    /** Fault reason, see {@link FaultReason}. */
    public static final BitField FR = FRCD.bits("FR", 103, 96, READ_ONLY, about("fault reason"));

    public static final BitField PASID = FRCD.bits("PASID", 123, 104, READ_ONLY, about("PASID"));
    public static final BitField AT = FRCD.bits(
            "AT",
            125,
            124,
            READ_ONLY,
            oneOf(code(0, "untranslated"), code(1, "translation request"), code(2, "translated")));
    public static final BitField T1 =
            FRCD.bit("T1", 126, READ_ONLY, oneOf(code(0, "write"), code(1, "read or AtomicOp")));
    public static final BitField F = FRCD.bit("F", 127, WRITE_ONE_CLEARS, about("record in use"));

    public static final Layout LAYOUT = FRCD.build();

    /** The largest PASID that a record names. */
    public static final int MOST_PASID = (1 << PASID.width()) - 1;

    /** Size of one record. */
    public static final int BYTES = 16;

    private FaultRecord() {}
}
