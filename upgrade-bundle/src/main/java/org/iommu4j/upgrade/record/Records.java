package org.iommu4j.upgrade.record;

import java.nio.file.Path;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.bundles.BackendChoice;
import org.iommu4j.upgrade.bundles.VendorBundles;

/** Writes and plays records of contract requests through a core. */
public final class Records implements RecordService {
    private final IommuService service;
    private final VendorBundles bundles;
    private final long limitNanos;

    /** Records of a core, in a container; a line that does not come back in the tools' usual time hangs. */
    public Records(IommuService service, VendorBundles bundles) {
        this(service, bundles, Watch.DEFAULT_LIMIT_NANOS);
    }

    /** The same with another limit. */
    Records(IommuService service, VendorBundles bundles, long limitNanos) {
        this.service = service;
        this.bundles = bundles;
        this.limitNanos = limitNanos;
    }

    @Override
    public Recording record(Path file) {
        return new Recorder(service, file);
    }

    @Override
    public RecordResult play(Path file, RecordOptions options) {
        BackendChoice choice = BackendChoice.of(service, bundles, options);
        try (Watch watch = new Watch(limitNanos)) {
            try {
                return watch.run(progress -> play(choice, file, options, progress));
            } finally {
                // After a hang this is the work of another thread.
                watch.run(progress -> {
                    choice.close();
                    return null;
                });
            }
        } catch (Watch.HangException e) {
            throw e.toUsers("the machine");
        }
    }

    private RecordResult play(BackendChoice choice, Path file, RecordOptions options, Progress progress) {
        try (RecordPlayer player = new RecordPlayer(service, choice, file, options)) {
            return player.play(progress);
        }
    }
}
