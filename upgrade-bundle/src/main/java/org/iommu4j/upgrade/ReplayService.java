package org.iommu4j.upgrade;

import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** Replays captured guests; an OSGi service. May be called from any thread. */
@ProviderType
public interface ReplayService {
    /**
     * Replays one capture directory of the documented format.
     *
     * @throws CaptureException if it cannot be read
     * @throws ReplayRefusedException if it needs what no installed backend has
     * @throws org.iommu4j.backend.BackendException {@code ENODEV} without a backend for its model
     */
    ReplayResult replay(Path directory, ReplayOptions options);
}
