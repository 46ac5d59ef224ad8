package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Record of the page request queue, VT-d 7.4.1.1; 32 bytes. */
public final class PageRequestRecord {
    private static final Layout.Builder RECORD =
            Layout.named("page_req_dsc").size(256).littleEndian().spec("VT-d 7.4.1.1");
    public static final BitField TYPE = RECORD.bits("Type", 7, 0, oneOf(code(1, "page request")));
    public static final BitField PASID_PRESENT = RECORD.bit("PASIDPresent", 8, about("the request has a PASID"));
    public static final BitField RID = RECORD.bits("RID", 31, 16, about("requester id"));
    public static final BitField PASID = RECORD.bits("PASID", 51, 32, about("PASID"));
    public static final BitField EXE = RECORD.bit("EXE", 52, about("execute"));
    public static final BitField PRIV = RECORD.bit("PRIV", 53, about("supervisor"));
    public static final BitField RD = RECORD.bit("RD", 64, about("read"));
    public static final BitField WR = RECORD.bit("WR", 65, about("write"));
    public static final BitField LPIG = RECORD.bit("LPIG", 66, about("last of its group"));
    public static final BitField PRGI = RECORD.bits("PRGI", 75, 67, about("index of the group"));
    public static final BitField ADDR = RECORD.address("ADDR", 127, 76, about("page"));
    public static final Layout LAYOUT = RECORD.build();

    /** Size of a record. */
    public static final int BYTES = 32;

    private PageRequestRecord() {}
}
