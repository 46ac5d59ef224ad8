package org.iommu4j.amd.capture;

import java.util.List;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.CaptureFormat.GenerationRule;
import org.iommu4j.backend.capture.CaptureFormat.RequesterTable;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.backend.capture.RegisterRecords.BringUp;
import org.iommu4j.backend.capture.RegisterRecords.Devices;
import org.iommu4j.backend.capture.RegisterRecords.FieldValue;
import org.iommu4j.backend.capture.RegisterRecords.OddRead;
import org.iommu4j.backend.capture.RegisterRecords.Publication;
import org.iommu4j.backend.capture.RegisterRecords.RingBase;
import org.iommu4j.contract.IommuModel;

/**
 * Captures of AMD IOMMUs: register accesses and commands. Device table entries are read again after INVALIDATE_DEVTAB_ENTRY or
 * INVALIDATE_IOMMU_ALL, 48882 2.4.2 and 2.4.8; the captured machine also reads them for interrupts, where no translation tells whose
 * they are. Its walker calls a device untranslated whose entry has Mode 0, whatever IR and IW say.
 *
 * <p>Generation 0x0200 needs GTSup, GLXSup and PASmax (docs/spec/amd-vi.md 1.2). The captured machines set GTSup without having
 * guest tables; PASmax tells.
 */
public final class AmdViCaptureFormat {
    private static final RegisterRecords REGISTERS = new RegisterRecords(
            List.of(Efr.REGISTER),
            new RingBase(Rings.COMMAND_BUFFER.base(), Rings.BASE_ADDRESS),
            List.of(
                    Publication.ofCommand(
                                    InvalidateDevtabEntry.LAYOUT,
                                    new FieldValue(InvalidateDevtabEntry.OPCODE, AmdViCommand.OP_DEVTAB_ENTRY))
                            .of(Devices.one(InvalidateDevtabEntry.DEVICE_ID)),
                    Publication.ofCommand(
                            InvalidateIommuAll.LAYOUT, new FieldValue(InvalidateIommuAll.OPCODE, AmdViCommand.OP_ALL))),
            List.of(
                    new OddRead(
                            Control.REGISTER,
                            List.of(Control.GA_EN),
                            "the captured machine takes the guest APIC, which is not modelled"),
                    new OddRead(
                            Status.REGISTER,
                            List.of(Status.PPR_LOG_RUN),
                            "the captured machine has no PPR log, though it says so")),
            List.of(
                    new BringUp(DevTabBase.REGISTER, "DEVTAB_BASE", 0),
                    BringUp.constant(Control.REGISTER, Control.IOMMU_EN.mask())));

    /** The format. */
    public static final CaptureFormat FORMAT = CaptureFormat.of("amdvi", IommuModel.AMD)
            .defaultCapture("amdvi/strict-nvme-e1000e")
            .requesterBits(InvalidateDevtabEntry.DEVICE_ID.width())
            .generations(
                    GenerationRule.ofField(AmdViGeneration.V1, "host tables, no PASIDs", Efr.REGISTER, Efr.PAS_MAX, 0),
                    GenerationRule.otherwise(AmdViGeneration.V2, "guest tables"))
            .structures("dte", "rte")
            .requesterTables(
                    new RequesterTable("dte", DevTabBase.REGISTER, DevTabBase.BASE_ADDRESS, DeviceTableEntry.BYTES))
            .passThroughMayBlock()
            .registers(REGISTERS)
            .gaps(AmdViGaps.RECORDS)
            .trace(AmdViTrace.FORMAT)
            .build();

    private AmdViCaptureFormat() {}
}
