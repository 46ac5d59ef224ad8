package org.iommu4j.upgrade.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonBounds;
import org.iommu4j.json.JsonReader;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordResult.Kind;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Requests that clients of each release made, in every generation and image: what is built here answers them alike, or as
 * somebody who has looked at the difference wrote beside them; docs/fixtures.md.
 */
class ReleasedRequestsTest {
    private static final Path FIXTURES = Path.of("..", "fixtures");
    private static final String REQUESTS = "requests.jsonl.gz";
    private static final String REVIEWED = "requests-reviewed.jsonl";
    private static final int ALL = 100_000;
    private static final JsonReader READER = new JsonReader(new JsonBounds(4, 1000, 16, 16, 64));

    static List<Path> releases() throws IOException {
        try (Stream<Path> files = Files.walk(FIXTURES)) {
            List<Path> found = files.filter(file -> file.endsWith(REQUESTS))
                    .map(Path::getParent)
                    .sorted()
                    .toList();
            assertFalse(found.isEmpty(), "no fixtures");
            return found;
        }
    }

    @ParameterizedTest
    @MethodSource("releases")
    void shouldAnswerTheClientsOfAReleaseAsItDidOrAsWasReviewed(Path release) throws IOException {
        RecordResult result;
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend());
            core.arrived(new SmmuBackend());
            core.arrived(new AmdViBackend());
            core.arrived(new SpaprBackend());
            core.arrived(new ZpciBackend());
            result = new Records(core, null).play(release.resolve(REQUESTS), new RecordOptions("", List.of(), ALL));
        }

        Set<String> reviewed = reviewed(release);
        Set<String> met = new TreeSet<>();
        List<String> others = new ArrayList<>();
        for (RecordResult.Difference difference : result.differences()) {
            String text = difference.kind().label() + " " + difference.got();
            String one = "line " + difference.line() + ": " + text;
            if (reviewed.contains(one) || reviewed.contains(text)) {
                met.add(reviewed.contains(one) ? one : text);
            } else {
                others.add(one);
            }
        }
        assertEquals(List.of(), others);
        assertEquals(reviewed, met, "what was reviewed and does not differ");
        assertTrue(result.of(Kind.ERRNO).compared() > 100, result::toText);
        assertTrue(result.notPlayed().isEmpty(), result::toText);
    }

    /** The differences that somebody has looked at: of one line of the record, or without a line of all. */
    private static Set<String> reviewed(Path release) throws IOException {
        Path file = release.resolve(REVIEWED);
        Set<String> reviewed = new TreeSet<>();
        for (String line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
            Map<String, Json> fields = READER.read(line).object("");
            assertFalse(fields.get("why").text("why").isBlank());
            String text =
                    fields.get("kind").text("kind") + " " + fields.get("got").text("got");
            Json number = fields.get("line");
            reviewed.add(number == null ? text : "line " + number.number("line") + ": " + text);
        }
        return reviewed;
    }
}
