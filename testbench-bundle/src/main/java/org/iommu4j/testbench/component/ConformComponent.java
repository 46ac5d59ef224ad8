package org.iommu4j.testbench.component;

import java.util.function.Consumer;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.ConformOptions;
import org.iommu4j.testbench.ConformReport;
import org.iommu4j.testbench.ConformService;
import org.iommu4j.testbench.conform.Conformance;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers the checks of vendors' bundles as a service. */
@Component(service = ConformService.class)
public final class ConformComponent implements ConformService {
    private final Conformance conformance;

    /** Works through that core, in this framework. */
    @Activate
    public ConformComponent(
            @Reference IommuService service, @Reference PlatformFactory platforms, @Reference BundleService bundles) {
        conformance = new Conformance(service, platforms, bundles);
    }

    @Override
    public ConformReport run(ConformOptions options, Consumer<ConformReport.Line> lines) {
        return conformance.run(options, lines);
    }
}
