package org.iommu4j.itests;

import static org.junit.Assert.assertTrue;
import static org.ops4j.pax.exam.CoreOptions.options;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import javax.inject.Inject;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/** Traces of a vendor's bundle that has come and gone, in a framework with everything that the container has. */
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class TurnoverIT {
    /** Fills what is bounded: the log, the core's list of swaps. */
    private static final int WARM_UP = 180;

    private static final int BUNDLES = 100;
    private static final long MAX_BYTES_EACH = 500;
    private static final int COLLECTIONS = 10;
    private static final long BETWEEN_COLLECTIONS_MILLIS = 150;

    @Inject
    private BundleContext context;

    @Inject
    private IommuService core;

    /** The bundles of bnd.bndrun without a vendor's. */
    @Configuration
    public Option[] container() {
        return options(
                Bundles.runtime(),
                Bundles.install(
                        "jackson-core",
                        "json-bundle",
                        "picocli",
                        "org.osgi.service.log",
                        "log-bundle",
                        "org.apache.felix.gogo.runtime",
                        "org.apache.felix.gogo.command",
                        "org.apache.felix.fileinstall",
                        "api-bundle",
                        "simulation-bundle",
                        "driver-bundle",
                        "core-bundle",
                        "upgrade-bundle",
                        "testbench-bundle",
                        "shell-bundle"));
    }

    @Test
    public void shouldKeepNothingOfABundleThatHasGone() throws Exception {
        List<byte[]> jars = new ArrayList<>();
        for (String version : List.of("1.0.0", "2.0.0", "3.0.0")) {
            jars.add(Files.readAllBytes(Jars.withVersion(Bundles.jar("intel-vtd-bundle"), version)));
        }
        comeAndGo(jars, WARM_UP);
        long before = liveBytes();
        comeAndGo(jars, BUNDLES);
        long each = (liveBytes() - before) / BUNDLES;
        assertTrue(each + " bytes are left of each bundle that has gone", each < MAX_BYTES_EACH);
    }

    private void comeAndGo(List<byte[]> jars, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            try (InputStream jar = new ByteArrayInputStream(jars.get(i % jars.size()))) {
                Bundle bundle = context.installBundle("vendor:" + i, jar);
                bundle.start();
                await("it serves", () -> core.backend(IommuModel.INTEL) != null);
                bundle.uninstall();
                await("it has gone", () -> core.backend(IommuModel.INTEL) == null);
            }
        }
    }

    /** The least of several looks: a thread that is about to end may hold the last bundle a little longer. */
    private static long liveBytes() throws InterruptedException {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
            least = Math.min(
                    least,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
            TimeUnit.MILLISECONDS.sleep(BETWEEN_COLLECTIONS_MILLIS);
        }
        return least;
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!condition.getAsBoolean()) {
            assertTrue(what, System.nanoTime() < deadline);
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }
}
