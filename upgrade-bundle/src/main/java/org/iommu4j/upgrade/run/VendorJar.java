package org.iommu4j.upgrade.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import org.iommu4j.upgrade.UpgradeException;
import org.osgi.framework.Constants;
import org.osgi.framework.Version;

/**
 * A vendor's bundle as a file.
 *
 * @param file where it is
 * @param symbolicName from its manifest
 * @param version from its manifest
 */
public record VendorJar(Path file, String symbolicName, Version version) {
    /**
     * Reads a bundle's manifest.
     *
     * @throws UpgradeException if it is no bundle
     */
    public static VendorJar read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new UpgradeException(file + " is missing");
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
            return new VendorJar(file, (end < 0 ? name : name.substring(0, end)).trim(), version);
        } catch (IOException | IllegalArgumentException e) {
            throw new UpgradeException(file + " is no bundle: " + e.getMessage(), e);
        }
    }

    /**
     * The newest of some bundles that has the symbolic name of another one.
     *
     * @throws UpgradeException if there is none
     */
    public static VendorJar newest(List<Path> files, VendorJar like) {
        VendorJar newest = null;
        for (Path file : files) {
            VendorJar jar = read(file);
            if (jar.symbolicName.equals(like.symbolicName)
                    && (newest == null || jar.version.compareTo(newest.version) > 0)) {
                newest = jar;
            }
        }
        if (newest == null) {
            throw new UpgradeException("there is no released bundle " + like.symbolicName + " among " + files.size()
                    + " released bundles: nothing to swap with");
        }
        return newest;
    }
}
