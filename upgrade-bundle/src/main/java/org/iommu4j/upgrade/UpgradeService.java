package org.iommu4j.upgrade;

import java.util.function.Consumer;
import org.osgi.annotation.versioning.ProviderType;

/** Swaps a vendor's bundle under a running guest; an OSGi service. One run at a time, in the caller's thread. */
@ProviderType
public interface UpgradeService {
    /**
     * Replays a captured guest and edits and invalidates a second one, while the vendor's bundle is swapped between its
     * released and its built version. Afterwards the built version serves.
     *
     * @param progress is told about once a second, in the caller's thread
     * @throws UpgradeException if the run cannot begin or a step cannot be made
     * @throws CaptureException if the capture cannot be read
     * @throws ReplayRefusedException if the capture needs what the backend does not have
     */
    UpgradeResult run(UpgradeOptions options, Consumer<UpgradeProgress> progress);
}
