package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Translates accesses of devices, VT-d 3.4.2, 3.7, 3.14 and 3.15, legacy mode: caches first, then the tables. Allocates nothing.
 *
 * <ol>
 *   <li>Translation off: the address goes through as it is.
 *   <li>Without PASID and in 0xfee00000-0xfeefffff, VT-d 3.15: a write of one doubleword is an interrupt request, a
 *       zero-length read completes, both untranslated; everything else is fault 0x29. A translation request is answered with
 *       write permission for untranslated accesses only, VT-d 7.1.3 condition S.1.
 *   <li>Root table address with a mode other than legacy: fault 0x30. With PASID: fault 0x31; a translated request with PASID
 *       never comes so far, VT-d 4.2.1.
 *   <li>Root and context entry. Translated requests and pass-through go on with the address as it is, if the host has it.
 *   <li>The second-stage table. An output in the interrupt range is fault 0xe: the accessed address counts, of a translation
 *       request all that it would be given.
 * </ol>
 *
 * A fault of a translation request that only says that nothing is mapped (0x4, 0x5, 0x6) is an answer without permissions
 * to the device, so it is not recorded.
 */
final class DmaRemapper {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;
    private static final long INTERRUPT_FIRST = 0xfee0_0000L;
    private static final long INTERRUPT_LAST = 0xfeef_ffffL;
    private static final int DOUBLEWORD = 4;
    private static final int SOURCE_ID_BITS = 16;

    private final TableWalker walker;
    private final TranslationCaches caches;
    private final ContextCache context;
    private final FaultRecorder faults;
    private final boolean cachingMode;
    private final boolean zeroLengthReads;
    private final long lastHostAddress;

    /** Who observes, or null. */
    private final TranslationObserver observer;

    private boolean enabled;
    private long rootTable;
    private boolean legacyRoot = true;

    private long hits;
    private long walks;
    private long refused;

    /**
     * A remapper with translation off.
     *
     * @param cachingMode CAP.CM
     * @param zeroLengthReads CAP.ZLR
     * @param hostAddressWidth physical address width in bits
     * @param observer who observes, or null
     */
    DmaRemapper(
            TableWalker walker,
            TranslationCaches caches,
            FaultRecorder faults,
            boolean cachingMode,
            boolean zeroLengthReads,
            int hostAddressWidth,
            TranslationObserver observer) {
        this.walker = walker;
        this.caches = caches;
        this.context = caches.context;
        this.faults = faults;
        this.cachingMode = cachingMode;
        this.zeroLengthReads = zeroLengthReads;
        lastHostAddress = (1L << hostAddressWidth) - 1;
        this.observer = observer;
    }

    /** Turns translation on or off. */
    void enable(boolean on) {
        enabled = on;
    }

    /** True if translation is on. */
    boolean isEnabled() {
        return enabled;
    }

    /**
     * Sets the root table.
     *
     * @param address its physical address
     * @param legacy false if the table has a mode that the unit does not know: every access faults then
     */
    void setRootTable(long address, boolean legacy) {
        rootTable = address;
        legacyRoot = legacy;
    }

    /** Accesses that a cache answered. */
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

    /** Translates an access while translation is on. */
    void translate(DmaAccess access) {
        long iova = access.iova();
        int sourceId = access.requester();
        if (sourceId >>> SOURCE_ID_BITS != 0) {
            access.blocked();
            return;
        }
        boolean translated = access.addressType() == AddressType.TRANSLATED;
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        if (translated ? withPasid : !withPasid && isInterruptAddress(iova)) {
            special(access);
            return;
        }
        if (!legacyRoot) {
            refuse(access, FaultReason.ROOT_ADDRESS_INVALID.code());
            return;
        }
        if (withPasid) {
            refuse(access, FaultReason.PASID_IN_LEGACY_MODE.code());
            return;
        }
        boolean contextCached = context.select(sourceId);
        if (!contextCached) {
            if (observer != null) {
                observer.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, sourceId);
            }
            int fault = walker.readContext(rootTable, sourceId, access.listener());
            boolean keep = fault == TableWalker.OK || (cachingMode && !isAccessError(fault));
            context.fill(sourceId, walker.context0(), walker.context1(), fault, keep);
            if (observer != null && keep) {
                observer.filled(
                        CachedKind.CONTEXT,
                        context.domain(),
                        NO_PASID,
                        sourceId,
                        1,
                        context.table(),
                        TranslationObserver.ALL);
            }
        } else if (observer != null) {
            observer.hit(CachedKind.CONTEXT, context.domain(), NO_PASID, sourceId, 1);
        }
        if (context.fault() != TableWalker.OK) {
            refuseQualified(access, context.fault());
            return;
        }
        int type = context.translationType();
        if (type != ContextEntry.DEVICE_TLB && access.addressType() != AddressType.UNTRANSLATED) {
            refuseQualified(access, FaultReason.TRANSLATION_TYPE_BLOCKED.code());
            return;
        }
        if (type == ContextEntry.PASS_THROUGH || translated) {
            untranslated(access, contextCached);
            return;
        }
        if (Long.compareUnsigned(iova, context.lastAddress()) > 0) {
            refuseQualified(access, FaultReason.ADDRESS_BEYOND_WIDTH.code());
            return;
        }
        TranslationCache iotlb = caches.iotlb;
        int needed = needed(access);
        int entry = iotlb.lookup(context.domain(), NO_PASID, iova);
        if (entry == TranslationCache.MISS) {
            miss(access, iova, needed);
            return;
        }
        hits++;
        if (observer != null) {
            observer.hit(
                    CachedKind.TRANSLATION,
                    context.domain(),
                    NO_PASID,
                    iotlb.iova(entry),
                    1L << iotlb.pageShift(entry));
        }
        int attributes = iotlb.attributes(entry);
        int denied = TableWalker.denial(attributes & RIGHTS, needed);
        if (denied != TableWalker.OK) {
            refuseQualified(access, denied);
        } else if ((attributes & TranslationCaches.FAULTING) != 0) {
            refuseQualified(access, (int) iotlb.value(entry));
        } else if (reachesInterrupts(access, iotlb.value(entry), iotlb.pageShift(entry))) {
            refuseQualified(access, FaultReason.INTERRUPT_RANGE_OUTPUT.code());
        } else {
            succeed(access, iova, iotlb.value(entry), iotlb.pageShift(entry), attributes & RIGHTS, true);
        }
    }

    /** What is decided before the root table: a request to the interrupt range, or a translated one with PASID. */
    private void special(DmaAccess access) {
        boolean writes = (access.rights() & DmaAccess.WRITE) != 0;
        boolean reads = (access.rights() & ~DmaAccess.WRITE) != 0;
        if (access.addressType() == AddressType.TRANSLATED) {
            access.blocked();
        } else if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            access.translated(access.iova(), 0, DmaAccess.WRITE, false);
        } else if (writes
                ? !reads && access.lengthBytes() == DOUBLEWORD && (access.iova() & (DOUBLEWORD - 1)) == 0
                : access.lengthBytes() == 0) {
            access.translated(access.iova(), 0, access.rights(), false);
        } else {
            refuse(access, FaultReason.INTERRUPT_REQUEST_BLOCKED.code());
        }
    }

    /** Pass-through, or an address that the device has translated: it only has to be one that the host has. */
    private void untranslated(DmaAccess access, boolean contextCached) {
        if (Long.compareUnsigned(access.iova(), lastHostAddress) > 0) {
            refuseQualified(access, FaultReason.ADDRESS_BEYOND_WIDTH.code());
        } else if (isInterruptAddress(access.iova())) {
            refuseQualified(access, FaultReason.INTERRUPT_RANGE_OUTPUT.code());
        } else {
            access.translated(access.iova(), 0, RIGHTS, contextCached);
        }
    }

    private static boolean isInterruptAddress(long address) {
        return address >= INTERRUPT_FIRST && address <= INTERRUPT_LAST;
    }

    /** True if what the access would be given reaches the interrupt range: one address, or a translation of a whole page. */
    private static boolean reachesInterrupts(DmaAccess access, long page, int shift) {
        long inPage = (1L << shift) - 1;
        if (access.addressType() == AddressType.UNTRANSLATED) {
            return isInterruptAddress(page | (access.iova() & inPage));
        }
        return page <= INTERRUPT_LAST && (page | inPage) >= INTERRUPT_FIRST;
    }

    private void miss(DmaAccess access, long iova, int needed) {
        walks++;
        int domain = context.domain();
        WalkListener listener = access.listener();
        TranslationCache tables = caches.pagingStructure;
        int cached = tables.lookup(domain, NO_PASID, iova);
        if (observer != null) {
            observeLookup(domain, iova, cached);
        }
        int fault;
        if (cached == TranslationCache.MISS) {
            fault = walker.walk(context.table(), context.levels(), true, RIGHTS, iova, needed, listener);
        } else {
            int granted = tables.attributes(cached);
            fault = TableWalker.denial(granted, needed);
            if (fault != TableWalker.OK) {
                refuseQualified(access, fault);
                return;
            }
            int level = Agaw.levelOf(tables.pageShift(cached)) - 1;
            fault = walker.walk(tables.value(cached), level, false, granted, iova, needed, listener);
        }
        if (fault == TableWalker.OK && reachesInterrupts(access, walker.pageAddress(), Agaw.shift(walker.level()))) {
            fault = FaultReason.INTERRUPT_RANGE_OUTPUT.code();
        }
        int highest = Math.min(walker.topLevel(), caches.highestTableLevel);
        for (int level = highest; level > walker.level(); level--) {
            tables.insert(domain, NO_PASID, iova, Agaw.shift(level), walker.nextTable(level), walker.rightsAt(level));
        }
        if (observer != null) {
            observeFills(domain, iova, fault);
        }
        int shift = Agaw.shift(walker.level());
        long page = iova & -1L << shift;
        if (fault == TableWalker.OK) {
            caches.iotlb.insert(domain, NO_PASID, page, shift, walker.pageAddress(), walker.rights());
            succeed(access, iova, walker.pageAddress(), shift, walker.rights(), false);
            return;
        }
        if (cachingMode && walker.entryCacheable()) {
            caches.iotlb.insert(domain, NO_PASID, page, shift, fault, walker.rights() | TranslationCaches.FAULTING);
        }
        refuseQualified(access, fault);
    }

    private void observeLookup(int domain, long iova, int cached) {
        observer.missed(CachedKind.TRANSLATION, domain, NO_PASID, iova);
        if (cached == TranslationCache.MISS) {
            observer.missed(CachedKind.PAGING_STRUCTURE, domain, NO_PASID, iova);
        } else {
            TranslationCache tables = caches.pagingStructure;
            observer.hit(
                    CachedKind.PAGING_STRUCTURE, domain, NO_PASID, tables.iova(cached), 1L << tables.pageShift(cached));
        }
    }

    /** Tells what the walk lets a unit keep, whatever this one has room for. */
    private void observeFills(int domain, long iova, int fault) {
        for (int level = walker.topLevel(); level > walker.level(); level--) {
            observeFill(CachedKind.PAGING_STRUCTURE, domain, iova, level, walker.nextTable(level));
        }
        if (fault == TableWalker.OK) {
            observeFill(CachedKind.TRANSLATION, domain, iova, walker.level(), walker.pageAddress());
        } else if (cachingMode && walker.entryCacheable()) {
            observeFill(CachedKind.TRANSLATION, domain, iova, walker.level(), 0);
        }
    }

    private void observeFill(CachedKind kind, int domain, long iova, int level, long target) {
        int shift = Agaw.shift(level);
        observer.filled(
                kind, domain, NO_PASID, iova & -1L << shift, 1L << shift, target, walker.topLevel() - level + 1);
    }

    private void succeed(DmaAccess access, long iova, long pageAddress, int shift, int rights, boolean hit) {
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            caches.deviceTlb.insert(access.requester(), NO_PASID, iova & -1L << shift, shift, pageAddress, rights);
            if (observer != null) {
                observer.missed(CachedKind.DEVICE, access.requester(), NO_PASID, iova);
                observer.filled(
                        CachedKind.DEVICE,
                        access.requester(),
                        NO_PASID,
                        iova & -1L << shift,
                        1L << shift,
                        pageAddress,
                        TranslationObserver.ALL);
            }
        }
        long pageBytes = 1L << shift;
        access.translated(pageAddress | (iova & (pageBytes - 1)), pageBytes, rights, hit);
    }

    /** What the tables must grant: an execute request without PASID is a read; see CAP.ZLR for zero-length reads. */
    private int needed(DmaAccess access) {
        int rights = access.rights();
        if ((rights & DmaAccess.WRITE) != 0) {
            return rights & RIGHTS;
        }
        return access.lengthBytes() == 0 && zeroLengthReads ? TableWalker.ANY : DmaAccess.READ;
    }

    private void refuseQualified(DmaAccess access, int code) {
        FaultReason reason = FaultReason.of(code);
        boolean silent = (context.faultsSuppressed() && reason.qualified())
                || (access.addressType() == AddressType.TRANSLATION_REQUEST && isAnswer(reason));
        refused++;
        access.fault(code, !silent && faults.record(code, access));
    }

    private void refuse(DmaAccess access, int code) {
        refused++;
        access.fault(code, faults.record(code, access));
    }

    /** True if there was no entry that could be cached. */
    private static boolean isAccessError(int code) {
        return code == FaultReason.ROOT_ACCESS.code() || code == FaultReason.CONTEXT_ACCESS.code();
    }

    private static boolean isAnswer(FaultReason reason) {
        return reason == FaultReason.ADDRESS_BEYOND_WIDTH
                || reason == FaultReason.WRITE_DENIED
                || reason == FaultReason.READ_DENIED;
    }
}
