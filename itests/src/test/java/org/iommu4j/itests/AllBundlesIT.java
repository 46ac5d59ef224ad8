package org.iommu4j.itests;

import static org.junit.Assert.assertEquals;
import static org.ops4j.pax.exam.CoreOptions.options;

import java.util.Arrays;
import java.util.List;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/** All bundles together in a framework that the project's own launcher did not make. */
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class AllBundlesIT {
    @Inject
    private BundleContext context;

    /** Everything, without the launcher. */
    @Configuration
    public Option[] everything() {
        return options(
                Bundles.runtime(),
                Bundles.install(
                        "jackson-core",
                        "picocli",
                        "org.osgi.service.log",
                        "log-bundle",
                        "org.apache.felix.gogo.runtime",
                        "api-bundle",
                        "simulation-bundle",
                        "core-bundle",
                        "intel-vtd-bundle",
                        "spapr-bundle",
                        "s390-bundle",
                        "upgrade-bundle",
                        "testbench-bundle",
                        "shell-bundle"));
    }

    @Test
    public void shouldStartEveryBundle() {
        List<String> active = Arrays.stream(context.getBundles())
                .filter(bundle -> bundle.getState() == Bundle.ACTIVE)
                .map(Bundle::getSymbolicName)
                .filter(name -> name.startsWith("org.iommu4j."))
                .sorted()
                .toList();
        assertEquals(
                List.of(
                        "org.iommu4j.api",
                        "org.iommu4j.core",
                        "org.iommu4j.intel.vtd",
                        "org.iommu4j.log",
                        "org.iommu4j.s390.zpci",
                        "org.iommu4j.shell",
                        "org.iommu4j.simulation",
                        "org.iommu4j.spapr.tce",
                        "org.iommu4j.testbench",
                        "org.iommu4j.upgrade"),
                active);
    }
}
