package org.iommu4j.intel.command;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.CompletionStatus;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.FaultRecordRegisters;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.InterruptTableAddress;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.intel.command.VtdRegisters.PageRequestPlace;
import org.iommu4j.intel.command.VtdRegisters.PageRequestStatus;
import org.iommu4j.intel.command.VtdRegisters.ProtectedMemory;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.layout.Register;

/** The registers of one unit: a selection of {@link VtdRegisters}, at the unit's offsets. */
public final class UnitRegisters {
    private UnitRegisters() {}

    /** Every register, as a unit that has them all has them; for explanations and documentation. */
    public static List<Register> all() {
        VtdCapabilities queued = VtdCapabilities.LEGACY_QI;
        return of(new VtdCapabilities(
                queued.ver(),
                queued.cap() | Cap.PLMR.mask() | Cap.PHMR.mask(),
                queued.ecap() | Ecap.EIM.mask() | Ecap.SMTS.mask() | Ecap.PRS.mask()));
    }

    /**
     * The registers of one unit: those that its capabilities give it, with its reset values and at its offsets. What is not
     * there reads 0 and ignores writes.
     */
    public static List<Register> of(VtdCapabilities unit) {
        List<Register> rows = new ArrayList<>();
        boolean extended = Ecap.EIM.isSet(unit.ecap());
        boolean low = Cap.PLMR.isSet(unit.cap());
        boolean high = Cap.PHMR.isSet(unit.cap());
        rows.add(Ver.REGISTER.resetTo(unit.ver()));
        rows.add(Cap.REGISTER.resetTo(unit.cap()));
        rows.add(Ecap.REGISTER.resetTo(unit.ecap()));
        rows.addAll(List.of(Global.COMMAND, Global.STATUS, RootTableAddress.REGISTER, FaultStatus.REGISTER));
        rows.addAll(EventControl.FAULT.basic());
        addIf(extended, rows, EventControl.FAULT.upperAddress());
        addIf(low || high, rows, ProtectedMemory.ENABLE);
        addIf(low, rows, ProtectedMemory.LOW_BASE, ProtectedMemory.LOW_LIMIT);
        addIf(high, rows, ProtectedMemory.HIGH_BASE, ProtectedMemory.HIGH_LIMIT);
        if (unit.hasQueue()) {
            rows.addAll(List.of(QueueHead.REGISTER, QueueTail.REGISTER, QueueAddress.REGISTER));
            rows.add(CompletionStatus.REGISTER);
            rows.addAll(EventControl.INVALIDATION.basic());
            rows.add(QueueError.REGISTER);
            addIf(extended, rows, EventControl.INVALIDATION.upperAddress());
        }
        addIf(Ecap.IR.isSet(unit.ecap()), rows, InterruptTableAddress.REGISTER);
        if (unit.hasPageRequests()) {
            rows.addAll(List.of(PageRequestPlace.HEAD, PageRequestPlace.TAIL, PageRequestPlace.ADDRESS));
            rows.add(PageRequestStatus.REGISTER);
            rows.addAll(EventControl.PAGE_REQUEST.basic());
            addIf(extended, rows, EventControl.PAGE_REQUEST.upperAddress());
        }
        if (unit.hasRegisterInvalidation()) {
            rows.add(ContextCommand.REGISTER);
            rows.add(InvalidateAddress.of(unit.ecap()));
            rows.add(Iotlb.of(unit.ecap()));
        }
        for (int record = 0; record < unit.faultRecords(); record++) {
            rows.add(FaultRecordRegisters.low(unit.cap(), record));
            rows.add(FaultRecordRegisters.high(unit.cap(), record));
        }
        return List.copyOf(rows);
    }

    private static void addIf(boolean there, List<Register> rows, Register... registers) {
        if (there) {
            rows.addAll(List.of(registers));
        }
    }
}
