package org.iommu4j.arm.command;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;

/** CMD_PRI_RESP, IHI 0070 4.5.2: the answer to a group of page requests. */
public final class PageRequestResponse {
    private static final int FAILURE = 0;
    private static final int INVALID = 1;
    private static final int SUCCESS = 2;

    private PageRequestResponse() {}

    /**
     * The first word of an answer.
     *
     * @param last last request of the group
     */
    public static long word0(PageRequest last) {
        return SmmuCommand.PRI_RESP.word()
                | CommandFields.SID.of(Integer.toUnsignedLong(last.requester()))
                | (last.pasid() == DmaAccess.NO_PASID
                        ? 0
                        : CommandFields.SSV.mask() | CommandFields.SSID.of(last.pasid()));
    }

    /** The second word of an answer. */
    public static long word1(PageRequest last, PageResponse response) {
        int code = switch (response) {
            case FAILURE -> FAILURE;
            case INVALID -> INVALID;
            case SUCCESS -> SUCCESS;
        };
        return CommandFields.PRG_INDEX.of(last.group()) | CommandFields.RESP.of(code);
    }

    /** The PASID of an answer, or {@link DmaAccess#NO_PASID}. */
    public static int pasid(long word0) {
        return CommandFields.SSV.isSet(word0) ? CommandFields.SSID.getInt(word0) : DmaAccess.NO_PASID;
    }

    /** Meaning of an answer; its code is a legal one. */
    public static PageResponse response(long word1) {
        return switch (CommandFields.RESP.getInt(word1)) {
            case SUCCESS -> PageResponse.SUCCESS;
            case INVALID -> PageResponse.INVALID;
            default -> PageResponse.FAILURE;
        };
    }
}
