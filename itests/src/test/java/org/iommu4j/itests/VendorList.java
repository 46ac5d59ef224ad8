package org.iommu4j.itests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * The one list of the vendors' bundles, {@code vendors/pom.xml}: as modules that are built, and as dependencies of its users.
 */
final class VendorList {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Pattern MODULE = Pattern.compile("<module>\\.\\./([^<]+)</module>");
    private static final Pattern DEPENDENCY =
            Pattern.compile("<dependency>\\s*<groupId>org\\.iommu4j</groupId>\\s*<artifactId>([^<]+)</artifactId>");

    private VendorList() {}

    /** Folders of the bundles that are built. */
    static List<String> modules() {
        return found(MODULE);
    }

    /** Artifact ids of the bundles that whoever depends on the list gets. */
    static List<String> artifactIds() {
        return found(DEPENDENCY);
    }

    /** The {@code Bundle-SymbolicName} of each listed bundle. */
    static List<String> symbolicNames() {
        List<String> names = new ArrayList<>();
        for (String folder : modules()) {
            Properties bundle = new Properties();
            try (var reader = Files.newBufferedReader(ROOT.resolve(folder).resolve("bnd.bnd"))) {
                bundle.load(reader);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            names.add(bundle.getProperty("Bundle-SymbolicName"));
        }
        return names;
    }

    private static List<String> found(Pattern pattern) {
        try {
            return pattern.matcher(Files.readString(ROOT.resolve("vendors").resolve("pom.xml")))
                    .results()
                    .map((MatchResult result) -> result.group(1))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
