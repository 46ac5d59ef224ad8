package org.iommu4j.upgrade.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** Bundles without content. */
public final class Jars {
    private Jars() {}

    /** A bundle with that name and version; a null is left out. */
    public static Path bundle(Path directory, String file, String symbolicName, String version) {
        return needing(directory, file, symbolicName, version, null);
    }

    /** A bundle that needs a package, so that it does not start where nobody has it. */
    public static Path needing(Path directory, String file, String symbolicName, String version, String neededPackage) {
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.putValue("Manifest-Version", "1.0");
        main.putValue("Bundle-ManifestVersion", "2");
        if (symbolicName != null) {
            main.putValue("Bundle-SymbolicName", symbolicName);
        }
        if (version != null) {
            main.putValue("Bundle-Version", version);
        }
        if (neededPackage != null) {
            main.putValue("Import-Package", neededPackage);
        }
        Path path = directory.resolve(file);
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(path), manifest)) {
            out.flush();
            return path;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
