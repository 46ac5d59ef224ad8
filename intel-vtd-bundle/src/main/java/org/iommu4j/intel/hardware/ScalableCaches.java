package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Everything that a unit caches in scalable mode, VT-d 6.2, apart from what devices hold, and what each invalidation drops
 * (tables 23 and 24):
 *
 * <table>
 * <caption>Removal</caption>
 * <tr><th>command</th><th>context</th><th>PASID</th><th>second stage, pass-through</th><th>first stage, nested</th>
 * <th>first-stage structures</th><th>second-stage structures</th></tr>
 * <tr><td>context, global and domain / device</td><td>all / device</td><td>-</td><td>-</td><td>-</td><td>-</td><td>-</td></tr>
 * <tr><td>PASID cache, domain / PASID / global</td><td>-</td><td>domain / domain and PASID / all</td><td>-</td><td>-</td>
 * <td>-</td><td>-</td></tr>
 * <tr><td>IOTLB, global / domain</td><td>-</td><td>-</td><td>all / domain</td><td>all / domain</td><td>all / domain</td>
 * <td>all / domain</td></tr>
 * <tr><td>IOTLB, page, IH=0 / IH=1</td><td>-</td><td>-</td><td>domain and overlap</td><td>domain</td><td>domain</td>
 * <td>domain and overlap / kept</td></tr>
 * <tr><td>PASID IOTLB, PASID</td><td>-</td><td>-</td><td>domain and PASID</td><td>domain and PASID</td>
 * <td>domain and PASID</td><td>kept</td></tr>
 * <tr><td>PASID IOTLB, page, IH=0 / IH=1</td><td>-</td><td>-</td><td>kept</td><td>domain, PASID and overlap</td>
 * <td>domain, PASID and overlap / kept</td><td>kept</td></tr>
 * </table>
 *
 * Results are looked up by the domain id and the PASID that the PASID cache says, and by the kind of table; for a request
 * without PASID that is RID_PASID. Host permissions are not among the table's:
 * only their own invalidation drops them.
 */
class ScalableCaches {
    /** Attribute of a result: permission to read of the second stage. It and the next are those of {@link
     * org.iommu4j.backend.DmaAccess}. */
    static final int READ = 1;

    /** Attribute of a result: permission to write of the second stage. */
    static final int WRITE = 2;

    /** Attribute of a first-stage result: user requests are permitted. */
    static final int USER = 4;

    /** Attribute of a first-stage result: permission to write of the first stage. */
    static final int FIRST_STAGE_WRITE = 8;

    /** Attribute of a result: the dirty flags of its leaves are set, as far as they have any. */
    static final int DIRTY = 16;

    /** Attribute of a result: it holds a fault (caching mode), its value is the fault code. */
    static final int FAULTING = 32;

    /** Attribute of a result: addresses go on as they are. */
    static final int PASS_THROUGH = 64;

    private static final int DEFAULT_IOTLB = 1 << 16;
    private static final int DEFAULT_PAGING_STRUCTURE = 1 << 13;
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int PAGE_SHIFT = 12;

    final ScalableContexts contexts;

    /** Results of first-stage tables, and of both stages. */
    final TranslationCache firstStage;

    /** Results of second-stage tables, and pass-through. */
    final TranslationCache secondStage;

    /** First-stage tables by the range that the entry pointing to them covers; attributes are the permissions. */
    final TranslationCache firstStageTables;

    /** Second-stage tables likewise; without PASID. */
    final TranslationCache secondStageTables;

    final HostPermissionCache permissions;

    /** Highest level whose entries are kept in the two caches of tables, see {@link TranslationCaches#highestTableLevel}. */
    final int highestTableLevel;

    ScalableCaches(CacheConfig config, VtdCapabilities unit) {
        contexts = new ScalableContexts(config, unit);
        firstStage = TranslationCache.of(config, DEFAULT_IOTLB);
        secondStage = TranslationCache.of(config, DEFAULT_IOTLB);
        firstStageTables = TranslationCache.of(config, DEFAULT_PAGING_STRUCTURE);
        secondStageTables = TranslationCache.of(config, DEFAULT_PAGING_STRUCTURE);
        permissions = new HostPermissionCache(config);
        highestTableLevel =
                firstStageTables.capacity() == 0 ? 0 : config == CacheConfig.DEFAULT ? 2 : Agaw.levels(Agaw.MAX_AW);
    }

    /** Context-cache invalidation, global and domain-selective. */
    int invalidateContexts() {
        return contexts.invalidateContexts();
    }

    /** Context-cache invalidation, device-selective. */
    int invalidateContextOfDevice(int sourceId, int functionMask) {
        return contexts.invalidateContextOfDevice(sourceId, functionMask);
    }

    /** PASID-cache invalidation. */
    int invalidatePasids(int granularity, int domain, int pasid) {
        return contexts.invalidatePasids(granularity, domain, pasid);
    }

    /** IOTLB invalidation, global. */
    int invalidateTranslations() {
        return firstStage.invalidateAll()
                + secondStage.invalidateAll()
                + firstStageTables.invalidateAll()
                + secondStageTables.invalidateAll();
    }

    /** IOTLB invalidation, domain-selective. */
    int invalidateDomain(int domain) {
        return firstStage.invalidateDomain(domain)
                + secondStage.invalidateDomain(domain)
                + firstStageTables.invalidateDomain(domain)
                + secondStageTables.invalidateDomain(domain);
    }

    /**
     * IOTLB invalidation, page-selective: where a first stage uses the pages is not known, so all of it goes.
     *
     * @param iova any address of the aligned block
     * @param addressMask the block has 2^addressMask pages of 4 KiB
     * @param leafOnly true to keep second-stage tables
     */
    int invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
        int shift = PAGE_SHIFT + addressMask;
        long inBlock = shift < Long.SIZE ? (1L << shift) - 1 : -1L;
        int dropped = firstStage.invalidateDomain(domain) + firstStageTables.invalidateDomain(domain);
        dropped += secondStage.invalidateRangeAnyPasid(domain, iova & ~inBlock, iova | inBlock);
        return leafOnly ? dropped : dropped + secondStageTables.invalidateBlock(domain, NO_PASID, iova, shift);
    }

    /** PASID-based IOTLB invalidation, {@link PasidIotlbInvalidate#ONE_PASID}. */
    int invalidatePasid(int domain, int pasid) {
        return firstStage.invalidateSpace(domain, pasid)
                + secondStage.invalidateSpace(domain, pasid)
                + firstStageTables.invalidateSpace(domain, pasid);
    }

    /** PASID-based IOTLB invalidation, {@link PasidIotlbInvalidate#PAGE}; parameters as {@link #invalidatePages}. */
    int invalidatePasidPages(int domain, int pasid, long iova, int addressMask, boolean leafOnly) {
        int shift = PAGE_SHIFT + addressMask;
        int dropped = firstStage.invalidateBlock(domain, pasid, iova, shift);
        return leafOnly ? dropped : dropped + firstStageTables.invalidateBlock(domain, pasid, iova, shift);
    }

    void visit(CacheVisitor visitor) {
        visitResults(firstStage, visitor);
        visitResults(secondStage, visitor);
        contexts.visit(visitor);
        visitTables(firstStageTables, visitor);
        visitTables(secondStageTables, visitor);
        permissions.visit(visitor);
    }

    private static void visitResults(TranslationCache cache, CacheVisitor visitor) {
        cache.visit((domain, pasid, iova, pageShift, value, attributes) -> {
            if ((attributes & FAULTING) == 0) {
                visitor.entry("iotlb", domain, pasid, iova, 1L << pageShift, value);
            }
        });
    }

    private static void visitTables(TranslationCache cache, CacheVisitor visitor) {
        cache.visit((domain, pasid, iova, pageShift, value, attributes) ->
                visitor.entry("paging-structure", domain, pasid, iova, 1L << pageShift, value));
    }
}
