package org.iommu4j.testbench.tables;

import org.iommu4j.backend.BackendException;

/** Tables of one address space, as software writes them. Addresses are unsigned; ranges are whole pages. */
interface PageTables {
    /** Physical address of the first table. */
    long root();

    /**
     * Adds a mapping.
     *
     * @throws BackendException {@code EEXIST} if something in its range is mapped, {@code ENOMEM} if there is no page for a table;
     *     then everything is as before
     */
    void map(long iova, long pa, long bytes, int rights);

    /** Removes all mappings from {@code first} to {@code last}, whose ends none of them crosses. */
    void unmap(long first, long last);

    /** Nothing that was unmapped so far is cached any more: gives pages back that are not needed. */
    void release();

    /** Gives everything back. */
    void free();
}
