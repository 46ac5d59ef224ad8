package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.front.EventRecorder;
import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.HostWalker;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.simulation.cache.TranslationCache;

/** Accesses through host tables, 48882 2.2.3: the page cache, the directory cache, then the table. Allocates nothing. */
final class HostTranslation {
    private static final int NO_PASID = TranslationCaches.NO_PASID;
    private static final int MISS = TranslationCache.MISS;
    private static final int RIGHTS = HostWalker.RIGHTS;
    private static final int PAGE_SHIFT = 12;
    private static final int DENIED = 0;

    private final TranslationCaches caches;
    private final DeviceEntry entry;
    private final HostWalker hostWalker;
    private final boolean cachesAbsent;
    private final AccessWatch watch;
    private final AccessAnswers answers;

    HostTranslation(
            TranslationCaches caches,
            HostWalker hostWalker,
            boolean cachesAbsent,
            AccessWatch watch,
            AccessAnswers answers) {
        this.caches = caches;
        this.hostWalker = hostWalker;
        this.cachesAbsent = cachesAbsent;
        this.watch = watch;
        this.answers = answers;
        entry = caches.devices.entry();
    }

    /** Step 13 of {@link DmaRemapper}: no table, or a host table, caches first. */
    void translate(DmaAccess access, int needed) {
        long address = access.iova();
        if (entry.mode() == 0) {
            answers.succeed(access, NO_PASID, address & -1L << PAGE_SHIFT, PAGE_SHIFT, entry.rights(), false, false);
            return;
        }
        if (!TableLevel.covers(entry.mode(), address)) {
            answers.pageFault(access, 0);
            return;
        }
        int domain = entry.domain();
        TranslationCache pages = caches.pages;
        int cached = pages.lookup(domain, NO_PASID, address);
        if (cached == MISS || !TranslationCaches.isMarked(pages.attributes(cached), marks(needed))) {
            walkHost(access, domain, needed);
            return;
        }
        answers.countHit();
        watch.pageHit(pages, cached);
        int attributes = pages.attributes(cached);
        if ((attributes & TranslationCaches.ABSENT) != 0) {
            answers.pageFault(access, 0);
        } else if ((GuestWalker.hostRights(needed) & ~attributes) != 0) {
            answers.pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
        } else {
            answers.succeed(
                    access,
                    NO_PASID,
                    pages.value(cached),
                    pages.pageShift(cached),
                    attributes & entry.rights(),
                    true,
                    true);
        }
    }

    private void walkHost(DmaAccess access, int domain, int needed) {
        answers.countWalk();
        long address = access.iova();
        TranslationCache directories = caches.directories;
        int accessed = entry.setsAccessed() ? TranslationCaches.ACCESSED : 0;
        int cached = caches.directoryOf(domain, NO_PASID, address);
        if (cached != MISS && !TranslationCaches.isMarked(directories.attributes(cached), accessed)) {
            cached = MISS;
        }
        watch.pageMissed(entry, NO_PASID, address, directories, cached);
        long table = entry.hostRoot();
        int level = entry.mode();
        // Other devices of the domain use what is kept: the rights of this one's entry are not in it.
        int granted = RIGHTS;
        int hostNeeded = GuestWalker.hostRights(needed);
        if (cached != MISS) {
            int attributes = directories.attributes(cached);
            table = directories.value(cached);
            level = TranslationCaches.nextLevel(attributes);
            granted = TranslationCaches.rights(attributes) & RIGHTS;
            if ((hostNeeded & ~granted) != 0) {
                answers.pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
                return;
            }
        }
        HostWalker.Result result = hostWalker.walk(
                entry.isOfHost(), table, level, granted, address, hostNeeded, watch.reading(access.listener()));
        boolean found = result == HostWalker.Result.FOUND;
        int rights = hostWalker.rights() & entry.rights();
        boolean dirty = accessed != 0 && entry.setsDirty() && (writes(needed) || (needed == DENIED && writes(rights)));
        if (found && accessed != 0) {
            result = hostWalker.mark(dirty);
            found = result == HostWalker.Result.FOUND;
        }
        // A directory that is kept has its accessed bit: with them it counts only if the whole walk has.
        if (caches.keepsDirectories && (found || accessed == 0)) {
            keepDirectories(domain, address, accessed);
        }
        boolean keepsAbsent = cachesAbsent && hostWalker.isAbsent();
        watch.walked(domain, address, hostWalker, found || keepsAbsent, found ? hostWalker.pageAddress() : 0);
        switch (result) {
            case FOUND -> {
                int shift = hostWalker.pageShift();
                int attributes = hostWalker.rights() | accessed | (dirty ? TranslationCaches.DIRTY : 0);
                caches.pages.insert(
                        domain, NO_PASID, address & -1L << shift, shift, hostWalker.pageAddress(), attributes);
                answers.succeed(access, NO_PASID, hostWalker.pageAddress(), shift, rights, true, false);
            }
            case FAULT -> {
                if (keepsAbsent) {
                    caches.keepAbsent(domain, NO_PASID, address, hostWalker.level(), 0);
                }
                answers.pageFault(access, hostWalker.flags());
            }
            default -> answers.tableError(access, domain, EventRecorder.NO_PASID, hostWalker.entryAddress());
        }
    }

    private void keepDirectories(int domain, long address, int accessed) {
        for (int level = hostWalker.level() + 1; level <= hostWalker.topLevel(); level++) {
            if (hostWalker.nextTable(level) == HostWalker.NOWHERE) {
                continue;
            }
            caches.directories.insert(
                    domain,
                    NO_PASID,
                    address,
                    TableLevel.shift(level),
                    hostWalker.nextTable(level),
                    TranslationCaches.directory(hostWalker.rightsAt(level) | accessed, hostWalker.nextLevel(level)));
            if (!caches.keepsAllDirectories) {
                return;
            }
        }
    }

    /** Marks that a cached entry must have for a request: a translation request may be answered with writes. */
    private int marks(int needed) {
        if (!entry.setsAccessed()) {
            return 0;
        }
        boolean dirty = entry.setsDirty() && (writes(needed) || needed == DENIED);
        return TranslationCaches.ACCESSED | (dirty ? TranslationCaches.DIRTY : 0);
    }

    private static boolean writes(int rights) {
        return (rights & DmaAccess.WRITE) != 0;
    }
}
