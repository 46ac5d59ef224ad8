package org.iommu4j.spapr.shim;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.invalidate.PartWords;
import org.iommu4j.layout.BitField;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprGeneration;

/**
 * A request of one generation for a driver of another, docs/spec/spapr-tce.md 1.3. The vendor part has one form in all
 * generations; between calls (1, 2) and kills (3 to 5) REWRITE and KILL change places, which drop the same. What a
 * generation cannot express is refused: towards 1 and 2 every window but the default one, and a kill of the endpoint
 * (c); towards 3 a PE number of more than 8 bits (g). Towards 5 kills of pages become kills of the endpoint (a). A page
 * size that the driver's register cannot name is killed in pieces by the driver itself, so it is left to the window (d,
 * f).
 *
 * @param from the generation that the request has
 * @param to the generation that it gets
 */
public record GenerationShim(int from, int to) implements Shim {
    private static final PartWords PART = new PartWords(InvalidateData.LAYOUT, SpaprGeneration.TCE_V1);
    private static final String ONE_WINDOW = "the generation has the default window only, below 4 GiB";
    private static final String NO_NUMBERS = "calls have no PE numbers: ffffffff names that of the container";
    private static final String EIGHT_BITS = "a PE number of 8 bits: never cut";
    private static final int DEFAULT_PAGE_SHIFT = 12;
    private static final int IODA2_PES = 1 << 8;
    private static final long ONE_WINDOW_LIMIT = 1L << 32;

    /** One for each pair of generations. */
    public static List<Shim> all() {
        List<Shim> shims = new ArrayList<>();
        for (int from = SpaprGeneration.TCE_V1; from <= SpaprGeneration.IODA3_PEKILL; from++) {
            for (int to = SpaprGeneration.TCE_V1; to <= SpaprGeneration.IODA3_PEKILL; to++) {
                if (from != to) {
                    shims.add(new GenerationShim(from, to));
                }
            }
        }
        return shims;
    }

    @Override
    public IommuModel model() {
        return IommuModel.SPAPR;
    }

    @Override
    public String name() {
        return "sPAPR generation " + from + " to " + to;
    }

    @Override
    public Fidelity fidelity() {
        return to == SpaprGeneration.IODA3_PEKILL ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        List<Conversion> conversions = new ArrayList<>();
        if (to == SpaprGeneration.IODA3_PEKILL) {
            conversions.add(Conversion.widened("kills of pages", "a", "both windows of the PE lose their entries"));
        } else if (toCalls()) {
            conversions.add(Conversion.lossless("requests of the default window", "c", "calls drop the same"));
            conversions.add(
                    Conversion.refused("other windows and page sizes, kills of a PE", "c", Rule.V24, "", ONE_WINDOW));
        } else {
            conversions.add(Conversion.lossless("requests", "", "the same is dropped"));
        }
        if (from == SpaprGeneration.TCE_V1_MULTI && to == SpaprGeneration.TCE_V1) {
            conversions.add(Conversion.lossless("lists of entries", "b", "one by one, after all were checked"));
        }
        if (from == SpaprGeneration.IODA2 && SpaprGeneration.isIoda3(to)) {
            conversions.add(Conversion.lossless("pages of 16 MiB and 256 MiB", "d", "kills of pages of 2 MiB"));
            conversions.add(Conversion.refused(
                    "windows of pages that the chip does not have", "e", null, "page_shift", "more would be opened"));
        }
        if (SpaprGeneration.isIoda3(from) && to == SpaprGeneration.IODA2) {
            conversions.add(Conversion.lossless("pages of 2 MiB and 1 GiB", "f", "kills of smaller pages"));
            conversions.add(Conversion.refused("PE numbers above 255", "g", Rule.V36, "PE", EIGHT_BITS));
        }
        return conversions;
    }

    /** The vendor part is looked at first, as a driver does, so that a request is refused alike on every way. */
    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        boolean empty = request.payloadLength() == 0;
        int refused = empty ? 0 : PART.checkLength(request, completion);
        if (refused == 0 && !empty) {
            refused = checkPayload(request, completion);
        }
        if (refused != 0) {
            return refused;
        }
        if (toCalls() && !request.selectsRange()) {
            return request.refuse(
                    Rule.V24,
                    Errno.EOPNOTSUPP,
                    Uapi.SCOPE,
                    "without PE numbers no call drops a whole endpoint",
                    completion);
        }
        if (toCalls() && Long.compareUnsigned(request.lastVaddr(), ONE_WINDOW_LIMIT) >= 0) {
            return request.refuse(Rule.V24, Errno.EOPNOTSUPP, Uapi.VADDR, ONE_WINDOW, completion);
        }
        if (empty) {
            request.retag(to);
        } else {
            rewritePayload(request);
        }
        return 0;
    }

    private int checkPayload(InvalidateRequest request, Completion completion) {
        long page = PART.word(request, 1);
        int pe = InvalidateData.PE.getInt(page);
        boolean withoutNumbers = !SpaprGeneration.hasRegisters(from) || !SpaprGeneration.hasRegisters(to);
        if (!SpaprGeneration.isIoda3(from) && InvalidateData.SYNC.isSet(PART.word(request, 2))) {
            // In the other generation the bit would be legal.
            return completion.refuseReserved(InvalidateData.LAYOUT, 2, InvalidateData.SYNC.mask());
        }
        if (pe != InvalidateData.GROUP_PE && withoutNumbers) {
            return refuse(completion, Rule.V36, Errno.EPERM, InvalidateData.PE, pe, NO_NUMBERS);
        }
        if (to == SpaprGeneration.IODA2
                && pe != InvalidateData.GROUP_PE
                && Integer.compareUnsigned(pe, IODA2_PES) >= 0) {
            return refuse(completion, Rule.V36, Errno.ERANGE, InvalidateData.PE, pe, EIGHT_BITS);
        }
        int shift = InvalidateData.PAGE_SHIFT.getInt(page);
        return toCalls() && shift != 0 && shift != DEFAULT_PAGE_SHIFT
                ? refuse(
                        completion,
                        Rule.V24,
                        Errno.EOPNOTSUPP,
                        InvalidateData.PAGE_SHIFT,
                        shift,
                        "the generation has pages of 4 KiB only")
                : 0;
    }

    private void rewritePayload(InvalidateRequest request) {
        long window = PART.word(request, 0);
        long flags = PART.word(request, 2);
        int op = InvalidateData.OP.getInt(window);
        if (SpaprGeneration.hasRegisters(to) != SpaprGeneration.hasRegisters(from)) {
            op = exchanged(op);
        }
        PART.put(request, 0, InvalidateData.OP.set(window, Integer.toUnsignedLong(op)));
        PART.put(request, 1, PART.word(request, 1));
        // A driver without a sync completes its kills at once.
        boolean completesAtOnce = SpaprGeneration.isIoda3(from) && !SpaprGeneration.isIoda3(to);
        PART.put(request, 2, completesAtOnce ? flags & ~InvalidateData.SYNC.mask() : flags);
        PART.put(request, 3, PART.word(request, 3));
        PART.replace(request, to);
    }

    /** KILL for REWRITE and the other way; other operations keep their refusal. */
    private static int exchanged(int op) {
        return switch (op) {
            case InvalidateData.OP_KILL -> InvalidateData.OP_REWRITE;
            case InvalidateData.OP_REWRITE -> InvalidateData.OP_KILL;
            default -> op;
        };
    }

    /** True from a generation with kills to one without. */
    private boolean toCalls() {
        return SpaprGeneration.hasRegisters(from) && !SpaprGeneration.hasRegisters(to);
    }

    private static int refuse(Completion completion, Rule rule, Errno errno, BitField field, int value, String why) {
        return completion.refuse(rule, errno, InvalidateData.LAYOUT, field, Integer.toUnsignedLong(value), why);
    }
}
