package org.iommu4j.spapr.translate;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.invalidate.InvalidatePart;
import org.iommu4j.layout.BitField;
import org.iommu4j.spapr.command.InvalidateData;

/**
 * Reads the vendor part of an invalidation, docs/spec/spapr-tce.md 5.3, and checks what can be told without the
 * windows, in this order: reserved bits (V34, EINVAL); an operation of the generation (V34, EOPNOTSUPP). Reused by its
 * owner; allocates nothing.
 */
final class VendorPart {
    private final InvalidatePart part;
    private int liobn;
    private int op;
    private int pageShift;
    private int pe;

    /** For payloads of a generation. */
    VendorPart(int subVersion) {
        part = new InvalidatePart(InvalidateData.LAYOUT, subVersion);
    }

    /** A window, or {@link InvalidateData#ALL_WINDOWS}. */
    int liobn() {
        return liobn;
    }

    /** A code of {@link InvalidateData#OP}. */
    int op() {
        return op;
    }

    /** log2 of the page size, or 0. */
    int pageShift() {
        return pageShift;
    }

    /** An endpoint, or {@link InvalidateData#GROUP_PE}. */
    int pe() {
        return pe;
    }

    /** As if there were no vendor part: every window, and what the generation does by itself. */
    void absent(int defaultOp) {
        liobn = InvalidateData.ALL_WINDOWS;
        op = defaultOp;
        pageShift = 0;
        pe = InvalidateData.GROUP_PE;
    }

    /**
     * Reads and checks the vendor part of a request that has one.
     *
     * @param defaultOp what the generation does by itself: KILL or REWRITE; it has CLEAR besides
     * @return 0, or a negative errno with {@code completion} filled
     */
    int read(int defaultOp, InvalidateRequest request, Completion completion) {
        int wrong = part.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        liobn = part.getInt(InvalidateData.LIOBN);
        op = part.getInt(InvalidateData.OP);
        pageShift = part.getInt(InvalidateData.PAGE_SHIFT);
        pe = part.getInt(InvalidateData.PE);
        if (op != defaultOp && op != InvalidateData.OP_CLEAR) {
            return refuse(
                    Rule.V34, Errno.EOPNOTSUPP, InvalidateData.OP, "the generation has no such operation", completion);
        }
        return op == InvalidateData.OP_CLEAR && !request.selectsRange()
                ? refuse(Rule.V34, Errno.EOPNOTSUPP, InvalidateData.OP, "CLEAR needs a range: scope VADDR", completion)
                : 0;
    }

    /** Refuses the request for a field of its vendor part. */
    int refuse(Rule rule, Errno errno, BitField field, String why, Completion completion) {
        return part.refuse(rule, errno, field, why, completion);
    }
}
