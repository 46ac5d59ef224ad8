package org.iommu4j.core.component;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.osgi.framework.Constants;

/**
 * Jars in watched folders that became no bundle, as half a jar or text under a jar's name does. Nothing else tells of them:
 * who watches the folder passes them over, and the framework never sees them.
 */
final class WatchedJars {
    private static final int MOST_FILES = 1000;

    /** Larger files are not opened: the index of a jar is read as a whole. */
    private static final long MOST_BYTES = 64L << 20;

    private static final int MOST_MANIFEST_BYTES = 1 << 20;

    private WatchedJars() {}

    /**
     * Why files became no bundle, by their names.
     *
     * @param folders paths with commas between them, as FileInstall takes them; null for none
     * @param locations of the bundles that are installed
     */
    static Map<String, String> refused(String folders, Collection<String> locations) {
        Map<String, String> found = new TreeMap<>();
        Set<Path> installed = new HashSet<>();
        for (String folder : folders == null ? new String[0] : folders.split(",", -1)) {
            if (!folder.isBlank()) {
                if (installed.isEmpty()) {
                    locations.forEach(location -> addFile(location, installed));
                }
                look(folder.strip(), installed, found);
            }
        }
        return found;
    }

    private static void addFile(String location, Set<Path> files) {
        if (location.startsWith("file:")) {
            try {
                files.add(absolute(Path.of(URI.create(location))));
            } catch (IllegalArgumentException e) {
                // A location that names no file of this machine is not in the folder.
                return;
            }
        }
    }

    private static Path absolute(Path path) {
        return path.toAbsolutePath().normalize();
    }

    private static void look(String folder, Set<Path> installed, Map<String, String> found) {
        try (DirectoryStream<Path> jars = Files.newDirectoryStream(Path.of(folder), "*.[jJ][aA][rR]")) {
            int seen = 0;
            for (Path jar : jars) {
                if (++seen > MOST_FILES) {
                    break;
                }
                if (Files.isRegularFile(jar) && !installed.contains(absolute(jar))) {
                    String reason = reason(jar);
                    if (!reason.isEmpty()) {
                        found.put(jar.getFileName().toString(), reason);
                    }
                }
            }
        } catch (IOException | DirectoryIteratorException | InvalidPathException e) {
            found.put(folder, "the watched folder cannot be read: " + e);
        }
    }

    /** Why a file is no bundle; empty if it is one, or soon will be. */
    private static String reason(Path jar) {
        try {
            if (Files.size(jar) > MOST_BYTES) {
                return "it is no bundle yet, and larger than " + MOST_BYTES + " bytes: not looked at";
            }
            return unnamed(jar);
        } catch (IOException | IllegalArgumentException e) {
            return "it cannot be opened as a jar: " + e.getMessage();
        }
    }

    private static String unnamed(Path jar) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            ZipEntry entry = zip.getEntry(JarFile.MANIFEST_NAME);
            if (entry == null) {
                return "it has no manifest";
            }
            byte[] bytes;
            try (InputStream in = zip.getInputStream(entry)) {
                bytes = in.readNBytes(MOST_MANIFEST_BYTES + 1);
            }
            if (bytes.length > MOST_MANIFEST_BYTES) {
                return "its manifest is larger than " + MOST_MANIFEST_BYTES + " bytes";
            }
            Attributes main = new Manifest(new ByteArrayInputStream(bytes)).getMainAttributes();
            return main.getValue(Constants.BUNDLE_SYMBOLICNAME) == null
                    ? "it is no bundle: its manifest has no " + Constants.BUNDLE_SYMBOLICNAME
                    : "";
        }
    }
}
