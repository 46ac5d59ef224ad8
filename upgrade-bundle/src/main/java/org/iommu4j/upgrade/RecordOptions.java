package org.iommu4j.upgrade;

import java.nio.file.Path;
import java.util.List;

/**
 * Options of playing a record.
 *
 * @param backend version of the vendor's bundle to play against, as {@code 1.0.0}; empty for whoever serves; another text
 *     with {@link #withJar}
 * @param jars bundles that may be installed for it if it is not there
 * @param keptDifferences most differences of each kind that are kept with their details; all are counted
 */
public record RecordOptions(String backend, List<Path> jars, int keptDifferences) {
    /** Against whoever serves. */
    public static final RecordOptions DEFAULT = new RecordOptions("", List.of(), 5);

    private static final String THE_JAR = "the jar";

    /** Copies the list. */
    public RecordOptions {
        jars = List.copyOf(jars);
    }

    /** The same against one bundle, whatever else has its version. */
    public RecordOptions withJar(Path jar) {
        return new RecordOptions(THE_JAR, List.of(jar), keptDifferences);
    }

    /** True if it is played against the one bundle of {@link #jars}. */
    public boolean isOneJar() {
        return backend.equals(THE_JAR);
    }

    /** The same against another version, which is one of some jars if it is not installed. */
    public RecordOptions withBackend(String version, List<Path> from) {
        return new RecordOptions(version, from, keptDifferences);
    }
}
