package org.iommu4j.upgrade.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Difference;
import org.iommu4j.upgrade.RecordResult.Kind;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.replay.Replay;
import org.iommu4j.upgrade.run.ChangedBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A captured guest is recorded, and the record is played, each through a core of its own. */
class RecordReplayTest {
    private static final String CAPTURE = "legacy-strict-nvme-e1000e";

    @TempDir
    private Path directory;

    private Path record(Backend backend, String capture) {
        Path file = directory.resolve("record.jsonl");
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            // The newest one says how captures are read, whoever serves.
            core.arrived(new VtdBackend("1.2.0"));
            core.arrived(backend);
            core.swap(IommuModel.INTEL, backend.describe().version(), SwapLimits.DEFAULT);
            try (Recording recording = new Records(core, null).record(file)) {
                assertTrue(new Replay(core)
                        .replay(
                                CaptureFiles.REAL.resolve(capture),
                                ReplayOptions.DEFAULT.withoutFrozen().withoutSanitizer())
                        .ok());
                assertEquals(1, recording.units());
                assertTrue(recording.requests() > 0);
            }
        }
        return file;
    }

    private static RecordResult play(Backend backend, Path file) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            RecordResult result = new Records(core, null).play(file, RecordOptions.DEFAULT);
            assertEquals(List.of(), core.units());
            return result;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {CAPTURE, "legacy-lazy-virtio"})
    void shouldReplayARecordOfTheReleasedBundleOnTheBuiltOneWithoutADifference(String capture) {
        Path file = record(ReleasedVtd.backend(), capture);

        RecordResult result = play(new VtdBackend("1.1.0"), file);

        assertTrue(result.ok(), result::toText);
        assertEquals(List.of("Intel VT-d 1.0.0"), result.recordedWith());
        assertEquals(List.of("Intel VT-d 1.1.0"), result.playedWith());
        assertTrue(result.of(Kind.ERRNO).compared() > 100, result::toText);
        assertEquals(result.of(Kind.ERRNO).compared(), result.of(Kind.NATIVE).compared());
        assertEquals(result.of(Kind.ERRNO).compared(), result.of(Kind.CACHE).compared());
        assertTrue(result.of(Kind.ACCESS).compared() > 100, result::toText);
        assertTrue(result.drops().both() > 100, result::toText);
        assertEquals(0, result.drops().onlyRecorded() + result.drops().onlyPlayed(), result::toText);
        assertTrue(result.toText().endsWith("ok\n"));
        assertTrue(result.toJson().contains("\"ok\":true"), result.toJson());
        assertEquals(1, result.toJson().lines().count());
    }

    @Test
    void shouldReplayARecordOfTheBuiltBundleOnTheReleasedOneWithoutADifference() {
        RecordResult result = play(ReleasedVtd.backend(), record(new VtdBackend("1.1.0"), CAPTURE));

        // The released bundle cannot tell which commands only await completion; they are the same all the same.
        assertTrue(result.ok(), result::toText);
    }

    @Test
    void shouldFindTheOneRequestThatIsAnsweredWithAnotherError() {
        RecordResult result = playOdd(
                (driver, domain, request, completion) -> completion.refuse(Rule.V34, "granularity", 0, 7, "not today"));

        assertDifferences(result, Map.of(Kind.ERRNO, 1L, Kind.NATIVE, 1L, Kind.CACHE, 1L));
        Difference errno = result.differences().get(0);
        assertEquals("1 handled, EXACT", errno.expected());
        assertEquals("EINVAL V34 granularity: not today", errno.got());
        assertTrue(
                errno.explain().get(0).startsWith("./iommu4j explain --model intel --contract lp64-le "),
                errno.explain()::toString);
        assertTrue(result.toText().contains("different: errno, line " + errno.line() + ", unit 1 container "));
        assertTrue(result.toText().endsWith("NOT OK\n"));
        assertTrue(result.toJson().contains("\"ok\":false"), result.toJson());
    }

    @Test
    void shouldFindTheOneRequestThatIsWidened() {
        RecordResult result = playOdd((driver, domain, request, completion) -> {
            int code = driver.invalidate(domain, request, completion);
            completion.widened("for no reason");
            return code;
        });

        assertDifferences(result, Map.of(Kind.FIDELITY, 1L));
        assertEquals(
                "1 handled, WIDENED: for no reason", result.differences().get(0).got());
    }

    @Test
    void shouldFindTheOneRequestThatDropsLess() {
        RecordResult result = playOdd((driver, domain, request, completion) -> completion.done(Fidelity.EXACT));

        assertDifferences(result, Map.of(Kind.NATIVE, 1L, Kind.CACHE, 1L));
        Difference cache = result.differences().get(1);
        assertTrue(cache.expected().contains("of them here only, the first: iotlb 0x"), cache::expected);
        assertEquals("0 entries dropped", cache.got());
        Difference commands = result.differences().get(0);
        assertTrue(commands.expected().startsWith("command 1 of 1: "), commands::expected);
        assertEquals("only 0 commands", commands.got());
        assertTrue(
                commands.explain().get(1).startsWith("./iommu4j explain --model intel "), commands.explain()::toString);
    }

    @Test
    void shouldFindTheOneRequestThatDropsMoreThanItSays() {
        InvalidateRequest everything = new InvalidateRequest();
        RecordResult result = playOdd((driver, domain, request, completion) -> driver.invalidate(
                domain, everything.set(0, 0, 0, 0, 0, request.subVersion(), new byte[0], 0, 0), completion));

        assertEquals(1, result.of(Kind.NATIVE).different(), result::toText);
        assertEquals(1, result.of(Kind.CACHE).different(), result::toText);
        assertEquals(
                0, result.of(Kind.ERRNO).different() + result.of(Kind.FIDELITY).different());
        // Entries that only the record has afterwards are not counted against the requests that drop them later.
        assertTrue(result.drops().onlyRecorded() > 0, result::toText);
    }

    /** Plays a record where the first invalidation that dropped something is carried out otherwise. */
    private RecordResult playOdd(OddTranslator.Way way) {
        Path file = record(new VtdBackend("1.1.0"), CAPTURE);
        int at = firstThatDrops(file);
        return play(new ChangedBackend(new VtdBackend("1.1.0"), driver -> new OddTranslator(driver, at, way)), file);
    }

    private static int firstThatDrops(Path file) {
        int invalidations = 0;
        boolean drops = false;
        try (RecordReader reader = new RecordReader(file)) {
            for (RecordLine line = reader.next(); line != null; line = reader.next()) {
                if (line instanceof RecordLine.Caches caches) {
                    drops |= caches.what() == RecordLine.Caches.What.DROP;
                } else if (line instanceof RecordLine.Request request) {
                    if (isInvalidation(request)) {
                        if (drops) {
                            return invalidations;
                        }
                        invalidations++;
                    }
                    drops = false;
                }
            }
        }
        throw new AssertionError("no invalidation drops anything");
    }

    private static boolean isInvalidation(RecordLine.Request line) {
        return line instanceof RecordLine.Ioctl ioctl
                && line.answer().errno() == Errno.OK
                && Integer.reverseBytes(Integer.parseUnsignedInt(ioctl.hex().substring(8, 16), 16)) == Uapi.INVAL_IOTLB;
    }

    private static void assertDifferences(RecordResult result, Map<Kind, Long> expected) {
        Map<Kind, Long> found = new EnumMap<>(Kind.class);
        result.kinds().forEach((kind, comparison) -> {
            if (comparison.different() != 0) {
                found.put(kind, comparison.different());
            }
        });
        assertEquals(new EnumMap<>(expected), found, result::toText);
        assertFalse(result.ok());
    }
}
