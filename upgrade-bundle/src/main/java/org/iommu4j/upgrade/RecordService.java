package org.iommu4j.upgrade;

import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** Records what clients ask of units and what comes back, and plays it again; an OSGi service. */
@ProviderType
public interface RecordService {
    /**
     * Records every unit that anybody opens from now on, but for units without a driver.
     *
     * @param file where to; replaced if it is there, once the record is complete, and compressed if its name ends with
     *     {@code .gz}
     * @throws UpgradeException if it cannot be written
     */
    Recording record(Path file);

    /**
     * Plays a record against the bundles at hand, in the caller's thread, and compares what comes back.
     *
     * @throws CaptureException if the record cannot be read
     * @throws UpgradeException if the wanted bundle is not there
     * @throws ReplayRefusedException if the record needs what the bundle does not have
     */
    RecordResult play(Path file, RecordOptions options);
}
