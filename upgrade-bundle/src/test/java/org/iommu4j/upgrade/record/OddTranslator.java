package org.iommu4j.upgrade.record;

import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;

/** A driver that carries out one invalidation in a way of its own. */
final class OddTranslator implements Translator {
    private final Translator translator;
    private final int at;
    private final Way way;
    private int count;

    /** What is done instead. */
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
        this.translator = translator;
        this.at = at;
        this.way = way;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        return count++ == at
                ? way.invalidate(translator, domain, request, completion)
                : translator.invalidate(domain, request, completion);
    }

    @Override
    public int subVersion() {
        return translator.subVersion();
    }

    @Override
    public int openDomain(int domain, Completion completion) {
        return translator.openDomain(domain, completion);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        return translator.closeDomain(domain, completion);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        return translator.attach(domain, requester, table, levels, completion);
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        return translator.detach(domain, requester, completion);
    }

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        return translator.bind(domain, request, completion);
    }

    @Override
    public int finish(Completion completion) {
        return translator.finish(completion);
    }

    @Override
    public Snapshot save() {
        return translator.save();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        translator.tap(listener);
    }
}
