package org.iommu4j.testbench;

import org.osgi.annotation.versioning.ProviderType;

/** An interactive test bench. Used by one thread at a time. */
@ProviderType
public interface BenchSession extends AutoCloseable {
    /**
     * Carries out one step.
     *
     * @param line one JSON object
     * @return one JSON object on one line; with the key {@code error} if the step could not be carried out, after which the
     *     bench goes on
     */
    String answer(String line);

    /** Closes its unit. */
    @Override
    void close();
}
