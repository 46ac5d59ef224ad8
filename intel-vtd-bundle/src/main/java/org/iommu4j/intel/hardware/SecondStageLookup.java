package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.table.AddressSpace;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.FirstStageWalker;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.SecondStageWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/** The second stage of scalable mode behind its cache of tables, VT-d 6.2.5; the outcome stands in the walker's accessors. */
final class SecondStageLookup implements FirstStageWalker.SecondStage {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;

    private final ScalableCaches caches;
    private final SecondStageWalker walker;
    private final AccessWatch watch;

    SecondStageLookup(ScalableCaches caches, SecondStageWalker walker, AccessWatch watch) {
        this.caches = caches;
        this.walker = walker;
        this.watch = watch;
    }

    @Override
    public int find(AddressSpace space, long address, WalkListener listener) {
        int domain = space.domain();
        TranslationCache tables = caches.secondStageTables;
        int cached = tables.lookup(domain, NO_PASID, address);
        int fault;
        boolean observed = space.type() == PasidEntry.SECOND_STAGE;
        if (cached == TranslationCache.MISS) {
            if (observed) {
                watch.missed(CachedKind.PAGING_STRUCTURE, domain, NO_PASID, address);
            }
            fault = walker.walk(space, space.secondStageTable(), space.secondStageLevels(), RIGHTS, address, listener);
        } else {
            int shift = tables.pageShift(cached);
            if (observed) {
                watch.hit(CachedKind.PAGING_STRUCTURE, domain, NO_PASID, tables.iova(cached), 1L << shift);
            }
            fault = walker.walk(
                    space, tables.value(cached), Agaw.levelOf(shift) - 1, tables.attributes(cached), address, listener);
        }
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            int shift = Agaw.shift(level);
            if (level <= caches.highestTableLevel) {
                tables.insert(domain, NO_PASID, address, shift, walker.nextTable(level), walker.rightsAt(level));
            }
            if (observed) {
                watch.filled(
                        CachedKind.PAGING_STRUCTURE,
                        domain,
                        NO_PASID,
                        address & -1L << shift,
                        1L << shift,
                        walker.nextTable(level),
                        walker.topLevel() - level + 1);
            }
        }
        return fault;
    }
}
