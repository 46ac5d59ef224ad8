package org.iommu4j.itests;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;
import static org.ops4j.pax.exam.CoreOptions.options;

import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.inject.Inject;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.Generation;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/** All bundles together in a framework that the project's own launcher did not make. */
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class AllBundlesIT {
    @Inject
    private BundleContext context;

    @Inject
    private CommandProcessor processor;

    /** Everything, without the launcher. */
    @Configuration
    public Option[] everything() {
        return options(
                Bundles.runtime(),
                // As in the product: Gogo's own session would read the standard input, on which the test's process is
                // told to end.
                frameworkProperty("gosh.args").value("--nointeractive"),
                Bundles.install(
                        "jackson-core",
                        "json-bundle",
                        "picocli",
                        "org.osgi.service.log",
                        "log-bundle",
                        "org.apache.felix.gogo.runtime",
                        "org.apache.felix.gogo.shell",
                        "api-bundle",
                        "simulation-bundle",
                        "driver-bundle",
                        "core-bundle"),
                Bundles.install(VendorList.artifactIds().toArray(String[]::new)),
                Bundles.install("upgrade-bundle", "testbench-bundle", "shell-bundle"));
    }

    @Test
    public void shouldNotLetAnybodyStartTheTelnetServer() throws Exception {
        for (String command : List.of("telnetd start", "gogo:telnetd --port=0 start", "telnetd status")) {
            try (CommandSession session = processor.createSession(
                    InputStream.nullInputStream(), OutputStream.nullOutputStream(), OutputStream.nullOutputStream())) {
                Exception refusal = assertThrows(Exception.class, () -> session.execute(command));
                assertTrue(
                        String.valueOf(refusal.getMessage()),
                        refusal.getMessage().contains("switched off"));
            }
        }
    }

    @Test
    public void shouldNameEveryGenerationOfABackendInItsServiceProperties() throws Exception {
        Collection<ServiceReference<Backend>> backends = context.getServiceReferences(Backend.class, null);
        assertEquals(VendorList.symbolicNames().size(), backends.size());
        for (ServiceReference<Backend> reference : backends) {
            int[] described = context.getService(reference).describe().generations().stream()
                    .mapToInt(Generation::subVersion)
                    .toArray();
            assertArrayEquals(described, (int[]) reference.getProperty("generations"));
        }
    }

    @Test
    public void shouldStartEveryBundle() {
        List<String> active = Arrays.stream(context.getBundles())
                .filter(bundle -> bundle.getState() == Bundle.ACTIVE)
                .map(Bundle::getSymbolicName)
                .filter(name -> name.startsWith("org.iommu4j."))
                .sorted()
                .toList();
        Set<String> expected = new TreeSet<>(VendorList.symbolicNames());
        expected.addAll(List.of(
                "org.iommu4j.api",
                "org.iommu4j.core",
                "org.iommu4j.driver",
                "org.iommu4j.json",
                "org.iommu4j.log",
                "org.iommu4j.shell",
                "org.iommu4j.simulation",
                "org.iommu4j.testbench",
                "org.iommu4j.upgrade"));
        assertEquals(List.copyOf(expected), active);
    }
}
