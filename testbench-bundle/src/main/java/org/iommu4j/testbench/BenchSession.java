package org.iommu4j.testbench;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.osgi.annotation.versioning.ProviderType;

/** An interactive test bench. Used by one thread at a time. */
@ProviderType
public interface BenchSession extends AutoCloseable {
    /**
     * Carries out one step, or several.
     *
     * @param line one JSON object, or a list of them
     * @return one JSON object on one line, or a list of as many; with the key {@code error} if the step could not be carried out, after which the
     *     bench goes on
     */
    String answer(String line);

    /**
     * The steps that were carried out, as a case on one line that comes to the same.
     *
     * @param id of the case
     */
    String recorded(String id);

    /** Findings of the sanitizer so far; none without a sanitizer. Their places count steps from 0. */
    SanitizerReport findings();

    /** Command lines that decode what each of {@link #findings} is about. */
    Map<Finding, List<String>> findingHints();

    /** Closes its unit. */
    @Override
    void close();
}
