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
import org.iommu4j.amd.front.DeviceTable;
import org.iommu4j.amd.front.EventRecorder;
import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.DeviceEntryCheck;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.amd.table.HostWalker;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.WalkListener;
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
    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;
    private static final long INTERRUPT_FIRST = 0xfee0_0000L;
    private static final long INTERRUPT_LAST = 0xfeef_ffffL;

    /** Bits of a DeviceID. */
    static final int DEVICE_ID_BITS = 16;

    private static final int DENIED = 0;
    private static final int PAIR_BYTES = 2 * Long.BYTES;

    private final RegisterFile registers;
    private final DeviceTable deviceTable;
    private final PhysicalMemory memory;
    private final PhysicalMemory guestTables;
    private final DeviceCache devices;
    private final DeviceEntry entry;
    private final GuestWalker guestWalker;
    private final boolean hasDeviceTlbs;
    private final boolean snp;
    private final boolean bypassesWithoutTranslation;
    private final boolean pageFaultOfMode;
    private final boolean illegalOutsideTable;
    private final boolean ignoresPasidWithoutGuest;
    private final AccessWatch watch;
    private final AccessAnswers answers;
    private final HostTranslation host;
    private final GuestTranslation guests;

    /** The halves of the device table entry that is read. */
    private final long[] low = new long[2];

    private final long[] high = new long[2];

    private boolean enabled;
    private boolean guestsEnabled;
    private boolean excludes;
    private boolean excludesAll;
    private long excludedFirst;
    private long excludedLast;

    /**
     * A remapper after reset.
     *
     * @param memory where device tables are
     * @param guestTables where page tables of guests are
     * @param watch is told what the caches go through
     */
    DmaRemapper(
            AmdViCapabilities unit,
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            PhysicalMemory guestTables,
            HostWalker hostWalker,
            GuestWalker guestWalker,
            TranslationCaches caches,
            AccessWatch watch) {
        this.registers = registers;
        this.memory = memory;
        this.guestTables = guestTables;
        this.guestWalker = guestWalker;
        this.watch = watch;
        deviceTable = new DeviceTable(registers);
        devices = caches.devices;
        entry = devices.entry();
        snp = chosen.isSet(AmdViSettings.SNP);
        hasDeviceTlbs = PciCapability.IOTLB_SUP.isSet(unit.header());
        bypassesWithoutTranslation = chosen.isSet(AmdViSettings.TV0);
        pageFaultOfMode = chosen.isSet(AmdViSettings.MODE7);
        illegalOutsideTable = chosen.isSet(AmdViSettings.RANGE);
        ignoresPasidWithoutGuest = chosen.isSet(AmdViSettings.GV0);
        answers = new AccessAnswers(caches, watch);
        host = new HostTranslation(caches, hostWalker, unit.cachesAbsent(), watch, answers);
        guests = new GuestTranslation(
                caches, guestWalker, unit.cachesAbsent(), chosen.isSet(AmdViSettings.NESTED_EVENT), watch, answers);
    }

    /** Receiver of events; set once, before the first access. */
    void recordTo(EventRecorder recorder) {
        answers.recordTo(recorder);
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

    /** Address of the first device table. */
    long deviceTable() {
        return deviceTable.base();
    }

    /** Counts of accesses by outcome. */
    AccessAnswers answers() {
        return answers;
    }

    /** Translates an access. */
    void translate(DmaAccess access) {
        int deviceId = access.requester();
        AddressType type = access.addressType();
        // 1. the requester, and whether the unit translates
        if (deviceId >>> DEVICE_ID_BITS != 0) {
            answers.block(access);
            return;
        }
        if (!enabled) {
            if (type == AddressType.UNTRANSLATED) {
                answers.pass(access, RIGHTS);
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
        // 5. to 10. what only few entries and requests have
        boolean plain = entry.isPlain() && type == AddressType.UNTRANSLATED && !excludes;
        if (!plain && isOver(access, deviceId, type)) {
            return;
        }
        // 11. rights of the entry; a translation request asks for none
        int needed = type == AddressType.TRANSLATION_REQUEST ? DENIED : access.rights();
        if ((GuestWalker.hostRights(needed) & ~entry.rights()) != 0) {
            answers.pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
            return;
        }
        // 12. PASIDs of devices without guest translation
        boolean guest = entry.hasGuest() && guestsEnabled;
        int pasid = access.pasid();
        if (pasid != DmaAccess.NO_PASID && !guest) {
            if (!ignoresPasidWithoutGuest) {
                answers.pageFault(access, 0);
                return;
            }
            pasid = DmaAccess.NO_PASID;
        }
        // 13. without guest context
        if (pasid == DmaAccess.NO_PASID && !(guest && entry.translatesWithoutPasid())) {
            host.translate(access, needed);
            return;
        }
        // 14. the guest context
        boolean user = pasid == DmaAccess.NO_PASID || !access.privileged();
        int context = pasid == DmaAccess.NO_PASID ? 0 : pasid;
        if (!guestWalker.isInRange(entry, context, access.iova())) {
            answers.guestFault(access, context, user, 0);
            return;
        }
        guests.translate(access, context, needed, user);
    }

    /** Steps 5 to 10: true if the access ends with one of them. */
    private boolean isOver(DmaAccess access, int deviceId, AddressType type) {
        // 5. entries without a half for memory requests
        if (!entry.isValid()) {
            if (type == AddressType.UNTRANSLATED) {
                answers.pass(access, RIGHTS);
            } else {
                answers.refuseDeviceTlb(access, type);
            }
            return true;
        }
        // 6. reserved bits
        if (entry.isReserved()) {
            answers.refuse(
                    access,
                    AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                    answers.events().illegalDeviceEntry(access, access.iova(), true, false));
            return true;
        }
        // 7. requests of device TLBs
        if (type != AddressType.UNTRANSLATED) {
            if (!hasDeviceTlbs || !entry.hasDeviceTlb()) {
                answers.refuseDeviceTlb(access, type);
                return true;
            }
            if (type == AddressType.TRANSLATED) {
                watch.presented(deviceId, access.pasid(), access.iova());
                answers.pass(access, RIGHTS);
                return true;
            }
        }
        // 8. translation information
        if (!entry.translates()) {
            withoutTranslation(access, type);
            return true;
        }
        // 9. the exclusion range
        if (excludes && isExcluded(access.iova())) {
            answers.pass(access, RIGHTS);
            return true;
        }
        // 10. levels
        if (entry.isLevelWrong()) {
            if (pageFaultOfMode) {
                answers.pageFault(access, 0);
            } else {
                answers.refuse(
                        access,
                        AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                        answers.events().illegalDeviceEntry(access, access.iova(), false, false));
            }
            return true;
        }
        return false;
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
        try {
            memory.readPairLe(at, low);
            memory.readPairLe(at + PAIR_BYTES, high);
        } catch (BusErrorException e) {
            answers.refuse(
                    access,
                    AmdViEvent.DEV_TAB_HARDWARE_ERROR,
                    answers.events().deviceTableError(access, at, interrupt));
            return false;
        }
        WalkListener listener = watch.reading(access.listener());
        if (listener != null) {
            listener.step("device table entry", at, low[0]);
        }
        // A table of a guest may not lead on into the host's pages; one that begins there is the host's.
        long root = DeviceTableEntry.HOST_ROOT.get(low[0]);
        devices.fill(deviceId, low[0], low[1], high[0], high[1], !guestTables.contains(root, HostPte.BYTES));
        watch.deviceFilled(entry, deviceId);
        return true;
    }

    private void outsideTable(DmaAccess access, boolean interrupt) {
        long flags = interrupt ? IoPageFault.I.mask() : 0;
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            answers.refuse(
                    access,
                    AmdViEvent.INVALID_DEVICE_REQUEST,
                    answers.events().invalidRequest(access, InvalidDeviceRequest.TRANSLATION_OUTSIDE_TABLE));
        } else if (illegalOutsideTable) {
            answers.refuse(
                    access,
                    AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                    answers.events().illegalDeviceEntry(access, 0, false, interrupt));
        } else if (access.pasid() == DmaAccess.NO_PASID) {
            answers.refuse(
                    access, AmdViEvent.IO_PAGE_FAULT, answers.events().hostPageFault(access, 0, access.iova(), flags));
        } else {
            answers.refuse(
                    access,
                    AmdViEvent.IO_PAGE_FAULT,
                    answers.events().guestPageFault(access, access.pasid(), !access.privileged(), flags));
        }
    }

    /**
     * A request to the interrupt range. A write without PASID is an interrupt: the other half of the device table entry says
     * whether it goes on. Remapping itself is not modelled.
     */
    private void interruptRange(DmaAccess access, int deviceId) {
        if (access.addressType() == AddressType.TRANSLATION_REQUEST) {
            answers.refuse(
                    access,
                    AmdViEvent.INVALID_DEVICE_REQUEST,
                    answers.events().invalidRequest(access, InvalidDeviceRequest.TRANSLATION_OF_SPECIAL_RANGE));
            return;
        }
        if (access.pasid() != DmaAccess.NO_PASID) {
            answers.refuse(
                    access,
                    AmdViEvent.IO_PAGE_FAULT,
                    answers.events()
                            .guestPageFault(access, access.pasid(), !access.privileged(), IoPageFault.I.mask()));
            return;
        }
        if (access.rights() != DmaAccess.WRITE) {
            answers.refuse(
                    access,
                    AmdViEvent.INVALID_DEVICE_REQUEST,
                    answers.events().invalidRequest(access, InvalidDeviceRequest.READ_OF_INTERRUPT_RANGE));
            return;
        }
        if (devices.select(deviceId)) {
            watch.deviceHit(entry, deviceId);
        } else if (!read(access, deviceId, true)) {
            return;
        }
        long word2 = entry.word(DeviceTableEntry.IV.word());
        if (DeviceTableEntry.IV.isSet(word2)) {
            DeviceEntryCheck.Verdict verdict = entry.interrupts();
            if (verdict != DeviceEntryCheck.Verdict.LEGAL) {
                boolean reserved = verdict == DeviceEntryCheck.Verdict.RESERVED;
                answers.refuse(
                        access,
                        AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                        answers.events().illegalDeviceEntry(access, access.iova(), reserved, true));
                return;
            }
            if (DeviceTableEntry.INT_CTL.getInt(word2) == DeviceTableEntry.INT_ABORT) {
                answers.refuse(
                        access,
                        AmdViEvent.INVALID_DEVICE_REQUEST,
                        answers.events().invalidRequest(access, InvalidDeviceRequest.INTERRUPT_BLOCKED));
                return;
            }
        }
        answers.pass(access, access.rights());
    }

    /** TV=0: nothing is allowed; on a unit of the other opinion IR and IW say what passes. */
    private void withoutTranslation(DmaAccess access, AddressType type) {
        if (type == AddressType.TRANSLATION_REQUEST) {
            answers.refuseDeviceTlb(access, type);
        } else if (!bypassesWithoutTranslation) {
            answers.pageFault(access, 0);
        } else if ((GuestWalker.hostRights(access.rights()) & ~entry.rights()) != 0) {
            answers.pageFault(access, IoPageFault.PR.mask() | IoPageFault.PE.mask());
        } else {
            answers.pass(access, entry.rights());
        }
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
