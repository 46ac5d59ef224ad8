package org.iommu4j.testbench.component;

import java.util.function.Consumer;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzProgress;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.FuzzService;
import org.iommu4j.testbench.fuzz.Fuzzer;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers the fuzzer as a service. */
@Component(service = FuzzService.class)
public final class FuzzComponent implements FuzzService {
    private final Fuzzer fuzzer;

    /** Works through that core. */
    @Activate
    public FuzzComponent(@Reference IommuService service) {
        fuzzer = new Fuzzer(service);
    }

    @Override
    public FuzzResult run(FuzzOptions options, Consumer<FuzzProgress> progress) {
        return fuzzer.run(options, progress);
    }
}
