package org.iommu4j.upgrade;

import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** Makes captures of an emulator's own trace. */
@ProviderType
public interface ImportService {
    /**
     * Makes a capture.
     *
     * @param trace lines of the emulator's events
     * @param directory to be made; it is not there, or empty
     * @throws CaptureException if the trace, the image or the directory is not what it has to be
     * @throws ReplayRefusedException if no installed bundle reads the trace
     * @throws org.iommu4j.backend.BackendException {@code ENODEV} if no backend serves the model
     */
    ImportResult make(Path trace, Path directory, ImportOptions options);
}
