package org.iommu4j.amd.hardware;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceEntryCheck;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.config.SettingValues;

/**
 * Everything that a unit caches, and what each command removes, 48882 2.4:
 *
 * <table>
 * <caption>Removal</caption>
 * <tr><th>command</th><th>device entries</th><th>GCR3</th><th>host pages</th><th>guest pages</th><th>host directories</th>
 * <th>guest directories</th><th>device TLB</th></tr>
 * <tr><td>2</td><td>the device's</td><td>-</td><td>-</td><td>-</td><td>-</td><td>-</td><td>-</td></tr>
 * <tr><td>3, GN=0, PDE=0</td><td>-</td><td>domain</td><td>domain, overlap</td><td>domain</td><td>-</td><td>domain</td>
 * <td>-</td></tr>
 * <tr><td>3, GN=0, PDE=1</td><td>-</td><td>domain</td><td>domain, overlap</td><td>domain</td><td>domain, overlap</td>
 * <td>domain</td><td>-</td></tr>
 * <tr><td>3, GN=1, PDE=0</td><td>-</td><td>-</td><td>-</td><td>PASID, overlap</td><td>-</td><td>-</td><td>-</td></tr>
 * <tr><td>3, GN=1, PDE=1</td><td>-</td><td>PASID if all</td><td>-</td><td>PASID, overlap</td><td>-</td>
 * <td>PASID, overlap</td><td>-</td></tr>
 * <tr><td>4</td><td>-</td><td>-</td><td>-</td><td>-</td><td>-</td><td>-</td><td>device, overlap</td></tr>
 * <tr><td>8</td><td>all</td><td>all</td><td>all</td><td>all</td><td>all</td><td>all</td><td>-</td></tr>
 * </table>
 *
 * The guest entries of a domain go with GN=0, whatever the range, since those made while nested hold host translations and their
 * guest virtual addresses are unknown; {@link AmdViSettings#GN0} says how far a unit goes.
 */
class TranslationCaches {
    /** A request or entry without PASID: of the host tables. */
    static final int NO_PASID = TranslationCache.NO_PASID;

    /** Attribute of a page: there is none, NpCache. Rights of host and guest stand in the low bits. */
    static final int ABSENT = 64;

    /** Attribute of a page: its dirty bit is set, as for a write. */
    static final int DIRTY = 128;

    /** Attribute of a guest entry: it was made while nested. */
    static final int NESTED = 256;

    /** Attribute of a page or a directory of host tables: its accessed bit and those above it are set. */
    static final int ACCESSED = 512;

    /** Attributes of a directory: the level of the table that it leads to, above its rights. */
    private static final int LEVEL_SHIFT = 12;

    private static final int DEFAULT_PAGES = 1 << 16;
    private static final int DEFAULT_DIRECTORIES = 1 << 13;
    private static final int DEFAULT_GCR3 = 1 << 10;
    private static final int DEFAULT_DEVICE_TLB = 1 << 12;

    /** Values of {@link AmdViSettings#GN0}. */
    private static final int GN0_ALL = 0;

    private static final int GN0_NESTED = 1;

    final DeviceCache devices;

    /** Pages of host tables without PASID, of guest tables with it; the value is the page, attributes the rights. */
    final TranslationCache pages;

    /** Tables by what the directory entry that leads to them covers; the value is the table. */
    final TranslationCache directories;

    /** Guest tables by domain and PASID, at address 0; the value is the table. */
    final TranslationCache gcr3;

    /** Translations that devices got by request; the domain is the DeviceID. */
    final TranslationCache deviceTlb;

    /** True if directories are kept at all. */
    final boolean keepsDirectories;

    /** True if directories of every level are kept: the lowest alone saves all reads but one. */
    final boolean keepsAllDirectories;

    private final int guestEntriesOfHostCommand;
    private final boolean untaggedOnly;
    private long dropped;

    TranslationCaches(CacheConfig config, SettingValues chosen) {
        devices = new DeviceCache(config, DeviceEntryCheck.of(chosen));
        pages = TranslationCache.of(config, DEFAULT_PAGES);
        directories = TranslationCache.of(config, DEFAULT_DIRECTORIES);
        gcr3 = TranslationCache.of(config, DEFAULT_GCR3);
        deviceTlb = TranslationCache.of(config, DEFAULT_DEVICE_TLB);
        keepsDirectories = directories.capacity() > 0;
        keepsAllDirectories = config != CacheConfig.DEFAULT;
        guestEntriesOfHostCommand = chosen.getInt(AmdViSettings.GN0);
        untaggedOnly = chosen.isSet(AmdViSettings.ATC_ALL);
    }

    /** Attributes of a directory. */
    static int directory(int rights, int nextLevel) {
        return rights | nextLevel << LEVEL_SHIFT;
    }

    /** Level of the table that a directory leads to. */
    static int nextLevel(int attributes) {
        return attributes >>> LEVEL_SHIFT;
    }

    /** Rights that a directory grants. */
    static int rights(int attributes) {
        return attributes & (1 << LEVEL_SHIFT) - 1;
    }

    /**
     * Finds the lowest directory that covers an address, or {@link TranslationCache#MISS}. One that skips levels covers only
     * addresses whose bits of these levels are 0.
     */
    int directoryOf(int domain, int pasid, long address) {
        int found = directories.lookup(domain, pasid, address);
        if (found == TranslationCache.MISS) {
            return found;
        }
        long inEntry = address & (1L << directories.pageShift(found)) - 1;
        return TableLevel.covers(nextLevel(directories.attributes(found)), inEntry) ? found : TranslationCache.MISS;
    }

    /** False for a page of which a bit has to be set first, {@link #ACCESSED} or {@link #DIRTY}: that needs a walk. */
    static boolean isMarked(int attributes, int bits) {
        return (bits & ~attributes) == 0 || (attributes & ABSENT) != 0;
    }

    /**
     * NpCache: keeps that nothing is there, as far as the entry of a level reaches.
     *
     * @param nested {@link #NESTED} for a guest entry that was made while nested, else 0
     */
    void keepAbsent(int domain, int pasid, long address, int level, int nested) {
        int shift = TableLevel.shift(level);
        pages.insert(domain, pasid, address & -1L << shift, shift, 0, ABSENT | nested);
    }

    /** Entries dropped since the unit was made. */
    long dropped() {
        return dropped;
    }

    /** INVALIDATE_IOMMU_ALL: everything but what devices hold. */
    void invalidateAll() {
        dropped += devices.invalidateAll() + pages.invalidateAll() + directories.invalidateAll() + gcr3.invalidateAll();
    }

    /** INVALIDATE_DEVTAB_ENTRY. */
    void invalidateDevice(int deviceId) {
        dropped += devices.invalidate(deviceId);
    }

    /** INVALIDATE_IOMMU_PAGES, GN=0. */
    void invalidateHostPages(int domain, long base, int shift, boolean withDirectories) {
        invalidateOfHost(domain, base, shift, withDirectories);
        if (guestEntriesOfHostCommand == GN0_ALL) {
            dropped += pages.invalidatePasids(domain)
                    + directories.invalidatePasids(domain)
                    + gcr3.invalidatePasids(domain);
        } else if (guestEntriesOfHostCommand == GN0_NESTED) {
            dropped += dropNested(pages, domain) + dropNested(directories, domain) + dropNested(gcr3, domain);
        }
    }

    /** Drops pages and directories of host tables, and nothing of guest tables. */
    void invalidateOfHost(int domain, long base, int shift, boolean withDirectories) {
        dropped += drop(pages, domain, NO_PASID, base, shift);
        if (withDirectories) {
            dropped += drop(directories, domain, NO_PASID, base, shift);
        }
    }

    /** INVALIDATE_IOMMU_PAGES, GN=1. */
    void invalidateGuestPages(int domain, int pasid, long base, int shift, boolean withDirectories) {
        dropped += drop(pages, domain, pasid, base, shift);
        if (withDirectories) {
            dropped += drop(directories, domain, pasid, base, shift);
            if (shift == SizeEncoding.ALL) {
                dropped += gcr3.invalidateSpace(domain, pasid);
            }
        }
    }

    /** PREFETCH_IOMMU_PAGES with Inval: pages only. */
    void invalidatePrefetched(int domain, int pasid, long base, int shift) {
        dropped += drop(pages, domain, pasid, base, shift);
    }

    /**
     * INVALIDATE_IOTLB_PAGES. A request without prefix reaches entries with PASID, too; one for PASID 0 also those without, which
     * a device of GIOV holds.
     */
    void invalidateDeviceTlb(int deviceId, int pasid, long base, int shift) {
        if (pasid == NO_PASID && !untaggedOnly) {
            dropped += shift == SizeEncoding.ALL
                    ? deviceTlb.invalidateDomain(deviceId)
                    : deviceTlb.invalidateRangeAnyPasid(deviceId, base, base + (1L << shift) - 1);
            return;
        }
        dropped += drop(deviceTlb, deviceId, pasid, base, shift);
        if (pasid == 0) {
            dropped += drop(deviceTlb, deviceId, NO_PASID, base, shift);
        }
    }

    void visit(CacheVisitor visitor) {
        pages.visit((domain, pasid, iova, pageShift, value, attributes) -> {
            if ((attributes & ABSENT) == 0) {
                visitor.entry("iotlb", domain, pasid, iova, 1L << pageShift, value);
            }
        });
        devices.visit(entry ->
                visitor.entry("device-table", devices.deviceId(entry), NO_PASID, 0, 0, devices.hostRoot(entry)));
        gcr3.visit((domain, pasid, iova, pageShift, value, attributes) ->
                visitor.entry("gcr3", domain, pasid, 0, 0, value));
        directories.visit((domain, pasid, iova, pageShift, value, attributes) ->
                visitor.entry("page-directory", domain, pasid, iova, 1L << pageShift, value));
        deviceTlb.visit((deviceId, pasid, iova, pageShift, value, attributes) ->
                visitor.entry("device-tlb", deviceId, pasid, iova, 1L << pageShift, value));
    }

    private static int drop(TranslationCache cache, int tag, int pasid, long base, int shift) {
        if (shift == SizeEncoding.PAGE_SHIFT) {
            return cache.invalidatePage(tag, pasid, base);
        }
        return shift == SizeEncoding.ALL
                ? cache.invalidateSpace(tag, pasid)
                : cache.invalidateBlock(tag, pasid, base, shift);
    }

    /** A choice of few units: it looks at every entry. */
    private static int dropNested(TranslationCache cache, int ofDomain) {
        List<long[]> nested = new ArrayList<>();
        cache.visit((domain, pasid, iova, pageShift, value, attributes) -> {
            if (domain == ofDomain && pasid != NO_PASID && (attributes & NESTED) != 0) {
                nested.add(new long[] {pasid, iova, pageShift});
            }
        });
        for (long[] entry : nested) {
            long last = entry[1] + (1L << entry[2]) - 1;
            cache.invalidateRange(ofDomain, (int) entry[0], entry[1], last, 1L << entry[2]);
        }
        return nested.size();
    }
}
