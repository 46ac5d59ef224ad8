package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipException;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.OneLine;
import org.osgi.framework.Version;

/** The files of the installation's folder: captures, built and released jars. */
public final class Installation {
    private static final String CAPTURES = "traces";

    private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+\\.\\d+");

    private final Path home;

    /** The installation that the launcher was started from; the current folder without a launcher. */
    public static Installation here() {
        return new Installation(Path.of(System.getProperty("iommu4j.home", "")));
    }

    /** The installation in that folder. */
    Installation(Path home) {
        this.home = home;
    }

    /**
     * The capture that is replayed for a model if nothing else is said.
     *
     * @param formats that the installed bundles bring, with the captures that they name
     * @throws CommandFailure if there is none
     */
    Path defaultCapture(IommuModel model, List<CaptureFormat> formats) {
        return formats.stream()
                .filter(format ->
                        format.model() == model && !format.defaultCapture().isEmpty())
                .findFirst()
                .map(format -> home.resolve(CAPTURES).resolve(format.defaultCapture()))
                .orElseThrow(() -> new CommandFailure(
                        ExitStatus.USAGE,
                        "no default capture for model '" + model.label() + "'; name one with --capture",
                        null));
    }

    /**
     * The jar with that symbolic name which the build made last: older versions may lie beside it.
     *
     * @throws CommandFailure if there is none
     */
    Path builtJar(String symbolicName) {
        try (Stream<Path> modules = Files.list(home)) {
            List<Path> targets = modules.map(module -> module.resolve("target"))
                    .filter(Files::isDirectory)
                    .sorted()
                    .toList();
            Path newest = null;
            for (Path target : targets) {
                for (Path jar : jars(target, 1)) {
                    if (symbolicName.equals(symbolicName(jar)) && (newest == null || isNewer(jar, newest))) {
                        newest = jar;
                    }
                }
            }
            if (newest != null) {
                return newest;
            }
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, home + ": cannot be read: " + OneLine.reason(e), e);
        }
        throw new CommandFailure(
                ExitStatus.USAGE,
                "no built jar of " + symbolicName + " in a target folder under " + home + "; name one with --built",
                null);
    }

    /** True for the version of a release, false for a file. */
    static boolean isVersion(String jarOrVersion) {
        return VERSION.matcher(jarOrVersion).matches();
    }

    /**
     * A bundle by what a person calls it.
     *
     * @param symbolicName of the bundle
     * @param jarOrVersion path of a jar, or the version of a released one
     * @throws CommandFailure if no release has that version, or a digest lies beside the jar that is not its own
     */
    Path jar(String symbolicName, String jarOrVersion) {
        if (!isVersion(jarOrVersion)) {
            Path jar = Path.of(jarOrVersion);
            if (Files.exists(digest(jar))) {
                check(jar);
            }
            return jar;
        }
        List<String> versions = new ArrayList<>();
        for (Path jar : releases(symbolicName)) {
            String version = header(jar, "Bundle-Version");
            if (version.equals(jarOrVersion)) {
                return jar;
            }
            versions.add(version);
        }
        throw new CommandFailure(
                ExitStatus.USAGE,
                "no release " + jarOrVersion + " of " + symbolicName + "; "
                        + (versions.isEmpty() ? "none is released" : "released: " + String.join(", ", versions)),
                null);
    }

    /**
     * A bundle of that version, released or built; null if there is none.
     *
     * @param version as 1.2.0; empty for the one that was built last
     */
    Path find(String symbolicName, String version) {
        for (Path jar : version.isEmpty() ? List.<Path>of() : releases(symbolicName)) {
            if (header(jar, "Bundle-Version").equals(version)) {
                return jar;
            }
        }
        try {
            Path built = builtJar(symbolicName);
            return version.isEmpty() || header(built, "Bundle-Version").startsWith(version) ? built : null;
        } catch (CommandFailure e) {
            return null;
        }
    }

    /**
     * All released bundles, in no particular order; empty if there are none. A repository also holds jars of tests.
     *
     * @throws CommandFailure if one is not what was released: its digest is missing or is not its own
     */
    public List<Path> releasedJars() {
        Path repository = home.resolve("cnf").resolve("releaserepo");
        try {
            if (!Files.isDirectory(repository)) {
                return List.of();
            }
            List<Path> jars = jars(repository, Integer.MAX_VALUE).stream()
                    .filter(jar -> !symbolicName(jar).isEmpty())
                    .toList();
            jars.forEach(Installation::check);
            return jars;
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, repository + ": cannot be read: " + OneLine.reason(e), e);
        }
    }

    /** The releases of one bundle; empty if there are none. The same errors as of all. */
    List<Path> releases(String symbolicName) {
        return releasedJars().stream()
                .filter(jar -> symbolicName.equals(symbolicName(jar)))
                .toList();
    }

    /** The releases of a bundle with a lower version than a jar of it has; none if it is no bundle. */
    List<Path> olderReleases(Path jar) {
        String version = header(jar, "Bundle-Version");
        if (version.isEmpty()) {
            return List.of();
        }
        return releases(symbolicName(jar)).stream()
                .filter(release -> isBelow(version, header(release, "Bundle-Version")))
                .toList();
    }

    private static boolean isBelow(String limit, String candidate) {
        try {
            return Version.parseVersion(candidate).compareTo(Version.parseVersion(limit)) < 0;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** Refuses what is no jar. */
    static void expectJar(Path jar) {
        try {
            if (Files.isDirectory(jar)) {
                throw new CommandFailure(ExitStatus.USAGE, jar + ": is a directory", null);
            }
            new JarFile(jar.toFile()).close();
        } catch (ZipException e) {
            throw new CommandFailure(ExitStatus.USAGE, jar + ": is no jar", e);
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, jar + ": " + OneLine.reason(e), e);
        }
    }

    private static Path digest(Path jar) {
        return Path.of(jar + ".sha256");
    }

    /** Refuses a jar whose bytes are not those of the digest beside it. */
    private static void check(Path jar) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(jar));
            if (!HexFormat.of()
                    .formatHex(digest)
                    .equals(Files.readString(digest(jar)).strip())) {
                throw new CommandFailure(
                        ExitStatus.USAGE,
                        jar + " is not what was released: its SHA-256 is "
                                + HexFormat.of().formatHex(digest) + ", not that of "
                                + digest(jar).getFileName(),
                        null);
            }
        } catch (NoSuchFileException e) {
            throw new CommandFailure(ExitStatus.USAGE, e.getMessage() + ": no such file", e);
        } catch (IOException e) {
            throw new CommandFailure(
                    ExitStatus.USAGE, "the digest of " + jar + ": cannot be read: " + OneLine.reason(e), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<Path> jars(Path folder, int depth) throws IOException {
        try (Stream<Path> files = Files.walk(folder, depth)) {
            return files.filter(file -> file.getFileName().toString().endsWith(".jar"))
                    .sorted()
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static boolean isNewer(Path jar, Path other) throws IOException {
        return Files.getLastModifiedTime(jar).compareTo(Files.getLastModifiedTime(other)) > 0;
    }

    /** The symbolic name of a bundle; empty if the jar is none. */
    static String symbolicName(Path jar) {
        return header(jar, "Bundle-SymbolicName").split(";", 2)[0].strip();
    }

    /** A header of a jar's manifest; empty if it has none. */
    private static String header(Path jar, String name) {
        try (JarFile file = new JarFile(jar.toFile())) {
            Manifest manifest = file.getManifest();
            String header =
                    manifest == null ? null : manifest.getMainAttributes().getValue(name);
            return header == null ? "" : header;
        } catch (IOException e) {
            // Half-written by a build that was cut off: not the jar that is looked for.
            return "";
        }
    }
}
