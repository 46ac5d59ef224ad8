package org.iommu4j.amd.command;

import org.iommu4j.layout.BitField;

/**
 * How an address carries the size of a naturally aligned block, 48882 2.2.3 Table 14 and 2.4.3: the position of the lowest zero
 * bit at or above bit 12 is one less than log2 of the size. Commands, leaves with next level 7 and answers to translation
 * requests use it.
 */
public final class SizeEncoding {
    /** log2 of the smallest block in bytes. */
    public static final int PAGE_SHIFT = 12;

    /** log2 of the largest block that has a code of its own. */
    public static final int LARGEST_SHIFT = 51;

    /** Answer of {@link #shift} for the whole address space. */
    public static final int ALL = Long.SIZE;

    /** Address bits that stand for the whole address space as drivers send it. */
    public static final long ALL_OF_DRIVERS = 0x7fff_ffff_ffff_f000L;

    /** Address bits that stand for the whole address space as the specification has it, 48882 2.4.3. */
    public static final long ALL_OF_SPECIFICATION = 0x0007_ffff_ffff_f000L;

    private SizeEncoding() {}

    /**
     * log2 of the size in bytes of a block whose address carries its size: 13 to 51, or {@link #ALL}.
     *
     * @param address the address bits 63:12 of a command or entry, the others 0
     */
    public static int shift(long address) {
        int zero = Long.numberOfTrailingZeros(~(address >>> PAGE_SHIFT)) + PAGE_SHIFT;
        return zero >= LARGEST_SHIFT ? ALL : zero + 1;
    }

    /**
     * First address of a block whose address carries its size.
     *
     * @param shift as {@link #shift} gives it
     */
    public static long base(long address, int shift) {
        return shift >= Long.SIZE ? 0 : address & -1L << shift;
    }

    /**
     * The address that carries base and size of a block.
     *
     * @param shift log2 of the size, 13 to 51
     * @param base aligned to the size
     */
    public static long encode(long base, int shift) {
        return base | (((1L << (shift - 1)) - 1) & -1L << PAGE_SHIFT);
    }

    /**
     * Address and size of a block as a command has them.
     *
     * @param address field of the address
     * @param size bit that says that the address carries the size
     * @param shift log2 of the size, 12 to 51, or {@link #ALL}
     */
    static long word(BitField address, BitField size, long base, int shift) {
        if (shift == PAGE_SHIFT) {
            return address.of(base);
        }
        return address.of(shift == ALL ? ALL_OF_DRIVERS : encode(base, shift)) | size.mask();
    }
}
