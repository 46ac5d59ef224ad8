package org.iommu4j.intel.translate;

import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * How invalidation commands reach the chip: through its queue or through its registers. Commands are in the chip's order;
 * {@link #finish} says whether all of them were carried out.
 */
interface CommandPath {
    /** Drops every cached context entry. */
    void contextGlobal();

    /** Drops the cached context entry of one device, which was tagged with {@code domainId}. */
    void contextDevice(int domainId, int sourceId);

    /** Drops everything that the chip has cached. */
    void everything();

    /** Drops every cached translation of a domain. */
    void iotlbDomain(int domainId);

    /**
     * Drops the translations of a block of pages.
     *
     * @param address first address, aligned to the block
     * @param order log2 of the block's pages, at most CAP.MAMV
     * @param leafOnly true if only leaf entries were changed
     */
    void iotlbPages(int domainId, long address, int order, boolean leafOnly);

    /** True if device TLBs can be reached. */
    boolean reachesDevices();

    /**
     * Drops a block of translations in a device's own TLB.
     *
     * @param order log2 of the block's pages; 52 and more for the whole address space
     */
    void deviceTlb(int sourceId, long address, int order);

    /**
     * Waits until every command so far is done.
     *
     * @return {@code EIO} if the chip reported an error, {@code ETIMEDOUT} if it does not go on; either way the commands
     *     must not count as done
     */
    Errno finish();

    /** Shows each command as it is written; null for nobody. */
    void tap(NativeCommandListener listener);

    /** Writes the state of the commands under way. */
    void save(SnapshotWriter out);
}
