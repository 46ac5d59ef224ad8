package org.iommu4j.itests;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.ops4j.pax.exam.CoreOptions.options;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.inject.Inject;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayService;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.junit.PaxExam;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;

/** A record that is made with the built vendor bundle, and played against the built and the released one. */
@RunWith(PaxExam.class)
@ExamReactorStrategy(PerClass.class)
public class RecordIT {
    private static final Path CAPTURE = Path.of("../traces/vtd/legacy-strict-nvme-e1000e");

    @Inject
    private BundleContext context;

    @Inject
    private IommuService core;

    @Inject
    private ReplayService replays;

    @Inject
    private RecordService records;

    /** Everything but the shell. */
    @Configuration
    public Option[] withoutShell() {
        return options(
                Bundles.runtime(),
                Bundles.install(
                        "jackson-core",
                        "json-bundle",
                        "api-bundle",
                        "simulation-bundle",
                        "driver-bundle",
                        "core-bundle",
                        "intel-vtd-bundle",
                        "upgrade-bundle"));
    }

    @Test
    public void shouldPlayOneRecordAgainstTwoVersionsOfABundle() throws Exception {
        Path file = Files.createTempFile("record", ".jsonl.gz");
        try (Recording recording = records.record(file)) {
            assertTrue(replays.replay(CAPTURE, ReplayOptions.DEFAULT).ok());
            assertTrue(recording.requests() > 100);
        }
        long bundles = Arrays.stream(context.getBundles()).count();

        RecordResult built = records.play(file, RecordOptions.DEFAULT);
        RecordResult released = records.play(
                file,
                RecordOptions.DEFAULT.withBackend("1.0.0", List.of(Bundles.released("intel-vtd-bundle", "1.0.0"))));

        assertTrue(built.toText(), built.ok());
        assertTrue(released.toText(), released.ok());
        assertEquals(List.of("Intel VT-d 1.0.0"), released.playedWith());
        assertTrue(
                released.notes().toString(),
                released.notes()
                        .get(0)
                        .matches("version 1\\.0\\.0 is intel-vtd-bundle-1\\.0\\.0\\.jar, SHA-256 [0-9a-f]{64}"));
        assertEquals(built.recordedWith(), built.playedWith());
        // Afterwards all is as before.
        assertEquals(bundles, Arrays.stream(context.getBundles()).count());
        assertEquals(
                built.playedWith(), records.play(file, RecordOptions.DEFAULT).playedWith());
        assertEquals(List.of(), core.units());
        Files.delete(file);
    }
}
