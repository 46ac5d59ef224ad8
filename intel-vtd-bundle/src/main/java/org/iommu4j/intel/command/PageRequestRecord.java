package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
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

    /** The request in the first two words of a record. */
    public static PageRequest decode(long word0, long word1) {
        return new PageRequest(
                RID.getInt(word0),
                PASID_PRESENT.isSet(word0) ? PASID.getInt(word0) : DmaAccess.NO_PASID,
                ADDR.get(word1),
                RD.isSet(word1),
                WR.isSet(word1),
                EXE.isSet(word0),
                PRIV.isSet(word0),
                LPIG.isSet(word1),
                PRGI.getInt(word1));
    }

    /** The first two words of the record of a request; the others are 0. */
    public static long[] encode(PageRequest request) {
        boolean withPasid = request.pasid() != DmaAccess.NO_PASID;
        long word0 = TYPE.of(1) | RID.of(request.requester());
        if (withPasid) {
            word0 |= PASID_PRESENT.mask()
                    | PASID.of(request.pasid())
                    | EXE.of(request.execute() ? 1 : 0)
                    | PRIV.of(request.privileged() ? 1 : 0);
        }
        long word1 = RD.of(request.read() ? 1 : 0)
                | WR.of(request.write() ? 1 : 0)
                | LPIG.of(request.last() ? 1 : 0)
                | PRGI.of(request.group())
                | ADDR.get(request.address());
        return new long[] {word0, word1};
    }

    private PageRequestRecord() {}
}
