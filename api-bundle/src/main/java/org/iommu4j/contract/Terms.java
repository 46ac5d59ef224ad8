package org.iommu4j.contract;

import java.util.List;
import java.util.Set;

/**
 * The terms that one client and the core agreed on: against them every request of the client is checked.
 *
 * @param abi the image in which the client writes
 * @param model the model of its container
 * @param subVersion the generation of its vendor parts
 * @param payloadLengths legal lengths in bytes of the vendor part of an invalidation; a negative length {@code -n} stands
 *     for any positive multiple of {@code n}
 * @param granuleShift log2 of the smallest range that a request may name, in bytes; 0 if any will do; at most 63
 * @param pasidBits width of a PASID of the model, at most 20; 0 if it has none
 * @param bindFormats the bind operations that the backend understands
 */
public record Terms(
        Abi abi,
        IommuModel model,
        int subVersion,
        Set<Integer> payloadLengths,
        int granuleShift,
        int pasidBits,
        List<BindFormat> bindFormats) {

    /** Copies the collections and checks the numbers. */
    public Terms {
        if (granuleShift < 0 || granuleShift >= Long.SIZE) {
            throw new IllegalArgumentException("granuleShift=" + granuleShift + " is not in 0 to 63");
        }
        if (pasidBits < 0 || pasidBits > Uapi.PASID_BITS) {
            throw new IllegalArgumentException("pasidBits=" + pasidBits + " is not in 0 to " + Uapi.PASID_BITS);
        }
        payloadLengths = Set.copyOf(payloadLengths);
        bindFormats = List.copyOf(bindFormats);
    }

    /**
     * The vendor part of a bind operation: of the formats for the operation and the model the newest that the generation
     * has, or null if it has none.
     */
    public BindFormat bindFormat(int operation) {
        BindFormat newest = null;
        for (BindFormat format : bindFormats) {
            if (format.operation() == operation
                    && format.model() == model
                    && Integer.compareUnsigned(format.subVersion(), subVersion) <= 0
                    && (newest == null || Integer.compareUnsigned(newest.subVersion(), format.subVersion()) < 0)) {
                newest = format;
            }
        }
        return newest;
    }
}
