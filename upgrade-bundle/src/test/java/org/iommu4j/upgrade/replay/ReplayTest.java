package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.HangingVtd;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.Tally;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A replay finds what is not as the capture says, and says where. */
class ReplayTest {
    private static final ReplayOptions DIRECT = ReplayOptions.DEFAULT.withPath(ReplayOptions.Path.DIRECT);

    private static final long HANG_NANOS = 300_000_000L;

    @TempDir
    private Path directory;

    private IommuCore core;

    @BeforeEach
    void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
    }

    @AfterEach
    void stopCore() {
        assertEquals(List.of(), core.units(), "a replay closes its units");
        core.close();
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldReplayASmallGuest(ReplayOptions.Path path) {
        ReplayResult result = replay(CaptureFiles.small(directory), ReplayOptions.DEFAULT.withPath(path));

        assertTrue(result.ok(), result::toText);
        assertEquals(new Tally(1, 1, 0), result.translations());
        assertEquals(new Tally(1, 1, 0), result.walks());
        assertEquals(new Tally(2, 2, 0), result.registers());
        assertEquals(1, result.commands().get("context_cache.global").executed());
        assertEquals(1, result.commands().get("wait.status").executed());
    }

    @Test
    void shouldFindTheChipsFaultWhenItDropsTheTranslationsOfAnotherDomain() throws IOException {
        try (IommuCore broken = new IommuCore(new SimulatedPlatformFactory())) {
            broken.arrived(MisdirectedCommands.backend());
            ReplayResult result = new Replay(broken)
                    .replay(CaptureFiles.REAL.resolve("legacy-strict-nvme-e1000e"), DIRECT.withoutFrozen());

            assertFalse(result.ok());
            SanitizerReport report = result.sanitizer();
            assertTrue(report.chipFaults() > 0);
            assertEquals(0, report.count(Finding.Kind.MISSING_INVALIDATION), report::toString);
            assertEquals(0, report.count(Finding.Kind.USE_AFTER_FREE_OF_TABLE), report::toString);
            assertTrue(report.chipFaults() >= result.translations().different(), report::toString);
            assertTrue(result.translations().different() > 0);
            assertTrue(result.toText().contains("STALE_AFTER_COMPLETION " + report.chipFaults()), result::toText);
            assertTrue(result.toJson().contains("\"STALE_AFTER_COMPLETION\":" + report.chipFaults()));
            String[] lines = result.findingsToJsonLines().split("\n");
            assertEquals(report.findings().size(), lines.length);
            String stale = Arrays.stream(lines)
                    .filter(line -> line.startsWith("{\"kind\":\"STALE_AFTER_COMPLETION\""))
                    .findFirst()
                    .orElseThrow();
            for (String key : List.of("dev", "iova", "edit", "fill", "command", "covering", "rule", "text")) {
                assertTrue(stale.contains("\"" + key + "\":"), stale);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldEndWhenTheChipDoesNotComeBackAndSayWhere(ReplayOptions.Path path) {
        HangingVtd vendor = new HangingVtd("1.0.0");
        try (IommuCore stuck = new IommuCore(new SimulatedPlatformFactory())) {
            stuck.arrived(vendor);
            // The first use tries the backend, which has to pass before it hangs.
            assertEquals(1, stuck.backends().size());
            vendor.hang(true);
            Replay replay = new Replay(stuck, HANG_NANOS);

            BackendException end = assertThrows(
                    BackendException.class,
                    () -> replay.replay(CaptureFiles.small(directory), ReplayOptions.DEFAULT.withPath(path)));

            assertEquals(Errno.ETIMEDOUT, end.errno());
            assertTrue(
                    end.getMessage().matches("record \\d+ did not come back in 300 ms; it is at .*"), end.getMessage());
        } finally {
            vendor.hang(false);
        }
    }

    @Test
    void shouldObserveNothingWhenTheSanitizerIsOff() {
        ReplayResult result = replay(CaptureFiles.small(directory), DIRECT.withoutSanitizer());

        assertEquals(SanitizerReport.NONE, result.sanitizer());
        assertFalse(result.toText().contains("sanitizer"), result::toText);
        assertEquals("", result.findingsToJsonLines());
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldShowTheWalkBehindATranslationThatDiffers(ReplayOptions.Path path) {
        CaptureFiles.small(directory);
        CaptureFiles.edit(
                directory, "timeline.jsonl.gz", line -> line.replace("\"pa\":\"0x9000\"", "\"pa\":\"0x8000\""));

        ReplayResult result =
                replay(directory, ReplayOptions.DEFAULT.withPath(path).withCache(CacheConfig.NONE));

        assertFalse(result.ok());
        assertEquals(new Tally(1, 0, 1), result.translations());
        ReplayResult.Difference difference = result.differences().get(0);
        assertEquals(15, difference.t());
        assertEquals(OptionalInt.of(0x18), difference.requester());
        assertEquals(0x5010, difference.address());
        assertEquals("0x8010 read/write", difference.expected());
        assertEquals("0x9010 read/write", difference.got());
        ReplayResult.Step last = difference.steps().get(difference.steps().size() - 1);
        assertEquals(0x6028, last.pa());
        assertEquals(0x9003, last.word());
        assertEquals(
                List.of("root", "ctx", "pte", "pte", "pte"),
                difference.captured().stream().map(ReplayResult.Step::what).toList());
        assertTrue(result.toText().contains("iova=0x5010 expected 0x8010 read/write, got 0x9010"), result::toText);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"perm\":1,", "\"perm\":0,", "\"perm\":2,"})
    void shouldFindOtherPermissions(String perm) {
        CaptureFiles.small(directory);
        CaptureFiles.edit(directory, "timeline.jsonl.gz", line -> line.replace("\"perm\":3,", perm));

        assertEquals(1, replay(directory, DIRECT).translations().different());
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"access\":0,", "\"access\":null,", "\"access\":2,"})
    void shouldTranslateWhateverRightIsAskedFor(String access) {
        CaptureFiles.small(directory);
        CaptureFiles.edit(directory, "timeline.jsonl.gz", line -> line.replace("\"access\":1,", access));

        assertEquals(new Tally(1, 1, 0), replay(directory, DIRECT).translations());
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldFollowADeviceThatMovesToAnotherDomain(CacheConfig cache) {
        for (String cap : List.of("0xd2008c22260206", "0xd2008c22260286")) {
            CaptureFiles.small(directory);
            List<String> lines = new ArrayList<>(CaptureFiles.read(directory, "timeline.jsonl.gz"));
            lines.replaceAll(line -> line.replace("0xd2008c22260206", cap));
            // The guest wrote the new context entry before it invalidated; it is known only when it is read, at the
            // end.
            lines.addAll(List.of(
                    "{\"t\":20,\"k\":\"w\",\"off\":\"0x88\",\"size\":4,\"val\":\"0x50\"}",
                    command(21, 2, "31000300180000000000000000000000", "context_cache.device"),
                    command(22, 3, "e2000300000000000000000000000000", "iotlb.domain"),
                    command(23, 4, "25000000020000000410000100000000", "wait.status"),
                    "{\"t\":24,\"k\":\"mem\",\"what\":\"ctx\",\"addr\":\"0x2180\",\"q\":[\"0xa001\",\"0x401\"]}",
                    "{\"t\":25,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0xa000\",\"q\":[\"0xb003\"]}",
                    "{\"t\":26,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0xb000\",\"q\":[\"0xc003\"]}",
                    "{\"t\":27,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0xc028\",\"q\":[\"0xd003\"]}",
                    "{\"t\":28,\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x5010\",\"access\":1,\"pa\":\"0xd000\","
                            + "\"mask\":\"0xfff\",\"perm\":3,\"fault\":null,\"hit\":false}"));
            CaptureFiles.lines(directory, "timeline.jsonl.gz", lines.toArray(String[]::new));

            for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
                ReplayResult result = replay(
                        directory,
                        ReplayOptions.DEFAULT.withPath(path).withCache(cache).withoutFrozen());

                assertEquals(new Tally(2, 2, 0), result.translations(), result::toText);
                assertTrue(result.ok(), result::toText);
            }
        }
    }

    private static String command(long t, int slot, String hex, String event) {
        return "{\"t\":" + t + ",\"k\":\"cmd\",\"idx\":" + slot + ",\"hex\":\"" + hex + "\",\"event\":\"" + event
                + "\"}";
    }

    @Test
    void shouldNameTheFormatsThatTheInstalledBundlesBring() {
        CaptureFiles.small(directory);
        CaptureFiles.text(directory, "run.json", "{\"arch\": \"vax\"}");

        CaptureException refusal = assertThrows(CaptureException.class, () -> replay(directory, ReplayOptions.DEFAULT));

        assertEquals(
                "run.json, line 1, column 10, key \"arch\": is \"vax\"; the installed bundles bring the formats vtd",
                refusal.getMessage());
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldFindAFaultThatDidNotHappen(ReplayOptions.Path path) {
        CaptureFiles.small(directory);
        CaptureFiles.edit(directory, "timeline.jsonl.gz", line -> line.replace("\"fault\":null", "\"fault\":\"0x6\""));

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT.withPath(path));

        assertEquals("fault 0x6", result.differences().get(0).expected());
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldAcceptAFaultOfTheCapture(ReplayOptions.Path path) {
        CaptureFiles.small(directory);
        // The page is not there: no read permission.
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.replace("[\"0x9003\"]", "[\"0x0\"]")
                        .replace(
                                "\"pa\":\"0x9000\",\"mask\":\"0xfff\",\"perm\":3,\"fault\":null",
                                "\"pa\":null,\"mask\":null,\"perm\":0,\"fault\":\"0x6\""));

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT.withPath(path));

        assertTrue(result.ok(), result::toText);
    }

    @Test
    void shouldCompareFaultCodesOfTheGuestsOwnChip() {
        CaptureFiles.small(directory);
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.replace("[\"0x9003\"]", "[\"0x0\"]").replace("\"fault\":null", "\"fault\":\"0x5\""));

        ReplayResult result = replay(directory, DIRECT);

        assertEquals("fault 0x6", result.differences().get(0).got());
    }

    @Test
    void shouldFindARegisterThatReadsOtherwise() {
        CaptureFiles.small(directory);
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.startsWith("{\"t\":16,")
                        ? "{\"t\":16,\"k\":\"r\",\"off\":\"0x1c\",\"size\":4,\"val\":\"0xc0000000\"}"
                        : line);

        ReplayResult result = replay(directory, DIRECT);

        assertEquals(new Tally(3, 2, 1), result.registers());
        assertEquals("0xc0000000", result.differences().get(0).expected());
        assertEquals("0xc4000000", result.differences().get(0).got());
        assertFalse(result.ok());
    }

    @Test
    void shouldPassOverBitsThatTheCapturedMachineReadsOddly() {
        CaptureFiles.small(directory);
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.startsWith("{\"t\":16,")
                        ? "{\"t\":16,\"k\":\"r\",\"off\":\"0x90\",\"size\":8,\"val\":\"0x11b1800\"}"
                        : line);

        assertEquals(new Tally(3, 3, 0), replay(directory, DIRECT).registers());
    }

    @Test
    void shouldFindAFrozenWalkThatDiffers() {
        CaptureFiles.small(directory);
        CaptureFiles.edit(directory, "frozen/walks.jsonl.gz", line -> line.replace("0x5000", "0x6000"));

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT);

        assertEquals(new Tally(1, 0, 1), result.walks());
        assertEquals("walk", result.differences().get(0).what());
        assertTrue(result.differences().get(0).got().startsWith("fault"));
        assertFalse(result.ok());
    }

    @Test
    void shouldCheckThatADeviceWithoutTranslationGetsWhatItAsksFor() {
        CaptureFiles.small(directory);
        CaptureFiles.edit(
                directory,
                "frozen/walks.jsonl.gz",
                line -> "{\"dev\":\"0x18\",\"perm\":3,\"did\":3,\"passthrough\":true}");

        assertEquals(
                new Tally(1, 0, 1), replay(directory, ReplayOptions.DEFAULT).walks());

        CaptureFiles.edit(
                directory,
                "frozen/pages.jsonl.gz",
                line -> line.replace("01300000000000000103000000000000", "09000000000000000103000000000000"));
        ReplayResult result = replay(directory, ReplayOptions.DEFAULT);
        assertEquals(new Tally(1, 1, 0), result.walks(), result::toText);
    }

    @Test
    void shouldFindTheStaleTranslationsOfAGuestThatForgetsToInvalidate() {
        CaptureFiles.copy("legacy-strict-nvme-e1000e", directory);
        CaptureFiles.edit(
                directory, "timeline.jsonl.gz", line -> line.contains("\"event\":\"iotlb.page\"") ? null : line);

        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            ReplayOptions options = ReplayOptions.DEFAULT.withPath(path).withoutFrozen();
            assertTrue(replay(directory, options.withCache(CacheConfig.WORST_CASE))
                            .translations()
                            .different()
                    > 100);
            assertEquals(
                    0,
                    replay(directory, options.withCache(CacheConfig.NONE))
                            .translations()
                            .different());
        }
    }

    @Test
    void shouldReportARefusedCommandWithItsReason() {
        CaptureFiles.small(directory);
        // Type 0xf is no command.
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.replace("25000000020000000410000100000000", "0f000000000000000000000000000000"));

        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            ReplayResult result = replay(directory, ReplayOptions.DEFAULT.withPath(path));

            assertEquals(1, result.commands().get("wait.status").refused(), result::toText);
            assertEquals(0, result.commands().get("wait.status").decoded());
            assertEquals(1, result.commands().get("wait.status").reasons().size());
            assertFalse(result.ok());
        }
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldTakeAnAccessThatItsPageDoesNotAllowForARefusedOne(ReplayOptions.Path path) {
        CaptureFiles.small(directory);
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.replace("0x9003", "0x9001")
                        .replace("\"access\":1", "\"access\":2")
                        .replace("\"perm\":3", "\"perm\":1"));
        CaptureFiles.lines(directory, "frozen/walks.jsonl.gz");

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT.withPath(path));

        assertTrue(result.ok(), result::toText);
        assertEquals(new Tally(1, 1, 0), result.translations());
    }

    /** The small capture without table reads: the page's entry is known by the translation. */
    private void withoutTableReads() {
        CaptureFiles.small(directory);
        CaptureFiles.edit(directory, "timeline.jsonl.gz", line -> line.contains("\"k\":\"mem\"") ? null : line);
    }

    @ParameterizedTest
    @EnumSource(ReplayOptions.Path.class)
    void shouldTakeTheEntryOfAPageFromItsTranslation(ReplayOptions.Path path) {
        withoutTableReads();
        CaptureFiles.edit(
                directory, "timeline.jsonl.gz", line -> line.replace("\"pa\":\"0x9000\"", "\"pa\":\"0xa000\""));

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT.withPath(path));

        assertTrue(result.ok(), result::toText);
        assertEquals(new Tally(1, 1, 0), result.translations());
        assertEquals(Map.of(), result.notJudged());
    }

    @Test
    void shouldSayThatATranslationIsNotJudgedWhoseTableIsNotInTheMemoryAtTheStop() {
        withoutTableReads();
        CaptureFiles.edit(directory, "frozen/pages.jsonl.gz", line -> line.contains("\"0x4000\"") ? null : line);
        CaptureFiles.lines(directory, "frozen/walks.jsonl.gz");

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT);

        assertEquals(Tally.NONE, result.translations());
        assertEquals(Map.of("the memory at the stop has no table that leads to such a page", 1L), result.notJudged());
        assertTrue(result.toText().contains("1 not judged: the memory"), result::toText);
        assertTrue(result.toJson().contains("\"notJudged\":{\"the memory"), result::toJson);
    }

    @Test
    void shouldNotJudgeATranslationInAnotherAddressSpaceThanAtTheStop() {
        withoutTableReads();
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.contains("\"xlate\"")
                        ? line.replace("}", ",\"did\":2}") + "\n" + line.replace("}", ",\"did\":3}")
                        : line);

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT);

        assertTrue(result.ok(), result::toText);
        assertEquals(new Tally(1, 1, 0), result.translations());
        assertEquals(Map.of("the device was in another address space than at the stop", 1L), result.notJudged());
    }

    @Test
    void shouldNotJudgeARefusalByAnEntryThatTheCaptureDoesNotHave() {
        withoutTableReads();
        CaptureFiles.edit(
                directory,
                "timeline.jsonl.gz",
                line -> line.contains("\"xlate\"")
                        ? line + "\n" + line.replace("\"fault\":null", "\"fault\":5")
                        : line);

        ReplayResult result = replay(directory, ReplayOptions.DEFAULT);

        assertTrue(result.ok(), result::toText);
        assertEquals(new Tally(1, 1, 0), result.translations());
        assertEquals(Map.of("refused by table entries that the capture does not have", 1L), result.notJudged());
    }

    @Test
    void shouldSayThatNoBackendServes() {
        CaptureFiles.small(directory);
        try (IommuCore empty = new IommuCore(new SimulatedPlatformFactory())) {
            Replay replay = new Replay(empty);

            BackendException refusal =
                    assertThrows(BackendException.class, () -> replay.replay(directory, ReplayOptions.DEFAULT));

            assertEquals(Errno.ENODEV, refusal.errno());
        }
    }

    @Test
    void shouldFindACutTimelineBeforeAnythingRuns() {
        CaptureFiles.small(directory);
        List<String> lines = CaptureFiles.read(directory, "timeline.jsonl.gz");
        CaptureFiles.lines(
                directory,
                "timeline.jsonl.gz",
                lines.get(0),
                lines.get(1),
                lines.get(2).substring(0, 20));

        assertEquals(
                3,
                assertThrows(CaptureException.class, () -> replay(directory, ReplayOptions.DEFAULT))
                        .line());
    }

    @Test
    void shouldWriteOneJsonObjectWithTheKeysOfTheFormat() throws IOException {
        ReplayResult result = replay(CaptureFiles.small(directory), ReplayOptions.DEFAULT);

        String json = result.toJson();

        assertEquals(1, json.lines().count());
        assertTrue(keys(json)
                .containsAll(List.of("dir", "model", "commands", "translations", "walks", "findings", "differences")));
        assertTrue(
                json.contains("\"wait.status\":{\"decoded\":1,\"translated\":0,\"executed\":1,\"refused\":0}"), json);
        assertTrue(json.contains("\"translations\":{\"compared\":1,\"equal\":1,\"different\":0}"), json);
        assertTrue(json.contains("\"walks\":{\"compared\":1,\"equal\":1,\"different\":0}"), json);
        assertTrue(json.contains("\"model\":\"intel\""), json);
    }

    private ReplayResult replay(Path capture, ReplayOptions options) {
        return new Replay(core).replay(capture, options);
    }

    private static List<String> keys(String json) throws IOException {
        List<String> keys = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            assertEquals(JsonToken.START_OBJECT, parser.nextToken());
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                keys.add(parser.currentName());
                parser.nextToken();
                parser.skipChildren();
            }
        }
        return keys;
    }
}
