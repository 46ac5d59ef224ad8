package org.iommu4j.testbench.component;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.BundleJars;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.TestBenchService;
import org.iommu4j.testbench.run.TestBench;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers the test bench as a service. */
@Component(service = TestBenchService.class)
public final class TestBenchComponent implements TestBenchService {
    private final TestBench bench;

    /** Works through that core. */
    @Activate
    public TestBenchComponent(@Reference IommuService service, @Reference BundleService bundles) {
        bench = new TestBench(service, bundles, BundleJars.NONE);
    }

    @Override
    public TestBenchService withJars(BundleJars jars) {
        return bench.withJars(jars);
    }

    @Override
    public void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> results) {
        bench.run(files, only, sanitized, results);
    }

    @Override
    public BenchSession open(IommuModel model, int subVersion, String config, boolean sanitized) {
        return bench.open(model, subVersion, config, sanitized);
    }
}
