package org.iommu4j.testbench.component;

import java.nio.file.Path;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.FixtureService;
import org.iommu4j.testbench.conform.FixtureWriter;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers the writing of releases' fixtures as a service. */
@Component(service = FixtureService.class)
public final class FixtureComponent implements FixtureService {
    private final FixtureWriter writer;

    /** Works through that core, in this framework. */
    @Activate
    public FixtureComponent(
            @Reference IommuService service, @Reference PlatformFactory platforms, @Reference BundleService bundles) {
        writer = new FixtureWriter(service, platforms, bundles);
    }

    @Override
    public Path folder(Path jar, Path all) {
        return writer.folder(jar, all);
    }

    @Override
    public String write(Path jar, Path all, long seed) {
        return writer.write(jar, all, seed);
    }
}
