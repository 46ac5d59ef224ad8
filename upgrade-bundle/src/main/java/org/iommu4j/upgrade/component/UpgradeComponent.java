package org.iommu4j.upgrade.component;

import java.util.function.Consumer;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.UpgradeOptions;
import org.iommu4j.upgrade.UpgradeProgress;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.UpgradeService;
import org.iommu4j.upgrade.run.UpgradeRun;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers upgrade runs as a service. */
@Component(service = UpgradeService.class)
public final class UpgradeComponent implements UpgradeService {
    private final UpgradeRun run;

    /** Runs through that core, in this framework. */
    @Activate
    public UpgradeComponent(@Reference IommuService service, @Reference BundleService bundles) {
        run = new UpgradeRun(service, new FrameworkBundles(bundles));
    }

    @Override
    public UpgradeResult run(UpgradeOptions options, Consumer<UpgradeProgress> progress) {
        return run.run(options, progress);
    }
}
