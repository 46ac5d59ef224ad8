package org.iommu4j.amd.shim;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
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
import org.iommu4j.driver.invalidate.PartWords;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * A guest's command between any two generations, docs/spec/amd-vi.md 1.3 and 1.4. All have the same bits at the same places; what
 * the guest's own generation does not know is refused here, since the host's may know it.
 *
 * <ul>
 *   <li>H1, H22: commands of 0x0100 and both forms of "everything" mean the same in all generations.
 *   <li>H2: GN has no meaning at 0x0100, where no guest translation can exist: refused.
 *   <li>H5: the type of a device TLB invalidation is cleared before 0x0300, which asks for more.
 *   <li>H17: before 0x0320 the host knows no domains of guests. The guest's is cleared, and the command drops what it names in the
 *       whole container; the driver says that more is dropped if the container has more than one.
 *   <li>H18: guests older than 0x0320 name no domain. All that they have bound has the name 0 at 0x0320, so that their commands
 *       are carried out for every host domain id of the container.
 * </ul>
 *
 * Everything else is carried over, so that the translator refuses what it would have refused. Binds keep their bytes: a GCR3 table at a
 * guest address (H16) is refused by generations that cannot have one, and 0x0100 has no binds of guest tables at all (H2).
 */
public final class GuestCommandShim implements Shim {
    private static final String NO_GUEST_TABLES = "the host's generation has no guest tables";
    private static final String NO_TYPES = "the host's generation cannot say how devices flush";

    private final int from;
    private final int to;
    private final PartWords pages;
    private final PartWords deviceTlbs;

    private GuestCommandShim(int from, int to) {
        this.from = from;
        this.to = to;
        pages = new PartWords(InvalidateIommuPages.LAYOUT, from, capability -> GuestCommands.know(from, capability));
        deviceTlbs =
                new PartWords(InvalidateIotlbPages.LAYOUT, from, capability -> GuestCommands.know(from, capability));
    }

    /** A shim for every pair of generations. */
    public static List<Shim> all() {
        List<Shim> shims = new ArrayList<>();
        for (int guest : AmdViGeneration.ALL) {
            for (int host : AmdViGeneration.ALL) {
                if (guest != host) {
                    shims.add(new GuestCommandShim(guest, host));
                }
            }
        }
        return List.copyOf(shims);
    }

    @Override
    public IommuModel model() {
        return IommuModel.AMD;
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
        return String.format("AMD-Vi command 0x%04x to 0x%04x", from, to);
    }

    @Override
    public Fidelity fidelity() {
        return losesTypes() || losesDomains() ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        List<Conversion> conversions = new ArrayList<>();
        if (from == AmdViGeneration.V1) {
            conversions.add(Conversion.lossless(
                    "commands", "H1", "its clients bind no guest tables, so that GN=0 names all there is"));
        } else if (to == AmdViGeneration.V1) {
            conversions.add(Conversion.lossless("commands with GN=0", "", "the same bits"));
            conversions.add(Conversion.refused("commands with GN=1", "H2", Rule.V24, "GN", NO_GUEST_TABLES));
        } else {
            conversions.add(Conversion.lossless("commands", "", "the same bits"));
        }
        if (to == AmdViGeneration.NESTED) {
            conversions.add(Conversion.lossless(
                    "commands without a domain of the guest's", "H18", "for every domain of the container"));
        }
        if (losesTypes()) {
            conversions.add(Conversion.widened("INVALIDATE_IOTLB_PAGES with a Type", "H5", NO_TYPES));
            conversions.add(Conversion.refused(
                    "binds that need GIOSup", "H20", Rule.V34, "GIOV", "the chip gives no PASID 0 to such requests"));
            conversions.add(Conversion.refused(
                    "binds that need HASup or HDSup", "H21", null, "", "no bind asks for accessed and dirty flags"));
        }
        if (losesDomains()) {
            conversions.add(Conversion.widened(
                    "INVALIDATE_IOMMU_PAGES with a domain of the guest's",
                    "H17",
                    "what it names is dropped in all domains of the container"));
            conversions.add(Conversion.refused(
                    "BIND_PASIDTBL with a table at a guest address", "H16", null, "", "no GCR3TRPModeSup"));
        }
        if (to == AmdViGeneration.SNP) {
            conversions.add(Conversion.refused(
                    "pass-through and exclusion ranges", "H19", null, "", "secure nested paging allows neither"));
        }
        return conversions;
    }

    private boolean losesTypes() {
        return from >= AmdViGeneration.V3 && to < AmdViGeneration.V3;
    }

    private boolean losesDomains() {
        return GuestCommands.nameDomains(from);
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        if (request.payloadLength() == 0) {
            request.retag(to);
            return 0;
        }
        int wrongLength = pages.checkLength(request, completion);
        if (wrongLength != 0) {
            return wrongLength;
        }
        return switch (AmdViCommand.opcodeOf(pages.word(request, 0))) {
            case AmdViCommand.OP_IOMMU_PAGES -> pages(request, completion);
            case AmdViCommand.OP_IOTLB_PAGES -> deviceTlb(request, completion);
            default -> {
                // The driver says whose command that is.
                request.retag(to);
                yield 0;
            }
        };
    }

    /** Generations have the same binds, but 0x0100, which has none of guest tables. */
    @Override
    public int rewrite(BindRequest request, Completion completion) {
        return request.refuse(Rule.V24, Errno.EOPNOTSUPP, Uapi.BIND_SUB_VERSION, NO_GUEST_TABLES, completion);
    }

    private int pages(InvalidateRequest request, Completion completion) {
        long word0 = pages.word(request, 0);
        int refused = pages.checkReserved(request, completion);
        if (refused == 0 && !losesDomains()) {
            refused = hostOwned(pages.layout(), InvalidateIommuPages.DOMAIN_ID, word0, completion);
        }
        if (refused == 0) {
            int pasid = InvalidateIommuPages.PASID.getInt(word0);
            refused = guestTables(pages.layout(), InvalidateIommuPages.GN, pages.word(request, 1), pasid, completion);
        }
        return refused != 0
                ? refused
                : replace(
                        request,
                        losesDomains() ? InvalidateIommuPages.DOMAIN_ID.set(word0, 0) : word0,
                        pages.word(request, 1));
    }

    private int deviceTlb(InvalidateRequest request, Completion completion) {
        Layout layout = deviceTlbs.layout();
        long word0 = deviceTlbs.word(request, 0);
        long word1 = deviceTlbs.word(request, 1);
        int refused = deviceTlbs.checkReserved(request, completion);
        if (refused == 0 && InvalidateIotlbPages.TYPE.isReservedValue(InvalidateIotlbPages.TYPE.get(word1))) {
            long type = InvalidateIotlbPages.TYPE.get(word1);
            refused = completion.refuse(
                    Rule.V34, Rule.V34.errno(), layout, InvalidateIotlbPages.TYPE, type, "reserved type");
        }
        if (refused == 0) {
            refused = hostOwned(layout, InvalidateIotlbPages.QUEUE_ID, word0, completion);
        }
        if (refused == 0) {
            refused = hostOwned(layout, InvalidateIotlbPages.MAXPEND, word0, completion);
        }
        if (refused == 0) {
            refused =
                    guestTables(layout, InvalidateIotlbPages.GN, word1, InvalidateIotlbPages.pasid(word0), completion);
        }
        if (refused != 0) {
            return refused;
        }
        if (losesTypes() && InvalidateIotlbPages.TYPE.isSet(word1)) {
            completion.widened(NO_TYPES);
            return replace(request, word0, InvalidateIotlbPages.TYPE.set(word1, 0));
        }
        return replace(request, word0, word1);
    }

    private static int hostOwned(Layout layout, BitField field, long word0, Completion completion) {
        return field.isSet(word0)
                ? completion.refuse(
                        Rule.V36, Rule.V36.errno(), layout, field, field.get(word0), "the host fills this field in")
                : 0;
    }

    /** Bits that a generation without guest tables takes for reserved. */
    private int guestTables(Layout layout, BitField gn, long word1, int pasid, Completion completion) {
        if (to != AmdViGeneration.V1) {
            return 0;
        }
        if (gn.isSet(word1)) {
            return completion.refuse(Rule.V24, Errno.EOPNOTSUPP, layout, gn, 1, NO_GUEST_TABLES);
        }
        return pasid == 0 ? 0 : completion.refuse(Rule.V35, Rule.V35.errno(), layout, gn, 0, "a PASID without GN");
    }

    private int replace(InvalidateRequest request, long word0, long word1) {
        pages.put(request, 0, word0);
        pages.put(request, 1, word1);
        pages.replace(request, to);
        return 0;
    }
}
