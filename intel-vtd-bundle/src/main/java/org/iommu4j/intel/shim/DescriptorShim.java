package org.iommu4j.intel.shim;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.GuestCommands;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.layout.Layout;

/**
 * A guest's descriptor between two generations with a queue, docs/spec/intel-vtd.md 1.3 and 1.4. The 16 bytes of a request have the same
 * bits at the same places in all of them, so that nothing is lost or widened; what the guest's own generation does not know is refused
 * here, since the host's may know it.
 *
 * <ul>
 *   <li>S3, S4: 256 bits or 128 is the host's affair, since the upper half of every descriptor is zero.
 *   <li>Types 6, 7 and 8 name PASIDs, which a host of 0x0110 does not have: refused.
 *   <li>S20: bits 11:9 are a part of the type from 0x0400 on, and reserved before.
 *   <li>S21, S22: 0x0500 has the same descriptors for guests as 0x0400.
 * </ul>
 *
 * <p>A bind has the same bytes in all of them, and legacy mode has fewer flags: what a legacy guest binds is bound as it is in scalable
 * mode, and a guest of scalable mode is refused what legacy mode does not have.
 */
public final class DescriptorShim implements Shim {
    private static final int[] GENERATIONS = {
        VtdGeneration.LEGACY_QI, VtdGeneration.SCALABLE, VtdGeneration.WIDE_TYPE, VtdGeneration.HOST_PERMISSIONS
    };

    private static final String NO_PASIDS = "the host's generation has no PASIDs";
    private static final String NO_FIRST_STAGE =
            "the host's generation has no first stage, and no flag that belongs to scalable mode";

    private final int from;
    private final int to;
    private final DescriptorPart guests;

    private DescriptorShim(int from, int to) {
        this.from = from;
        this.to = to;
        guests = new DescriptorPart(from);
    }

    /** A shim for every pair of generations with a queue. */
    public static List<Shim> all() {
        List<Shim> shims = new ArrayList<>();
        for (int guest : GENERATIONS) {
            for (int host : GENERATIONS) {
                if (guest != host) {
                    shims.add(new DescriptorShim(guest, host));
                }
            }
        }
        return List.copyOf(shims);
    }

    @Override
    public IommuModel model() {
        return IommuModel.INTEL;
    }

    @Override
    public int from() {
        return from;
    }

    @Override
    public int to() {
        return to;
    }

    @Override
    public String name() {
        return String.format("VT-d descriptor 0x%04x to 0x%04x", from, to);
    }

    @Override
    public Fidelity fidelity() {
        return Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        List<Conversion> conversions = new ArrayList<>();
        conversions.add(Conversion.lossless("types 2 and 3", stepOfWidth(), "the same 16 bytes"));
        if (to == VtdGeneration.LEGACY_QI) {
            conversions.add(Conversion.refused("types 6, 7 and 8", "S11", Rule.V24, "Type", NO_PASIDS));
            conversions.add(Conversion.refused("BIND_PASID", "S11", Rule.V34, "pasid", NO_PASIDS));
            conversions.add(Conversion.refused("flags of scalable mode", "S11", Rule.V34, "flags", NO_FIRST_STAGE));
        } else if (from != VtdGeneration.LEGACY_QI) {
            conversions.add(Conversion.lossless("types 6, 7 and 8", stepOfWidth(), "the same 16 bytes"));
        }
        if (from >= VtdGeneration.WIDE_TYPE && to < VtdGeneration.WIDE_TYPE) {
            conversions.add(Conversion.refused(
                    "types above 0xF", "S20", Rule.V34, "Type", "no guest has a command of such a type"));
        }
        if (from == VtdGeneration.HOST_PERMISSIONS) {
            conversions.add(Conversion.refused(
                    "binds that ask for HPT, EPTR or SSIRWE", "S22", null, "", "no bind can ask for them"));
        }
        return conversions;
    }

    private String stepOfWidth() {
        if (from == VtdGeneration.LEGACY_QI) {
            return to == VtdGeneration.HOST_PERMISSIONS ? "S3, S21" : "S3";
        }
        if (to == VtdGeneration.LEGACY_QI) {
            return "S4";
        }
        if (from == VtdGeneration.HOST_PERMISSIONS) {
            return "S22";
        }
        return to == VtdGeneration.HOST_PERMISSIONS ? "S21" : "";
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        // The guest's own generation first: whatever the path is, it refuses the same.
        int refused = guests.check(request, completion);
        if (refused != 0) {
            return refused;
        }
        int type = request.payloadLength() == 0 ? VtdCommand.TYPE_IOTLB : guests.type(request);
        if (!GuestCommands.isGuests(type, to)) {
            Layout layout = VtdCommand.of(type).layout();
            return completion.refuse(Rule.V24, Errno.EOPNOTSUPP, layout, layout.field("Type"), type, NO_PASIDS);
        }
        // The bits stand at the same places.
        request.retag(to);
        return 0;
    }

    @Override
    public int rewrite(BindRequest request, Completion completion) {
        if (to == VtdGeneration.LEGACY_QI && request.operation() == Uapi.BIND_PASID) {
            return completion.refuse(
                    Rule.V34,
                    Errno.EOPNOTSUPP,
                    BindPasid.LAYOUT,
                    BindPasid.PASID,
                    BindPasid.PASID.get(
                            BindPasid.LAYOUT.word(request.payload(), request.payloadOffset(), BindPasid.PASID.word())),
                    NO_PASIDS);
        }
        if (to == VtdGeneration.LEGACY_QI && (request.flags() & BindPgtable.SCALABLE_FLAGS & ~BindPgtable.FLAGS) != 0) {
            return request.refuse(Rule.V34, Errno.EOPNOTSUPP, Uapi.BIND_FLAGS, NO_FIRST_STAGE, completion);
        }
        request.retag(to);
        return 0;
    }
}
