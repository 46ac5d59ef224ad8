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
final class ObservedAccess implements AccessWatch {
    private static final int NO_PASID = TranslationCaches.NO_PASID;

    private final TranslationObserver observer;

    ObservedAccess(TranslationObserver observer) {
        this.observer = observer;
    }

    @Override
    public WalkListener reading(WalkListener listener) {
        return observer.reading(listener, EntryFormats::of);
    }

    @Override
    public void presented(int deviceId, int pasid, long address) {
        observer.presented(deviceId, pasid, address);
    }

    @Override
    public void deviceMissed(int deviceId) {
        observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, deviceId);
    }

    @Override
    public void deviceFilled(DeviceEntry entry, int deviceId) {
        observer.filled(
                CachedKind.CONTEXT, entry.domain(), NO_PASID, deviceId, 1, root(entry), TranslationObserver.ALL);
    }

    /** Where an entry leads. One that leads to two tables is known by a number made of both. */
    private static long root(DeviceEntry entry) {
        return entry.hasGuest() ? entry.hostRoot() ^ Long.rotateLeft(entry.gcr3Root(), 1) : entry.hostRoot();
    }

    @Override
    public void deviceHit(DeviceEntry entry, int deviceId) {
        observer.hit(CachedKind.CONTEXT, entry.domain(), NO_PASID, deviceId, 1);
    }

    @Override
    public void pageHit(TranslationCache pages, int entry) {
        observer.hit(
                CachedKind.TRANSLATION,
                tag(pages, entry),
                pages.pasid(entry),
                pages.iova(entry),
                1L << pages.pageShift(entry));
    }

    @Override
    public void pageMissed(DeviceEntry device, int pasid, long address, TranslationCache directories, int cached) {
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

    @Override
    public void gcr3Looked(DeviceEntry device, int pasid, boolean found) {
        long tag = ObservedTags.ofGcr3(device.domain(), device.mode() != 0);
        if (found) {
            observer.hit(CachedKind.PAGING_STRUCTURE, tag, pasid, 0, 1);
        } else {
            observer.missed(CachedKind.PAGING_STRUCTURE, tag, pasid, 0);
        }
    }

    @Override
    public void walked(int domain, long address, HostWalker walker, boolean kept, long target) {
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

    @Override
    public void guestWalked(
            DeviceEntry device, int pasid, long address, GuestWalker walker, boolean kept, long target) {
        if (!kept) {
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
                    walker.readsOfGcr3());
        }
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            filled(
                    CachedKind.PAGING_STRUCTURE,
                    tag,
                    pasid,
                    address,
                    TableLevel.shift(level),
                    walker.table(level - 1),
                    walker.readsAt(level));
        }
        int shift = target == 0 ? TableLevel.shift(walker.level()) : walker.pageShift();
        filled(CachedKind.TRANSLATION, tag, pasid, address, shift, target, walker.reads());
    }

    @Override
    public void answered(int deviceId, int pasid, long address, int shift, long target) {
        observer.missed(CachedKind.DEVICE, deviceId, pasid, address);
        observer.filled(CachedKind.DEVICE, deviceId, pasid, address, 1L << shift, target, TranslationObserver.ALL);
    }

    private static long tag(DeviceEntry device, int pasid) {
        return ObservedTags.of(device.domain(), pasid, device.mode() != 0);
    }

    private static long tag(TranslationCache cache, int entry) {
        return ObservedTags.of(
                cache.domain(entry), cache.pasid(entry), (cache.attributes(entry) & TranslationCaches.NESTED) != 0);
    }

    private void filled(CachedKind kind, long tag, int pasid, long address, int shift, long target, int words) {
        observer.filled(kind, tag, pasid, address & -1L << shift, 1L << shift, target, words);
    }
}
