package org.iommu4j.testbench;

import java.util.function.Consumer;
import org.osgi.annotation.versioning.ProviderType;

/** Checks whether a vendor's bundle keeps the rules of docs/adding-a-vendor.md; an OSGi service. For one caller at a time. */
@ProviderType
public interface ConformService {
    /**
     * Installs the bundle beside what is there, checks it rule by rule, and uninstalls it. A rule that is broken does not end
     * the run; after one that cannot be checked the others still are.
     *
     * @param lines is told the outcome of each rule when it is known, in the caller's thread
     * @throws CaseFileException if a file cannot be read, or a rule that is asked for does not exist
     */
    ConformReport run(ConformOptions options, Consumer<ConformReport.Line> lines);
}
