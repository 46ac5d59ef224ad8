package org.iommu4j.spapr.table;

/**
 * A DMA window, docs/spec/spapr-tce.md 3.2: a range of bus addresses of a partitionable endpoint with the table behind it.
 *
 * @param liobn its logical I/O bus number
 * @param pe whose it is
 * @param base first bus address
 * @param windowShift log2 of its size in bytes
 * @param table its table
 * @param isDefault true for the window that is there from reset on
 * @param ownsTable true if the table's pages are the hypervisor's own
 */
public record DmaWindow(
        int liobn, int pe, long base, int windowShift, TceTable table, boolean isDefault, boolean ownsTable) {
    /** Bus addresses with this bit go to slot 1; bit 4 of the address as PAPR counts. */
    public static final int SLOT_SHIFT = 59;

    /** Windows that an endpoint can have. */
    public static final int SLOTS = 2;

    /** Slot of its endpoint, 0 or 1. */
    public int slot() {
        return slotOf(base);
    }

    /** The slot of a bus address. */
    public static int slotOf(long iova) {
        return (int) (iova >>> SLOT_SHIFT) & 1;
    }

    /** True if an address is in the window. */
    public boolean contains(long iova) {
        return table.contains(iova - base);
    }

    /** Size in bytes. */
    public long sizeBytes() {
        return 1L << windowShift;
    }

    /** Last address in the window. */
    public long last() {
        return base + sizeBytes() - 1;
    }
}
