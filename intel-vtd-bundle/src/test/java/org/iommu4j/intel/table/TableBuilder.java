package org.iommu4j.intel.table;

import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/**
 * The software side of legacy-mode tables: writes root, context and second-stage entries, for drivers and tests. It shares
 * the layouts with {@link TableWalker} and nothing else. It writes table entries only; which invalidations follow is the
 * driver's business.
 */
public final class TableBuilder {
    private static final int TABLE_ENTRIES = 1 << SlPte.LEVEL_BITS;

    private final Platform platform;
    private final PhysicalMemory memory;

    /** A builder that takes table pages from {@code platform}. */
    public TableBuilder(Platform platform) {
        this.platform = platform;
        memory = platform.memory();
    }

    /** A zeroed page for a root, context or second-stage table. */
    public long newTable() {
        return platform.allocatePages(1);
    }

    /** Writes the root entry of a bus. */
    public void setRoot(long rootTable, int bus, long contextTable) {
        long at = rootTable + (long) bus * RootEntry.BYTES;
        memory.writeLongLe(at + Long.BYTES, 0);
        memory.writeLongLe(at, RootEntry.P.of(1) | RootEntry.CTP.of(contextTable));
    }

    /** The context table of a bus, 0 if its root entry is not present. */
    public long contextTable(long rootTable, int bus) {
        long root = memory.readLongLe(rootTable + (long) bus * RootEntry.BYTES);
        return RootEntry.P.isSet(root) ? RootEntry.CTP.get(root) : 0;
    }

    /**
     * Writes the context entry of a device; makes its bus's context table if there is none.
     *
     * @param sourceId bus in bits 15:8, device and function below
     * @param low first word, see {@link #context0}
     * @param high second word, see {@link #context1}
     */
    public void setContext(long rootTable, int sourceId, long low, long high) {
        int bus = sourceId >>> 8 & 0xff;
        long table = contextTable(rootTable, bus);
        if (table == 0) {
            table = newTable();
            setRoot(rootTable, bus, table);
        }
        long at = table + (long) (sourceId & 0xff) * ContextEntry.BYTES;
        // The second word first: the entry is never present half written.
        memory.writeLongLe(at, 0);
        memory.writeLongLe(at + Long.BYTES, high);
        memory.writeLongLe(at, low);
    }

    /** First word of a present context entry. */
    public static long context0(int translationType, long table) {
        return ContextEntry.P.of(1) | ContextEntry.TT.of(translationType) | ContextEntry.SSPTPTR.of(table);
    }

    /** Second word of a context entry. */
    public static long context1(int aw, int domainId) {
        return ContextEntry.AW.of(aw) | ContextEntry.DID.of(domainId);
    }

    /**
     * Maps one page, with tables on the way as needed.
     *
     * @param table top table
     * @param levels of the table, 2 to 5
     * @param iova first address of the page
     * @param spa physical address of the page
     * @param leafLevel 1, 2 or 3: 4 KiB, 2 MiB or 1 GiB
     * @param rights {@link org.iommu4j.backend.DmaAccess#READ} and WRITE
     * @return where the leaf entry is
     */
    public long map(long table, int levels, long iova, long spa, int leafLevel, int rights) {
        long at = table;
        for (int level = levels; level > leafLevel; level--) {
            long entryAt = entryAddress(at, iova, level);
            long entry = memory.readLongLe(entryAt);
            if (!isPresent(entry)) {
                entry = tableEntry(newTable());
                memory.writeLongLe(entryAt, entry);
            }
            at = SlPte.ADDR.get(entry);
        }
        long leafAt = entryAddress(at, iova, leafLevel);
        memory.writeLongLe(leafAt, leaf(spa, rights) | (leafLevel > 1 ? SlPte.PS.of(1) : 0));
        return leafAt;
    }

    /**
     * Clears the leaf entry of an address.
     *
     * @return true if there was one
     */
    public boolean unmap(long table, int levels, long iova) {
        long at = table;
        for (int level = levels; level >= 1; level--) {
            long entryAt = entryAddress(at, iova, level);
            long entry = memory.readLongLe(entryAt);
            if (!isPresent(entry)) {
                return false;
            }
            if (level == 1 || SlPte.PS.isSet(entry)) {
                memory.writeLongLe(entryAt, 0);
                return true;
            }
            at = SlPte.ADDR.get(entry);
        }
        return false;
    }

    /** Gives back a second-stage table with all tables below it. */
    public void free(long table, int levels) {
        if (levels > 1) {
            for (int i = 0; i < TABLE_ENTRIES; i++) {
                long entry = memory.readLongLe(table + (long) i * SlPte.BYTES);
                if (isPresent(entry) && !SlPte.PS.isSet(entry)) {
                    free(SlPte.ADDR.get(entry), levels - 1);
                }
            }
        }
        platform.freePages(table, 1);
    }

    /** Address of the entry for an address in a table of some level. */
    public static long entryAddress(long table, long iova, int level) {
        return table + (long) Agaw.index(iova, level) * SlPte.BYTES;
    }

    /** An entry that points to a table, with all permissions. */
    public static long tableEntry(long table) {
        return SlPte.R.of(1) | SlPte.W.of(1) | SlPte.ADDR.of(table);
    }

    /** A 4 KiB leaf. */
    public static long leaf(long spa, int rights) {
        return SlPte.ADDR.of(spa) | SlPte.R.of(rights & 1) | SlPte.W.of(rights >>> 1 & 1);
    }

    private static boolean isPresent(long entry) {
        return SlPte.R.isSet(entry) || SlPte.W.isSet(entry);
    }
}
