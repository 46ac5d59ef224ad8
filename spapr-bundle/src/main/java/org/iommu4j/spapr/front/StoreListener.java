package org.iommu4j.spapr.front;

import org.iommu4j.spapr.table.DmaWindow;

/** Called after stores to a window's table. */
@FunctionalInterface
public interface StoreListener {
    /**
     * Entries have been stored.
     *
     * @param function number of the hypercall that stored them
     * @param iova first address that they translate
     * @param entries how many, one after the other
     * @return the hypercall's result; unless it is H_SUCCESS the entries are put back as they were
     */
    long stored(int function, DmaWindow window, long iova, long entries);
}
