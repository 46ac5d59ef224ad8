package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.shell.testing.FakeIommuService;
import org.iommu4j.shell.text.ExplanationJson;
import org.iommu4j.shell.text.FixturesJson;
import org.iommu4j.shell.text.FuzzJson;
import org.iommu4j.shell.text.NegotiationJson;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.ConformReport;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.upgrade.ImportResult;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.UpgradeOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds docs/json.md against what the commands print. */
class JsonDocumentTest {
    private static final Path DOCUMENT = Path.of("../docs/json.md");
    private static final Pattern KEY = Pattern.compile("`([A-Za-z0-9_]+)`");
    private static final String RUN = RunJson.of(Instant.EPOCH, "1.0.0", "00ff", List.of(), Map.of("my.jar", "11ee"));

    static Stream<Arguments> outputs() {
        Explanation explained = new Explanation(
                Explanation.Outcome.EXPLAINED,
                "a request",
                "",
                List.of(),
                new Explanation.Verdict("V1", Errno.EINVAL, "flag", 0, 1, "a sentence"),
                List.of(),
                List.of());
        return Stream.of(
                Arguments.of("`run`", RUN),
                Arguments.of(
                        "`cases`",
                        withRun(CaseResult.failed("one", "a reason")
                                .explained(List.of("a command"))
                                .toJson())),
                Arguments.of(
                        "`replay` of a capture",
                        withRun(Iommu4jCommandTest.result(ReplayOptions.DEFAULT, 1)
                                .toJson())),
                Arguments.of(
                        "`replay` of a record",
                        withRun(Iommu4jCommandTest.played(1).toJson())),
                Arguments.of(
                        "`upgrade`",
                        withRun(Iommu4jCommandTest.upgraded(
                                        UpgradeOptions.of(
                                                IommuModel.INTEL, Path.of("built.jar"), List.of(), Path.of("capture")),
                                        0)
                                .toJson())),
                Arguments.of(
                        "`conform`",
                        withRun(new ConformReport(
                                        "a.jar",
                                        "00ff",
                                        "b",
                                        "1.0.0",
                                        "intel",
                                        List.of(new ConformReport.Line(
                                                "a.rule",
                                                "is kept",
                                                ConformReport.Result.FAILED,
                                                "it is not",
                                                "again")))
                                .toJson())),
                Arguments.of("`fuzz`", withRun(fuzzed().text())),
                Arguments.of("`fixtures`", withRun(FixturesJson.of("a.jar", "fixtures/a/1.0.0", "3 states"))),
                Arguments.of("`explain`", withRun(ExplanationJson.of(explained))),
                Arguments.of(
                        "`import`",
                        withRun(new ImportResult("dir", IommuModel.INTEL, 1, Map.of(), 0, 0, List.of(), Map.of())
                                .toJson())),
                Arguments.of(
                        "`negotiate`",
                        withRun(NegotiationJson.of(
                                new FakeIommuService().negotiationTable(IommuModel.INTEL), List.of()))));
    }

    private static FuzzJson fuzzed() {
        FuzzJson json = new FuzzJson(IommuModel.INTEL, "tables", 30);
        json.add(new FuzzResult(1, 2, 3, 4, 5, Map.of("commands", Map.of("iotlb_inv_dsc", 7L)), null), "");
        FuzzFailure failure = new FuzzFailure(FuzzFailure.Kind.HANG, "it hangs", 2, 8, 1, "{}", List.of("a command"));
        json.add(new FuzzResult(2, 1, 1, 1, 1, Map.of("commands", Map.of("iotlb_inv_dsc", 1L)), failure), "again");
        return json;
    }

    @Test
    void shouldSumTheSeedsOfAFuzzer() {
        assertEquals(
                "{\"model\":\"intel\",\"what\":\"tables\",\"seeds\":[1,2],\"seconds\":30,\"ok\":false,\"cases\":3,\"steps\":4,"
                        + "\"accesses\":5,\"compared\":6,\"reached\":{\"commands\":{\"iotlb_inv_dsc\":8}},\"failures\":[{\"kind\":"
                        + "\"hang\",\"message\":\"it hangs\",\"seed\":2,\"line\":\"{}\",\"explain\":[\"a command\"],\"again\":"
                        + "\"again\"}]}",
                fuzzed().text());
    }

    private static String withRun(String json) {
        return RunJson.in(json, RUN);
    }

    @ParameterizedTest
    @MethodSource("outputs")
    void shouldListTheKeysThatAreThere(String heading, String json) throws IOException {
        assertDocumented(heading, json);
    }

    /** Holds an output against its section: the keys of the object, and what stands within each. */
    static void assertDocumented(String heading, String json) throws IOException {
        Set<String> always = new TreeSet<>();
        Set<String> sometimes = new TreeSet<>();
        Map<String, String> abouts = new TreeMap<>();
        for (String line : section(heading)) {
            if (line.startsWith("| `") || line.startsWith("| [")) {
                String cell = line.split("\\|", -1)[1];
                Matcher key = KEY.matcher(cell);
                while (key.find()) {
                    (cell.contains("[") ? sometimes : always).add(key.group(1));
                    abouts.put(key.group(1), line.substring(line.indexOf('|', 1)));
                }
            }
        }
        Map<String, Set<String>> there = keys(json);
        Set<String> missing = new TreeSet<>(always);
        missing.removeAll(there.keySet());
        Set<String> unknown = new TreeSet<>(there.keySet());
        unknown.removeAll(always);
        unknown.removeAll(sometimes);

        assertEquals(Set.of(), missing, "documented, and not there");
        assertEquals(Set.of(), unknown, "there, and not documented");
        there.forEach((key, within) -> {
            Set<String> left = new TreeSet<>(within);
            KEY.matcher(abouts.get(key)).results().forEach(documented -> left.remove(documented.group(1)));
            if (!key.equals("run") && !abouts.get(key).contains(" by ")) {
                assertEquals(Set.of(), left, () -> "within " + key + ", and not documented");
            }
        });
    }

    private static List<String> section(String heading) throws IOException {
        String text = Files.readString(DOCUMENT);
        int begin = text.indexOf("## " + heading + "\n");
        assertTrue(begin >= 0, "no section " + heading);
        int end = text.indexOf("\n## ", begin);
        return text.substring(begin, end < 0 ? text.length() : end).lines().toList();
    }

    /** The keys of the outermost object, each with those that stand anywhere within it. */
    private static Map<String, Set<String>> keys(String json) throws IOException {
        Map<String, Set<String>> keys = new TreeMap<>();
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            assertEquals(JsonToken.START_OBJECT, parser.nextToken());
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                Set<String> within = new TreeSet<>();
                keys.put(parser.currentName(), within);
                parser.nextToken();
                for (int depth = depth(parser.currentToken()); depth > 0; depth += depth(parser.currentToken())) {
                    if (parser.nextToken() == JsonToken.FIELD_NAME) {
                        within.add(parser.currentName());
                    }
                }
            }
        }
        return keys;
    }

    private static int depth(JsonToken token) {
        return token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
    }
}
