package org.iommu4j.testbench;

import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Writes the fixtures of a release: what it leaves for the releases after it, which must read it; docs/fixtures.md. An OSGi
 * service. For one caller at a time.
 */
@ProviderType
public interface FixtureService {
    /** The file of states in the folder of a release. */
    String STATES = "states.jsonl";

    /**
     * The folder of a bundle's fixtures.
     *
     * @param all folder of the fixtures of all bundles
     * @throws CaseFileException if the jar cannot be read, or is no bundle with a version
     */
    Path folder(Path jar, Path all);

    /**
     * Installs a bundle, makes it serve, asks it for everything that a client can ask, in every generation and image, and
     * writes its manifest and the states that it saves. Requests go through units of the core: who wants them records them.
     *
     * @param all folder of the fixtures of all bundles; what is there of this release is replaced
     * @param seed of everything that is random
     * @return one line that says what was written
     * @throws CaseFileException if a file cannot be read or written, or the bundle cannot be used
     */
    String write(Path jar, Path all, long seed);
}
