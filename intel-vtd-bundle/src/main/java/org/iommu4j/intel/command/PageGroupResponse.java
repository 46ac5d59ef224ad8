package org.iommu4j.intel.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.since;

import org.iommu4j.backend.PageResponse;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Page group response descriptor, type 0x9, VT-d 7.6.1: the answer to the requests for pages of one group. */
public final class PageGroupResponse {
    private static final Layout.Builder DSC =
            Layout.named("page_grp_resp_dsc").size(128).littleEndian().spec("VT-d 7.6.1");
    public static final BitField TYPE = DSC.bits("Type", 3, 0, oneOf(code(9, "page group response")));
    public static final BitField PP = DSC.bit("PP", 4, about("PASID present"));
    public static final BitField TYPE_HIGH =
            DSC.bits("TypeHigh", 11, 9, since(VtdGeneration.WIDE_TYPE), oneOf(code(0, "types 0x0 to 0xf")));

    /** The answer. Other codes are reserved in PCIe; the unit passes them on. */
    public static final BitField CODE =
            DSC.bits("ResponseCode", 15, 12, about("0: success, 1: invalid request, 15: failure"));

    public static final BitField RID = DSC.bits("RID", 31, 16, about("requester id"));
    public static final BitField PASID = DSC.bits("PASID", 51, 32, about("PASID"));
    public static final BitField PRGI = DSC.bits("PRGI", 75, 67, about("index of the group"));

    /** Software of older revisions marks the last request of the group here. */
    public static final BitField IGNORED = DSC.ignored("ignored 66", 66, 66);

    public static final Layout LAYOUT = DSC.build();

    // Codes of CODE.
    public static final int SUCCESS = 0;
    public static final int INVALID_REQUEST = 1;
    public static final int FAILURE = 15;

    /** The code of an answer. */
    public static int codeOf(PageResponse response) {
        return switch (response) {
            case SUCCESS -> SUCCESS;
            case INVALID -> INVALID_REQUEST;
            case FAILURE -> FAILURE;
        };
    }

    /** The answer that a code is: one that is reserved is a failure to devices. */
    public static PageResponse of(int code) {
        return switch (code) {
            case SUCCESS -> PageResponse.SUCCESS;
            case INVALID_REQUEST -> PageResponse.INVALID;
            default -> PageResponse.FAILURE;
        };
    }

    private PageGroupResponse() {}
}
