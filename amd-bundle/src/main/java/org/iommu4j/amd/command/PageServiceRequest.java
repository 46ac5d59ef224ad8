package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** PAGE_SERVICE_REQUEST, the entry of the PPR log, 48882 2.6: a device asks for a page. */
public final class PageServiceRequest {
    private static final Layout.Builder ENTRY =
            Layout.named("PAGE_SERVICE_REQUEST").size(128).littleEndian().spec("AMD 48882 2.6");
    public static final BitField DEVICE_ID = ENTRY.bits("DeviceID", 15, 0, about("who asks"));
    public static final BitField PASID_LOW = ENTRY.bits("PASID[15:0]", 31, 16, about("with GN"));
    public static final BitField GROUP = ENTRY.bits("PPRGroup", 40, 32, about("page request group index"));
    public static final BitField LAST = ENTRY.bit("L", 41, about("last of its group"));
    public static final BitField PASID_HIGH = ENTRY.bits("PASID[19:16]", 45, 42, about("with GN"));
    public static final BitField X = ENTRY.bit("X", 49, about("execute"));
    public static final BitField R = ENTRY.bit("R", 50, about("read"));
    public static final BitField W = ENTRY.bit("W", 53, about("write"));
    public static final BitField US = ENTRY.bit("US", 54, about("user"));
    public static final BitField MALFORMED = ENTRY.bit("RZ", 55, about("malformed request"));

    /** The PASID counts; the address is a guest virtual one. */
    public static final BitField GN = ENTRY.bit("GN", 56, about("with PASID"));

    public static final BitField CODE = ENTRY.bits("PprCode", 63, 60, oneOf(code(1, "page service request")));
    public static final BitField ADDRESS = ENTRY.address("Address", 127, 76, about("page"));

    public static final Layout LAYOUT = ENTRY.build();

    /** Size of an entry. */
    public static final int BYTES = 16;

    /** The first word of a request's entry; the second is its page. */
    public static long word0(PageRequest request) {
        boolean withPasid = request.pasid() != DmaAccess.NO_PASID;
        return CODE.of(1)
                | DEVICE_ID.of(request.requester())
                | GROUP.of(request.group())
                | LAST.of(request.last() ? 1 : 0)
                | X.of(request.execute() ? 1 : 0)
                | R.of(request.read() ? 1 : 0)
                | W.of(request.write() ? 1 : 0)
                | (withPasid
                        ? GN.mask()
                                | PASID_LOW.of(AmdViEvents.pasidLow(request.pasid()))
                                | PASID_HIGH.of(AmdViEvents.pasidHigh(request.pasid()))
                                | US.of(request.privileged() ? 0 : 1)
                        : 0);
    }

    /** The request of an entry. */
    public static PageRequest decode(long word0, long word1) {
        boolean withPasid = GN.isSet(word0);
        return new PageRequest(
                DEVICE_ID.getInt(word0),
                withPasid ? AmdViEvents.pasid(PASID_LOW.getInt(word0), PASID_HIGH.getInt(word0)) : DmaAccess.NO_PASID,
                ADDRESS.get(word1),
                R.isSet(word0),
                W.isSet(word0),
                X.isSet(word0),
                withPasid && !US.isSet(word0),
                LAST.isSet(word0),
                GROUP.getInt(word0));
    }

    private PageServiceRequest() {}
}
