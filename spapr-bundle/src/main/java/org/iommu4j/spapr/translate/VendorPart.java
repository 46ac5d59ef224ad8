package org.iommu4j.spapr.translate;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.BitField;
import org.iommu4j.spapr.command.InvalidateData;

/**
 * Reads the vendor part of an invalidation, docs/spec/spapr-tce.md 5.3, and checks what can be told without the
 * windows, in this order: reserved bits (V34, EINVAL); an operation of the generation (V34, EOPNOTSUPP). Reused by its
 * owner; allocates nothing.
 */
final class VendorPart {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private final long[] reserved = new long[InvalidateData.LAYOUT.words()];
    private int liobn;
    private int op;
    private int pageShift;
    private int pe;

    /** For payloads of a generation. */
    VendorPart(int subVersion) {
        for (int word = 0; word < reserved.length; word++) {
            reserved[word] = InvalidateData.LAYOUT.reservedMask(word, subVersion, capability -> false);
        }
    }

    /** A window, or {@link InvalidateData#ALL_WINDOWS}. */
    int liobn() {
        return liobn;
    }

    /** What to do. */
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
        for (int word = 0; word < reserved.length; word++) {
            long wrong = word(request, word) & reserved[word];
            if (wrong != 0) {
                return completion.refuseReserved(InvalidateData.LAYOUT, word, wrong);
            }
        }
        long word0 = word(request, InvalidateData.LIOBN.word());
        long word1 = word(request, InvalidateData.PE.word());
        liobn = InvalidateData.LIOBN.getInt(word0);
        op = InvalidateData.OP.getInt(word0);
        pageShift = InvalidateData.PAGE_SHIFT.getInt(word1);
        pe = InvalidateData.PE.getInt(word1);
        if (op != defaultOp && op != InvalidateData.OP_CLEAR) {
            return refuse(
                    completion,
                    Rule.V34,
                    Errno.EOPNOTSUPP,
                    InvalidateData.OP,
                    Integer.toUnsignedLong(op),
                    "the generation has no such operation");
        }
        if (op == InvalidateData.OP_CLEAR && !request.selectsRange()) {
            return refuse(
                    completion, Rule.V34, Errno.EOPNOTSUPP, InvalidateData.OP, op, "CLEAR needs a range: scope VADDR");
        }
        return 0;
    }

    /** Refuses a field. */
    static int refuse(Completion completion, Rule rule, Errno errno, BitField field, long value, String why) {
        return completion.refuse(rule, errno, InvalidateData.LAYOUT, field, value, why);
    }

    private static long word(InvalidateRequest request, int word) {
        return (long) WORD.get(request.payload(), request.payloadOffset() + word * Long.BYTES);
    }
}
