package org.iommu4j.driver.table;

/**
 * A vendor's form of the entries of a table of 512 entries of 64 bits, little endian. Levels are counted from the pages upwards: an
 * entry of level 0 covers 4 KiB, of level 1 2 MiB, of level 2 1 GiB.
 */
public interface EntryFormat {
    /** An entry that leads to a table of the next lower level. */
    long table(int level, long pa);

    /**
     * An entry that leads to memory.
     *
     * @param flags of the mapping, {@link org.iommu4j.contract.Uapi#MAP_FLAG_READ} and {@link
     *     org.iommu4j.contract.Uapi#MAP_FLAG_WRITE}
     */
    long leaf(int level, long pa, int flags);

    /** The highest level that may have leaves: 0, 1 or 2. */
    default int highestLeaf() {
        return 2;
    }

    /** Bits of the physical addresses that an entry can hold; 64 if it holds all that the platform has. */
    default int outputBits() {
        return Long.SIZE;
    }

    /** True if an entry leads anywhere. */
    boolean isPresent(long entry);

    /** True if a present entry leads to a table. */
    boolean isTable(int level, long entry);

    /** Output address of a present entry. */
    long address(int level, long entry);
}
