package org.iommu4j.upgrade.record;

import java.nio.file.Path;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.run.BackendChoice;
import org.iommu4j.upgrade.run.VendorBundles;

/** Writes and plays records of contract requests through a core. */
public final class Records implements RecordService {
    private final IommuService service;
    private final VendorBundles bundles;

    /** Records of a core, in a container. */
    public Records(IommuService service, VendorBundles bundles) {
        this.service = service;
        this.bundles = bundles;
    }

    @Override
    public Recording record(Path file) {
        return new Recorder(service, file);
    }

    @Override
    public RecordResult play(Path file, RecordOptions options) {
        try (BackendChoice choice = new BackendChoice(service, bundles, options.backend(), options.jars());
                RecordPlayer player = new RecordPlayer(service, choice, file, options)) {
            return player.play();
        }
    }
}
