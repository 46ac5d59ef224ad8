package org.iommu4j.testbench.tables;

/** A format's entries. Levels are counted from the pages upwards, from 0. */
public interface TableEntries {
    /** What software writes where nothing is. */
    default long absent(int level) {
        return 0;
    }

    /** An entry that leads to a table of the next lower level. */
    long table(int level, long pa);

    /** An entry that leads to memory. */
    long leaf(int level, long pa, int rights);

    /** True if an entry leads anywhere. */
    boolean isPresent(int level, long entry);

    /** True if a present entry leads to a table. */
    boolean isTable(int level, long entry);

    /** Where a present entry leads. */
    long address(int level, long entry);
}
