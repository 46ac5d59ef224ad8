package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents.InvalidDeviceRequest;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Exclusion;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.front.AmdViFront;
import org.iommu4j.amd.front.EventRecorder;
import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.DeviceEntryCheck;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.HostWalker;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * Translates accesses of devices, 48882 2.2; the steps are those of docs/spec/amd-vi.md 3.12. The numbers stand above the lines
 * that do the step. Allocates nothing.
 *
 * <ol>
 *   <li>A DeviceID has 16 bits. While IommuEn is 0, addresses go on as they are.
 *   <li>2.2.4: a request to 0xfee00000-0xfeefffff is an interrupt, or no request that a device may make.
 *   <li>3.4.1: the DeviceID selects segment and index; outside of the table: IO_PAGE_FAULT.
 *   <li>2.2.2: the device table entry, from the cache or read; not readable: DEV_TAB_HARDWARE_ERROR.
 *   <li>2.2.2: V=0: untranslated requests go on as they are.
 *   <li>2.5.2: a reserved bit of the entry: ILLEGAL_DEV_TABLE_ENTRY, RZ=1.
 *   <li>2.2.7: requests of device TLBs where the entry allows them; a translated address goes on as it is.
 *   <li>2.2.2: TV=0: IO_PAGE_FAULT, PR=0.
 *   <li>3.4.5: the exclusion range.
 *   <li>2.5.2: a level that the unit does not have: ILLEGAL_DEV_TABLE_ENTRY, RZ=0.
 *   <li>2.2.2: IR and IW of the entry.
 *   <li>2.2.6: a PASID of a device without guest translation.
 *   <li>2.2.3: without guest context: no table, or the page cache, the directory cache and the host table.
 *   <li>2.2.6: with guest context, which PASID 0 gives requests without one under GIOV: PASID and address are in range.
 *   <li>2.2.6, 2.2.7: the page cache, the GCR3 and directory caches, and the tables.
 * </ol>
 *
 * A translation request never logs a page fault, 2.1.3.2: it gets an answer without rights.
 */
final class DmaRemapper {
    private static final int NO_PASID = TranslationCaches.NO_PASID;
    private static final int MISS = TranslationCache.MISS;
    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;
    private static final int PAGE_FAULT = AmdViEvent.IO_PAGE_FAULT.code();
    private static final long INTERRUPT_FIRST = 0xfee0_0000L;
    private static final long INTERRUPT_LAST = 0xfeef_ffffL;
    private static final int DEVICE_ID_BITS = 16;
    private static final int PAGE_SHIFT = 12;
    private static final int DENIED = 0;

    private final RegisterFile registers;
    private final DeviceTable deviceTable;
    private final PhysicalMemory memory;
    private final TranslationCaches caches;
    private final DeviceCache devices;
    private final DeviceEntry entry;
    private final DeviceEntryCheck check;
    private final HostWalker hostWalker;
    private final GuestWalker guestWalker;
    private final boolean cachesAbsent;
    private final boolean hasDeviceTlbs;
    private final boolean snp;
    private final boolean bypassesWithoutTranslation;
    private final boolean pageFaultOfMode;
    private final boolean illegalOutsideTable;
    private final boolean ignoresPasidWithoutGuest;
    private final boolean nestedFaultsAsGuest;
    private final AccessWatch watch;

    private EventRecorder events;
    private boolean enabled;
    private boolean guestsEnabled;
    private boolean excludes;
    private boolean excludesAll;
    private long excludedFirst;
    private long excludedLast;

    private long hits;
    private long walks;
    private long refused;

    /**
     * A remapper after reset.
     *
     * @param memory where device tables are
     * @param watch who is told what the caches go through
     */
    DmaRemapper(
            AmdViCapabilities unit,
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            HostWalker hostWalker,
            GuestWalker guestWalker,
            TranslationCaches caches,
            AccessWatch watch) {
        this.registers = registers;
        this.memory = memory;
        this.hostWalker = hostWalker;
        this.guestWalker = guestWalker;
        this.caches = caches;
        this.watch = watch;
        deviceTable = new DeviceTable(registers);
        devices = caches.devices;
        entry = devices.entry();
        snp = chosen.isSet(AmdViSettings.SNP);
        check = new DeviceEntryCheck(unit, snp);
        cachesAbsent = unit.cachesAbsent();
        hasDeviceTlbs = PciCapability.IOTLB_SUP.isSet(unit.header());
        bypassesWithoutTranslation = chosen.isSet(AmdViSettings.TV0);
        pageFaultOfMode = chosen.isSet(AmdViSettings.MODE7);
        illegalOutsideTable = chosen.isSet(AmdViSettings.RANGE);
        ignoresPasidWithoutGuest = chosen.isSet(AmdViSettings.GV0);
        nestedFaultsAsGuest = chosen.isSet(AmdViSettings.NESTED_EVENT);
    }

    /** Where events go; set once, before the first access. */
    void recordTo(EventRecorder recorder) {
        events = recorder;
    }

    /** Takes what software has written to the control and exclusion registers; nothing is dropped for it. */
    void configure() {
        long control = registers.get(Control.REGISTER);
        enabled = Control.IOMMU_EN.isSet(control);
        guestsEnabled = Control.GT_EN.isSet(control);
        guestWalker.configure(
                Control.GCR3_TRP_MODE.isSet(control),
                !Control.GA_UPDATE_DIS.isSet(control),
                !Control.GD_UPDATE_DIS.isSet(control));
        long exclusion = registers.get(Exclusion.BASE_REGISTER);
        excludes = Exclusion.EX_EN.isSet(exclusion) && !snp;
        excludesAll = Exclusion.ALLOW.isSet(exclusion);
        excludedFirst = Exclusion.BASE_ADDRESS.get(exclusion);
        excludedLast = AmdViFront.lastExcluded(registers);
    }

    /** Where the first device table is. */
    long deviceTable() {
        return deviceTable.base();
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

    /** Translates an access. */
    void translate(DmaAccess access) {
        int deviceId = access.requester();
        AddressType type = access.addressType();
        // 1. the requester, and whether the unit translates
        if (deviceId >>> DEVICE_ID_BITS != 0) {
            refused++;
            access.blocked();
            return;
        }
        if (!enabled) {
            if (type == AddressType.UNTRANSLATED) {
                pass(access, RIGHTS);
            } else {
                access.blocked();
            }
            return;
        }
        // 2. interrupts
        if (type != AddressType.TRANSLATED && isInterruptAddress(access.iova())) {
            interruptRange(access, deviceId);
            return;
        }
        // 3. and 4. the device table entry
        if (!devices.select(deviceId)) {
            if (!read(access, deviceId, false)) {
                return;
            }
        } else {
            watch.deviceHit(entry, deviceId);
        }
        // 5. entries without a half for memory requests
        if (!entry.isValid()) {
            if (type == AddressType.UNTRANSLATED) {
                pass(access, RIGHTS);
            } else {
                refuseDeviceTlb(access, type);
            }
            return;
        }
        // 6. reserved bits
        if (check.isReserved(entry.word(0), entry.word(1))) {
            refuse(
                    access,
                    AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                    events.illegalDeviceEntry(access, access.iova(), true, false));
            return;
        }
        // 7. requests of device TLBs
        if (type != AddressType.UNTRANSLATED) {
            if (!hasDeviceTlbs || !entry.hasDeviceTlb()) {
                refuseDeviceTlb(access, type);
                return;
            }
            if (type == AddressType.TRANSLATED) {
                watch.presented(deviceId, access.pasid(), access.iova());
                pass(access, RIGHTS);
                return;
            }
        }
        // 8. translation information
        if (!entry.translates()) {
            withoutTranslation(access, type);
            return;
        }
        // 9. the exclusion range
        if (excludes && isExcluded(access.iova())) {
            pass(access, RIGHTS);
            return;
        }
        // 10. levels
        if (check.isLevelWrong(entry.word(0), entry.word(2))) {
            if (pageFaultOfMode) {
                pageFault(access, 0);
            } else {
                refuse(
                        access,
                        AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                        events.illegalDeviceEntry(access, access.iova(), false, false));
            }
            return;
        }
        // 11. rights of the entry; a translation request asks for none
        int needed = type == AddressType.TRANSLATION_REQUEST ? DENIED : access.rights();
        if ((GuestWalker.hostRights(needed) & ~entry.rights()) != 0) {
            pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
            return;
        }
        // 12. PASIDs of devices without guest translation
        boolean guest = entry.hasGuest() && guestsEnabled;
        int pasid = access.pasid();
        if (pasid != DmaAccess.NO_PASID && !guest) {
            if (!ignoresPasidWithoutGuest) {
                pageFault(access, 0);
                return;
            }
            pasid = DmaAccess.NO_PASID;
        }
        // 13. without guest context
        if (pasid == DmaAccess.NO_PASID && !(guest && entry.translatesWithoutPasid())) {
            host(access, needed);
            return;
        }
        // 14. the guest context
        boolean user = pasid == DmaAccess.NO_PASID || !access.privileged();
        int context = pasid == DmaAccess.NO_PASID ? 0 : pasid;
        if (!guestWalker.isInRange(entry, context, access.iova())) {
            guestFault(access, context, user, 0);
            return;
        }
        guest(access, context, needed, user);
    }

    private static boolean isInterruptAddress(long address) {
        return address >= INTERRUPT_FIRST && address <= INTERRUPT_LAST;
    }

    private boolean isExcluded(long address) {
        return (excludesAll || DeviceTableEntry.EX.isSet(entry.word(DeviceTableEntry.EX.word())))
                && Long.compareUnsigned(address, excludedFirst) >= 0
                && Long.compareUnsigned(address, excludedLast) <= 0;
    }

    /** Reads the entry of a device and selects it; false, and the access is refused, if there is none. */
    private boolean read(DmaAccess access, int deviceId, boolean interrupt) {
        watch.deviceMissed(deviceId);
        long at = deviceTable.entry(deviceId);
        if (at == DeviceTable.OUTSIDE) {
            outsideTable(access, interrupt);
            return false;
        }
        long word0;
        long word1;
        long word2;
        long word3;
        try {
            word0 = memory.readLongLe(at);
            word1 = memory.readLongLe(at + Long.BYTES);
            word2 = memory.readLongLe(at + 2 * Long.BYTES);
            word3 = memory.readLongLe(at + 3 * Long.BYTES);
        } catch (BusErrorException e) {
            refuse(access, AmdViEvent.DEV_TAB_HARDWARE_ERROR, events.deviceTableError(access, at, interrupt));
            return false;
        }
        WalkListener listener = watch.reading(access.listener());
        if (listener != null) {
            listener.step("device table entry", at, word0);
        }
        devices.fill(deviceId, word0, word1, word2, word3);
        watch.deviceFilled(entry, deviceId);
        return true;
    }

    private void outsideTable(DmaAccess access, boolean interrupt) {
        long flags = interrupt ? IoPageFault.I.mask() : 0;
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            refuse(
                    access,
                    AmdViEvent.INVALID_DEVICE_REQUEST,
                    events.invalidRequest(access, InvalidDeviceRequest.TRANSLATION_OUTSIDE_TABLE));
        } else if (illegalOutsideTable) {
            refuse(access, AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY, events.illegalDeviceEntry(access, 0, false, interrupt));
        } else if (access.pasid() == DmaAccess.NO_PASID) {
            refuse(access, AmdViEvent.IO_PAGE_FAULT, events.hostPageFault(access, 0, access.iova(), flags));
        } else {
            refuse(
                    access,
                    AmdViEvent.IO_PAGE_FAULT,
                    events.guestPageFault(access, access.pasid(), !access.privileged(), flags));
        }
    }

    /**
     * A request to the interrupt range. A write without PASID is an interrupt: the other half of the device table entry says
     * whether it goes on. Remapping itself is not modelled.
     */
    private void interruptRange(DmaAccess access, int deviceId) {
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            refuse(
                    access,
                    AmdViEvent.INVALID_DEVICE_REQUEST,
                    events.invalidRequest(access, InvalidDeviceRequest.TRANSLATION_OF_SPECIAL_RANGE));
            return;
        }
        if (access.pasid() != DmaAccess.NO_PASID) {
            refuse(
                    access,
                    AmdViEvent.IO_PAGE_FAULT,
                    events.guestPageFault(access, access.pasid(), !access.privileged(), IoPageFault.I.mask()));
            return;
        }
        if (access.rights() != DmaAccess.WRITE) {
            refuse(
                    access,
                    AmdViEvent.INVALID_DEVICE_REQUEST,
                    events.invalidRequest(access, InvalidDeviceRequest.READ_OF_INTERRUPT_RANGE));
            return;
        }
        if (!devices.select(deviceId) && !read(access, deviceId, true)) {
            return;
        }
        long word2 = entry.word(DeviceTableEntry.IV.word());
        if (DeviceTableEntry.IV.isSet(word2)) {
            DeviceEntryCheck.Verdict verdict = check.interrupts(word2, entry.word(3));
            if (verdict != DeviceEntryCheck.Verdict.LEGAL) {
                boolean reserved = verdict == DeviceEntryCheck.Verdict.RESERVED;
                refuse(
                        access,
                        AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                        events.illegalDeviceEntry(access, access.iova(), reserved, true));
                return;
            }
            if (DeviceTableEntry.INT_CTL.getInt(word2) == DeviceTableEntry.INT_ABORT) {
                refuse(
                        access,
                        AmdViEvent.INVALID_DEVICE_REQUEST,
                        events.invalidRequest(access, InvalidDeviceRequest.INTERRUPT_BLOCKED));
                return;
            }
        }
        pass(access, access.rights());
    }

    /** TV=0: nothing is allowed; on a unit of the other opinion IR and IW say what passes. */
    private void withoutTranslation(DmaAccess access, AddressType type) {
        if (type == AddressType.TRANSLATION_REQUEST) {
            refuseDeviceTlb(access, type);
        } else if (!bypassesWithoutTranslation) {
            pageFault(access, 0);
        } else if ((GuestWalker.hostRights(access.rights()) & ~entry.rights()) != 0) {
            pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
        } else {
            pass(access, entry.rights());
        }
    }

    /** 13. no table, or a host table: caches first. */
    private void host(DmaAccess access, int needed) {
        long address = access.iova();
        if (entry.mode() == 0) {
            succeed(access, NO_PASID, address & -1L << PAGE_SHIFT, PAGE_SHIFT, entry.rights(), false, false);
            return;
        }
        if (!TableLevel.covers(entry.mode(), address)) {
            pageFault(access, 0);
            return;
        }
        int domain = entry.domain();
        TranslationCache pages = caches.pages;
        int cached = pages.lookup(domain, NO_PASID, address);
        if (cached == MISS || !isUsable(pages.attributes(cached), needed, entry.setsDirty())) {
            walkHost(access, domain, needed);
            return;
        }
        hits++;
        watch.pageHit(pages, cached);
        int attributes = pages.attributes(cached);
        if ((attributes & TranslationCaches.ABSENT) != 0) {
            pageFault(access, 0);
        } else if ((GuestWalker.hostRights(needed) & ~attributes) != 0) {
            pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
        } else {
            succeed(access, NO_PASID, pages.value(cached), pages.pageShift(cached), attributes & RIGHTS, true, true);
        }
    }

    /** False for a page whose dirty bit has to be set first: that needs a walk. */
    private static boolean isUsable(int attributes, int needed, boolean setsDirty) {
        boolean marks = setsDirty && ((needed & DmaAccess.WRITE) != 0 || needed == DENIED);
        return !marks || (attributes & (TranslationCaches.DIRTY | TranslationCaches.ABSENT)) != 0;
    }

    private void walkHost(DmaAccess access, int domain, int needed) {
        walks++;
        long address = access.iova();
        TranslationCache directories = caches.directories;
        int cached = caches.directoryOf(domain, NO_PASID, address);
        watch.pageMissed(entry, NO_PASID, address, directories, cached);
        long table = entry.hostRoot();
        int level = entry.mode();
        int granted = entry.rights();
        int hostNeeded = GuestWalker.hostRights(needed);
        if (cached != MISS) {
            int attributes = directories.attributes(cached);
            table = directories.value(cached);
            level = TranslationCaches.nextLevel(attributes);
            granted = TranslationCaches.rights(attributes);
            if ((hostNeeded & ~granted) != 0) {
                pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
                return;
            }
        }
        HostWalker.Result result =
                hostWalker.walk(table, level, granted, address, hostNeeded, watch.reading(access.listener()));
        boolean found = result == HostWalker.Result.FOUND;
        boolean dirty = entry.setsDirty() && (writes(needed) || (needed == DENIED && writes(hostWalker.rights())));
        if (found && entry.setsAccessed()) {
            result = hostWalker.mark(dirty);
            found = result == HostWalker.Result.FOUND;
        }
        // A directory that is kept has its accessed bit: with them it counts only if the whole walk has.
        if (found || !entry.setsAccessed()) {
            keepDirectories(domain, address);
        }
        boolean keepsAbsent = cachesAbsent && hostWalker.isAbsent();
        watch.walked(domain, address, hostWalker, found || keepsAbsent, found ? hostWalker.pageAddress() : 0);
        switch (result) {
            case FOUND -> {
                int shift = hostWalker.pageShift();
                int attributes = hostWalker.rights() | (dirty ? TranslationCaches.DIRTY : 0);
                caches.pages.insert(
                        domain, NO_PASID, address & -1L << shift, shift, hostWalker.pageAddress(), attributes);
                succeed(access, NO_PASID, hostWalker.pageAddress(), shift, hostWalker.rights(), true, false);
            }
            case FAULT -> {
                if (keepsAbsent) {
                    keepAbsent(domain, NO_PASID, address, hostWalker.level());
                }
                pageFault(access, hostWalker.flags());
            }
            default -> tableError(access, domain, EventRecorder.NO_PASID, hostWalker.entryAddress());
        }
    }

    private static boolean writes(int rights) {
        return (rights & DmaAccess.WRITE) != 0;
    }

    private void keepDirectories(int domain, long address) {
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
                    TranslationCaches.directory(hostWalker.rightsAt(level), hostWalker.nextLevel(level)));
            if (!caches.keepsAllDirectories) {
                return;
            }
        }
    }

    private void keepAbsent(int domain, int pasid, long address, int level) {
        int shift = TableLevel.shift(level);
        caches.pages.insert(domain, pasid, address & -1L << shift, shift, 0, TranslationCaches.ABSENT);
    }

    /** 15. guest tables: caches first. */
    private void guest(DmaAccess access, int pasid, int needed, boolean user) {
        long address = access.iova();
        int domain = entry.domain();
        TranslationCache pages = caches.pages;
        int cached = pages.lookup(domain, pasid, address);
        if (cached == MISS || !isUsable(pages.attributes(cached), needed, writes(needed))) {
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
        hits++;
        watch.pageHit(pages, cached);
        if (absent) {
            guestFault(access, pasid, user, 0);
        } else if (denied != 0) {
            guestFault(access, pasid, user, denied);
        } else {
            succeed(access, pasid, pages.value(cached), pages.pageShift(cached), granted(attributes, user), true, true);
        }
    }

    private void walkGuest(DmaAccess access, int domain, int pasid, int needed, boolean user) {
        walks++;
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
            watch.gcr3Looked(entry, pasid, root != MISS);
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
                succeed(access, pasid, guestWalker.pageAddress(), shift, granted(attributes, user), true, false);
            }
            case GUEST_FAULT -> {
                if (keepsAbsent) {
                    keepAbsent(domain, pasid, address, guestWalker.level());
                }
                guestFault(access, pasid, user, guestWalker.flags());
            }
            case HOST_FAULT -> {
                if (nestedFaultsAsGuest) {
                    guestFault(access, pasid, user, guestWalker.flags());
                } else {
                    hostFault(access, guestWalker.faultAddress(), guestWalker.flags());
                }
            }
            case HOST_UNREADABLE -> tableError(access, domain, EventRecorder.NO_PASID, guestWalker.entryAddress());
            default -> tableError(access, domain, pasid, guestWalker.entryAddress());
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

    /** What guest and host tables together grant a request: a user request needs the right of users for everything. */
    private static int granted(int rights, boolean user) {
        if (user && (rights & GuestWalker.GUEST_USER) == 0) {
            return DENIED;
        }
        return (rights & DmaAccess.READ)
                | ((rights & GuestWalker.GUEST_WRITE) != 0 ? rights & DmaAccess.WRITE : 0)
                | ((rights & GuestWalker.GUEST_EXECUTE) != 0 && (rights & DmaAccess.READ) != 0 ? DmaAccess.EXECUTE : 0);
    }

    /** An address that no table translates. */
    private static void pass(DmaAccess access, int rights) {
        access.translated(access.iova(), 0, rights, false);
    }

    private void succeed(
            DmaAccess access, int pasid, long pageAddress, int shift, int rights, boolean byTable, boolean hit) {
        long address = access.iova();
        long pageBytes = 1L << shift;
        boolean answers = access.addressType() == AddressType.TRANSLATION_REQUEST;
        if (answers) {
            if (rights == DENIED) {
                refused++;
                access.fault(PAGE_FAULT, false);
                return;
            }
            int tag = access.pasid() == DmaAccess.NO_PASID ? NO_PASID : pasid;
            long page = address & -pageBytes;
            caches.deviceTlb.insert(access.requester(), tag, page, shift, pageAddress, rights);
            watch.answered(access.requester(), tag, page, shift, pageAddress);
        }
        access.translated(pageAddress | (address & (pageBytes - 1)), byTable || answers ? pageBytes : 0, rights, hit);
    }

    /** A request that a device may not make of a unit that does not translate for its TLB. */
    private void refuseDeviceTlb(DmaAccess access, AddressType type) {
        int code = type == AddressType.TRANSLATION_REQUEST
                ? InvalidDeviceRequest.TRANSLATION_REQUEST
                : InvalidDeviceRequest.TRANSLATED_REQUEST;
        refuse(access, AmdViEvent.INVALID_DEVICE_REQUEST, events.invalidRequest(access, code));
    }

    private void refuse(DmaAccess access, AmdViEvent event, boolean recorded) {
        refused++;
        access.fault(event.code(), recorded);
    }

    private void tableError(DmaAccess access, int domain, int pasid, long address) {
        refuse(access, AmdViEvent.PAGE_TAB_HARDWARE_ERROR, events.pageTableError(access, domain, pasid, address));
    }

    /** A page fault at the address of the request: with its PASID if it has one, else of the domain. */
    private void pageFault(DmaAccess access, long flags) {
        if (access.pasid() == DmaAccess.NO_PASID) {
            hostFault(access, access.iova(), flags);
        } else {
            guestFault(access, access.pasid(), !access.privileged(), flags);
        }
    }

    private void hostFault(DmaAccess access, long address, long flags) {
        boolean recorded = isLogged(access) && events.hostPageFault(access, entry.domain(), address, flags);
        faulted(access, recorded);
    }

    private void guestFault(DmaAccess access, int pasid, boolean user, long flags) {
        boolean recorded = isLogged(access) && events.guestPageFault(access, pasid, user, flags);
        faulted(access, recorded);
    }

    private boolean isLogged(DmaAccess access) {
        return access.addressType() != AddressType.TRANSLATION_REQUEST && !devices.faultsSuppressed();
    }

    private void faulted(DmaAccess access, boolean recorded) {
        if (recorded) {
            devices.faultLogged(access.requester());
        }
        refuse(access, AmdViEvent.IO_PAGE_FAULT, recorded);
    }

    /** The domain of a device, from the cache or its entry; -1 if it has none. */
    int domainOf(int deviceId) {
        long at = deviceTable.entry(deviceId);
        if (!devices.select(deviceId)) {
            if (at == DeviceTable.OUTSIDE) {
                return -1;
            }
            try {
                return DeviceTableEntry.DOMAIN_ID.getInt(memory.readLongLe(at + Long.BYTES));
            } catch (BusErrorException e) {
                return -1;
            }
        }
        return entry.domain();
    }
}
