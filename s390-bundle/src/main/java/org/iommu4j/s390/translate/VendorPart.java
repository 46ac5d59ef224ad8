package org.iommu4j.s390.translate;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.layout.BitField;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.InvalidateData;

/**
 * Checks the vendor part of an invalidation, docs/spec/s390-zpci.md 5.2, in this order: reserved bits (V34, EINVAL);
 * the operation (V34, EOPNOTSUPP); the address space (V34, EINVAL); the handle and the anchor are those of now (V36,
 * ESTALE; ENODEV for a function of somebody else); it agrees with the generic fields (V35, EINVAL). Nothing of it
 * reaches a register. Allocates nothing.
 */
final class VendorPart {
    private static final long RESERVED_0 = InvalidateData.LAYOUT.reservedMask(0);
    private static final long RESERVED_2 = InvalidateData.LAYOUT.reservedMask(2);

    private VendorPart() {}

    /**
     * Checks the vendor part of a request that has one.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    static int check(InvalidateRequest request, Domain domain, Completion completion) {
        long word0 = InvalidateData.LAYOUT.word(request.payload(), request.payloadOffset(), 0);
        long iota = InvalidateData.LAYOUT.word(request.payload(), request.payloadOffset(), 1);
        long word2 = InvalidateData.LAYOUT.word(request.payload(), request.payloadOffset(), 2);
        if ((word0 & RESERVED_0) != 0) {
            return completion.refuseReserved(InvalidateData.LAYOUT, 0, word0 & RESERVED_0);
        }
        if ((word2 & RESERVED_2) != 0) {
            return completion.refuseReserved(InvalidateData.LAYOUT, 2, word2 & RESERVED_2);
        }
        int op = InvalidateData.OP.getInt(word0);
        if (op != InvalidateData.RANGE && op != InvalidateData.ALL) {
            return refuse(completion, Rule.V34, Errno.EOPNOTSUPP, InvalidateData.OP, op, "no such operation");
        }
        int space = InvalidateData.DMAAS.getInt(word0);
        if (space != 0) {
            return refuse(
                    completion, Rule.V34, Errno.EINVAL, InvalidateData.DMAAS, space, "there is one DMA address space");
        }
        int stale = checkIdentity(InvalidateData.FH.getInt(word0), iota, domain, completion);
        if (stale != 0) {
            return stale;
        }
        if ((op == InvalidateData.RANGE) != request.selectsRange()) {
            return refuse(
                    completion,
                    Rule.V35,
                    Errno.EINVAL,
                    InvalidateData.OP,
                    op,
                    "RANGE goes with scope VADDR, ALL goes without");
        }
        return 0;
    }

    /** The handle, if given, is a bound function's of now; the anchor, if given, is registered, for that function if given. */
    private static int checkIdentity(int handle, long iota, Domain domain, Completion completion) {
        if (handle != 0) {
            Device device = domain.members().device(FunctionHandle.indexOf(handle));
            if (device == null) {
                return refuse(
                        completion,
                        Rule.V36,
                        Errno.ENODEV,
                        InvalidateData.FH,
                        Integer.toUnsignedLong(handle),
                        Answers.NOT_ATTACHED);
            }
            if (device.handle() != handle || !device.enabled()) {
                return refuse(
                        completion,
                        Rule.V36,
                        Errno.ESTALE,
                        InvalidateData.FH,
                        Integer.toUnsignedLong(handle),
                        "the handle is of another life of the function");
            }
            if (iota != 0
                    && (device.registration() == null || device.registration().iota() != iota)) {
                return stale(iota, completion);
            }
            return 0;
        }
        if (iota == 0) {
            return 0;
        }
        Device[] bound = domain.bound();
        for (int i = 0; i < bound.length; i++) {
            if (bound[i].registration().iota() == iota) {
                return 0;
            }
        }
        return stale(iota, completion);
    }

    private static int stale(long iota, Completion completion) {
        return refuse(
                completion, Rule.V36, Errno.ESTALE, InvalidateData.IOTA, iota, "another anchor is registered by now");
    }

    private static int refuse(Completion completion, Rule rule, Errno errno, BitField field, long value, String why) {
        return completion.refuse(rule, errno, InvalidateData.LAYOUT, field, value, why);
    }
}
