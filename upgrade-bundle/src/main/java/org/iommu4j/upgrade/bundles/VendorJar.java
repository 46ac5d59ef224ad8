package org.iommu4j.upgrade.bundles;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.zip.ZipException;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.upgrade.UpgradeException;
import org.osgi.framework.Constants;
import org.osgi.framework.Version;

/**
 * A vendor's bundle as a file.
 *
 * @param file where it is
 * @param symbolicName from its manifest
 * @param version from its manifest
 * @param sha256 digest of the file, in hex
 */
public record VendorJar(Path file, String symbolicName, Version version, String sha256) {
    /**
     * Reads a bundle's manifest.
     *
     * @throws UpgradeException if it is no bundle
     */
    public static VendorJar read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new UpgradeException(file + (Files.exists(file) ? ": is no file" : ": no such file"));
        }
        try (JarFile jar = new JarFile(file.toFile())) {
            Manifest manifest = jar.getManifest();
            Attributes main = manifest == null ? new Attributes() : manifest.getMainAttributes();
            String name = main.getValue(Constants.BUNDLE_SYMBOLICNAME);
            if (name == null) {
                throw new UpgradeException(file + " is no bundle: its manifest has no Bundle-SymbolicName");
            }
            Version version = Version.parseVersion(main.getValue(Constants.BUNDLE_VERSION));
            // Directives follow the name.
            int end = name.indexOf(';');
            return new VendorJar(
                    file, (end < 0 ? name : name.substring(0, end)).trim(), version, sha256(Files.readAllBytes(file)));
        } catch (ZipException e) {
            throw new UpgradeException(file + ": is no jar", e);
        } catch (IOException e) {
            throw new UpgradeException(file + ": " + OneLine.reason(e), e);
        } catch (IllegalArgumentException e) {
            throw new UpgradeException(file + " is no bundle: " + e.getMessage(), e);
        }
    }

    /**
     * The content of the file.
     *
     * @throws UpgradeException if that is no longer what was read before
     */
    public byte[] bytes() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (!sha256(bytes).equals(sha256)) {
            throw new UpgradeException(file + " has changed during the run");
        }
        return bytes;
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * The release to upgrade from: of some bundles with the symbolic name of another one the newest of an earlier minor
     * version, since only those have other abilities; if there is none, the newest.
     *
     * @throws UpgradeException if none has that name
     */
    public static VendorJar before(List<Path> files, VendorJar like) {
        VendorJar newest = null;
        VendorJar earlier = null;
        for (Path file : files) {
            VendorJar jar = read(file);
            if (jar.symbolicName.equals(like.symbolicName)) {
                newest = newer(newest, jar);
                if (minor(jar.version).compareTo(minor(like.version)) < 0) {
                    earlier = newer(earlier, jar);
                }
            }
        }
        if (newest == null) {
            throw new UpgradeException("there is no released bundle " + like.symbolicName + " among " + files.size()
                    + " released bundles: nothing to swap with");
        }
        return earlier != null ? earlier : newest;
    }

    private static VendorJar newer(VendorJar one, VendorJar other) {
        return one == null || other.version.compareTo(one.version) > 0 ? other : one;
    }

    private static Version minor(Version version) {
        return new Version(version.getMajor(), version.getMinor(), 0);
    }
}
