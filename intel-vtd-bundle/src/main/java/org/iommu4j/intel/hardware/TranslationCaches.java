package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.front.CommandEffects;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Everything that a unit caches in legacy mode, VT-d 6.2, and what each invalidation drops; beside it stands what it caches in
 * scalable mode, {@link ScalableCaches}, if it has that:
 *
 * <table>
 * <caption>Removal</caption>
 * <tr><th>command</th><th>context cache</th><th>IOTLB</th><th>paging-structure caches</th><th>device TLB</th></tr>
 * <tr><td>context, global / domain / device</td><td>all / domain / device and domain</td><td>-</td><td>-</td><td>-</td></tr>
 * <tr><td>IOTLB, global / domain</td><td>-</td><td>all / domain</td><td>all / domain</td><td>-</td></tr>
 * <tr><td>IOTLB, page, IH=0</td><td>-</td><td>domain and overlap</td><td>domain and overlap</td><td>-</td></tr>
 * <tr><td>IOTLB, page, IH=1</td><td>-</td><td>domain and overlap</td><td>kept</td><td>-</td></tr>
 * <tr><td>device TLB</td><td>-</td><td>-</td><td>-</td><td>device and overlap, with PASID too</td></tr>
 * <tr><td>PASID device TLB</td><td>-</td><td>-</td><td>-</td><td>device, PASID or any PASID, and overlap</td></tr>
 * <tr><td>SRTP with ESRTPS, TE 1 to 0</td><td>all</td><td>all</td><td>all</td><td>-</td></tr>
 * </table>
 */
class TranslationCaches {
    /** Attribute of an IOTLB entry: it holds a fault (caching mode), its value is the fault code. */
    static final int FAULTING = 4;

    private static final int DEFAULT_IOTLB = 1 << 16;
    private static final int DEFAULT_PAGING_STRUCTURE = 1 << 13;
    private static final int DEFAULT_DEVICE_TLB = 1 << 12;
    static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int PAGE_SHIFT = 12;

    final ContextCache context;
    final TranslationCache iotlb;

    /** Tables by the range that the entry pointing to them covers; the value is the table, attributes the permissions. */
    final TranslationCache pagingStructure;

    /**
     * Highest level whose entries are kept in {@link #pagingStructure}: level 2 by default, where a hit saves all reads but
     * one, and every level where the architecture is to be exhausted.
     */
    final int highestTableLevel;

    /** The device TLBs: answers to translation requests, with and without PASID; the domain is the source id. */
    final TranslationCache deviceTlb;

    /** The caches of scalable mode; null if the unit does not have that. */
    ScalableCaches scalable;

    private long dropped;

    TranslationCaches(CacheConfig config, TableWalker walker) {
        context = new ContextCache(config, walker);
        iotlb = TranslationCache.of(config, DEFAULT_IOTLB);
        pagingStructure = TranslationCache.of(config, DEFAULT_PAGING_STRUCTURE);
        deviceTlb = TranslationCache.of(config, DEFAULT_DEVICE_TLB);
        highestTableLevel = config == CacheConfig.DEFAULT ? 2 : Agaw.levels(Agaw.MAX_AW);
    }

    /** Entries dropped since the unit was made. */
    long dropped() {
        return dropped;
    }

    /** Drops everything but what devices hold. */
    void invalidateAll() {
        invalidateContexts();
        invalidateTranslations();
        if (scalable != null) {
            dropped += scalable.invalidatePasids(PasidCacheInvalidate.GLOBAL, 0, 0);
            dropped += scalable.permissions.invalidateAll();
        }
    }

    /**
     * Host-permission cache invalidation, of a unit with scalable mode; parameters as {@link HostPermissionCache#invalidate} has
     * them.
     */
    void invalidatePermissions(int granularity, int domain, long address, int addressMask, int hint) {
        dropped += scalable.permissions.invalidate(granularity, domain, address, addressMask, hint);
    }

    /**
     * PASID-cache invalidation, of a unit with scalable mode.
     *
     * @param granularity {@link PasidCacheInvalidate#G}
     */
    void invalidatePasids(int granularity, int domain, int pasid) {
        dropped += scalable.invalidatePasids(granularity, domain, pasid);
    }

    /** PASID-based IOTLB invalidation of one PASID, of a unit with scalable mode. */
    void invalidatePasid(int domain, int pasid) {
        dropped += scalable.invalidatePasid(domain, pasid);
    }

    /** PASID-based IOTLB invalidation of pages, of a unit with scalable mode; parameters as {@link #invalidatePages}. */
    void invalidatePasidPages(int domain, int pasid, long iova, int addressMask, boolean leafOnly) {
        dropped += scalable.invalidatePasidPages(domain, pasid, iova, addressMask, leafOnly);
    }

    /** Context-cache invalidation, global. */
    void invalidateContexts() {
        dropped += context.invalidateAll();
        if (scalable != null) {
            dropped += scalable.invalidateContexts();
        }
    }

    /** Context-cache invalidation, domain-selective. */
    void invalidateContextsOfDomain(int domain) {
        dropped += context.invalidateDomain(domain);
        if (scalable != null) {
            dropped += scalable.invalidateContexts();
        }
    }

    /** Context-cache invalidation, device-selective. */
    void invalidateContextOfDevice(int sourceId, int functionMask, int domain) {
        dropped += context.invalidateDevice(sourceId, functionMask, domain);
        if (scalable != null) {
            dropped += scalable.invalidateContextOfDevice(sourceId, functionMask);
        }
    }

    /** IOTLB invalidation, global. */
    void invalidateTranslations() {
        dropped += iotlb.invalidateAll() + pagingStructure.invalidateAll();
        if (scalable != null) {
            dropped += scalable.invalidateTranslations();
        }
    }

    /** IOTLB invalidation, domain-selective. */
    void invalidateDomain(int domain) {
        dropped += iotlb.invalidateDomain(domain) + pagingStructure.invalidateDomain(domain);
        if (scalable != null) {
            dropped += scalable.invalidateDomain(domain);
        }
    }

    /**
     * IOTLB invalidation, page-selective.
     *
     * @param iova any address of the aligned block
     * @param addressMask the block has 2^addressMask pages of 4 KiB
     * @param leafOnly true to keep the paging-structure caches
     */
    void invalidatePages(int domain, long iova, int addressMask, boolean leafOnly) {
        if (scalable != null) {
            dropped += scalable.invalidatePages(domain, iova, addressMask, leafOnly);
        }
        if (addressMask == 0) {
            dropped += iotlb.invalidatePage(domain, NO_PASID, iova);
            if (!leafOnly) {
                dropped += pagingStructure.invalidatePage(domain, NO_PASID, iova);
            }
            return;
        }
        dropped += iotlb.invalidateBlock(domain, NO_PASID, iova, PAGE_SHIFT + addressMask);
        if (!leafOnly) {
            dropped += pagingStructure.invalidateBlock(domain, NO_PASID, iova, PAGE_SHIFT + addressMask);
        }
    }

    /**
     * Device-TLB invalidation: a device drops what it holds in the range with a PASID, too, as PCIe has it.
     *
     * @param range second word of the descriptor: address and size
     */
    void invalidateDevice(int sourceId, long range) {
        dropped += DeviceTlbInvalidate.isAll(range)
                ? deviceTlb.invalidateDomain(sourceId)
                : deviceTlb.invalidateRangeAnyPasid(sourceId, first(range), last(range));
    }

    /**
     * PASID-based device-TLB invalidation.
     *
     * @param pasid the PASID, or {@link CommandEffects#EVERY_PASID}
     * @param range address and size, as {@link #invalidateDevice} has them
     */
    void invalidateDevicePasid(int sourceId, int pasid, long range) {
        dropped += pasid == CommandEffects.EVERY_PASID
                ? deviceTlb.invalidateRangeOfPasids(sourceId, first(range), last(range))
                : deviceTlb.invalidateRange(sourceId, pasid, first(range), last(range));
    }

    private static long first(long range) {
        return DeviceTlbInvalidate.firstAddress(range);
    }

    private static long last(long range) {
        return DeviceTlbInvalidate.isAll(range)
                ? -1L
                : first(range) + (1L << (PAGE_SHIFT + DeviceTlbInvalidate.pagesShift(range))) - 1;
    }

    void visit(CacheVisitor visitor) {
        if (scalable != null) {
            scalable.visit(visitor);
        }
        iotlb.visit((domain, pasid, iova, pageShift, value, attributes) -> {
            if ((attributes & FAULTING) == 0) {
                visitor.entry("iotlb", domain, pasid, iova, 1L << pageShift, value);
            }
        });
        context.visit(entry -> {
            if (context.isValid(entry)) {
                visitor.entry("context", context.sourceId(entry), NO_PASID, 0, 0, context.table(entry));
            }
        });
        pagingStructure.visit((domain, pasid, iova, pageShift, value, attributes) ->
                visitor.entry("paging-structure", domain, pasid, iova, 1L << pageShift, value));
        deviceTlb.visit((sourceId, pasid, iova, pageShift, value, attributes) ->
                visitor.entry("device-tlb", sourceId, pasid, iova, 1L << pageShift, value));
    }
}
