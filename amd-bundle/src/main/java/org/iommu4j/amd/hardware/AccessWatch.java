package org.iommu4j.amd.hardware;

import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.EntryFormats;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.HostWalker;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;

/** Tells an observer what the architecture lets a unit keep, whatever this one has room for, and what it uses. */
final class AccessWatch {
    private static final int NO_PASID = TranslationCaches.NO_PASID;

    private final TranslationObserver observer;
    private final boolean observed;

    AccessWatch(TranslationObserver observer) {
        this.observer = observer;
        observed = observer != TranslationObserver.nobody();
    }

    /** Listener to the entries that a walk reads: the access's own, or one that also tells their layouts. */
    WalkListener reading(WalkListener listener) {
        return observer.reading(listener, EntryFormats::of);
    }

    /** A device presents an address that it has translated itself. */
    void presented(int deviceId, int pasid, long address) {
        observer.presented(deviceId, pasid, address);
    }

    /** No entry is cached for a device. */
    void deviceMissed(int deviceId) {
        observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, deviceId);
    }

    /** The selected entry was read for a device. */
    void deviceFilled(DeviceEntry entry, int deviceId) {
        observer.filled(
                CachedKind.CONTEXT, entry.domain(), NO_PASID, deviceId, 1, root(entry), TranslationObserver.ALL);
    }

    /** Target of an entry. One that leads to two tables is known by a number made of both. */
    private static long root(DeviceEntry entry) {
        return entry.hasGuest() ? entry.hostRoot() ^ Long.rotateLeft(entry.gcr3Root(), 1) : entry.hostRoot();
    }

    /** The selected entry came from the cache. */
    void deviceHit(DeviceEntry entry, int deviceId) {
        observer.hit(CachedKind.CONTEXT, entry.domain(), NO_PASID, deviceId, 1);
    }

    /** A page answers. */
    void pageHit(TranslationCache pages, int entry) {
        if (!observed) {
            return;
        }
        observer.hit(
                CachedKind.TRANSLATION,
                tag(pages, entry),
                pages.pasid(entry),
                pages.iova(entry),
                1L << pages.pageShift(entry));
    }

    /**
     * No page answers.
     *
     * @param cached the directory where the walk begins, or {@link TranslationCache#MISS}
     */
    void pageMissed(DeviceEntry device, int pasid, long address, TranslationCache directories, int cached) {
        if (!observed) {
            return;
        }
        long tag = tag(device, pasid);
        observer.missed(CachedKind.TRANSLATION, tag, pasid, address);
        if (cached == TranslationCache.MISS) {
            observer.missed(CachedKind.PAGING_STRUCTURE, tag, pasid, address);
        } else {
            observer.hit(
                    CachedKind.PAGING_STRUCTURE,
                    tag(directories, cached),
                    pasid,
                    directories.iova(cached),
                    1L << directories.pageShift(cached));
        }
    }

    /**
     * The GCR3 entry of a PASID is looked for.
     *
     * @param cached where it is cached, or {@link TranslationCache#MISS}
     */
    void gcr3Looked(DeviceEntry device, int pasid, TranslationCache gcr3, int cached) {
        if (!observed) {
            return;
        }
        if (cached == TranslationCache.MISS) {
            long tag = ObservedTags.ofGcr3(device.domain(), device.mode() != 0);
            observer.missed(CachedKind.PAGING_STRUCTURE, tag, pasid, 0);
        } else {
            observer.hit(
                    CachedKind.PAGING_STRUCTURE,
                    ObservedTags.ofGcr3(device.domain(), isNested(gcr3, cached)),
                    pasid,
                    0,
                    1);
        }
    }

    /**
     * A walk of a host table is over.
     *
     * @param kept true if a unit may keep what it found at its last level
     * @param target where the page is; 0 if it is absent
     */
    void walked(int domain, long address, HostWalker walker, boolean kept, long target) {
        if (!observed) {
            return;
        }
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            if (walker.nextTable(level) != HostWalker.NOWHERE) {
                filled(
                        CachedKind.PAGING_STRUCTURE,
                        domain,
                        NO_PASID,
                        address,
                        TableLevel.shift(level),
                        walker.nextTable(level),
                        walker.readsAt(level));
            }
        }
        if (kept) {
            int shift = target == 0 ? TableLevel.shift(walker.level()) : walker.pageShift();
            filled(CachedKind.TRANSLATION, domain, NO_PASID, address, shift, target, walker.reads());
        }
    }

    /** A walk of a guest table is over; as {@link #walked}. */
    void guestWalked(DeviceEntry device, int pasid, long address, GuestWalker walker, boolean kept, long target) {
        if (!observed || !kept) {
            return;
        }
        long tag = tag(device, pasid);
        if (walker.readsOfGcr3() > 0) {
            observer.filled(
                    CachedKind.PAGING_STRUCTURE,
                    ObservedTags.ofGcr3(device.domain(), device.mode() != 0),
                    pasid,
                    0,
                    1,
                    walker.table(walker.topLevel()),
                    walker.readsToTable(walker.topLevel()));
        }
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            filled(
                    CachedKind.PAGING_STRUCTURE,
                    tag,
                    pasid,
                    address,
                    TableLevel.shift(level),
                    walker.table(level - 1),
                    walker.readsToTable(level - 1));
        }
        int shift = target == 0 ? TableLevel.shift(walker.level()) : walker.pageShift();
        filled(CachedKind.TRANSLATION, tag, pasid, address, shift, target, walker.reads());
    }

    /** A device was given a translation of a page of 2^shift bytes. */
    void answered(int deviceId, int pasid, long address, int shift, long target) {
        observer.missed(CachedKind.DEVICE, deviceId, pasid, address);
        observer.filled(CachedKind.DEVICE, deviceId, pasid, address, 1L << shift, target, TranslationObserver.ALL);
    }

    private static long tag(DeviceEntry device, int pasid) {
        return ObservedTags.of(device.domain(), pasid, device.mode() != 0);
    }

    private static long tag(TranslationCache cache, int entry) {
        return ObservedTags.of(cache.domain(entry), cache.pasid(entry), isNested(cache, entry));
    }

    private static boolean isNested(TranslationCache cache, int entry) {
        return (cache.attributes(entry) & TranslationCaches.NESTED) != 0;
    }

    private void filled(CachedKind kind, long tag, int pasid, long address, int shift, long target, int words) {
        observer.filled(kind, tag, pasid, address & -1L << shift, 1L << shift, target, words);
    }
}
