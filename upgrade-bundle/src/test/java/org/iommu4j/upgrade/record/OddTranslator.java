package org.iommu4j.upgrade.record;

import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.testing.ForwardingTranslator;

/** A driver that carries out one invalidation in a way of its own. */
final class OddTranslator extends ForwardingTranslator {
    private final Translator target;
    private final int at;
    private final Way way;
    private int count;

    /** Replaces a call. */
    interface Way {
        /** Carries out the invalidation. */
        int invalidate(Translator translator, int domain, InvalidateRequest request, Completion completion);
    }

    /**
     * A driver.
     *
     * @param at which invalidation, from 0
     */
    OddTranslator(Translator translator, int at, Way way) {
        super(translator);
        this.target = translator;
        this.at = at;
        this.way = way;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        return count++ == at
                ? way.invalidate(target, domain, request, completion)
                : super.invalidate(domain, request, completion);
    }
}
