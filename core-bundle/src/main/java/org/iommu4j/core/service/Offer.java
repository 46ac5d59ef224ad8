package org.iommu4j.core.service;

import java.util.Set;
import org.iommu4j.contract.IommuModel;

/**
 * The generations that a client can speak, and the capabilities that it requires.
 *
 * @param model the model
 * @param oldest oldest generation that it can speak
 * @param newest newest generation that it can speak
 * @param required capabilities without which it does not want an agreement
 */
public record Offer(IommuModel model, int oldest, int newest, Set<String> required) {
    /** Copies the set. */
    public Offer {
        if (Integer.compareUnsigned(oldest, newest) > 0) {
            throw new IllegalArgumentException(
                    "oldest=0x" + Integer.toHexString(oldest) + " is above newest=0x" + Integer.toHexString(newest));
        }
        required = Set.copyOf(required);
    }

    /** Exactly one generation. */
    public static Offer exactly(IommuModel model, int subVersion) {
        return new Offer(model, subVersion, subVersion, Set.of());
    }
}
