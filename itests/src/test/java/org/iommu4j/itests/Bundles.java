package org.iommu4j.itests;

import static org.ops4j.pax.exam.CoreOptions.bundle;
import static org.ops4j.pax.exam.CoreOptions.composite;
import static org.ops4j.pax.exam.CoreOptions.junitBundles;
import static org.ops4j.pax.exam.CoreOptions.systemPackage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.ops4j.pax.exam.Option;

/** The bundles that a test in a real framework installs: jars of {@code target/bundles}, by artifact id. */
final class Bundles {
    private Bundles() {}

    /** The jar of one artifact as it was built, or as it was downloaded for a third party's. */
    static Path jar(String artifactId) {
        return existing(Path.of(System.getProperty("bundles"), artifactId + ".jar"));
    }

    /** The jar of one artifact as it was released into {@code cnf/releaserepo}. */
    static Path released(String artifactId, String version) {
        return existing(Path.of(System.getProperty("bundles"), "released", artifactId + "-" + version + ".jar"));
    }

    /** The versions of one artifact in {@code cnf/releaserepo}, in the order of their names. */
    static List<String> releases(String artifactId) {
        String prefix = artifactId + "-";
        try (Stream<Path> jars = Files.list(Path.of(System.getProperty("bundles"), "released"))) {
            return jars.map(jar -> jar.getFileName().toString())
                    .filter(name -> name.startsWith(prefix))
                    .map(name -> name.substring(prefix.length(), name.length() - ".jar".length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Installs and starts the jars of these artifacts. */
    static Option install(String... artifactIds) {
        Option[] options = new Option[artifactIds.length];
        for (int i = 0; i < artifactIds.length; i++) {
            options[i] = bundle(jar(artifactIds[i]).toUri().toString());
        }
        return composite(options);
    }

    /** Declarative services, and what Pax Exam and JUnit need inside the framework. */
    static Option runtime() {
        return composite(
                // Pax Exam's bundles import org.slf4j [1.4,2); the class path has a newer one that serves them.
                systemPackage("org.slf4j;version=1.7.36"),
                install(
                        "org.osgi.util.function",
                        "org.osgi.util.promise",
                        "org.osgi.service.component",
                        "org.apache.felix.scr"),
                junitBundles());
    }

    private static Path existing(Path jar) {
        if (!Files.isRegularFile(jar)) {
            throw new IllegalStateException("no such jar, see the pom of this module: " + jar);
        }
        return jar;
    }
}
