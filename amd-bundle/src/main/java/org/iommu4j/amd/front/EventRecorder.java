package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents;
import org.iommu4j.amd.command.AmdViEvents.CommandHardwareError;
import org.iommu4j.amd.command.AmdViEvents.DevTabHardwareError;
import org.iommu4j.amd.command.AmdViEvents.HardwareErrorType;
import org.iommu4j.amd.command.AmdViEvents.IllegalCommandError;
import org.iommu4j.amd.command.AmdViEvents.IllegalDevTableEntry;
import org.iommu4j.amd.command.AmdViEvents.InvalidDeviceRequest;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.AmdViEvents.IotlbInvTimeout;
import org.iommu4j.amd.command.AmdViEvents.PageTabHardwareError;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.HardwareEvent;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * Makes the entries of the event log, 48882 2.5, and puts them there; hardware errors go to the hardware event registers, too,
 * where the unit has them. Each method tells whether the log took its entry.
 */
public final class EventRecorder {
    /** A fault is of the host tables: its entry names the domain, not a PASID. */
    public static final int NO_PASID = -1;

    private final RegisterFile registers;
    private final Log log;
    private final boolean hasHardwareRegisters;
    private final boolean typeByCause;

    EventRecorder(
            AmdViCapabilities unit,
            SettingValues chosen,
            RegisterFile registers,
            PhysicalMemory memory,
            Interrupts interrupts) {
        this.registers = registers;
        hasHardwareRegisters = Efr.HE_SUP.isSet(unit.efr());
        typeByCause = chosen.isSet(AmdViSettings.HARDWARE_TYPE);
        log = new Log(
                registers, memory, Rings.EVENT_LOG, Log.Bits.EVENTS, interrupts, chosen.isSet(AmdViSettings.EVENT_INT));
    }

    /** The event log. */
    Log log() {
        return log;
    }

    /**
     * ILLEGAL_DEV_TABLE_ENTRY, 48882 2.5.2.
     *
     * @param address that of the request
     * @param reserved true for a reserved bit, false for an illegal level
     * @param interrupt true for an interrupt request
     */
    public boolean illegalDeviceEntry(DmaAccess access, long address, boolean reserved, boolean interrupt) {
        return append(
                AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY,
                IllegalDevTableEntry.DEVICE_ID.of(access.requester())
                        | ofPasid(access)
                        | flag(IllegalDevTableEntry.RW, writes(access))
                        | flag(IllegalDevTableEntry.RZ, reserved)
                        | flag(IllegalDevTableEntry.I, interrupt)
                        | flag(IllegalDevTableEntry.TR, asksForTranslation(access)),
                IllegalDevTableEntry.ADDRESS.get(address));
    }

    /**
     * IO_PAGE_FAULT, 48882 2.5.3, of the host tables.
     *
     * @param address the faulting address, which in a nested walk is not that of the request
     * @param flags what is wrong, of {@link IoPageFault}
     */
    public boolean hostPageFault(DmaAccess access, int domain, long address, long flags) {
        return append(
                AmdViEvent.IO_PAGE_FAULT,
                IoPageFault.DEVICE_ID.of(access.requester())
                        | IoPageFault.DOMAIN_ID.of(domain)
                        | flag(IoPageFault.RW, writes(access))
                        | flags,
                address);
    }

    /**
     * IO_PAGE_FAULT, 48882 2.5.3, of guest tables.
     *
     * @param user true for a user request
     * @param flags what is wrong, of {@link IoPageFault}
     */
    public boolean guestPageFault(DmaAccess access, int pasid, boolean user, long flags) {
        return append(
                AmdViEvent.IO_PAGE_FAULT,
                IoPageFault.DEVICE_ID.of(access.requester())
                        | IoPageFault.PASID_HIGH.of(AmdViEvents.pasidHigh(pasid))
                        | IoPageFault.DOMAIN_ID.of(AmdViEvents.pasidLow(pasid))
                        | IoPageFault.GN.mask()
                        | flag(IoPageFault.US, user)
                        | flag(IoPageFault.RW, writes(access))
                        | flags,
                access.iova());
    }

    /**
     * DEV_TAB_HARDWARE_ERROR, 48882 2.5.4.
     *
     * @param address where the entry is
     * @param interrupt true for an interrupt request
     */
    public boolean deviceTableError(DmaAccess access, long address, boolean interrupt) {
        long word0 = DevTabHardwareError.DEVICE_ID.of(access.requester())
                | flag(DevTabHardwareError.I, interrupt)
                | flag(DevTabHardwareError.RW, writes(access))
                | flag(DevTabHardwareError.TR, asksForTranslation(access))
                | DevTabHardwareError.TYPE.of(tableErrorType());
        return hardwareError(AmdViEvent.DEV_TAB_HARDWARE_ERROR, word0, DevTabHardwareError.ADDRESS.get(address));
    }

    /**
     * PAGE_TAB_HARDWARE_ERROR, 48882 2.5.5.
     *
     * @param pasid whose guest or GCR3 table it is, or {@link #NO_PASID} for a host table
     */
    public boolean pageTableError(DmaAccess access, int domain, int pasid, long address) {
        long tag = pasid == NO_PASID
                ? PageTabHardwareError.DOMAIN_ID.of(domain)
                : PageTabHardwareError.PASID_HIGH.of(AmdViEvents.pasidHigh(pasid))
                        | PageTabHardwareError.DOMAIN_ID.of(AmdViEvents.pasidLow(pasid))
                        | PageTabHardwareError.GN.mask();
        long word0 = PageTabHardwareError.DEVICE_ID.of(access.requester())
                | tag
                | flag(PageTabHardwareError.RW, writes(access))
                | flag(PageTabHardwareError.TR, asksForTranslation(access))
                | PageTabHardwareError.TYPE.of(tableErrorType());
        return hardwareError(AmdViEvent.PAGE_TAB_HARDWARE_ERROR, word0, PageTabHardwareError.ADDRESS.get(address));
    }

    /** ILLEGAL_COMMAND_ERROR, 48882 2.5.6. */
    boolean illegalCommand(long address) {
        return append(AmdViEvent.ILLEGAL_COMMAND_ERROR, 0, IllegalCommandError.ADDRESS.get(address));
    }

    /** COMMAND_HARDWARE_ERROR, 48882 2.5.7. */
    boolean commandHardwareError(long address, int type) {
        int shown = typeByCause && type == HardwareErrorType.MASTER_ABORT ? HardwareErrorType.DATA_ERROR : type;
        return hardwareError(AmdViEvent.COMMAND_HARDWARE_ERROR, CommandHardwareError.TYPE.of(shown), address);
    }

    /** IOTLB_INV_TIMEOUT, 48882 2.5.8. */
    boolean invalidationTimeout(int deviceId, long address) {
        return append(
                AmdViEvent.IOTLB_INV_TIMEOUT,
                IotlbInvTimeout.DEVICE_ID.of(deviceId),
                IotlbInvTimeout.ADDRESS.get(address));
    }

    /**
     * INVALID_DEVICE_REQUEST, 48882 2.5.9.
     *
     * @param type of {@link InvalidDeviceRequest}
     */
    public boolean invalidRequest(DmaAccess access, int type) {
        boolean withPasid = access.pasid() != DmaAccess.NO_PASID;
        return append(
                AmdViEvent.INVALID_DEVICE_REQUEST,
                InvalidDeviceRequest.DEVICE_ID.of(access.requester())
                        | ofPasid(access)
                        | flag(InvalidDeviceRequest.US, withPasid && !access.privileged())
                        | flag(InvalidDeviceRequest.TR, asksForTranslation(access))
                        | InvalidDeviceRequest.TYPE.of(type),
                access.iova());
    }

    /** Takes an event that another unit has recorded, in the words of its entry. */
    public boolean forward(AmdViEvent event, long word0, long word1) {
        return event == AmdViEvent.PAGE_TAB_HARDWARE_ERROR
                ? hardwareError(event, word0, word1)
                : append(event, word0, word1);
    }

    /** Puts an entry of INVALID_PPR_REQUEST into the log. */
    boolean invalidPageRequest(long word0, long word1) {
        return append(AmdViEvent.INVALID_PPR_REQUEST, word0, word1);
    }

    /** True if the access writes, whatever else it does. */
    private static boolean writes(DmaAccess access) {
        return (access.rights() & DmaAccess.WRITE) != 0;
    }

    private static boolean asksForTranslation(DmaAccess access) {
        return access.addressType() == AddressType.TRANSLATION_REQUEST;
    }

    /** PASID and GN, which events 1 and 8 have at the same place. */
    private static long ofPasid(DmaAccess access) {
        int pasid = access.pasid();
        return pasid == DmaAccess.NO_PASID
                ? 0
                : IllegalDevTableEntry.PASID_HIGH.of(AmdViEvents.pasidHigh(pasid))
                        | IllegalDevTableEntry.PASID_LOW.of(AmdViEvents.pasidLow(pasid))
                        | IllegalDevTableEntry.GN.mask();
    }

    private static long flag(BitField bit, boolean on) {
        return on ? bit.mask() : 0;
    }

    private int tableErrorType() {
        return typeByCause ? HardwareErrorType.TARGET_ABORT : HardwareErrorType.MASTER_ABORT;
    }

    private boolean hardwareError(AmdViEvent event, long word0, long word1) {
        if (hasHardwareRegisters) {
            if (registers.isSet(HardwareEvent.STATUS_REGISTER, HardwareEvent.HEV)) {
                registers.set(HardwareEvent.STATUS_REGISTER, HardwareEvent.HEO, true);
            } else {
                registers.set(HardwareEvent.LOW_REGISTER, word0 | code(event));
                registers.set(HardwareEvent.HIGH_REGISTER, word1);
                registers.set(HardwareEvent.STATUS_REGISTER, HardwareEvent.HEV, true);
            }
        }
        return append(event, word0, word1);
    }

    private boolean append(AmdViEvent event, long word0, long word1) {
        return log.append(word0 | code(event), word1);
    }

    /** The code of an event, which all entries have at the same place. */
    private static long code(AmdViEvent event) {
        return IoPageFault.CODE.of(event.code());
    }
}
