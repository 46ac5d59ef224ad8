package org.iommu4j.core.component;

import java.util.Iterator;
import java.util.function.Consumer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.IommuService;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Registers explanations as a service, with the formats of the backends that serve. */
@Component(service = ExplainService.class)
public final class ExplainServiceComponent implements ExplainService {
    private final Explain explain;

    /** Takes the formats from the core's backends. */
    @Activate
    public ExplainServiceComponent(@Reference IommuService core) {
        explain = new Explain(core::backend, core::absence);
    }

    @Override
    public Explanation bytes(IommuModel model, String format, int subVersion, byte[] bytes) {
        return explain.bytes(model, format, subVersion, bytes);
    }

    @Override
    public Explanation words(IommuModel model, String format, int subVersion, long... words) {
        return explain.words(model, format, subVersion, words);
    }

    @Override
    public Explanation register(IommuModel model, String register, int subVersion, long value) {
        return explain.register(model, register, subVersion, value);
    }

    @Override
    public Explanation request(Abi abi, IommuModel model, int subVersion, byte[] bytes) {
        return explain.request(abi, model, subVersion, bytes);
    }

    @Override
    public Explanation snapshot(byte[] bytes) {
        return explain.snapshot(bytes);
    }

    @Override
    public void entries(IommuModel model, String format, int subVersion, byte[] bytes, Consumer<Explanation> found) {
        explain.entries(model, format, subVersion, bytes, found);
    }

    @Override
    public void entries(IommuModel model, String format, int subVersion, long[] words, Consumer<Explanation> found) {
        explain.entries(model, format, subVersion, words, found);
    }

    @Override
    public void log(IommuModel model, int subVersion, Iterator<String> lines, Consumer<Explanation> found) {
        explain.log(model, subVersion, lines, found);
    }
}
