package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.HostPermissionInvalidate;
import org.iommu4j.intel.table.HostPermissionEntry;
import org.iommu4j.intel.table.HostPermissions;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.KeyedCache;

/**
 * Host permission tables behind their cache, VT-d 6.2.6: entries of each level by the domain id of the table and the range that they
 * cover, those that permit something and those that lead to a table alike. The outcome stands in the walker's accessors.
 */
final class HostPermissionCache {
    private static final int DEFAULT_ENTRIES = 4096;
    private static final int PAGE_SHIFT = 12;

    // A key: domain id, level, and below the address as a number of ranges of the level.
    private static final int LEVEL_SHIFT = 44;
    private static final int DOMAIN_SHIFT = 48;
    private static final long RANGE = (1L << LEVEL_SHIFT) - 1;

    private final KeyedCache entries;

    HostPermissionCache(CacheConfig config) {
        entries = KeyedCache.of(config, DEFAULT_ENTRIES, HostPermissionEntry.LAYOUT.words());
    }

    private static long key(int domain, int level, long address) {
        return (long) domain << DOMAIN_SHIFT | (long) level << LEVEL_SHIFT | address >>> HostPermissions.shift(level);
    }

    /**
     * Finds the permissions of an address: the lowest entry that is cached is where the walk enters.
     *
     * @param domain of the table, HPTDID
     * @param table of the top level
     * @param size HPTSZ
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}; the walker has the permissions
     */
    int find(HostPermissions walker, int domain, long table, int size, long address, WalkListener listener) {
        if (!HostPermissions.covers(size, address)) {
            return FaultReason.BEYOND_PERMISSION_TABLE.code();
        }
        long at = table;
        int level = HostPermissions.TOP_LEVEL;
        for (int cached = 1; cached <= HostPermissions.TOP_LEVEL; cached++) {
            int entry = entries.lookup(key(domain, cached, address));
            if (entry != KeyedCache.MISS) {
                if (walker.decides(cached, entries.word(entry, 0), entries.word(entry, 1), address)) {
                    return TableWalker.OK;
                }
                at = HostPermissionEntry.ADDR.get(entries.word(entry, 1));
                level = cached - 1;
                break;
            }
        }
        int fault = walker.walk(at, level, address, listener);
        int lowest = fault == TableWalker.OK ? walker.level() : walker.level() + 1;
        for (int read = walker.topLevel(); read >= lowest; read--) {
            insert(domain, read, address, walker.entry(read));
        }
        return fault;
    }

    /** Keeps an entry, if it permits something or leads on. */
    void insert(int domain, int level, long address, long[] words) {
        boolean says = words[0] != 0 || (level == 1 ? words[1] != 0 : HostPermissionEntry.AV.isSet(words[1]));
        if (says && entries.capacity() > 0) {
            entries.insert(key(domain, level, address), 0, words);
        }
    }

    /** Drops everything. */
    int invalidateAll() {
        return entries.invalidateAll();
    }

    /**
     * Host-permission cache invalidation, VT-d 6.5.2.7.
     *
     * @param granularity {@link HostPermissionInvalidate#G}
     * @param address any address of the aligned block of pages, if they are selected
     * @param addressMask the block has 2^addressMask pages of 4 KiB
     * @param hint {@link HostPermissionInvalidate#IH}: the levels from 1 on that go, but one
     */
    int invalidate(int granularity, int domain, long address, int addressMask, int hint) {
        if (granularity == HostPermissionInvalidate.GLOBAL) {
            return invalidateAll();
        }
        int blockShift = PAGE_SHIFT + addressMask;
        int dropped = 0;
        for (int level = 1; level <= hint + 1; level++) {
            long inBlock = 0;
            if (granularity == HostPermissionInvalidate.DOMAIN) {
                inBlock = RANGE;
            } else if (blockShift > HostPermissions.shift(level)) {
                inBlock = ~(-1L << Math.min(LEVEL_SHIFT, blockShift - HostPermissions.shift(level)));
            }
            dropped += entries.invalidateMatching(~inBlock, key(domain, level, address), 0, 0);
        }
        return dropped;
    }

    void visit(CacheVisitor visitor) {
        entries.visit(entry -> {
            long key = entries.key(entry);
            int level = (int) (key >>> LEVEL_SHIFT) & 0xf;
            int shift = HostPermissions.shift(level);
            visitor.entry(
                    "host-permission",
                    key >>> DOMAIN_SHIFT,
                    TranslationCaches.NO_PASID,
                    (key & RANGE) << shift,
                    1L << shift,
                    0);
        });
    }
}
