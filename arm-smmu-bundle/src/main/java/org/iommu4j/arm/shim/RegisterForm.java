package org.iommu4j.arm.shim;

import java.util.List;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.Smmuv2Register;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/**
 * Writes to an SMMUv2's registers, docs/spec/arm-smmu.md 1.3 (S20) and 1.5: each has the command of SMMUv3 that removes the same, and one
 * that only waits has none, since every request is waited for. What is not a guest's, stage 2 and EL2, the driver refuses as it refuses
 * the command. It is read only: no chip of this generation is here.
 *
 * <p>A guest of 0x0200 has no PASIDs: it binds one stage-1 table a stream, and the driver refuses a PASID that no table has (S12).
 */
final class RegisterForm implements EffectForm {
    static final List<Conversion> CONVERSIONS = List.of(
            Conversion.lossless("writes to TLB registers", "S20", "each has the command that removes the same"),
            Conversion.refused("PASIDs", "S12", Rule.V35, "", "an SMMUv2 has none"),
            Conversion.refused(
                    "binds of tables that the chip cannot walk", "S14", null, "", "granule, widths, ASIDs (S11)"));

    private final CommandForm commands = new CommandForm(SmmuGeneration.V3_0);

    @Override
    public int subVersion() {
        return SmmuGeneration.V2;
    }

    @Override
    public String name() {
        return "SMMUv2 registers";
    }

    @Override
    public int commandBytes() {
        return Smmuv2Register.WRITE_BYTES;
    }

    @Override
    public List<Conversion> conversions(int client) {
        return List.of();
    }

    @Override
    public int read(InvalidateRequest request, int at, Effect effect, Completion completion) {
        if (request.payloadLength() > InvalidateRequest.SCRATCH_BYTES) {
            return request.refuse(
                    Rule.V33, Rule.V33.errno(), Uapi.DATA_LENGTH, "1 to 16 writes of 16 bytes each", completion);
        }
        long place = (long) CommandForm.WORD.get(request.payload(), at);
        long value = (long) CommandForm.WORD.get(request.payload(), at + Long.BYTES);
        Smmuv2Register register = Smmuv2Register.of(place);
        if (register == null) {
            return completion.refuse(
                    Rule.V34,
                    Errno.EOPNOTSUPP,
                    "offset",
                    -1,
                    place,
                    "no register of SMMUv2 with a command of SMMUv3 that removes the same");
        }
        long inPlace = place & register.layout().reservedMask(0);
        long inValue = value & register.layout().reservedMask(1);
        if ((inPlace | inValue) != 0) {
            return completion.refuseReserved(register.layout(), inPlace != 0 ? 0 : 1, inPlace != 0 ? inPlace : inValue);
        }
        SmmuCommand command = SmmuCommand.of(SmmuCommand.opcodeOf(register.command0(value)));
        if (register.waits()) {
            effect.all(Effect.Target.NOTHING);
        } else if (command.isOfGuests()) {
            commands.read(command, register.command0(value), register.command1(value), effect);
        } else {
            effect.carried(register.command0(value), register.command1(value));
        }
        return 0;
    }

    @Override
    public int write(Effect effect, byte[] bytes, int at, int end, Completion completion) {
        return completion.refuse(
                Rule.V30, Rule.V30.errno(), "sub_version", -1, subVersion(), "no chip of this generation is here");
    }
}
