package org.iommu4j.simulation.sanitizer;

import java.util.function.Supplier;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.layout.Layout;

/**
 * The rules of a model, asked so that nothing comes of it but an answer. They are a vendor's code, and are asked when a table
 * is edited or a report is wanted: by then the chip may have stopped and the vendor's bundle have left, whose classes cannot be
 * loaded any more. What was found is told all the same, in words that fit every model.
 */
final class ContainedRules implements InvalidationRules {
    private static final String UNKNOWN = "the model's rules could not be asked: its chip has gone";

    private final InvalidationRules foreign;

    ContainedRules(InvalidationRules foreign) {
        this.foreign = foreign;
    }

    private static <T> T asked(Supplier<T> question, T otherwise) {
        try {
            T answer = question.get();
            return answer == null ? otherwise : answer;
        } catch (Throwable gone) {
            return otherwise;
        }
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        return asked(
                () -> foreign.covering(kind, tag, pasid, first, lengthBytes),
                "an invalidation of the " + kind.label() + " entry of 0x" + Long.toHexString(first) + " with tag 0x"
                        + Long.toHexString(tag));
    }

    @Override
    public String rule(CachedKind kind) {
        return asked(() -> foreign.rule(kind), UNKNOWN);
    }

    @Override
    public String rule(CachedKind kind, Finding.Edit edit) {
        return asked(() -> foreign.rule(kind, edit), UNKNOWN);
    }

    @Override
    public String tagName(CachedKind kind) {
        return asked(() -> foreign.tagName(kind), "tag");
    }

    @Override
    public Layout format(String name) {
        return asked(() -> foreign.format(name), null);
    }
}
