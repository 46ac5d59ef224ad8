package org.iommu4j.intel.hardware;

import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.front.FaultRecorder;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Translates accesses of devices in legacy mode, VT-d 3.4.2: caches first, then the tables; in scalable mode from step 4 on
 * {@link ScalableRemapper} does. The numbers stand above the lines that do the step. Allocates nothing.
 *
 * <ol>
 *   <li>3.4.1: a source id has 16 bits. 4.2.1: a translated request with PASID is unsupported, unless with ECAP.PTRS.
 *   <li>3.15: a request without PASID in 0xfee00000-0xfeefffff is not translated: a write of one doubleword is an interrupt
 *       request, a zero-length read completes, everything else faults, reason 0x29. 7.1.3, condition S.1: a translation request
 *       is answered with write permission for untranslated accesses only.
 *   <li>11.4.5: a root table of a mode that the unit does not have faults, reason 0x30, in abort mode 0x33; then a request with PASID does in legacy mode, 7.1.3 reason
 *       0x31.
 *   <li>6.2.2, else 9.1 and 9.3: the context entry of the source id.
 *   <li>4.2.3, 4.2.5: requests of device TLBs where the entry allows them.
 *   <li>3.9 and 4.2.5: pass-through, and what a device has translated, go on as they are, if the host has the address.
 *   <li>3.7: an address that the table's width and MGAW do not cover faults, reason 0x4.
 *   <li>6.2.4: the IOTLB.
 *   <li>6.2.5, then 3.7: the paging-structure caches, then the second-stage table. 3.15: an output in the interrupt range
 *       faults, reason 0xe, here as from the IOTLB: the accessed address counts, of a translation request all that it would be
 *       given.
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
    /** Bits of a requester id. */
    static final int SOURCE_ID_BITS = 16;

    private final VtdCapabilities unit;
    private final ScalableRemapper scalable;
    private final TableWalker walker;
    private final TranslationCaches caches;
    private final ContextCache context;
    private final FaultRecorder faults;
    private final boolean cachingMode;
    private final boolean zeroLengthReads;
    private final boolean noWriteFlag;
    private final boolean translatedPasids;
    private final long lastHostAddress;

    /** Is told of hits, misses and fills. */
    private final AccessWatch watch;

    private boolean enabled;
    private long rootTableAddress;
    private long rootTable;
    private TableMode mode = TableMode.LEGACY;

    /** RTADDR.SSIRWE, which legacy tables must not have. */
    private boolean separateRights;

    private long hits;
    private long walks;
    private long refused;

    /**
     * A remapper with translation off.
     *
     * @param hostAddressWidth physical address width in bits
     * @param watch is told of hits, misses and fills of the caches
     * @param scalable who translates in scalable mode; null if the unit does not have it
     */
    DmaRemapper(
            VtdCapabilities unit,
            TableWalker walker,
            TranslationCaches caches,
            FaultRecorder faults,
            int hostAddressWidth,
            AccessWatch watch,
            ScalableRemapper scalable) {
        this.unit = unit;
        this.walker = walker;
        this.caches = caches;
        this.context = caches.context;
        this.faults = faults;
        this.scalable = scalable;
        cachingMode = Cap.CM.isSet(unit.cap());
        zeroLengthReads = Cap.ZLR.isSet(unit.cap());
        noWriteFlag = Ecap.NWFS.isSet(unit.ecap());
        translatedPasids = Ecap.PTRS.isSet(unit.ecap());
        lastHostAddress = (1L << hostAddressWidth) - 1;
        this.watch = watch;
    }

    /** Turns translation on or off. */
    void enable(boolean on) {
        enabled = on;
    }

    /** True if translation is on. */
    boolean isEnabled() {
        return enabled;
    }

    /** Sets the root table as RTADDR has it; if it has a mode that the unit does not know, every access faults. */
    void setRootTable(long address) {
        rootTableAddress = address;
        rootTable = RootTableAddress.RTA.get(address);
        mode = TableMode.of(unit, address);
        separateRights = RootTableAddress.SSIRWE.isSet(address);
        if (mode == TableMode.SCALABLE) {
            scalable.setRootTable(address);
        }
    }

    /** The root table in force, as RTADDR had it. */
    long rootTableAddress() {
        return rootTableAddress;
    }

    /** The mode of the root table in force. */
    TableMode mode() {
        return mode;
    }

    /** Accesses that a cache answered. */
    long hits() {
        return scalable == null ? hits : hits + scalable.hits();
    }

    /** Accesses that walked a table. */
    long walks() {
        return scalable == null ? walks : walks + scalable.walks();
    }

    /** Accesses that were refused. */
    long refused() {
        return scalable == null ? refused : refused + scalable.refused();
    }

    /** Translates an access while translation is on. */
    void translate(DmaAccess access) {
        long iova = access.iova();
        int sourceId = access.requester();
        // 1. the requester
        if (sourceId >>> SOURCE_ID_BITS != 0) {
            access.blocked();
            return;
        }
        boolean translated = access.addressType() == AddressType.TRANSLATED;
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        if (translated && withPasid && !translatedPasids) {
            access.blocked();
            return;
        }
        // 2. interrupts
        if (!translated && !withPasid && isInterruptAddress(iova)) {
            interruptRange(access);
            return;
        }
        // 3. the mode of the root table
        if (mode != TableMode.LEGACY) {
            otherMode(access);
            return;
        }
        if (withPasid || separateRights) {
            refuse(access, withPasid ? FaultReason.PASID_IN_LEGACY_MODE : FaultReason.ROOT_ADDRESS_INVALID);
            return;
        }
        // 4. the context entry
        boolean contextCached = context.select(sourceId);
        if (!contextCached) {
            watch.contextMissed(sourceId);
            int fault = walker.readContext(rootTable, sourceId, watch.reading(access.listener()));
            boolean keep = fault == TableWalker.OK || (cachingMode && !isAccessError(fault));
            context.fill(sourceId, walker.context0(), walker.context1(), fault, keep);
            if (keep) {
                watch.contextFilled(context, sourceId);
            }
        } else {
            watch.contextHit(context, sourceId);
        }
        if (context.fault() != TableWalker.OK) {
            refuseQualified(access, context.fault());
            return;
        }
        int type = context.translationType();
        // 5. requests of device TLBs
        if (type != ContextEntry.DEVICE_TLB && access.addressType() != AddressType.UNTRANSLATED) {
            refuseQualified(access, FaultReason.TRANSLATION_TYPE_BLOCKED.code());
            return;
        }
        // 6. addresses that go on as they are
        if (translated) {
            watch.presented(sourceId, NO_PASID, iova);
        }
        if (type == ContextEntry.PASS_THROUGH || translated) {
            untranslated(access, contextCached);
            return;
        }
        // 7. the width of the table
        if (Long.compareUnsigned(iova, context.lastAddress()) > 0) {
            refuseQualified(access, FaultReason.ADDRESS_BEYOND_WIDTH.code());
            return;
        }
        // 8. the IOTLB
        TranslationCache iotlb = caches.iotlb;
        int needed = needed(access);
        int entry = iotlb.lookup(context.domain(), NO_PASID, iova);
        if (entry == TranslationCache.MISS) {
            miss(access, iova, needed);
            return;
        }
        hits++;
        watch.translationHit(context.domain(), iova, iotlb.pageShift(entry));
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

    private void otherMode(DmaAccess access) {
        switch (mode) {
            case SCALABLE -> scalable.translate(access);
            case ABORT -> refuse(access, FaultReason.ABORT_MODE);
            default -> refuse(access, FaultReason.ROOT_ADDRESS_INVALID);
        }
    }

    /** A request without PASID, not translated before, to the interrupt range, VT-d 3.15. */
    private void interruptRange(DmaAccess access) {
        boolean writes = (access.rights() & DmaAccess.WRITE) != 0;
        boolean reads = (access.rights() & ~DmaAccess.WRITE) != 0;
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            boolean noWrite = noWriteFlag && !writes;
            access.translated(access.iova(), 0, noWrite ? 0 : DmaAccess.WRITE, false);
        } else if (writes
                ? !reads && access.lengthBytes() == DOUBLEWORD && (access.iova() & (DOUBLEWORD - 1)) == 0
                : access.lengthBytes() == 0) {
            access.translated(access.iova(), 0, access.rights(), false);
        } else {
            refuse(access, FaultReason.INTERRUPT_REQUEST_BLOCKED);
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

    static boolean isInterruptAddress(long address) {
        return address >= INTERRUPT_FIRST && address <= INTERRUPT_LAST;
    }

    /** True if what the access would be given reaches the interrupt range: one address, or a translation of a whole page. */
    static boolean reachesInterrupts(DmaAccess access, long page, int shift) {
        long inPage = (1L << shift) - 1;
        if (access.addressType() == AddressType.UNTRANSLATED) {
            return isInterruptAddress(page | (access.iova() & inPage));
        }
        return page <= INTERRUPT_LAST && (page | inPage) >= INTERRUPT_FIRST;
    }

    /** 9. the paging-structure caches, then the tables. */
    private void miss(DmaAccess access, long iova, int needed) {
        walks++;
        int domain = context.domain();
        WalkListener listener = watch.reading(access.listener());
        TranslationCache tables = caches.pagingStructure;
        int cached = tables.lookup(domain, NO_PASID, iova);
        watch.translationMissed(domain, iova, tables, cached);
        int fault;
        if (cached == TranslationCache.MISS) {
            fault = walker.walk(context.table(), context.table(), context.levels(), RIGHTS, iova, needed, listener);
        } else {
            int granted = tables.attributes(cached);
            fault = TableWalker.denial(granted, needed);
            if (fault != TableWalker.OK) {
                refuseQualified(access, fault);
                return;
            }
            int level = Agaw.levelOf(tables.pageShift(cached)) - 1;
            fault = walker.walk(context.table(), tables.value(cached), level, granted, iova, needed, listener);
        }
        if (fault == TableWalker.OK && reachesInterrupts(access, walker.pageAddress(), Agaw.shift(walker.level()))) {
            fault = FaultReason.INTERRUPT_RANGE_OUTPUT.code();
        }
        int highest = Math.min(walker.topLevel(), caches.highestTableLevel);
        for (int level = highest; level > walker.level(); level--) {
            tables.insert(domain, NO_PASID, iova, Agaw.shift(level), walker.nextTable(level), walker.rightsAt(level));
        }
        boolean keepsFault = cachingMode && walker.entryCacheable();
        boolean found = fault == TableWalker.OK;
        watch.walked(domain, iova, walker, found || keepsFault, found ? walker.pageAddress() : 0);
        int shift = Agaw.shift(walker.level());
        long page = iova & -1L << shift;
        if (found) {
            caches.iotlb.insert(domain, NO_PASID, page, shift, walker.pageAddress(), walker.rights());
            succeed(access, iova, walker.pageAddress(), shift, walker.rights(), false);
            return;
        }
        if (keepsFault) {
            caches.iotlb.insert(domain, NO_PASID, page, shift, fault, walker.rights() | TranslationCaches.FAULTING);
        }
        refuseQualified(access, fault);
    }

    private void succeed(DmaAccess access, long iova, long pageAddress, int shift, int rights, boolean hit) {
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            caches.deviceTlb.insert(access.requester(), NO_PASID, iova & -1L << shift, shift, pageAddress, rights);
            watch.deviceFilled(access.requester(), NO_PASID, iova, shift, pageAddress);
        }
        long pageBytes = 1L << shift;
        access.translated(pageAddress | (iova & (pageBytes - 1)), pageBytes, rights, hit);
    }

    /** The rights that an access needs: an execute request without PASID is a read; see CAP.ZLR for zero-length reads. */
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
                || (access.addressType() == AddressType.TRANSLATION_REQUEST && reason.answersTranslationRequests());
        refused++;
        access.fault(code, !silent && faults.record(code, access));
    }

    private void refuse(DmaAccess access, FaultReason reason) {
        refused++;
        access.fault(reason.code(), faults.record(reason.code(), access));
    }

    /** True if there was no entry that could be cached. */
    private static boolean isAccessError(int code) {
        return code == FaultReason.ROOT_ACCESS.code() || code == FaultReason.CONTEXT_ACCESS.code();
    }
}
