package org.iommu4j.backend;

import java.util.Locale;
import java.util.Set;

/**
 * One hardware generation that a backend can translate for and simulate.
 *
 * @param subVersion its number in the contract
 * @param name short name, as its document in docs/spec gives it
 * @param payloadLengths the legal lengths in bytes of the vendor part of an invalidation; 0 means that it may be absent.
 *     A negative length {@code -n} stands for any positive multiple of {@code n}
 * @param granuleShift log2 of the smallest range that a request may name, in bytes
 * @param pasidBits width of a PASID, 0 if the model has none
 * @param hostAddressWidth host physical address width in bits of the generation's default chip
 * @param capabilities named abilities, for negotiation
 * @param errata named defects, for negotiation
 */
public record Generation(
        int subVersion,
        String name,
        Set<Integer> payloadLengths,
        int granuleShift,
        int pasidBits,
        int hostAddressWidth,
        Set<String> capabilities,
        Set<String> errata) {

    /** Copies the sets. */
    public Generation {
        payloadLengths = Set.copyOf(payloadLengths);
        capabilities = Set.copyOf(capabilities);
        errata = Set.copyOf(errata);
    }

    /** A number of a generation as messages and tables write it: at least four hexadecimal digits, as {@code 0x0110}. */
    public static String text(int subVersion) {
        return String.format(Locale.ROOT, "0x%04x", subVersion);
    }

    /** True if a vendor part of {@code length} bytes is legal. */
    public boolean acceptsPayload(int length) {
        if (payloadLengths.contains(length)) {
            return true;
        }
        for (int legal : payloadLengths) {
            if (legal < 0 && length > 0 && length % -legal == 0) {
                return true;
            }
        }
        return false;
    }
}
