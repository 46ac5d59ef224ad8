package org.iommu4j.s390.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.s390.command.Clp;

/**
 * Attributes of a function and its group, as CLP reports them; docs/spec/s390-zpci.md 6.
 *
 * @param sdma first DMA address
 * @param edma last DMA address, inclusive
 * @param dtsm table types, mask 80 &gt;&gt; DT
 * @param refresh true if a new mapping needs RPCIT
 * @param relaxed true if T may be 0
 */
record FunctionAttributes(long sdma, long edma, int dtsm, boolean refresh, boolean relaxed) {
    private static final int DTSM_FIRST = 0x80;

    /**
     * Asks for a function.
     *
     * @throws BackendException {@code EIO} if the machine does not answer for it
     */
    static FunctionAttributes of(Instructions instructions, int handle) {
        long[] function = instructions.queryFunction(handle);
        long[] group =
                function == null ? null : instructions.queryGroup((int) Clp.FunctionResponse.PFGID.get(function));
        if (group == null) {
            throw new BackendException(
                    Errno.EIO, "the machine does not know function 0x" + Integer.toHexString(handle) + " or its group");
        }
        return new FunctionAttributes(
                Clp.FunctionResponse.SDMA.get(function),
                Clp.FunctionResponse.EDMA.get(function),
                (int) Clp.GroupResponse.DTSM.get(group),
                Clp.GroupResponse.REFRESH.isSet(group[Clp.GroupResponse.REFRESH.word()]),
                Clp.GroupResponse.RTR.isSet(group[Clp.GroupResponse.RTR.word()]));
    }

    /** True if tables of that type can be registered. */
    boolean supportsType(int dt) {
        return (dtsm & DTSM_FIRST >> dt) != 0;
    }
}
