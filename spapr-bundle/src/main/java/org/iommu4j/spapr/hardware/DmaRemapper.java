package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.simulation.cache.ObservedCache;
import org.iommu4j.spapr.command.FaultReason;
import org.iommu4j.spapr.front.DmaWindows;
import org.iommu4j.spapr.front.EndpointStates;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.TableWalker;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;
import org.iommu4j.spapr.table.Tve;

/**
 * Translates accesses of devices, docs/spec/spapr-tce.md 3.5. A requester with the top bit set is a LIOBN: the access
 * goes through that window. Any other is a requester id, which goes through its endpoint and the slot that bit 59
 * selects. Allocates nothing unless it faults.
 *
 * <p>There are no PASIDs and no translation requests here: such an access is an unsupported request, which is aborted.
 */
final class DmaRemapper {
    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;
    private static final int REQUESTER_BITS = 16;
    private static final int SPACE_SHIFT = 60;
    private static final long SPACE_MSI = 1;
    private static final long MSI32_FIRST = 0xffff_0000L;
    private static final long MSI32_LAST = 0xffff_ffffL;

    private final DmaWindows windows;
    private final Requesters requesters;
    private final EndpointStates states;
    private final TranslationValidation validation;
    private final TceCache cache;
    private final FaultRecorder faults;
    private final TableWalker ownTables;
    private final TableWalker guestTables;
    private final TableWalker clientTables;
    private final PhysicalMemory deviceMemory;
    private final boolean msi32;

    /** Is told of the words that walks read. */
    private final TranslationObserver observer;

    private final ObservedCache observed;

    private long hits;
    private long walks;
    private long refused;

    DmaRemapper(
            Platform machine,
            DmaWindows windows,
            Requesters requesters,
            EndpointStates states,
            TranslationValidation validation,
            TceCache cache,
            FaultRecorder faults,
            boolean msi32,
            TranslationObserver observer) {
        this.windows = windows;
        this.requesters = requesters;
        this.states = states;
        this.validation = validation;
        this.cache = cache;
        this.faults = faults;
        this.msi32 = msi32;
        this.observer = observer;
        observed = new ObservedCache(observer, CachedKind.TRANSLATION);
        ownTables = new TableWalker(machine.memory());
        guestTables = new TableWalker(machine.guestTables());
        deviceMemory = machine.deviceMemory();
        clientTables = new TableWalker(deviceMemory);
    }

    /** Reads the hypervisor's own tables, those of a virtual hypervisor, or a client's, which lead to neither of the others. */
    private TableWalker walker(TranslationValidation.Entry tve) {
        if (tve.isOwn()) {
            return ownTables;
        }
        return deviceMemory.contains(tve.table().root(), Tce.BYTES) ? clientTables : guestTables;
    }

    /** Accesses that the cache answered. */
    long hits() {
        return hits;
    }

    /** Accesses that walked a table. */
    long walks() {
        return walks;
    }

    /** Accesses that were refused. */
    long refused() {
        return refused;
    }

    /** Translates an access: 1. which endpoint, and 4. which of its slots. */
    void translate(DmaAccess access) {
        int requester = access.requester();
        if (requester < 0) {
            DmaWindow window = windows.of(requester);
            if (window != null) {
                translate(access, window.pe(), window.slot());
                return;
            }
        } else if (requester >>> REQUESTER_BITS == 0) {
            int pe = requesters.accessedBy(requester);
            if (pe != Requesters.NONE) {
                translate(access, pe, DmaWindow.slotOf(access.iova()));
                return;
            }
        }
        abort(access);
    }

    private void translate(DmaAccess access, int pe, int slot) {
        // 2. an endpoint that is stopped drops everything
        if (states.stopsDma(pe)
                || access.pasid() != DmaAccess.NO_PASID
                || access.addressType() != DmaAccess.AddressType.UNTRANSLATED) {
            abort(access);
            return;
        }
        // 3. messages, and other spaces than memory's
        long iova = access.iova();
        if (iova >>> SPACE_SHIFT != 0 || (msi32 && iova >= MSI32_FIRST && iova <= MSI32_LAST)) {
            notToMemory(access, pe);
            return;
        }
        // 4. and 5. the entry of the slot
        TranslationValidation.Entry tve = validation.of(pe, slot);
        TceTable table = tve.table();
        if (table == null) {
            withoutTable(access, pe, tve.word());
            return;
        }
        // 6. the extent
        long offset = iova - tve.base();
        if (table.contains(offset)) {
            translate(access, pe, tve, offset);
        } else {
            refuse(access, pe, FaultReason.TCE_EXTENT_ERROR);
        }
    }

    /** 3. messages are not translated; in the other spaces there is nothing. */
    private void notToMemory(DmaAccess access, int pe) {
        long iova = access.iova();
        long space = iova >>> SPACE_SHIFT;
        if (space == 0 || space == SPACE_MSI) {
            access.translated(iova, 0, access.rights(), false);
        } else {
            refuse(access, pe, FaultReason.ADDRESS_INVALID);
        }
    }

    /** 5. no table: the address passes untranslated, or there is no window. */
    private void withoutTable(DmaAccess access, int pe, long tve) {
        long iova = access.iova();
        if (!Tve.isBypass(tve)) {
            refuse(access, pe, FaultReason.NO_WINDOW);
        } else if (Tve.passes(tve, iova)) {
            access.translated(Tve.passed(iova), 0, RIGHTS, false);
        } else {
            refuse(access, pe, FaultReason.TCE_EXTENT_ERROR);
        }
    }

    private void translate(DmaAccess access, int pe, TranslationValidation.Entry tve, long offset) {
        long iova = access.iova();
        // 7. the cache
        int entry = cache.lookup(pe, iova);
        if (entry != TceCache.MISS) {
            hits++;
            int shift = cache.pageShift(entry);
            observed.hit(pe, iova, shift);
            finish(access, pe, cache.tce(entry), shift, true);
            return;
        }
        // 8. and 9. the table
        walks++;
        observed.missed(pe, iova);
        TceTable table = tve.table();
        TableWalker walker = walker(tve);
        int fault = walker.walk(table, offset, observer.reading(access.listener(), what -> Tce.LAYOUT));
        if (fault != TableWalker.OK) {
            refuse(access, pe, FaultReason.of(fault));
            return;
        }
        long tce = walker.tce();
        if (!Tce.isValid(tce)) {
            refuse(access, pe, FaultReason.TCE_PAGE_FAULT);
            return;
        }
        int shift = table.pageShift();
        cache.fill(pe, iova, shift, tce);
        observed.filled(pe, iova, shift, tce & -1L << shift);
        finish(access, pe, tce, shift, false);
    }

    /** 10. and 11.: permissions, then the real address, of a valid entry. */
    private void finish(DmaAccess access, int pe, long tce, int shift, boolean hit) {
        int granted = (int) (tce & Tce.CONTROL);
        if ((needed(access) & ~granted) != 0) {
            refuse(access, pe, FaultReason.TCE_ACCESS_FAULT);
        } else {
            long pageMask = (1L << shift) - 1;
            access.translated((tce & ~pageMask) | (access.iova() & pageMask), pageMask + 1, granted, hit);
        }
    }

    private static int needed(DmaAccess access) {
        int rights = access.rights() & RIGHTS;
        return rights == 0 ? DmaAccess.READ : rights;
    }

    private void abort(DmaAccess access) {
        refused++;
        access.blocked();
    }

    private void refuse(DmaAccess access, int pe, FaultReason reason) {
        refused++;
        faults.record(pe, reason, access);
        access.fault(reason.code(), true);
    }
}
