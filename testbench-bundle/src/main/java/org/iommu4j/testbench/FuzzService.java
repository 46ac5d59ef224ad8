package org.iommu4j.testbench;

import java.util.function.Consumer;
import org.osgi.annotation.versioning.ProviderType;

/** Generates cases until one breaks an invariant; an OSGi service. May be called from any thread. */
@ProviderType
public interface FuzzService {
    /**
     * Fuzzes until time or cases are used up, or something failed; a failed case is shrunken.
     *
     * @param progress is told after each case, in the caller's thread
     * @throws CaseFileException if a file of the corpus cannot be read
     * @throws org.iommu4j.backend.BackendException {@code ENODEV} if nobody serves the model
     */
    FuzzResult run(FuzzOptions options, Consumer<FuzzProgress> progress);
}
