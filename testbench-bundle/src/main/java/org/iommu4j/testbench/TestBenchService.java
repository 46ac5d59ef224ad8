package org.iommu4j.testbench;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.iommu4j.contract.IommuModel;
import org.osgi.annotation.versioning.ProviderType;

/** Runs cases and opens test benches; an OSGi service. May be called from any thread. */
@ProviderType
public interface TestBenchService {
    /**
     * Runs every case of the files in order, each on a fresh unit. All files are read and checked before the first case
     * runs.
     *
     * @param only ids of the cases to run; empty for all
     * @param sanitized true to observe every chip: its findings come with the results, and a case in which the chip used
     *     a translation that a completed invalidation had to drop has failed
     * @param results is told about each case when it ends, in the caller's thread
     * @throws CaseFileException if a file cannot be read, a line is no case, a configuration is refused, or none of the
     *     cases has one of the ids
     */
    void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> results);

    /**
     * The same service, whose swaps find the bundles that they name; this one, if it does not swap.
     *
     * @param jars finds them
     */
    default TestBenchService withJars(BundleJars jars) {
        return this;
    }

    /**
     * Opens a test bench.
     *
     * @param subVersion generation of the chip; 0 for the model's usual one
     * @param config a case's {@code config} object as JSON; empty for the default chip
     * @throws CaseFileException if the configuration cannot be read or is refused
     * @throws org.iommu4j.backend.BackendException {@code ENODEV} without a backend, {@code EPROTONOSUPPORT} for a
     *     generation or a capability that it does not have
     */
    default BenchSession open(IommuModel model, int subVersion, String config) {
        return open(model, subVersion, config, false);
    }

    /**
     * As {@link #open(IommuModel, int, String)}.
     *
     * @param sanitized true to observe the chip: its findings are in {@link BenchSession#findings}
     */
    BenchSession open(IommuModel model, int subVersion, String config, boolean sanitized);
}
