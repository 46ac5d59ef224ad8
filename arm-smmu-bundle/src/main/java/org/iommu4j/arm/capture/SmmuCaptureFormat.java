package org.iommu4j.arm.capture;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Aidr;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.Gbpa;
import org.iommu4j.arm.command.SmmuRegisters.Idr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr1;
import org.iommu4j.arm.command.SmmuRegisters.Idr3;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.CaptureFormat.GenerationRule;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.backend.capture.RegisterRecords.BringUp;
import org.iommu4j.backend.capture.RegisterRecords.Devices;
import org.iommu4j.backend.capture.RegisterRecords.FieldValue;
import org.iommu4j.backend.capture.RegisterRecords.OddRead;
import org.iommu4j.backend.capture.RegisterRecords.Publication;
import org.iommu4j.backend.capture.RegisterRecords.RingBase;
import org.iommu4j.contract.IommuModel;

/**
 * Captures of SMMUv3: register accesses and commands. Stream table entries and context descriptors are read again after a CFGI
 * command that names their stream, IHI 0070 4.3. AIDR names the version where the capture has it; else what IDR3 and IDR5 offer
 * does, which the first versions do not have. The captured machine has no stage 2; a host needs its VMIDs to keep the guest's streams
 * apart. It offers HAD and BBML, so that a host's chip has to have them, of whatever generation it is.
 */
public final class SmmuCaptureFormat {
    /** CFGI_STE_RANGE ignores the low Range+1 bits of a StreamID; the largest Range ignores them all, IHI 0070 4.3.2. */
    private static final List<Long> IGNORED_STREAM_BITS = IntStream.range(0, 1 << CommandFields.RANGE.width())
            .mapToObj(range -> (1L << (range + 1)) - 1)
            .toList();

    private static final RegisterRecords REGISTERS = new RegisterRecords(
            List.of(Idr0.REGISTER, Idr1.REGISTER, Idr3.REGISTER, Idr5.REGISTER),
            new RingBase(Queue.COMMANDS.baseRegister(), Queue.COMMANDS.address()),
            List.of(
                    publication(SmmuCommand.CFGI_STE).of(Devices.one(CommandFields.SID)),
                    publication(SmmuCommand.CFGI_STE_RANGE)
                            .of(new Devices(CommandFields.SID, CommandFields.RANGE, IGNORED_STREAM_BITS)),
                    publication(SmmuCommand.CFGI_CD).of(Devices.one(CommandFields.SID)),
                    publication(SmmuCommand.CFGI_CD_ALL).of(Devices.one(CommandFields.SID))),
            List.of(
                    new OddRead(
                            Cr2.REGISTER,
                            List.of(Cr2.PTM),
                            "the captured machine holds CR2.PTM, though it takes no broadcast maintenance"),
                    new OddRead(Gbpa.REGISTER, List.of(Gbpa.SHCFG), "it resets GBPA.SHCFG to 0")),
            List.of(
                    BringUp.restored(StreamTableBase.REGISTER),
                    BringUp.restored(StreamTableBase.CONFIG),
                    BringUp.constant(Cr0.REGISTER, Cr0.SMMUEN.mask())));

    /** The format. */
    public static final CaptureFormat FORMAT = CaptureFormat.of("smmuv3", IommuModel.ARM_SMMU)
            .defaultCapture("smmuv3/strict-nvme-e1000e")
            .requesterBits(CommandFields.SID.width())
            .generations(generations())
            .structures("l1std", "ste", "l1cd", "cd")
            .passingFaults("disabled")
            .commandNames(Map.of("CFGI_STE_RANGE_OR_ALL", SmmuCommand.CFGI_STE_RANGE.name()))
            .hostFields(SmmuSettings.GROUP, Map.of(Idr0.S2P.name(), 1L, Idr3.HAD.name(), 1L, Idr3.BBML.name(), 2L))
            .registers(REGISTERS)
            .gaps(SmmuGaps.RECORDS)
            .trace(SmmuTrace.FORMAT)
            .build();

    private SmmuCaptureFormat() {}

    private static Publication publication(SmmuCommand command) {
        return Publication.ofCommand(command.layout(), new FieldValue(command.opcodeField(), command.opcode()));
    }

    private static GenerationRule[] generations() {
        List<GenerationRule> rules = new ArrayList<>();
        for (int version = SmmuGeneration.V3_4; version > SmmuGeneration.V3_0; version--) {
            int minor = version - SmmuGeneration.V3_0;
            rules.add(GenerationRule.ofField(version, "AIDR", Aidr.REGISTER, Aidr.MINOR, minor));
        }
        rules.add(GenerationRule.ofField(SmmuGeneration.V3_4, "52 bits in small granules", Idr5.REGISTER, Idr5.DS, 1));
        rules.add(GenerationRule.ofField(SmmuGeneration.V3_1, "range invalidation", Idr3.REGISTER, Idr3.RIL, 1));
        rules.add(GenerationRule.ofField(SmmuGeneration.V3_1, "52-bit addresses", Idr5.REGISTER, Idr5.VAX, 1));
        rules.add(GenerationRule.otherwise(SmmuGeneration.V3_0, "SMMUv3.0"));
        return rules.toArray(GenerationRule[]::new);
    }
}
