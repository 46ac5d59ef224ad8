package org.iommu4j.s390.table;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.simulation.memory.PageCursor;

/**
 * Walks the tables of an address space, docs/spec/s390-zpci.md 3.3 steps 4 and 6 to 8; the numbers of the steps stand above
 * the lines that do them. It reads memory and nothing else, and allocates nothing; the outcome of a walk stands in its
 * accessors until the next one.
 */
public final class TableWalker {
    /** Outcome: the address is mapped. */
    public static final int MAPPED = 0;

    /** Outcome: an entry with the invalid bit ended the walk; no error of the tables. */
    public static final int NOT_MAPPED = -1;

    private static final long ANCHOR_RESERVED = Iota.LAYOUT.reservedMask(0) | Iota.FS.mask();

    /** Readers of region and segment tables, one for each level: successive walks mostly read the same tables. */
    private final PageCursor[] upper = new PageCursor[TableLevel.REGION_FIRST];

    private final PageCursor leaves;
    private final boolean largeFrames;
    private long frame;
    private int level;
    private boolean writable;
    private boolean tableWritable;
    private long pageTable;

    /**
     * A walker.
     *
     * @param largeFrames true if a segment table entry may name a frame of 1 MiB
     */
    public TableWalker(PhysicalMemory memory, boolean largeFrames) {
        for (int i = 0; i < upper.length; i++) {
            upper[i] = new PageCursor(memory);
        }
        leaves = new PageCursor(memory);
        this.largeFrames = largeFrames;
    }

    /**
     * Walks from the anchor.
     *
     * @param iota anchor with T = 1
     * @param address to translate
     * @param listener sees each entry; null for nobody
     * @return {@link #MAPPED}, {@link #NOT_MAPPED} or the code of an {@link EventCode}
     */
    public int walk(long iota, long address, WalkListener listener) {
        pageTable = 0;
        writable = true;
        // 4. and 6. the anchor
        int unreached = reach(iota, address);
        if (unreached != MAPPED) {
            return unreached;
        }
        long table = Iota.ORIGIN.get(iota);
        while (level > TableLevel.PAGE) {
            // 7. an entry above the page table
            long at = table + (long) TableLevel.index(address, level) * TableLevel.ENTRY_BYTES;
            long entry;
            try {
                entry = upper[level - 1].readLongBe(at);
            } catch (BusErrorException e) {
                return EventCode.INVALID_ENTRY.code();
            }
            if (listener != null) {
                listener.step(TableLevel.nameOf(level), at, entry);
            }
            int wrong = judge(entry);
            if (wrong != MAPPED) {
                return wrong;
            }
            // 7. protection, which is at the same place at every level, as is the invalid bit above the page table
            writable &= !SegmentEntry.P.isSet(entry);
            if (level == TableLevel.SEGMENT) {
                // 7. a frame of 1 MiB ends the walk
                if (SegmentEntry.FC.isSet(entry)) {
                    frame = entry & -1L << TableLevel.SEGMENT_SHIFT;
                    return MAPPED;
                }
                table = SegmentEntry.ORIGIN.get(entry);
            } else {
                table = RegionEntry.ORIGIN.get(entry);
            }
            level--;
        }
        // 8. the page table
        return page(table, writable, address, listener);
    }

    /**
     * Looks at the anchor alone, docs/spec/s390-zpci.md 3.3 steps 4 and 6: whether tables of its type lead to an address.
     *
     * @param iota anchor with T = 1
     * @return {@link #MAPPED} if they do, or the code of an {@link EventCode}
     */
    public int reach(long iota, long address) {
        // 4. type of table and reserved bits
        int type = Iota.DT.getInt(iota);
        level = TableLevel.ofType(type);
        if (type > TableLevel.MAX_TYPE || (iota & ANCHOR_RESERVED) != 0) {
            return EventCode.ANCHOR_FORMAT.code();
        }
        // 6. the addresses that tables of the type lead to
        return Long.compareUnsigned(address, TableLevel.lastAddress(type)) > 0 ? EventCode.TABLE_LENGTH.code() : MAPPED;
    }

    /**
     * Looks into a page table alone, docs/spec/s390-zpci.md 3.3 step 8.
     *
     * @param table the page table
     * @param above false if an entry above it protects against writes
     */
    public int page(long table, boolean above, long address, WalkListener listener) {
        long at = table + (long) TableLevel.index(address, TableLevel.PAGE) * TableLevel.ENTRY_BYTES;
        long entry;
        level = TableLevel.PAGE;
        pageTable = table;
        tableWritable = above;
        try {
            entry = leaves.readLongBe(at);
        } catch (BusErrorException e) {
            return EventCode.INVALID_ENTRY.code();
        }
        if (listener != null) {
            listener.step(TableLevel.nameOf(TableLevel.PAGE), at, entry);
        }
        if (entry == 0) {
            return EventCode.INVALID_ENTRY.code();
        }
        if (PageEntry.I.isSet(entry)) {
            return NOT_MAPPED;
        }
        frame = PageEntry.FRAME.get(entry);
        writable = above && !PageEntry.P.isSet(entry);
        return MAPPED;
    }

    /** 7. what an entry above the page table says: absent, then its type, then its length. */
    private int judge(long entry) {
        if (entry == 0) {
            return EventCode.INVALID_ENTRY.code();
        }
        if (RegionEntry.I.isSet(entry)) {
            return NOT_MAPPED;
        }
        if (RegionEntry.TT.getInt(entry) != TableLevel.typeCode(level)) {
            return EventCode.TABLE_TYPE.code();
        }
        if (level == TableLevel.SEGMENT) {
            return SegmentEntry.FC.isSet(entry) && !largeFrames ? EventCode.TABLE_TYPE.code() : MAPPED;
        }
        return RegionEntry.TL.getInt(entry) != RegionEntry.FULL_LENGTH || RegionEntry.TF.isSet(entry)
                ? EventCode.TABLE_LENGTH.code()
                : MAPPED;
    }

    /** The frame that the last walk found. */
    public long frame() {
        return frame;
    }

    /** Level at which the last walk ended: that of the leaf, of the invalid entry or of the wrong one. */
    public int level() {
        return level;
    }

    /** log2 of the bytes that the entry maps at which the last walk ended. */
    public int shift() {
        return TableLevel.shift(level);
    }

    /** True if no entry that the last walk saw protects against writes. */
    public boolean writable() {
        return writable;
    }

    /** True if no entry above the page table of the last walk protects against writes. */
    public boolean tableWritable() {
        return tableWritable;
    }

    /** The page table in which the last walk ended; 0 if it ended above. */
    public long pageTable() {
        return pageTable;
    }
}
