package org.iommu4j.intel.shim;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
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
import org.iommu4j.intel.command.ExtendedIotlbInvalidate;
import org.iommu4j.intel.command.GuestCommands;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.layout.Layout;

/**
 * A guest of extended-context mode on a chip with a queue, docs/spec/intel-vtd.md 1.3 and 1.4. Its descriptors are those of scalable mode
 * but for the invalidation of first-stage entries: of all PASIDs it becomes that of the domain, which drops second-stage entries, too
 * (S7); a bit for global pages goes, since scalable mode has no such pages (S6). Its PASID table cannot be bound (S17): it binds one PASID
 * after the other. On a chip in legacy mode it has no PASIDs.
 */
public final class ExtendedContextShim implements Shim {
    static final String OF_THE_DOMAIN = "S7: the entries of all PASIDs go with all entries of the domain";

    private static final DescriptorPart GUESTS = new DescriptorPart(VtdGeneration.EXTENDED_CONTEXT);
    private static final String NO_PASIDS = "the host's generation has no PASIDs";
    private static final String FIRST_STAGE_ONLY =
            "extended-context mode has PASIDs for tables of the first stage only";

    private final int to;

    private ExtendedContextShim(int to) {
        this.to = to;
    }

    /** A shim to every generation with a queue. */
    public static List<Shim> all() {
        return IntStream.of(
                        VtdGeneration.LEGACY_QI,
                        VtdGeneration.SCALABLE,
                        VtdGeneration.WIDE_TYPE,
                        VtdGeneration.HOST_PERMISSIONS)
                .<Shim>mapToObj(ExtendedContextShim::new)
                .toList();
    }

    @Override
    public IommuModel model() {
        return IommuModel.INTEL;
    }

    @Override
    public int from() {
        return VtdGeneration.EXTENDED_CONTEXT;
    }

    @Override
    public int to() {
        return to;
    }

    @Override
    public String name() {
        return String.format("VT-d extended-context descriptor to 0x%04x", to);
    }

    @Override
    public Fidelity fidelity() {
        return hasPasids() ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    private boolean hasPasids() {
        return VtdGeneration.hasPasids(to);
    }

    @Override
    public List<Conversion> conversions() {
        Stream<Conversion> ofType = hasPasids()
                ? Stream.of(
                        Conversion.lossless(
                                "type 6 of one PASID", "S5, S6", "the same bits; there are no global pages"),
                        Conversion.widened("type 6 of all PASIDs", "S7", "type 2 of the domain"),
                        Conversion.lossless("types 7 and 8", "", "the same 16 bytes"),
                        Conversion.refused("PASIDs of second-stage tables", "S17", Rule.V34, "flags", FIRST_STAGE_ONLY))
                : Stream.of(
                        Conversion.refused("types 6, 7 and 8", "S11", Rule.V24, "Type", NO_PASIDS),
                        Conversion.refused("BIND_PASID", "S11", Rule.V34, "pasid", NO_PASIDS));
        return Stream.concat(
                        Stream.of(
                                Conversion.lossless("types 2 and 3", hasPasids() ? "S3" : "", "the same 16 bytes"),
                                Conversion.refused(
                                        "BIND_PASIDTBL", "S17", Rule.V37, "flag", "no chip walks such a table")),
                        ofType)
                .toList();
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int refused = GUESTS.check(request, completion);
        if (refused != 0) {
            return refused;
        }
        int type = request.payloadLength() == 0 ? VtdCommand.TYPE_IOTLB : GUESTS.type(request);
        if (!GuestCommands.isGuests(type, to)) {
            Layout layout = GuestCommands.layout(type, from());
            return completion.refuse(Rule.V24, Errno.EOPNOTSUPP, layout, layout.field("Type"), type, NO_PASIDS);
        }
        if (type == VtdCommand.TYPE_PASID_IOTLB) {
            return rewriteFirstStage(request, completion);
        }
        // The bits stand at the same places.
        request.retag(to);
        return 0;
    }

    private int rewriteFirstStage(InvalidateRequest request, Completion completion) {
        long low = DescriptorPart.WORDS.word(request, 0);
        long high = DescriptorPart.WORDS.word(request, 1);
        if (!ExtendedIotlbInvalidate.isOfAllPasids(low)) {
            replace(request, low, high & ~ExtendedIotlbInvalidate.GL.mask());
            return 0;
        }
        if (request.noPasid() || request.selectsPasid() || request.selectsRange()) {
            return completion.refuse(
                    Rule.V35,
                    Rule.V35.errno(),
                    ExtendedIotlbInvalidate.LAYOUT,
                    ExtendedIotlbInvalidate.G,
                    ExtendedIotlbInvalidate.G.get(low),
                    "the descriptor names all PASIDs, the generic part less than that");
        }
        long ofTheDomain = IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB)
                | IotlbInvalidate.G.of(IotlbInvalidate.DOMAIN)
                | IotlbInvalidate.DID.of(PasidIotlbInvalidate.DID.get(low));
        replace(request, ofTheDomain, 0);
        completion.widened(OF_THE_DOMAIN);
        return 0;
    }

    private void replace(InvalidateRequest request, long low, long high) {
        DescriptorPart.WORDS.put(request, 0, low);
        DescriptorPart.WORDS.put(request, 1, high);
        DescriptorPart.WORDS.replace(request, to);
    }

    @Override
    public int rewrite(BindRequest request, Completion completion) {
        if (request.operation() == Uapi.BIND_PASID && !hasPasids()) {
            return completion.refuse(
                    Rule.V34,
                    Errno.EOPNOTSUPP,
                    BindPasid.LAYOUT,
                    BindPasid.PASID,
                    BindPasid.PASID.get(
                            BindPasid.LAYOUT.word(request.payload(), request.payloadOffset(), BindPasid.PASID.word())),
                    NO_PASIDS);
        }
        if (request.operation() == Uapi.BIND_PASID
                && !request.unbinds()
                && (request.flags() & BindPgtable.FLAG_FIRST_STAGE.mask()) == 0) {
            return request.refuse(Rule.V34, Errno.EOPNOTSUPP, Uapi.BIND_FLAGS, FIRST_STAGE_ONLY, completion);
        }
        request.retag(to);
        return 0;
    }
}
