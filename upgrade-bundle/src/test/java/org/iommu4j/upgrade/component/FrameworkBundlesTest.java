package org.iommu4j.upgrade.component;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.felix.framework.FrameworkFactory;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.bundles.VendorJar;
import org.iommu4j.upgrade.run.Jars;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.Version;
import org.osgi.framework.launch.Framework;

class FrameworkBundlesTest {
    private static final long STOP_MILLIS = 10_000;

    @TempDir
    private Path directory;

    private Framework framework;
    private FrameworkBundles bundles;
    private VendorJar released;
    private VendorJar built;

    @BeforeEach
    void startFramework() throws BundleException {
        framework = new FrameworkFactory()
                .newFramework(Map.of(
                        Constants.FRAMEWORK_STORAGE,
                        directory.resolve("storage").toString(),
                        Constants.FRAMEWORK_BSNVERSION,
                        Constants.FRAMEWORK_BSNVERSION_MULTIPLE));
        framework.start();
        bundles = new FrameworkBundles(new org.iommu4j.core.component.FrameworkBundles(framework.getBundleContext()));
        released = VendorJar.read(Jars.bundle(directory, "released.jar", "vendor", "1.0.0"));
        built = VendorJar.read(Jars.bundle(directory, "built.jar", "vendor", "1.1.0"));
    }

    @AfterEach
    void stopFramework() throws BundleException, InterruptedException {
        framework.stop();
        framework.waitForStop(STOP_MILLIS);
    }

    @Test
    void shouldInstallBesideAndUninstall() {
        long first = bundles.install(built);
        long second = bundles.install(released);

        assertThrows(UpgradeException.class, () -> bundles.serving(built), "two of them");
        bundles.uninstall(first);
        assertEquals(second, bundles.serving(built));
        assertNull(framework.getBundleContext().getBundle(first));
    }

    @Test
    void shouldInstallOneFileTwice() {
        assertNotEquals(bundles.install(built), bundles.install(built));
    }

    @Test
    void shouldUpdateInPlaceAndStayActive() {
        long id = bundles.install(built);

        bundles.update(id, released);

        Bundle bundle = framework.getBundleContext().getBundle(id);
        assertEquals(new Version(1, 0, 0), bundle.getVersion());
        assertEquals(Bundle.ACTIVE, bundle.getState());
    }

    @Test
    void shouldSayThatNoneIsActive() {
        assertThrows(UpgradeException.class, () -> bundles.serving(built));
    }

    @Test
    void shouldLeaveNothingBehindWhenABundleDoesNotStart() {
        VendorJar broken = VendorJar.read(Jars.needing(directory, "broken.jar", "vendor", "2.0.0", "no.such.package"));
        int before = framework.getBundleContext().getBundles().length;

        assertThrows(UpgradeException.class, () -> bundles.install(broken));

        assertEquals(before, framework.getBundleContext().getBundles().length);
    }

    @Test
    void shouldRefuseAFileThatIsGone() throws IOException {
        long id = bundles.install(built);
        Files.delete(released.file());

        assertThrows(UpgradeException.class, () -> bundles.update(id, released));
        assertEquals(id, bundles.serving(built));
    }
}
