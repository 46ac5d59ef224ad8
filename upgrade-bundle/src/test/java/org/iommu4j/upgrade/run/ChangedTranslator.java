package org.iommu4j.upgrade.run;

import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;

/** A driver that now and then writes the commands of an invalidation not once but as often as it is told. */
final class ChangedTranslator implements Translator {
    private static final int PERIOD = 50;

    private final Translator translator;
    private final int times;
    private int count;

    ChangedTranslator(Translator translator, int times) {
        this.translator = translator;
        this.times = times;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        count++;
        if (count % PERIOD != 0) {
            return translator.invalidate(domain, request, completion);
        }
        int code = completion.done(Fidelity.EXACT);
        for (int i = 0; i < times; i++) {
            code = translator.invalidate(domain, request, completion);
        }
        return code;
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
