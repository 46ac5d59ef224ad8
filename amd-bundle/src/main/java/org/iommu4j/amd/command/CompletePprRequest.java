package org.iommu4j.amd.command;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** COMPLETE_PPR_REQUEST, 48882 2.4.7: answers a group of page requests; the unit checks neither tag nor group. */
public final class CompletePprRequest {
    private static final Layout.Builder CMD =
            Layout.named("COMPLETE_PPR_REQUEST").size(128).littleEndian().spec("AMD 48882 2.4.7");
    public static final BitField DEVICE_ID = CMD.bits("DeviceID", 15, 0, about("bus 15:8, device 7:3, function 2:0"));

    /** The PASID; ignored unless GN. */
    public static final BitField PASID = CMD.bits("PASID", 51, 32, about("with GN"));

    public static final BitField OPCODE = CMD.bits("Opcode", 63, 60, oneOf(code(7, "complete page requests")));
    public static final BitField GN = CMD.bit("GN", 66, about("answer with PASID prefix"));
    public static final BitField GROUP = CMD.bits("PPRGroup", 104, 96, about("page request group index"));

    /** Written 0 by software, not checked. */
    public static final BitField UNCHECKED =
            CMD.bits("unchecked", 107, 105, about("software writes 0, hardware ignores it"));

    public static final BitField RESPONSE =
            CMD.bits("Response", 111, 108, about("0 success, 1 invalid request, 15 failure"));

    public static final Layout LAYOUT = CMD.build();

    private static final int SUCCESS = 0;
    private static final int INVALID = 1;
    private static final int FAILURE = 15;

    /**
     * The first word of an answer.
     *
     * @param last last request of the group
     */
    public static long word0(PageRequest last) {
        return OPCODE.of(AmdViCommand.OP_COMPLETE_PPR)
                | DEVICE_ID.of(last.requester())
                | (last.pasid() == DmaAccess.NO_PASID ? 0 : PASID.of(last.pasid()));
    }

    /** The second word of an answer. */
    public static long word1(PageRequest last, PageResponse response) {
        int code = switch (response) {
            case SUCCESS -> SUCCESS;
            case INVALID -> INVALID;
            case FAILURE -> FAILURE;
        };
        return GROUP.of(last.group()) | RESPONSE.of(code) | (last.pasid() == DmaAccess.NO_PASID ? 0 : GN.mask());
    }

    /** Meaning of a code: one that is reserved is a failure to devices. */
    public static PageResponse response(int code) {
        return switch (code) {
            case SUCCESS -> PageResponse.SUCCESS;
            case INVALID -> PageResponse.INVALID;
            default -> PageResponse.FAILURE;
        };
    }

    private CompletePprRequest() {}
}
