package org.iommu4j.core.service;

import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;

/**
 * The generations that a client can speak, and the capabilities that it requires or would use.
 *
 * @param model the model
 * @param oldest oldest generation that it can speak
 * @param newest newest generation that it can speak
 * @param required capabilities without which it does not want an agreement
 * @param optional capabilities that it uses if they are there; none of the required ones
 * @param image the image in which it writes; null if the offer does not say it
 */
public record Offer(IommuModel model, int oldest, int newest, Set<String> required, Set<String> optional, Abi image) {
    /** Copies the sets. */
    public Offer {
        if (Integer.compareUnsigned(oldest, newest) > 0) {
            throw new IllegalArgumentException(
                    "oldest=" + Generation.text(oldest) + " is above newest=" + Generation.text(newest));
        }
        required = Set.copyOf(required);
        Set<String> others = new TreeSet<>(optional);
        others.removeAll(required);
        optional = Set.copyOf(others);
    }

    /** An offer without optional capabilities that does not say its image. */
    public Offer(IommuModel model, int oldest, int newest, Set<String> required) {
        this(model, oldest, newest, required, Set.of(), null);
    }

    /** Exactly one generation. */
    public static Offer exactly(IommuModel model, int subVersion) {
        return new Offer(model, subVersion, subVersion, Set.of());
    }

    /** A copy with other optional capabilities. */
    public Offer withOptional(Set<String> others) {
        return new Offer(model, oldest, newest, required, others, image);
    }

    /** A copy that says the image in which the client writes. */
    public Offer withImage(Abi newImage) {
        return new Offer(model, oldest, newest, required, optional, newImage);
    }

    /** A copy for one generation, with these capabilities required and no others. */
    public Offer narrowed(int subVersion, Set<String> features) {
        return new Offer(model, subVersion, subVersion, features, Set.of(), image);
    }

    /** True if the client can speak a generation. */
    public boolean contains(int subVersion) {
        return Integer.compareUnsigned(oldest, subVersion) <= 0 && Integer.compareUnsigned(subVersion, newest) <= 0;
    }
}
