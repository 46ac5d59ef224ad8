package org.iommu4j.testbench.fuzz;

import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Platform;

/** Steps that access memory as devices do. */
final class AccessStep {
    private AccessStep() {}

    /**
     * One piece of the access of a {@code dma} or {@code ats} step.
     *
     * @param iova where the piece begins
     * @param length of the piece in bytes
     * @param span bytes that are left of the whole access, of which this is the first piece
     */
    static DmaAccess begin(Map<String, Object> step, String op, DmaAccess access, long iova, int length, long span) {
        String kind = Steps.text(step, "access");
        int rights = switch (kind) {
            case "read" -> DmaAccess.READ;
            case "write" -> DmaAccess.WRITE;
            case "execute" -> DmaAccess.READ | DmaAccess.EXECUTE;
            default -> DmaAccess.READ | DmaAccess.WRITE;
        };
        access.begin(Steps.requester(step), iova, rights)
                .withPasid((int) Steps.number(step, "pasid", DmaAccess.NO_PASID))
                .withLength(length)
                .withSpan(span)
                .as(
                        op.equals("ats")
                                ? DmaAccess.AddressType.TRANSLATION_REQUEST
                                : Boolean.TRUE.equals(step.get("translated"))
                                        ? DmaAccess.AddressType.TRANSLATED
                                        : DmaAccess.AddressType.UNTRANSLATED);
        if (kind.equals("atomic")) {
            access.asAtomic();
        }
        if (Boolean.TRUE.equals(step.get("privileged"))) {
            access.asPrivileged();
        }
        return access;
    }

    /** True if a translated access leads to memory for devices; a translation request may name what is no memory at all. */
    static boolean isAllowed(DmaAccess access, Platform machine) {
        long pa = access.spa();
        return access.addressType() == DmaAccess.AddressType.TRANSLATION_REQUEST
                ? machine.deviceMemory().contains(pa, 1) || !machine.memory().contains(pa, 1)
                : access.lengthBytes() <= 0 || machine.deviceMemory().contains(pa, access.lengthBytes());
    }
}
