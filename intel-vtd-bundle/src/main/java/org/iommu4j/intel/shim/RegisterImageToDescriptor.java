package org.iommu4j.intel.shim;

import java.util.List;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.invalidate.PartWords;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;

/**
 * S1: an IOTLB register image becomes an IOTLB descriptor; every field has its counterpart, so nothing is lost. Fields that
 * a guest may not set are carried over too, so that the translator refuses them as it would have refused the image.
 */
public final class RegisterImageToDescriptor implements Shim {
    /** Of 0x0110, since the image has no fields of its own generation only. */
    private static final PartWords IMAGE = new PartWords(RegisterImage.LAYOUT, VtdGeneration.LEGACY_QI);

    @Override
    public IommuModel model() {
        return IommuModel.INTEL;
    }

    @Override
    public int from() {
        return VtdGeneration.LEGACY_REG;
    }

    @Override
    public int to() {
        return VtdGeneration.LEGACY_QI;
    }

    @Override
    public String name() {
        return "S1 register image to descriptor";
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        return List.of(Conversion.lossless("register images", "S1", "every field has its counterpart"));
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        if (request.selectsPasid()) {
            return Answers.noPasids(request, completion);
        }
        if (request.payloadLength() == 0) {
            request.retag(to());
            return 0;
        }
        int refused = IMAGE.checkLength(request, completion);
        if (refused == 0) {
            refused = IMAGE.checkReserved(request, completion);
        }
        if (refused != 0) {
            return refused;
        }
        long low = IMAGE.word(request, 0);
        long descriptor = IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB)
                | IotlbInvalidate.G.of(RegisterImage.IIRG.get(low))
                | IotlbInvalidate.DID.of(RegisterImage.DID.get(low))
                | (RegisterImage.DW.isSet(low) ? IotlbInvalidate.DW.mask() : 0)
                | (RegisterImage.DR.isSet(low) ? IotlbInvalidate.DR.mask() : 0);
        DescriptorPart.WORDS.put(request, 0, descriptor);
        // Word 1 and the IVA register have the same fields at the same places.
        DescriptorPart.WORDS.put(request, 1, IMAGE.word(request, 1));
        DescriptorPart.WORDS.replace(request, to());
        return 0;
    }
}
