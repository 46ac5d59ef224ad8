package org.iommu4j.intel.shim;

import java.util.List;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;

/**
 * S2: an IOTLB descriptor becomes an IOTLB register image; nothing is lost. A device-TLB descriptor is refused (S13): no
 * register starts such a command, and a handler without state cannot know that the device has no TLB. Types that are the
 * host's keep their own refusal.
 */
public final class DescriptorToRegisterImage implements Shim {
    private static final String NO_DEVICES = "registers cannot reach a device's TLB: stale entries would survive";

    private static final DescriptorPart GUESTS = new DescriptorPart(VtdGeneration.LEGACY_QI);

    @Override
    public IommuModel model() {
        return IommuModel.INTEL;
    }

    @Override
    public int from() {
        return VtdGeneration.LEGACY_QI;
    }

    @Override
    public int to() {
        return VtdGeneration.LEGACY_REG;
    }

    @Override
    public String name() {
        return "S2 descriptor to register image";
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        return List.of(
                Conversion.lossless("type 2", "S2", "every field has its counterpart"),
                Conversion.refused("type 3", "S13", Rule.V34, "Type", NO_DEVICES));
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int refused = GUESTS.check(request, completion);
        if (refused != 0) {
            return refused;
        }
        if (request.payloadLength() == 0) {
            request.retag(to());
            return 0;
        }
        int type = GUESTS.type(request);
        if (type == VtdCommand.TYPE_DEVICE_TLB) {
            return completion.refuse(
                    Rule.V34, Errno.EOPNOTSUPP, DeviceTlbInvalidate.LAYOUT, DeviceTlbInvalidate.TYPE, type, NO_DEVICES);
        }
        long low = DescriptorPart.WORDS.word(request, 0);
        long image = RegisterImage.IIRG.of(IotlbInvalidate.G.get(low))
                | RegisterImage.DID.of(IotlbInvalidate.DID.get(low))
                | (IotlbInvalidate.DW.isSet(low) ? RegisterImage.DW.mask() : 0)
                | (IotlbInvalidate.DR.isSet(low) ? RegisterImage.DR.mask() : 0)
                | RegisterImage.IVT.mask();
        DescriptorPart.WORDS.put(request, 0, image);
        // Word 1 and the IVA register have the same fields at the same places.
        DescriptorPart.WORDS.put(request, 1, DescriptorPart.WORDS.word(request, 1));
        DescriptorPart.WORDS.replace(request, to());
        return 0;
    }
}
