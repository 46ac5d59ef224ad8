package org.iommu4j.s390.translate;

import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.invalidate.InvalidatePart;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.InvalidateData;
import org.iommu4j.s390.command.ZpciGeneration;

/**
 * Checks the vendor part of an invalidation, docs/spec/s390-zpci.md 5.2, in this order: reserved bits (V34, EINVAL);
 * the operation (V34, EOPNOTSUPP); the address space (V34, EINVAL); the handle and the anchor are those of now (V36,
 * ESTALE; ENODEV for a function of somebody else); it agrees with the generic fields (V35, EINVAL). Nothing of it
 * reaches a register. Reused by its owner; allocates nothing.
 */
final class VendorPart {
    private final InvalidatePart part = new InvalidatePart(InvalidateData.LAYOUT, ZpciGeneration.BASE);

    /**
     * Checks the vendor part of a request that has one.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    int check(InvalidateRequest request, Domain domain, Completion completion) {
        int wrong = part.read(request, completion);
        if (wrong != 0) {
            return wrong;
        }
        int op = part.getInt(InvalidateData.OP);
        if (op != InvalidateData.RANGE && op != InvalidateData.ALL) {
            return part.refuse(Rule.V34, Errno.EOPNOTSUPP, InvalidateData.OP, "no such operation", completion);
        }
        if (part.isSet(InvalidateData.DMAAS)) {
            return part.refuse(Rule.V34, InvalidateData.DMAAS, "there is one DMA address space", completion);
        }
        wrong = checkIdentity(domain, completion);
        if (wrong != 0) {
            return wrong;
        }
        return (op == InvalidateData.RANGE) == request.selectsRange()
                ? 0
                : part.refuse(Rule.V35, InvalidateData.OP, "RANGE goes with scope VADDR, ALL goes without", completion);
    }

    /** The handle, if given, is a bound function's of now; the anchor, if given, is registered, for that function if given. */
    private int checkIdentity(Domain domain, Completion completion) {
        int handle = part.getInt(InvalidateData.FH);
        if (handle == 0) {
            return isRegistered(domain.bound()) ? 0 : stale(completion);
        }
        Device device = domain.members().device(FunctionHandle.indexOf(handle));
        if (device == null) {
            return part.refuse(Rule.V36, Errno.ENODEV, InvalidateData.FH, Answers.NOT_ATTACHED, completion);
        }
        if (device.handle() != handle || !device.enabled()) {
            return part.refuse(
                    Rule.V36,
                    Errno.ESTALE,
                    InvalidateData.FH,
                    "the handle is of another life of the function",
                    completion);
        }
        return isRegistered(device) ? 0 : stale(completion);
    }

    /** True if no anchor is given, or one of the functions is registered with it. */
    private boolean isRegistered(Device[] functions) {
        boolean registered = !part.isSet(InvalidateData.IOTA);
        for (int i = 0; i < functions.length && !registered; i++) {
            registered = isRegistered(functions[i]);
        }
        return registered;
    }

    private boolean isRegistered(Device function) {
        long iota = part.get(InvalidateData.IOTA);
        Registration registration = function.registration();
        return iota == 0 || (registration != null && registration.iota() == iota);
    }

    private int stale(Completion completion) {
        return part.refuse(
                Rule.V36, Errno.ESTALE, InvalidateData.IOTA, "another anchor is registered by now", completion);
    }
}
