package org.iommu4j.intel.front;

import java.util.function.Consumer;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.FaultRecordRegisters;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.fault.FaultSlots;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Fault records and the fault status register, VT-d 7.2 and 7.3. All causes of the fault event meet here: the event is
 * raised when PPF, IQE, ICE or ITE appears while none of PFO, PPF, IQE, ICE and ITE was there, and withdrawn when the last
 * is gone.
 */
public final class FaultRecorder {
    private static final long CAUSES = FaultStatus.PFO.mask()
            | FaultStatus.PPF.mask()
            | FaultStatus.IQE.mask()
            | FaultStatus.ICE.mask()
            | FaultStatus.ITE.mask();

    private final RegisterFile registers;
    private final FaultSlots slots;
    private final Register[] low;
    private final Register[] high;
    private final EventMessage event;
    private final boolean hasDeviceTlbs;

    /** The bits of an address that a record holds: those of the widest table, VT-d 11.4.7.6. */
    private final long addressBits;

    /**
     * A recorder with empty records.
     *
     * @param chosen whether a fault of a device that has a pending record is dropped without overflow
     */
    public FaultRecorder(VtdCapabilities unit, SettingValues chosen, RegisterFile registers, InterruptSink sink) {
        this.registers = registers;
        event = new EventMessage(registers, EventControl.FAULT, Ecap.EIM.isSet(unit.ecap()), sink);
        hasDeviceTlbs = Ecap.DT.isSet(unit.ecap());
        int widest = Agaw.widest(Cap.SAGAW.get(unit.cap()), Integer.MAX_VALUE);
        addressBits = (1L << Agaw.width(widest < 0 ? Agaw.MAX_AW : widest)) - 1;
        slots = new FaultSlots(unit.faultRecords());
        slots.collapsing(!chosen.isSet(VtdSettings.FAULT_COLLAPSE));
        low = new Register[unit.faultRecords()];
        high = new Register[unit.faultRecords()];
        for (int slot = 0; slot < low.length; slot++) {
            low[slot] = FaultRecordRegisters.low(unit.cap(), slot);
            high[slot] = FaultRecordRegisters.high(unit.cap(), slot);
            int recordOf = slot;
            registers.onWrite(high[slot], (before, after, written, lanes) -> {
                if (FaultRecord.F.isSet(before & ~after)) {
                    cleared(recordOf);
                }
            });
        }
    }

    /**
     * Records a fault of a device.
     *
     * @param code fault reason
     * @return true if a record holds it; false if it was lost or collapsed
     */
    public boolean record(int code, DmaAccess access) {
        int sourceId = access.requester() & 0xffff;
        return record(access.iova(), high(code, sourceId, access), sourceId);
    }

    /**
     * Records a fault of a request for a page.
     *
     * @param code fault reason
     */
    public void record(int code, PageRequest request) {
        long word = FaultRecord.F.of(1)
                | FaultRecord.FR.of(code)
                | FaultRecord.SID.of(request.requester())
                | FaultRecord.T2.of(1)
                | pasid(request.pasid(), request.execute(), request.privileged());
        record(request.address(), word, request.requester());
    }

    /**
     * Records a fault that another unit has recorded.
     *
     * @param code fault reason
     * @param low first word of that record
     * @param high its second word
     */
    public void record(int code, long low, long high) {
        long replaced = FaultRecord.FR.mask() | (hasDeviceTlbs ? 0 : FaultRecord.AT.mask());
        long word = (high & ~replaced) | FaultRecord.F.of(1) | FaultRecord.FR.of(code);
        record(FaultRecord.FI.get(low), word, FaultRecord.SID.getInt(high));
    }

    private boolean record(long address, long word, int sourceId) {
        if (slots.overflowed()) {
            return false;
        }
        int slot = slots.record(FaultRecord.FI.get(address & addressBits), word, sourceId);
        if (slot < 0) {
            if (slots.overflowed()) {
                registers.set(FaultStatus.REGISTER, FaultStatus.PFO, true);
            }
            return false;
        }
        registers.set(low[slot], slots.low(slot));
        registers.set(high[slot], slots.high(slot));
        if (!registers.isSet(FaultStatus.REGISTER, FaultStatus.PPF)) {
            registers.set(FaultStatus.REGISTER, FaultStatus.FRI, slot);
            raise(FaultStatus.PPF.mask());
        }
        return true;
    }

    /** The next record goes into the first slot: address and interrupt translation are both off, VT-d 7.2.1. */
    void restart() {
        slots.restart();
    }

    /** Sets a cause; the event follows if it is the first. */
    void raise(long cause) {
        long status = registers.get(FaultStatus.REGISTER);
        registers.set(FaultStatus.REGISTER, status | cause);
        if ((status & CAUSES) == 0) {
            event.raise();
        }
    }

    /** True if one of the causes is set. */
    boolean isRaised(long causes) {
        return (registers.get(FaultStatus.REGISTER) & causes) != 0;
    }

    /** Software has written FSTS. */
    void statusWritten(long before, long after) {
        if (FaultStatus.PFO.isSet(before & ~after)) {
            slots.clearOverflow();
        }
        withdrawIfQuiet(after);
    }

    /** Takes every pending record, oldest first, as 16 bytes with F set; clears F and PFO as software would. */
    public void take(Consumer<byte[]> sink) {
        for (int slot = slots.firstPending(); slot >= 0; slot = slots.firstPending()) {
            byte[] bytes = FaultRecord.LAYOUT.encode(slots.low(slot), slots.high(slot));
            registers.set(high[slot], slots.high(slot) & ~FaultRecord.F.mask());
            cleared(slot);
            sink.accept(bytes);
        }
        slots.clearOverflow();
        long status = registers.get(FaultStatus.REGISTER) & ~FaultStatus.PFO.mask();
        registers.set(FaultStatus.REGISTER, status);
        withdrawIfQuiet(status);
    }

    public void save(SnapshotWriter out) {
        slots.save(out);
    }

    public void load(SnapshotReader in) {
        slots.load(in);
    }

    private void cleared(int slot) {
        slots.clear(slot);
        if (slots.firstPending() < 0) {
            long status = registers.get(FaultStatus.REGISTER) & ~FaultStatus.PPF.mask();
            registers.set(FaultStatus.REGISTER, status);
            withdrawIfQuiet(status);
        }
    }

    private void withdrawIfQuiet(long status) {
        if ((status & CAUSES) == 0) {
            event.withdraw();
        }
    }

    private static int addressType(DmaAccess.AddressType type) {
        return switch (type) {
            case UNTRANSLATED -> 0;
            case TRANSLATION_REQUEST -> 1;
            case TRANSLATED -> 2;
        };
    }

    private long high(int code, int sourceId, DmaAccess access) {
        boolean write = (access.rights() & DmaAccess.WRITE) != 0
                && !access.atomic()
                && access.addressType() != DmaAccess.AddressType.TRANSLATION_REQUEST;
        return FaultRecord.F.of(1)
                | FaultRecord.FR.of(code)
                | FaultRecord.SID.of(sourceId)
                | FaultRecord.AT.of(hasDeviceTlbs ? addressType(access.addressType()) : 0)
                | FaultRecord.T1.of(write ? 0 : 1)
                | FaultRecord.T2.of(access.atomic() ? 1 : 0)
                | pasid(access.pasid(), (access.rights() & DmaAccess.EXECUTE) != 0, access.privileged());
    }

    /** Fields of a record of a request that has a PASID. */
    private static long pasid(int pasid, boolean execute, boolean privileged) {
        return pasid == DmaAccess.NO_PASID
                ? 0
                : FaultRecord.PP.of(1)
                        | FaultRecord.PASID.of(pasid & FaultRecord.MOST_PASID)
                        | FaultRecord.EXE.of(execute ? 1 : 0)
                        | FaultRecord.PRIV.of(privileged ? 1 : 0);
    }
}
