package org.iommu4j.driver.range;

/**
 * Covers a range of pages with aligned blocks of a power of two pages, as page-selective commands name them. Reused by its
 * owner, allocates nothing.
 */
public final class RangeCover {
    /** Most blocks of an exact cover; beyond, one larger block is cheaper. */
    public static final int MAX_BLOCKS = 8;

    /** Blocks that an exact cover of any range may need. */
    public static final int MOST_BLOCKS = 104;

    /** Order of a block that is the whole 64-bit address space. */
    public static final int WHOLE_SPACE_ORDER = 52;

    private static final int PAGE_SHIFT = 12;
    private static final long WHOLE_SPACE = Long.MAX_VALUE & -1L << PAGE_SHIFT;

    private final long[] addresses;
    private final int[] orders;
    private int count;
    private boolean exact;

    /** A cover of at most {@link #MAX_BLOCKS} blocks. */
    public RangeCover() {
        this(MAX_BLOCKS);
    }

    /**
     * A cover whose exact form may have more blocks, as where nothing beside the range may be dropped.
     *
     * @param mostBlocks {@link #MOST_BLOCKS} are enough for every range whose blocks may have any size
     */
    public RangeCover(int mostBlocks) {
        addresses = new long[mostBlocks];
        orders = new int[mostBlocks];
    }

    /**
     * Covers {@code first} to {@code last}, both inclusive and unsigned, with {@code first} and {@code last + 1} multiples
     * of 4096: exactly with at most as many blocks as the cover may have, else with one block that may be larger.
     *
     * @param maxOrder log2 of the largest block of an exact cover, in pages
     */
    public void cover(long first, long last, int maxOrder) {
        long page = first >>> PAGE_SHIFT;
        long lastPage = last >>> PAGE_SHIFT;
        count = 0;
        if (page == lastPage) {
            add(page, 0);
            exact = true;
            return;
        }
        while (page <= lastPage) {
            if (count == addresses.length) {
                coverWithOne(first, last);
                return;
            }
            int fits = Long.SIZE - 1 - Long.numberOfLeadingZeros(lastPage - page + 1);
            int order = Math.min(Math.min(Long.numberOfTrailingZeros(page), fits), maxOrder);
            add(page, order);
            page += 1L << order;
        }
        exact = true;
    }

    /** Covers the range with the smallest aligned block that holds it. */
    public void coverWithOne(long first, long last) {
        int order = orderOfOne(first, last);
        count = 0;
        add(((first >>> PAGE_SHIFT) >>> order) << order, order);
        exact = first == addresses[0] && last == lastOf(0);
    }

    /** log2 in pages of the smallest aligned block that holds the range; {@link #WHOLE_SPACE_ORDER} at most. */
    public static int orderOfOne(long first, long last) {
        return Long.SIZE - Long.numberOfLeadingZeros((first ^ last) >>> PAGE_SHIFT);
    }

    /** First address of the smallest aligned block that holds the range. */
    public static long baseOfOne(long first, long last) {
        int shift = orderOfOne(first, last) + PAGE_SHIFT;
        return shift >= Long.SIZE ? 0 : (first >>> shift) << shift;
    }

    /**
     * An address with the size of its block in it, as PCIe ATS has it and commands that follow it: the bits from 12 upwards are
     * ones, as many as the order less one, and the next is a zero. A bit of the command says that the size is there.
     *
     * @param address of an aligned block
     * @param order log2 of its pages, 1 to {@link #WHOLE_SPACE_ORDER}
     * @return bits 63:12; for the whole space all ones but bit 63
     */
    public static long sizeInAddress(long address, int order) {
        return order >= WHOLE_SPACE_ORDER ? WHOLE_SPACE : address | ((1L << (order - 1)) - 1) << PAGE_SHIFT;
    }

    /** Number of blocks. */
    public int count() {
        return count;
    }

    /** True if the blocks are the range and nothing more. */
    public boolean exact() {
        return exact;
    }

    /** First address of a block. */
    public long address(int index) {
        return addresses[index];
    }

    /** log2 of a block's pages. */
    public int order(int index) {
        return orders[index];
    }

    private long lastOf(int index) {
        int shift = orders[index] + PAGE_SHIFT;
        return shift >= Long.SIZE ? -1L : addresses[index] + (1L << shift) - 1;
    }

    private void add(long page, int order) {
        addresses[count] = page << PAGE_SHIFT;
        orders[count] = order;
        count++;
    }
}
