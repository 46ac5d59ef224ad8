package org.iommu4j.upgrade.run;

import java.util.function.UnaryOperator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.testing.ForwardingBackend;

/** A backend with a changed driver. */
public final class ChangedBackend extends ForwardingBackend {
    private final UnaryOperator<Translator> change;

    /** That backend with another driver. */
    public ChangedBackend(Backend backend, UnaryOperator<Translator> change) {
        super(backend);
        this.change = change;
    }

    /** The driver is the changed one in service only: the trial before it passes. */
    private Translator changed(Translator driver) {
        return Thread.currentThread().getName().equals("iommu4j-trial") ? driver : change.apply(driver);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return changed(super.createTranslator(subVersion, port));
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return changed(super.restoreTranslator(state, port));
    }
}
