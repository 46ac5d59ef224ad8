package org.iommu4j.driver.table;

import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;

/**
 * What a driver does on its chip when {@link MemoryMaps} have changed tables. Each answers {@code OK}, or why the chip did not carry
 * everything out.
 *
 * @param <D> what the vendor keeps of a domain
 */
public interface MapPolicy<D> {
    /** Something is mapped where nothing was. Most chips keep nothing of what leads nowhere, so that nothing is to be dropped. */
    default Errno mapped(D domain, Mapping mapping) {
        return Errno.OK;
    }

    /**
     * A range is mapped no more: drops all that came of it.
     *
     * @param tables true if entries that led to tables are gone, too
     */
    Errno unmapped(D domain, long first, long last, boolean tables);
}
