package org.iommu4j.driver.table;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The translation tables of one memory map, in pages of the host: tables of 512 entries, leaves of 4 KiB, 2 MiB and 1 GiB, each as
 * large as a mapping allows. What is in the pages is all there is to know of them. How an entry looks is the vendor's to say.
 *
 * <p>A table that no mapping needs any more is unlinked, but its page is kept until {@link #release}: a chip may have cached the way
 * through it. So a change is: {@link #unmap}, then the vendor's invalidations, then {@link #release} once they are complete.
 */
public final class MapTables {
    /** Sizes of leaves of a format with all three, as {@link org.iommu4j.backend.MemoryMapSupport#pageSizes} has them. */
    public static final long PAGE_SIZES = 1L << 12 | 1L << 21 | 1L << 30;

    /** Answer of {@link #find} for an address that is not mapped. */
    public static final long NONE = -1;

    private static final int PAGE_SHIFT = 12;
    private static final int LEVEL_BITS = 9;
    private static final int ENTRIES = 1 << LEVEL_BITS;
    private static final int MOST_UNLINKED = 1 << 20;

    private final Platform platform;
    private final PhysicalMemory memory;
    private final EntryFormat format;
    private final int topLevel;
    private final long root;

    /** Pages of tables that have been unlinked since the last {@link #release}. */
    private final List<Long> unlinked = new ArrayList<>();

    private MapTables(Platform platform, EntryFormat format, int levels, long root) {
        this.platform = platform;
        memory = platform.memory();
        this.format = format;
        topLevel = levels - 1;
        this.root = root;
    }

    /**
     * Empty tables.
     *
     * @param levels number of levels, 3 to 5
     * @throws BackendException {@code ENOMEM} if there is no page for the first table
     */
    public static MapTables create(Platform platform, EntryFormat format, int levels) {
        return new MapTables(platform, format, levels, platform.allocatePages(1));
    }

    /** Sizes of the leaves of a format, as {@link org.iommu4j.backend.MemoryMapSupport#pageSizes} has them. */
    public static long pageSizes(EntryFormat format) {
        return PAGE_SIZES & ((1L << (shift(format.highestLeaf()) + 1)) - 1);
    }

    /** True if a physical address can stand in an entry of a format. */
    static boolean reaches(EntryFormat format, long pa) {
        int bits = format.outputBits();
        return bits == Long.SIZE || pa >>> bits == 0;
    }

    /** Tables that another driver has left, as {@link #save} wrote where they are. */
    public static MapTables load(Platform platform, EntryFormat format, int levels, SnapshotReader in) {
        MapTables tables = new MapTables(platform, format, levels, in.getPage("memory map"));
        int count = in.getCount(MOST_UNLINKED);
        for (int i = 0; i < count; i++) {
            tables.unlinked.add(in.getPage("unlinked table"));
        }
        return tables;
    }

    /** Writes where the tables are: long root, int count of unlinked pages, each a long. */
    public void save(SnapshotWriter out) {
        out.putLong(root).putInt(unlinked.size());
        unlinked.forEach(out::putLong);
    }

    /** Address of the first table. */
    public long root() {
        return root;
    }

    /** Number of levels of the tables. */
    public int levels() {
        return topLevel + 1;
    }

    private static int shift(int level) {
        return PAGE_SHIFT + level * LEVEL_BITS;
    }

    private static long entryAddress(long table, int level, long iova) {
        return table + ((iova >>> shift(level)) & (ENTRIES - 1)) * Long.BYTES;
    }

    /**
     * Adds a mapping.
     *
     * @throws BackendException {@code EEXIST} if something in its range is mapped, {@code ENOMEM} if there are no pages for tables;
     *     then nothing has changed
     */
    public void map(Mapping mapping) {
        if (isMapped(root, topLevel, 0, mapping.iova(), mapping.last())) {
            throw new BackendException(Errno.EEXIST, "something is mapped there");
        }
        long done = 0;
        try {
            while (done != mapping.size()) {
                long iova = mapping.iova() + done;
                long pa = mapping.pa() + done;
                int level = leafLevel(iova | pa, mapping.size() - done);
                long at = entryFor(iova, level);
                memory.writeLongLe(at, format.leaf(level, pa, mapping.flags()));
                done += 1L << shift(level);
            }
        } catch (BackendException e) {
            // An entry that leads nowhere is never cached, and no device has used what was there for a moment: the
            // caller was not told that it is mapped. Its pages are kept all the same until something is released.
            unmap(mapping.iova(), mapping.last());
            throw e;
        }
    }

    /** True if there is a leaf in a range; a table that is linked leads to one, but perhaps not in the range. */
    private boolean isMapped(long table, int level, long base, long first, long last) {
        int shift = shift(level);
        long from = Long.compareUnsigned(first, base) > 0 ? (first - base) >>> shift : 0;
        long to = Math.min(ENTRIES - 1, (last - base) >>> shift);
        for (long index = from; index <= to; index++) {
            long entry = memory.readLongLe(table + index * Long.BYTES);
            if (format.isPresent(entry)
                    && (!format.isTable(level, entry)
                            || isMapped(
                                    format.address(level, entry), level - 1, base + (index << shift), first, last))) {
                return true;
            }
        }
        return false;
    }

    /** The largest leaf at an address that a rest of a mapping fills. */
    private int leafLevel(long addresses, long rest) {
        int level = Math.min(format.highestLeaf(), topLevel);
        while (level > 0
                && ((addresses & ((1L << shift(level)) - 1)) != 0
                        || Long.compareUnsigned(rest, 1L << shift(level)) < 0)) {
            level--;
        }
        return level;
    }

    /** Address of the entry of a level; the tables on the way are made. */
    private long entryFor(long iova, int level) {
        long table = root;
        for (int above = topLevel; above > level; above--) {
            long at = entryAddress(table, above, iova);
            long entry = memory.readLongLe(at);
            if (!format.isPresent(entry)) {
                // Zeroed before it is linked.
                entry = format.table(above, platform.allocatePages(1));
                memory.writeLongLe(at, entry);
            }
            table = format.address(above, entry);
        }
        return entryAddress(table, level, iova);
    }

    /**
     * Removes all leaves from {@code first} to {@code last}, whose ends none of them crosses.
     *
     * @return true if tables were unlinked, so that entries which lead to tables have to be invalidated, too
     */
    public boolean unmap(long first, long last) {
        int before = unlinked.size();
        clear(root, topLevel, 0, first, last);
        return unlinked.size() != before;
    }

    /**
     * Clears what lies in a range.
     *
     * @param base first address that the table covers
     * @return true if the table is empty now
     */
    private boolean clear(long table, int level, long base, long first, long last) {
        int shift = shift(level);
        long from = Long.compareUnsigned(first, base) > 0 ? (first - base) >>> shift : 0;
        long to = Math.min(ENTRIES - 1, (last - base) >>> shift);
        for (long index = from; index <= to; index++) {
            long at = table + index * Long.BYTES;
            long entry = memory.readLongLe(at);
            if (!format.isPresent(entry)) {
                continue;
            }
            if (!format.isTable(level, entry)) {
                memory.writeLongLe(at, 0);
            } else if (clear(format.address(level, entry), level - 1, base + (index << shift), first, last)) {
                memory.writeLongLe(at, 0);
                unlinked.add(format.address(level, entry));
            }
        }
        return isEmpty(table);
    }

    private boolean isEmpty(long table) {
        for (int index = 0; index < ENTRIES; index++) {
            if (format.isPresent(memory.readLongLe(table + (long) index * Long.BYTES))) {
                return false;
            }
        }
        return true;
    }

    /** Everything that was unmapped so far is out of all caches: gives the pages of unlinked tables back. */
    public void release() {
        unlinked.forEach(page -> platform.freePages(page, 1));
        unlinked.clear();
    }

    /** Nothing of the tables is in any cache, and nothing leads to them: gives all pages back. */
    public void free() {
        release();
        free(root, topLevel);
    }

    /** Gives back a table and all below it; pages that are given back are zeroed, so no entry is. */
    private void free(long table, int level) {
        for (int index = 0; level > 0 && index < ENTRIES; index++) {
            long entry = memory.readLongLe(table + (long) index * Long.BYTES);
            if (format.isPresent(entry) && format.isTable(level, entry)) {
                free(format.address(level, entry), level - 1);
            }
        }
        platform.freePages(table, 1);
    }

    /** Output address of an input address, or {@link #NONE}. */
    public long find(long iova) {
        if (topLevel < (Long.SIZE - PAGE_SHIFT) / LEVEL_BITS && iova >>> shift(topLevel + 1) != 0) {
            return NONE;
        }
        long table = root;
        for (int level = topLevel; level >= 0; level--) {
            long entry = memory.readLongLe(entryAddress(table, level, iova));
            if (!format.isPresent(entry)) {
                return NONE;
            }
            if (!format.isTable(level, entry)) {
                return format.address(level, entry) | (iova & ((1L << shift(level)) - 1));
            }
            table = format.address(level, entry);
        }
        return NONE;
    }
}
