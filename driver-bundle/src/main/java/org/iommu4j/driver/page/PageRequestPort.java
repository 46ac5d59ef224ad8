package org.iommu4j.driver.page;

import java.util.function.Consumer;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.contract.Errno;

/** A chip's queue of page requests, and the command that answers them. */
public interface PageRequestPort {
    /** The {@link #ownerOf owner} of a request that no guest is to get. */
    int NOBODY = -1;

    /**
     * Empties the chip's queue.
     *
     * @param sink gets the requests, the oldest first
     * @return true if the queue had no room for some since it was last read; the chip has answered those itself, as far as it does
     */
    boolean read(Consumer<PageRequest> sink);

    /** Number of the domain whose guest gets a request; {@link #NOBODY} if the device, or its PASID, is not bound with page requests. */
    int ownerOf(PageRequest request);

    /** Writes the command that answers a group, of which this is the last request. */
    void answer(PageRequest last, PageResponse response);

    /** Waits until the commands that were written are carried out; {@code OK}, or why they do not count as done. */
    Errno finish();
}
