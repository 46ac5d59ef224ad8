package org.iommu4j.spapr.hardware;

import org.iommu4j.spapr.table.DmaWindow;

/** Operations of a host bridge and the entries that they drop, told to an observer. */
interface CommandWatch {
    /** For machines without a sanitizer. */
    CommandWatch NOBODY = new CommandWatch() {};

    /**
     * A hypercall has stored entries.
     *
     * @param dropped how many entries the cache dropped for it
     */
    default void stored(int function, DmaWindow window, long iova, long entries, long dropped) {}

    /** Windows of an endpoint were added, moved or removed. */
    default void windowsChanged(String cause, int pe, long dropped) {}

    /** A kill, as its word says; if it syncs, a DMA read sync tells later that it is complete, else it is at once. */
    default void kill(long word, int pe, boolean syncs, long dropped) {}

    /** RTC_INVALIDATE. */
    default void requesters(long word) {}

    /** A DMA read sync. */
    default void completed() {}
}
