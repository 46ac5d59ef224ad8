package org.iommu4j.arm.shim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.List;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.Smmuv2Register;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/**
 * Writes to an SMMUv2's registers as commands of an SMMUv3 of any generation, docs/spec/arm-smmu.md 1.3 (S20) and 1.5: each becomes
 * the command that removes the same, and a write that only waits becomes none, since every request is waited for. What is not a
 * guest's, stage 2 and EL2, the driver refuses as it refuses the command. The commands name no ranges, so that all generations of
 * SMMUv3 understand them alike.
 *
 * <p>A guest of 0x0200 has no PASIDs: it binds one stage-1 table a stream, and the driver refuses a PASID that no table has (S12).
 */
public final class Smmuv2Shim implements Shim {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = Smmuv2Register.WRITE_BYTES;
    private static final String ONLY_WAITS = "the writes only wait, and the generic part names what to drop";

    private final int to;

    private Smmuv2Shim(int to) {
        this.to = to;
    }

    /** A shim to every generation of SMMUv3. */
    public static List<Shim> all() {
        return SmmuGeneration.OF_CHIPS.stream().<Shim>map(Smmuv2Shim::new).toList();
    }

    @Override
    public IommuModel model() {
        return IommuModel.ARM_SMMU;
    }

    @Override
    public int from() {
        return SmmuGeneration.V2;
    }

    @Override
    public int to() {
        return to;
    }

    @Override
    public String name() {
        return String.format("SMMUv2 registers to commands of 0x%04x", to);
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        return List.of(
                Conversion.lossless("writes to TLB registers", "S20", "each has the command that removes the same"),
                Conversion.refused("PASIDs", "S12", Rule.V35, "", "an SMMUv2 has none"),
                Conversion.refused(
                        "binds of tables that the chip cannot walk", "S14", null, "", "granule, widths, ASIDs (S11)"));
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int length = request.payloadLength();
        if (length % BYTES != 0 || length > InvalidateRequest.SCRATCH_BYTES) {
            return request.refuse(
                    Rule.V33, Rule.V33.errno(), Uapi.DATA_LENGTH, "1 to 16 writes of 16 bytes each", completion);
        }
        int written = 0;
        for (int i = 0; i < length; i += BYTES) {
            long place = (long) WORD.get(request.payload(), request.payloadOffset() + i);
            long value = (long) WORD.get(request.payload(), request.payloadOffset() + i + Long.BYTES);
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
            int refused = reserved(register, place, value, completion);
            if (refused != 0) {
                return refused;
            }
            if (!register.waits()) {
                WORD.set(request.scratch(), written, register.command0(value));
                WORD.set(request.scratch(), written + Long.BYTES, register.command1(value));
                written += CommandFields.COMMAND_BYTES;
            }
        }
        if (written == 0) {
            return request.refuse(Rule.V35, Rule.V35.errno(), Uapi.DATA_LENGTH, ONLY_WAITS, completion);
        }
        request.replacePayload(to, written);
        return 0;
    }

    private static int reserved(Smmuv2Register register, long place, long value, Completion completion) {
        long inPlace = place & register.layout().reservedMask(0);
        long inValue = value & register.layout().reservedMask(1);
        if (inPlace != 0) {
            return completion.refuseReserved(register.layout(), 0, inPlace);
        }
        return inValue != 0 ? completion.refuseReserved(register.layout(), 1, inValue) : 0;
    }
}
