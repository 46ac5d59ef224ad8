package org.iommu4j.amd.hardware;

import org.iommu4j.amd.front.EventRecorder;
import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Accesses through guest tables, 48882 2.2.6 and 2.2.7: the page cache, the GCR3 and directory caches, then the tables, whose guest
 * physical addresses a host table translates. Allocates nothing.
 */
final class GuestTranslation {
    private static final int MISS = TranslationCache.MISS;
    private static final int PAGE_SHIFT = 12;
    private static final int DENIED = 0;

    private final TranslationCaches caches;
    private final DeviceEntry entry;
    private final GuestWalker guestWalker;
    private final boolean cachesAbsent;
    private final boolean nestedFaultsAsGuest;
    private final AccessWatch watch;
    private final AccessAnswers answers;

    /**
     * For one unit.
     *
     * @param nestedFaultsAsGuest true if a failure of the host part is reported with the guest virtual address
     */
    GuestTranslation(
            TranslationCaches caches,
            GuestWalker guestWalker,
            boolean cachesAbsent,
            boolean nestedFaultsAsGuest,
            AccessWatch watch,
            AccessAnswers answers) {
        this.caches = caches;
        this.guestWalker = guestWalker;
        this.cachesAbsent = cachesAbsent;
        this.nestedFaultsAsGuest = nestedFaultsAsGuest;
        this.watch = watch;
        this.answers = answers;
        entry = caches.devices.entry();
    }

    /**
     * Step 15 of {@link DmaRemapper}: guest tables, caches first.
     *
     * @param pasid whose tables; 0 for requests without one under GIOV
     * @param needed rights that the request asks for
     * @param user true for a user request
     */
    void translate(DmaAccess access, int pasid, int needed, boolean user) {
        long address = access.iova();
        int domain = entry.domain();
        TranslationCache pages = caches.pages;
        int cached = pages.lookup(domain, pasid, address);
        int marks = writes(needed) ? TranslationCaches.DIRTY : 0;
        if (cached == MISS || !TranslationCaches.isMarked(pages.attributes(cached), marks)) {
            walkGuest(access, domain, pasid, needed, user);
            return;
        }
        int attributes = pages.attributes(cached);
        boolean absent = (attributes & TranslationCaches.ABSENT) != 0;
        long denied = GuestWalker.denial(attributes, needed, user);
        if (!absent && denied == 0 && (GuestWalker.hostRights(needed) & ~attributes) != 0) {
            // The event of a host table names the guest physical address, which only a walk finds.
            walkGuest(access, domain, pasid, needed, user);
            return;
        }
        answers.countHit();
        watch.pageHit(pages, cached);
        if (absent) {
            answers.guestFault(access, pasid, user, 0);
        } else if (denied != 0) {
            answers.guestFault(access, pasid, user, denied);
        } else {
            answers.succeed(
                    access, pasid, pages.value(cached), pages.pageShift(cached), granted(attributes, user), true, true);
        }
    }

    private void walkGuest(DmaAccess access, int domain, int pasid, int needed, boolean user) {
        answers.countWalk();
        long address = access.iova();
        WalkListener listener = watch.reading(access.listener());
        int directory = caches.directoryOf(domain, pasid, address);
        watch.pageMissed(entry, pasid, address, caches.directories, directory);
        GuestWalker.Result result;
        if (directory != MISS) {
            int attributes = caches.directories.attributes(directory);
            result = guestWalker.walkFrom(
                    entry,
                    pasid,
                    caches.directories.value(directory),
                    TranslationCaches.nextLevel(attributes),
                    TranslationCaches.rights(attributes) & GuestWalker.GUEST_RIGHTS,
                    address,
                    needed,
                    user,
                    listener);
        } else {
            int root = caches.gcr3.lookup(domain, pasid, 0);
            watch.gcr3Looked(entry, pasid, caches.gcr3, root);
            result = root == MISS
                    ? guestWalker.walk(entry, pasid, address, needed, user, listener)
                    : guestWalker.walkFrom(
                            entry,
                            pasid,
                            caches.gcr3.value(root),
                            entry.guestLevels(),
                            GuestWalker.GUEST_RIGHTS,
                            address,
                            needed,
                            user,
                            listener);
        }
        boolean found = result == GuestWalker.Result.FOUND;
        int nested = entry.mode() == 0 ? 0 : TranslationCaches.NESTED;
        if (found) {
            keepGuestDirectories(domain, pasid, address, nested);
        }
        boolean keepsAbsent = cachesAbsent && guestWalker.isAbsent();
        watch.guestWalked(
                entry, pasid, address, guestWalker, found || keepsAbsent, found ? guestWalker.pageAddress() : 0);
        switch (result) {
            case FOUND -> {
                int shift = guestWalker.pageShift();
                int attributes = guestWalker.rights() | nested | (writes(needed) ? TranslationCaches.DIRTY : 0);
                caches.pages.insert(
                        domain, pasid, address & -1L << shift, shift, guestWalker.pageAddress(), attributes);
                answers.succeed(
                        access, pasid, guestWalker.pageAddress(), shift, granted(attributes, user), true, false);
            }
            case GUEST_FAULT -> {
                if (keepsAbsent) {
                    caches.keepAbsent(domain, pasid, address, guestWalker.level(), nested);
                }
                answers.guestFault(access, pasid, user, guestWalker.flags());
            }
            case HOST_FAULT -> {
                if (nestedFaultsAsGuest) {
                    answers.guestFault(access, pasid, user, guestWalker.flags());
                } else {
                    answers.hostFault(access, guestWalker.faultAddress(), guestWalker.flags());
                }
            }
            case HOST_UNREADABLE ->
                answers.tableError(access, domain, EventRecorder.NO_PASID, guestWalker.entryAddress());
            default -> answers.tableError(access, domain, pasid, guestWalker.entryAddress());
        }
    }

    private void keepGuestDirectories(int domain, int pasid, long address, int nested) {
        int top = guestWalker.topLevel();
        if (top == entry.guestLevels()) {
            caches.gcr3.insert(domain, pasid, 0, PAGE_SHIFT, guestWalker.table(top), nested);
        }
        for (int level = guestWalker.level() + 1; level <= top; level++) {
            caches.directories.insert(
                    domain,
                    pasid,
                    address,
                    TableLevel.shift(level),
                    guestWalker.table(level - 1),
                    TranslationCaches.directory(guestWalker.rightsAt(level) | nested, level - 1));
            if (!caches.keepsAllDirectories) {
                return;
            }
        }
    }

    /**
     * Rights that the entry, guest and host tables together grant a request: a user request needs the right of users for everything.
     */
    private int granted(int attributes, boolean user) {
        int rights = attributes & (entry.rights() | GuestWalker.GUEST_RIGHTS);
        if (user && (rights & GuestWalker.GUEST_USER) == 0) {
            return DENIED;
        }
        return (rights & DmaAccess.READ)
                | ((rights & GuestWalker.GUEST_WRITE) != 0 ? rights & DmaAccess.WRITE : 0)
                | ((rights & GuestWalker.GUEST_EXECUTE) != 0 && (rights & DmaAccess.READ) != 0 ? DmaAccess.EXECUTE : 0);
    }

    private static boolean writes(int rights) {
        return (rights & DmaAccess.WRITE) != 0;
    }
}
