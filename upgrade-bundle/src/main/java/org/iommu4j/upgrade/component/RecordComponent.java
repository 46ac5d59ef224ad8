package org.iommu4j.upgrade.component;

import java.nio.file.Path;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.record.Records;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Offers records of requests as a service. */
@Component(service = RecordService.class)
public final class RecordComponent implements RecordService {
    private final Records records;

    /** Records what goes through that core, and plays it in this framework. */
    @Activate
    public RecordComponent(@Reference IommuService service, @Reference BundleService bundles) {
        records = new Records(service, new FrameworkBundles(bundles));
    }

    @Override
    public Recording record(Path file) {
        return records.record(file);
    }

    @Override
    public RecordResult play(Path file, RecordOptions options) {
        return records.play(file, options);
    }
}
