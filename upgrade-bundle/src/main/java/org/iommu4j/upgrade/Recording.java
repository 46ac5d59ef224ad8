package org.iommu4j.upgrade;

import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** A record that is being written. May be used from any thread. */
@ProviderType
public interface Recording extends AutoCloseable {
    /** The file that it is written to. */
    Path file();

    /** Units whose clients are, or were, recorded. */
    long units();

    /** Requests of wire form 1 that were recorded so far. */
    long requests();

    /**
     * Ends the record. Units that are still open go on unrecorded. Closing twice has no effect.
     *
     * @throws UpgradeException if the record is not complete
     */
    @Override
    void close();
}
