package org.iommu4j.upgrade.bundles;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.run.Jars;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Version;

class VendorJarTest {
    @TempDir
    private Path directory;

    @Test
    void shouldReadNameAndVersion() {
        VendorJar jar = VendorJar.read(Jars.bundle(directory, "a.jar", "a.b;singleton:=true", "1.2.3.x"));

        assertEquals("a.b", jar.symbolicName());
        assertEquals(new Version(1, 2, 3, "x"), jar.version());
    }

    @Test
    void shouldUpgradeFromTheNewestOfAnEarlierMinorVersion() {
        List<Path> files = List.of(
                Jars.bundle(directory, "1.jar", "a", "1.9.0"),
                Jars.bundle(directory, "2.jar", "a", "1.10.0"),
                Jars.bundle(directory, "3.jar", "a", "1.10.1"),
                Jars.bundle(directory, "4.jar", "a", "1.11.0"),
                Jars.bundle(directory, "5.jar", "b", "1.10.7"));
        VendorJar built = VendorJar.read(Jars.bundle(directory, "6.jar", "a", "1.11.1"));

        assertEquals(new Version(1, 10, 1), VendorJar.before(files, built).version());
    }

    @Test
    void shouldUpgradeFromTheNewestIfAllAreOfOneMinorVersion() {
        List<Path> files =
                List.of(Jars.bundle(directory, "1.jar", "a", "1.0.0"), Jars.bundle(directory, "2.jar", "a", "1.0.1"));
        VendorJar built = VendorJar.read(Jars.bundle(directory, "3.jar", "a", "1.0.1"));

        assertEquals(new Version(1, 0, 1), VendorJar.before(files, built).version());
    }

    @Test
    void shouldSayThatNothingIsReleased() {
        VendorJar built = VendorJar.read(Jars.bundle(directory, "a.jar", "a", "1.0.0"));
        List<Path> others = List.of(Jars.bundle(directory, "b.jar", "b", "1.0.0"));

        UpgradeException refusal = assertThrows(UpgradeException.class, () -> VendorJar.before(others, built));

        assertTrue(refusal.getMessage().contains("no released bundle a"), refusal.getMessage());
    }

    @Test
    void shouldRefuseWhatIsNoBundle() throws IOException {
        Path text = Files.writeString(directory.resolve("text.jar"), "not a jar");
        Path nameless = Jars.bundle(directory, "nameless.jar", null, "1.0.0");
        Path odd = Jars.bundle(directory, "odd.jar", "a", "one");
        Path missing = directory.resolve("missing.jar");

        for (Path file : List.of(text, nameless, odd, missing, directory)) {
            UpgradeException refusal = assertThrows(UpgradeException.class, () -> VendorJar.read(file));
            assertTrue(refusal.getMessage().contains(file.getFileName().toString()), refusal.getMessage());
        }
    }
}
