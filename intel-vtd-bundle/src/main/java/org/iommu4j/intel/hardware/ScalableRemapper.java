package org.iommu4j.intel.hardware;

import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.front.FaultRecorder;
import org.iommu4j.intel.table.AddressSpace;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.FirstStageWalker;
import org.iommu4j.intel.table.HostPermissions;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.PasidTables;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.SecondStageWalker;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Translates accesses of devices in scalable mode, VT-d 3.4.3: caches first, then the tables. The numbers stand above the lines
 * that do the step; where the specification gives no order, this is the unit's own. Allocates nothing.
 *
 * <ol>
 *   <li>7.1.3, condition RTA.5: from major version 8 on a request to execute with PASID faults, reason 0x34.
 *   <li>6.2.2, else 9.2 and 9.4: the context entry of the source id.
 *   <li>7.1.3, conditions SCT.5 to SCT.10 and SGN.10: what the context entry lets the device do.
 *   <li>4.2.5: what a device has translated goes on as it is, if the host has the address, and if the host permission table lets
 *       it, where there is one.
 *   <li>6.2.3, else 9.5 and 9.6: the entry of the PASID, RID_PASID if the request has none.
 *   <li>Conditions SPT.5 and SPT.6: requests to execute, and of supervisors.
 *   <li>3.9: pass-through goes on as it is.
 *   <li>3.6: an address of a first stage is canonical, reason 0x80. 3.7: one of a second stage is not wider than its table and
 *       MGAW, reason 0x84.
 *   <li>6.2.4: the IOTLB. A result whose dirty flag is not set yet does not serve a write.
 *   <li>6.2.5, then 3.6 to 3.8: the paging-structure caches, then the tables.
 *   <li>3.6.1, 3.7.1: permissions. 3.15: an output in the interrupt range faults, reason 0x87: the accessed address counts, of a
 *       translation request all that it would be given.
 *   <li>3.6.2, 3.7.2: the flags of the leaves, then the result is cached.
 * </ol>
 *
 * A translation request is given what is permitted; a fault that only says that nothing is mapped is an answer without
 * permissions to the device, so it is not recorded, 4.2.3.
 *
 * <p>The class is long because an access's way, from its source id and PASID to the answer, stays in one class, step by
 * step.
 */
final class ScalableRemapper {
    private static final int OK = TableWalker.OK;
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int READ = DmaAccess.READ;
    private static final int WRITE = DmaAccess.WRITE;
    private static final int RIGHTS = READ | WRITE;
    private static final int LARGE_PAGES = 0b10;
    private static final int MEDIUM_PAGES = 0b01;
    private static final int FIRST_MAJOR_WITHOUT_EXECUTE = 8;

    private final PasidTables tables;
    private final SecondStageWalker second;
    private final SecondStageLookup secondStage;
    private final FirstStageWalker first;
    private final HostPermissions permissions;
    private final TranslationCaches all;
    private final ScalableCaches caches;
    private final ScalableContexts contexts;
    private final FaultRecorder faults;
    private final AccessWatch watch;
    private final boolean cachingMode;
    private final boolean zeroLengthReads;
    private final boolean noWriteFlag;
    private final boolean executeIsUnknown;
    private final int pasidBits;
    private final int passThroughShift;
    private final long lastHostAddress;

    private long rootTable;

    /** An entry that was read for the access asks that qualified faults are not recorded. */
    private boolean suppressed;

    /** The request is one of a supervisor. */
    private boolean supervisor;

    /** The PASID whose tables are used. */
    private int pasid;

    private boolean fromCaches;
    private long hits;
    private long walks;
    private long refused;

    ScalableRemapper(
            VtdCapabilities unit,
            int subVersion,
            Platform platform,
            TranslationCaches all,
            FaultRecorder faults,
            AccessWatch watch) {
        int width = platform.hostAddressWidth();
        PhysicalMemory memory = platform.memory();
        this.all = all;
        caches = all.scalable;
        contexts = caches.contexts;
        this.faults = faults;
        this.watch = watch;
        tables = new PasidTables(unit, subVersion, memory, width);
        second = new SecondStageWalker(unit, subVersion, memory, platform.guestTables(), width);
        secondStage = new SecondStageLookup(caches, second, watch);
        first = new FirstStageWalker(unit, platform.guestTables(), width, secondStage, second);
        permissions = new HostPermissions(unit, memory, width);
        cachingMode = Cap.CM.isSet(unit.cap());
        zeroLengthReads = Cap.ZLR.isSet(unit.cap());
        noWriteFlag = Ecap.NWFS.isSet(unit.ecap());
        executeIsUnknown = unit.major() >= FIRST_MAJOR_WITHOUT_EXECUTE;
        pasidBits = unit.pasidBits();
        long superpages = Cap.SSLPS.get(unit.cap());
        passThroughShift = Agaw.shift((superpages & LARGE_PAGES) != 0 ? 3 : (superpages & MEDIUM_PAGES) != 0 ? 2 : 1);
        lastHostAddress = (1L << width) - 1;
    }

    /** Sets the root table as RTADDR has it. */
    void setRootTable(long address) {
        rootTable = RootTableAddress.RTA.get(address);
        second.separateRights(RootTableAddress.SSIRWE.isSet(address));
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

    /** Translates an access while translation is on and the root table is one of scalable mode. */
    void translate(DmaAccess access) {
        int sourceId = access.requester();
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        boolean executes = withPasid && (access.rights() & DmaAccess.EXECUTE) != 0;
        suppressed = false;
        // 1. requests to execute
        if (executes && executeIsUnknown) {
            refuse(access, FaultReason.EXECUTE_REQUEST_UNKNOWN.code());
            return;
        }
        // 2. the context entry
        WalkListener listener = watch.reading(access.listener());
        int fault = context(sourceId, listener);
        // 3. what it allows
        if (fault == OK) {
            fault = allows(access.addressType(), access.pasid());
        }
        if (fault != OK) {
            refuse(access, fault);
            return;
        }
        pasid = withPasid ? access.pasid() : contexts.ridPasid();
        supervisor = withPasid ? access.privileged() : contexts.ridPrivileged();
        // 4. addresses that the device has translated
        if (access.addressType() == AddressType.TRANSLATED) {
            watch.presented(sourceId, access.pasid(), access.iova());
            fault = translated(access, listener);
            if (fault == OK) {
                access.translated(access.iova(), 0, RIGHTS, fromCaches);
            } else {
                refuse(access, fault);
            }
            return;
        }
        // 5. the PASID entry
        fault = pasidEntry(sourceId, listener);
        AddressSpace space = contexts.space();
        // 6. requests to execute, and of supervisors
        if (fault == OK && executes) {
            fault = FaultReason.EXECUTE_REQUEST_BLOCKED.code();
        }
        if (fault == OK && supervisor && !space.supervisorAllowed()) {
            fault = FaultReason.SUPERVISOR_REQUEST_BLOCKED.code();
        }
        // 7. pass-through, 8. the width of the tables
        if (fault == OK) {
            fault = range(access, space);
        }
        if (fault != OK) {
            refuse(access, fault);
        } else if (space.hasFirstStage()) {
            byFirstStage(access, space, listener);
        } else {
            bySecondStage(access, space, listener);
        }
    }

    /**
     * What is wrong with a request for a page, VT-d 7.4: it is not translated, but the tables must let the device ask.
     *
     * @return {@link TableWalker#OK} or a code of {@link FaultReason}; then {@link #space} says whose page it is
     */
    int admit(PageRequest request) {
        suppressed = false;
        int fault = context(request.requester(), null);
        if (fault == OK) {
            fault = allowsPageRequest(request);
        }
        if (fault == OK) {
            pasid = request.pasid() == DmaAccess.NO_PASID ? contexts.ridPasid() : request.pasid();
            fault = pasidEntry(request.requester(), null);
        }
        return fault;
    }

    /** True if an entry that was read last asks that qualified faults are not recorded. */
    boolean faultsSuppressed() {
        return suppressed;
    }

    /** How the addresses of the PASID that was admitted last are translated. */
    AddressSpace space() {
        return contexts.space();
    }

    /** The PASID that was admitted last, RID_PASID if the request had none. */
    int pasid() {
        return pasid;
    }

    private int context(int sourceId, WalkListener listener) {
        fromCaches = contexts.selectContext(sourceId);
        if (fromCaches) {
            watch.hit(CachedKind.CONTEXT, 0, NO_PASID, sourceId, 1);
        } else {
            watch.missed(CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, sourceId);
            int fault = tables.readContext(rootTable, sourceId, listener);
            boolean keep = fault == OK || (cachingMode && !isAccessError(fault));
            contexts.fillContext(sourceId, tables, fault, keep);
            if (keep) {
                watch.filled(
                        CachedKind.CONTEXT,
                        0,
                        NO_PASID,
                        sourceId,
                        1,
                        ScalableContextEntry.PASIDDIRPTR.get(contexts.context()),
                        TranslationObserver.ALL);
            }
        }
        suppressed |= contexts.contextSuppresses();
        return contexts.contextFault();
    }

    private int allows(AddressType type, int requestPasid) {
        long entry = contexts.context();
        if (type != AddressType.UNTRANSLATED && !ScalableContextEntry.DTE.isSet(entry)) {
            return FaultReason.DEVICE_TLB_DISABLED.code();
        }
        if (requestPasid == DmaAccess.NO_PASID) {
            return OK;
        }
        if (type == AddressType.TRANSLATED && !ScalableContextEntry.EPTR.isSet(entry)) {
            return FaultReason.TRANSLATED_PASID_DISABLED.code();
        }
        if (type != AddressType.TRANSLATED && !ScalableContextEntry.PASIDE.isSet(entry)) {
            return FaultReason.PASID_DISABLED.code();
        }
        if (requestPasid == contexts.ridPasid()) {
            return FaultReason.PASID_IS_RID_PASID.code();
        }
        if (requestPasid >>> pasidBits != 0) {
            return FaultReason.PASID_BEYOND_WIDTH.code();
        }
        return requestPasid < ScalableContextEntry.pasids(entry) ? OK : FaultReason.PASID_BEYOND_DIRECTORY.code();
    }

    private int allowsPageRequest(PageRequest request) {
        long entry = contexts.context();
        if (!ScalableContextEntry.PRE.isSet(entry)) {
            return FaultReason.PAGE_REQUEST_DISABLED.code();
        }
        if (request.pasid() == DmaAccess.NO_PASID) {
            return OK;
        }
        if (!ScalableContextEntry.PASIDE.isSet(entry)) {
            return FaultReason.PASID_DISABLED.code();
        }
        if (request.pasid() == contexts.ridPasid()) {
            return FaultReason.PASID_IS_RID_PASID.code();
        }
        return request.pasid() < ScalableContextEntry.pasids(entry) ? OK : FaultReason.PASID_BEYOND_DIRECTORY.code();
    }

    private int pasidEntry(int sourceId, WalkListener listener) {
        if (contexts.selectPasid(sourceId, pasid)) {
            watch.hit(CachedKind.PASID, contexts.domain(), pasid, sourceId, 1);
        } else {
            fromCaches = false;
            watch.missed(CachedKind.PASID, TranslationObserver.ANY, pasid, sourceId);
            long directory = ScalableContextEntry.PASIDDIRPTR.get(contexts.context());
            int fault = tables.readPasid(directory, pasid, listener);
            boolean keep = fault == OK || (cachingMode && !isAccessError(fault));
            contexts.fillPasid(sourceId, pasid, tables, fault, keep);
            if (keep) {
                AddressSpace space = contexts.space();
                watch.filled(
                        CachedKind.PASID,
                        contexts.domain(),
                        pasid,
                        sourceId,
                        1,
                        space.hasFirstStage() ? space.firstStageTable() : space.secondStageTable(),
                        TranslationObserver.ALL);
            }
        }
        suppressed |= contexts.pasidSuppresses();
        return contexts.pasidFault();
    }

    /** An address that a device has translated: only where host permissions are checked is a PASID entry needed. */
    private int translated(DmaAccess access, WalkListener listener) {
        long address = access.iova();
        if (Long.compareUnsigned(address, lastHostAddress) > 0) {
            return FaultReason.ADDRESS_BEYOND_HOST.code();
        }
        if (DmaRemapper.isInterruptAddress(address)) {
            return FaultReason.SCALABLE_INTERRUPT_RANGE_OUTPUT.code();
        }
        if (!ScalableContextEntry.HPTE.isSet(contexts.context())) {
            return OK;
        }
        int fault = pasidEntry(access.requester(), listener);
        if (fault == OK) {
            fault = caches.permissions.find(
                    permissions,
                    contexts.permissionDomain(),
                    contexts.permissionTable(),
                    contexts.permissionTableSize(),
                    address,
                    listener);
        }
        return fault == OK ? permitted(access) : fault;
    }

    private int permitted(DmaAccess access) {
        int missing = needed(access) & ~permissions.rights();
        if (isZeroLengthRead(access)) {
            return permissions.rights() != 0 ? OK : FaultReason.NO_PERMISSION.code();
        }
        if ((missing & WRITE) != 0) {
            return FaultReason.PERMISSION_WRITE_DENIED.code();
        }
        return (missing & READ) != 0 ? FaultReason.PERMISSION_READ_DENIED.code() : OK;
    }

    private int range(DmaAccess access, AddressSpace space) {
        long address = access.iova();
        if (space.hasFirstStage()) {
            return FirstStageWalker.isCanonical(address, space.firstStageLevels())
                    ? OK
                    : FaultReason.ADDRESS_NOT_CANONICAL.code();
        }
        if (space.type() == PasidEntry.SECOND_STAGE) {
            return Long.compareUnsigned(address, space.lastSecondStageAddress()) <= 0
                    ? OK
                    : FaultReason.SCALABLE_ADDRESS_BEYOND_WIDTH.code();
        }
        if (Long.compareUnsigned(address, lastHostAddress) > 0) {
            return FaultReason.ADDRESS_BEYOND_HOST.code();
        }
        boolean interrupts =
                access.addressType() == AddressType.UNTRANSLATED && DmaRemapper.isInterruptAddress(address);
        return interrupts ? FaultReason.SCALABLE_INTERRUPT_RANGE_OUTPUT.code() : OK;
    }

    /** Pass-through and second stage. */
    private void bySecondStage(DmaAccess access, AddressSpace space, WalkListener listener) {
        long address = access.iova();
        TranslationCache results = caches.secondStage;
        // 9. the IOTLB
        int entry = results.lookup(space.domain(), pasid, address);
        if (entry != TranslationCache.MISS && serves(access, results.attributes(entry))) {
            hit(access, space, results, entry);
            return;
        }
        // 10. the tables
        missed(space.domain(), address);
        if (space.type() == PasidEntry.PASS_THROUGH) {
            long page = address & -1L << passThroughShift;
            int attributes = ScalableCaches.PASS_THROUGH | ScalableCaches.DIRTY | RIGHTS;
            finish(access, space, results, passThroughShift, page, attributes);
            return;
        }
        second.enter(space);
        int fault = secondStage.find(space, address, listener);
        if (fault != OK) {
            keepFault(space, results, address, fault);
            refuse(access, fault);
            return;
        }
        // 11. permissions
        int shift = Agaw.shift(second.level());
        int rights = second.rights();
        fault = denied(access, shift, second.pageAddress(), rights);
        // 12. flags
        boolean dirty = dirties(access, rights);
        if (fault == OK) {
            fault = second.markLeaf(space, second.leafAt(), dirty);
        }
        if (fault == OK) {
            finish(access, space, results, shift, second.pageAddress(), rights | dirtyAttribute(dirty, space));
        } else {
            refuse(access, fault);
        }
    }

    /** First stage and nested. */
    private void byFirstStage(DmaAccess access, AddressSpace space, WalkListener listener) {
        long address = access.iova();
        TranslationCache results = caches.firstStage;
        // 9. the IOTLB
        int entry = results.lookup(space.domain(), pasid, address);
        if (entry != TranslationCache.MISS && serves(access, results.attributes(entry))) {
            hit(access, space, results, entry);
            return;
        }
        // 10. the tables, 11. permissions of the first stage
        missed(space.domain() | ObservedTags.FIRST_STAGE, address);
        boolean nested = space.type() == PasidEntry.NESTED;
        if (nested) {
            second.enter(space);
        }
        int fault = walkFirstStage(space, address, listener);
        int user = 0;
        if (fault == OK) {
            user = firstStageAttributes();
            fault = deniedByFirstStage(access, space, user);
        }
        if (fault != OK) {
            refuse(access, fault);
            return;
        }
        long page = first.pageAddress();
        int shift = Agaw.shift(first.level());
        int rights = RIGHTS;
        if (nested) {
            long guestAddress = page | (address & ((1L << shift) - 1));
            fault = secondStage.find(space, guestAddress, listener);
            if (fault != OK) {
                keepFault(space, results, address, fault);
                refuse(access, fault);
                return;
            }
            shift = Math.min(shift, Agaw.shift(second.level()));
            page = second.translate(guestAddress) & -1L << shift;
            rights = second.rights();
        }
        long secondLeaf = second.leafAt();
        int granted = granted(space, user | rights);
        fault = denied(access, shift, page, rights);
        // 12. flags
        boolean request = access.addressType() == AddressType.TRANSLATION_REQUEST;
        if (fault == OK && request && granted == 0) {
            fault = nothingGranted(user);
        }
        boolean dirty = dirties(access, granted);
        if (fault == OK) {
            fault = first.markLeaf(space, dirty);
            if (fault == OK && nested) {
                fault = second.markLeaf(space, secondLeaf, dirty);
            }
        }
        if (fault == OK) {
            finish(access, space, results, shift, page, user | rights | (dirty ? ScalableCaches.DIRTY : 0));
        } else {
            refuse(access, fault);
        }
    }

    private int walkFirstStage(AddressSpace space, long address, WalkListener listener) {
        int domain = space.domain();
        TranslationCache structures = caches.firstStageTables;
        int cached = structures.lookup(domain, pasid, address);
        boolean observed = space.type() == PasidEntry.FIRST_STAGE;
        int fault;
        if (cached == TranslationCache.MISS) {
            if (observed) {
                watch.missed(CachedKind.PAGING_STRUCTURE, domain | ObservedTags.FIRST_STAGE, pasid, address);
            }
            int everything = FirstStageWalker.USER | FirstStageWalker.WRITE;
            fault = first.walk(space, space.firstStageTable(), space.firstStageLevels(), everything, address, listener);
        } else {
            int shift = structures.pageShift(cached);
            if (observed) {
                watch.hit(
                        CachedKind.PAGING_STRUCTURE,
                        domain | ObservedTags.FIRST_STAGE,
                        pasid,
                        structures.iova(cached),
                        1L << shift);
            }
            fault = first.walk(
                    space,
                    structures.value(cached),
                    Agaw.levelOf(shift) - 1,
                    structures.attributes(cached),
                    address,
                    listener);
        }
        for (int level = first.topLevel(); level > first.level(); level--) {
            int shift = Agaw.shift(level);
            if (level <= caches.highestTableLevel) {
                structures.insert(domain, pasid, address, shift, first.nextTable(level), first.rightsAt(level));
            }
            if (observed) {
                watch.filled(
                        CachedKind.PAGING_STRUCTURE,
                        domain | ObservedTags.FIRST_STAGE,
                        pasid,
                        address & -1L << shift,
                        1L << shift,
                        first.nextTable(level),
                        first.topLevel() - level + 1);
            }
        }
        return fault;
    }

    private int firstStageAttributes() {
        return ((first.rights() & FirstStageWalker.USER) != 0 ? ScalableCaches.USER : 0)
                | ((first.rights() & FirstStageWalker.WRITE) != 0 ? ScalableCaches.FIRST_STAGE_WRITE : 0);
    }

    /** Rights of the request that is under way by the attributes of a result, both stages together. */
    private int granted(AddressSpace space, int attributes) {
        int rights = attributes & RIGHTS;
        if (!space.hasFirstStage()) {
            return rights;
        }
        boolean writable = (attributes & ScalableCaches.FIRST_STAGE_WRITE) != 0;
        if (supervisor) {
            return writable || !space.writeProtected() ? rights : rights & READ;
        }
        return (attributes & ScalableCaches.USER) == 0 ? 0 : writable ? rights : rights & READ;
    }

    /** Why a translation request is answered without permissions, VT-d 4.2.3, though its address is translated. */
    private int nothingGranted(int attributes) {
        return supervisor || (attributes & ScalableCaches.USER) != 0
                ? FaultReason.SCALABLE_READ_DENIED.code()
                : FaultReason.USER_REQUEST_DENIED.code();
    }

    private int deniedByFirstStage(DmaAccess access, AddressSpace space, int attributes) {
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            return OK;
        }
        if (!supervisor && (attributes & ScalableCaches.USER) == 0) {
            return FaultReason.USER_REQUEST_DENIED.code();
        }
        boolean writes = (access.rights() & WRITE) != 0;
        return writes && (granted(space, attributes | RIGHTS) & WRITE) == 0
                ? FaultReason.SCALABLE_WRITE_DENIED.code()
                : OK;
    }

    /** A fault of the permissions of the second stage, or of the place of the page; {@link TableWalker#OK} for none. */
    private int denied(DmaAccess access, int shift, long page, int rights) {
        if (access.addressType() != AddressType.TRANSLATION_REQUEST) {
            int missing = needed(access) & ~rights;
            if ((missing & WRITE) != 0) {
                return FaultReason.SCALABLE_WRITE_DENIED.code();
            }
            if ((missing & READ) != 0 && !(isZeroLengthRead(access) && (rights & WRITE) != 0)) {
                return FaultReason.SCALABLE_READ_DENIED.code();
            }
        }
        return DmaRemapper.reachesInterrupts(access, page, shift)
                ? FaultReason.SCALABLE_INTERRUPT_RANGE_OUTPUT.code()
                : OK;
    }

    /** Rights that the tables must grant: without write permission, a request is a read. */
    private static int needed(DmaAccess access) {
        int rights = access.rights() & RIGHTS;
        return (rights & WRITE) != 0 ? rights : READ;
    }

    private boolean isZeroLengthRead(DmaAccess access) {
        return zeroLengthReads && access.lengthBytes() == 0 && (access.rights() & WRITE) == 0;
    }

    /** True if the page counts as written: by a write, or by a device that is given permission to write. */
    private boolean dirties(DmaAccess access, int granted) {
        return access.addressType() == AddressType.TRANSLATION_REQUEST
                ? (granted & WRITE) != 0 && !asksForNoWrite(access)
                : (access.rights() & WRITE) != 0;
    }

    private boolean asksForNoWrite(DmaAccess access) {
        return noWriteFlag && (access.rights() & WRITE) == 0;
    }

    private static int dirtyAttribute(boolean dirty, AddressSpace space) {
        return dirty || !space.secondStageFlags() ? ScalableCaches.DIRTY : 0;
    }

    /** True if a cached result answers: not a write, or request for it, whose dirty flag has still to be set. */
    private boolean serves(DmaAccess access, int attributes) {
        if ((attributes & (ScalableCaches.DIRTY | ScalableCaches.FAULTING)) != 0) {
            return true;
        }
        return access.addressType() == AddressType.TRANSLATION_REQUEST
                ? asksForNoWrite(access)
                : (access.rights() & WRITE) == 0;
    }

    private void missed(int tag, long address) {
        walks++;
        fromCaches = false;
        watch.missed(CachedKind.TRANSLATION, tag, pasid, address);
    }

    private void hit(DmaAccess access, AddressSpace space, TranslationCache results, int entry) {
        hits++;
        int attributes = results.attributes(entry);
        int shift = results.pageShift(entry);
        long page = results.value(entry);
        watch.hit(CachedKind.TRANSLATION, tag(space), pasid, results.iova(entry), 1L << shift);
        int fault;
        if ((attributes & ScalableCaches.FAULTING) != 0) {
            fault = (int) page;
        } else if ((attributes & ScalableCaches.PASS_THROUGH) != 0) {
            fault = OK;
        } else {
            fault = space.hasFirstStage() ? deniedByFirstStage(access, space, attributes) : OK;
            fault = fault == OK ? denied(access, shift, page, attributes & RIGHTS) : fault;
        }
        if (fault == OK) {
            succeed(access, space, shift, page, attributes);
        } else {
            refuse(access, fault);
        }
    }

    /** A result of tables: it is cached, and the access goes on. */
    private void finish(
            DmaAccess access, AddressSpace space, TranslationCache results, int shift, long page, int attributes) {
        long iova = access.iova() & -1L << shift;
        results.insert(space.domain(), pasid, iova, shift, page, attributes);
        watch.filled(CachedKind.TRANSLATION, tag(space), pasid, iova, 1L << shift, page, TranslationObserver.ALL);
        succeed(access, space, shift, page, attributes);
    }

    private void succeed(DmaAccess access, AddressSpace space, int shift, long page, int attributes) {
        long iova = access.iova();
        long pageBytes = 1L << shift;
        int rights = granted(space, attributes);
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            rights = asksForNoWrite(access) ? rights & READ : rights;
            if (rights == 0) {
                refuse(access, nothingGranted(attributes));
                return;
            }
            long start = iova & -pageBytes;
            all.deviceTlb.insert(access.requester(), access.pasid(), start, shift, page, rights);
            watch.deviceFilled(access.requester(), access.pasid(), iova, shift, page);
        }
        boolean passes = (attributes & ScalableCaches.PASS_THROUGH) != 0
                && access.addressType() != AddressType.TRANSLATION_REQUEST;
        access.translated(page | (iova & (pageBytes - 1)), passes ? 0 : pageBytes, rights, fromCaches);
    }

    /** Caching mode keeps what the second stage does not map, VT-d 6.1; what the first stage does not map never. */
    private void keepFault(AddressSpace space, TranslationCache results, long address, int fault) {
        if (cachingMode && second.entryCacheable()) {
            int level = second.level();
            int shift = space.hasFirstStage() ? Math.min(first.level(), level) : level;
            long start = address & -1L << Agaw.shift(shift);
            results.insert(space.domain(), pasid, start, Agaw.shift(shift), fault, ScalableCaches.FAULTING);
            watch.filled(
                    CachedKind.TRANSLATION,
                    tag(space),
                    pasid,
                    start,
                    1L << Agaw.shift(shift),
                    0,
                    TranslationObserver.ALL);
        }
    }

    private static int tag(AddressSpace space) {
        return space.hasFirstStage() ? space.domain() | ObservedTags.FIRST_STAGE : space.domain();
    }

    private void refuse(DmaAccess access, int code) {
        FaultReason reason = FaultReason.of(code);
        boolean silent = (suppressed && reason.qualified())
                || (access.addressType() == AddressType.TRANSLATION_REQUEST && reason.answersTranslationRequests());
        refused++;
        access.fault(code, !silent && faults.record(code, access));
    }

    /** True if there was no entry that could be cached. */
    private static boolean isAccessError(int code) {
        return code == FaultReason.SCALABLE_ROOT_ACCESS.code()
                || code == FaultReason.SCALABLE_CONTEXT_ACCESS.code()
                || code == FaultReason.PASID_DIRECTORY_ACCESS.code()
                || code == FaultReason.PASID_TABLE_ACCESS.code();
    }
}
