package org.iommu4j.upgrade.run;

import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.testing.ForwardingTranslator;

/**
 * A driver that writes the commands of its first invalidation, and of every fiftieth after it, not once but as often as it is
 * told.
 */
final class ChangedTranslator extends ForwardingTranslator {
    private static final int PERIOD = 50;

    private final int times;
    private int count;

    ChangedTranslator(Translator translator, int times) {
        super(translator);
        this.times = times;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        if (count++ % PERIOD != 0) {
            return super.invalidate(domain, request, completion);
        }
        int code = completion.done(Fidelity.EXACT);
        for (int i = 0; i < times; i++) {
            code = super.invalidate(domain, request, completion);
        }
        return code;
    }
}
