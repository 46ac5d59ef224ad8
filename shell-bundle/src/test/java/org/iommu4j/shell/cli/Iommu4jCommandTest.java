package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.shell.testing.FakeHost;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzProgress;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.FuzzService;
import org.iommu4j.testbench.TestBenchService;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayService;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.Times;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.UpgradeOptions;
import org.iommu4j.upgrade.UpgradeProgress;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.UpgradeService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Iommu4jCommandTest {
    @TempDir
    Path home;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();
    private FakeHost host;

    @BeforeEach
    void makeHost() {
        host = new FakeHost(home);
    }

    private int run(String... arguments) {
        return Iommu4jCommand.run(host, new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    }

    private static ReplayResult stale(ReplayOptions options) {
        Finding finding = new Finding(
                Finding.Kind.STALE_AFTER_COMPLETION,
                2,
                0,
                new Finding.Edit(2, 0x6000, 1, 3),
                new Finding.Fill(1, CachedKind.TRANSLATION, 5, -1, 0x4000, 0x1000, 0x9000, 0x18),
                new Finding.Command(3, 4, "iotlb_inv_dsc", 0x22, 0, 1, 0),
                5,
                0x18,
                -1,
                0x4010,
                "a command",
                "a rule",
                "a sentence");
        ReplayResult plain = result(options, 0);
        return new ReplayResult(
                plain.directory(),
                plain.model(),
                plain.subVersion(),
                options,
                plain.commands(),
                plain.sources(),
                plain.requests(),
                plain.translations(),
                plain.registers(),
                plain.walks(),
                plain.records(),
                plain.notModelled(),
                plain.differences(),
                plain.notes(),
                new SanitizerReport(1, 1, 1, 2, Map.of(finding.kind(), 2L), List.of(finding)));
    }

    static ReplayResult result(ReplayOptions options, long different) {
        return new ReplayResult(
                "capture",
                IommuModel.INTEL,
                0x110,
                options,
                Map.of(),
                Map.of(),
                ReplayResult.RequestTally.NONE,
                new Tally(10, 10 - different, different),
                Tally.NONE,
                Tally.NONE,
                Map.of(),
                Map.of(),
                List.of(),
                List.of());
    }

    /**
     * The texts are files, so that a change of them is seen in a review. Written anew with {@code -Dhelp.update=true}.
     */
    @ParameterizedTest
    @CsvSource({
        "'--help', iommu4j",
        "'upgrade --help', upgrade",
        "'replay --help', replay",
        "'import --help', import",
        "'cases --help', cases",
        "'bench --help', bench",
        "'fuzz --help', fuzz",
        "'conform --help', conform",
        "'fixtures --help', fixtures",
        "'negotiate --help', negotiate",
        "'explain --help', explain",
        "'shell --help', shell"
    })
    void shouldShowTheHelpText(String arguments, String file) throws IOException {
        assertEquals(0, run(arguments.split(" ")));

        String name = "help/" + file + ".txt";
        if (Boolean.getBoolean("help.update")) {
            Path path = Path.of("src/test/resources/org/iommu4j/shell/cli", name);
            Files.createDirectories(path.getParent());
            Files.writeString(path, out.toString());
        }
        try (var expected = Iommu4jCommandTest.class.getResourceAsStream(name)) {
            assertEquals(new String(expected.readAllBytes(), StandardCharsets.UTF_8), out.toString());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"help upgrade", "upgrade -h", "help replay", "help shell", "help", "-h"})
    void shouldShowHelpInEveryCustomaryWay(String arguments) {
        assertEquals(0, run(arguments.split(" ")));
        assertTrue(out.toString().contains("Usage: "), out.toString());
    }

    @Test
    void shouldShowWhoMeetsWhom() {
        assertEquals(0, run("negotiate", "--model", "intel"));
        assertEquals("""
                intel: Intel VT-d 1.0.0

                client \\ chip  0x0110
                0x0100         widened [1]
                0x0110         =
                0x0300         refused [2]

                [1]  widened domains (S2): all of them; refused PASIDs (S11, V24 pasid): there are none
                [2]  no way
                """, out.toString());
    }

    @Test
    void shouldShowWhatAnOfferMeets() {
        assertEquals(0, run("negotiate", "--model", "intel", "--offer", "0x0100..0x0110"));
        assertTrue(out.toString().contains("offer 0x0100..0x0100:"), out.toString());
        assertTrue(out.toString().contains("0x0110  0x0100  widened  vtd-0x0100-to-0x0110"), out.toString());
    }

    @Test
    void shouldShowAgreementsAsData() {
        assertEquals(0, run("negotiate", "--json", "--offer", "0x0110", "--model", "intel"));
        assertTrue(
                out.toString()
                        .contains("{\"operation\":\"PASIDs\",\"outcome\":\"refused\",\"step\":\"S11\","
                                + "\"why\":\"there are none\",\"rule\":\"V24\",\"field\":\"pasid\"}"),
                out.toString());
        assertTrue(out.toString().contains("\"offered\":[{\"client\":\"0x0100\""), out.toString());
    }

    @Test
    void shouldShowTheVersion() {
        assertEquals(0, run("--version"));
        assertEquals("iommu4j 1.2.3\n", out.toString());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "frobnicate",
                "--frobnicate",
                "upgrade --swaps",
                "upgrade --swaps many",
                "upgrade --swaps 0",
                "upgrade --swaps 2147483647",
                "upgrade --swaps 10001",
                "upgrade --seconds 86401",
                "upgrade --seed 9223372036854775808",
                "upgrade --seconds -1",
                "upgrade --cache huge",
                "upgrade --model riscv",
                "upgrade extra",
                "upgrade --seed 1 --seed 2",
                "replay",
                "replay one two",
                "replay dir --path sideways",
                "replay dir --cache",
                "replay dir --cache DEFAULTS",
                "replay dir --backend 1.0.0",
                "import",
                "import trace",
                "import trace -o dir --base many",
                "import trace -o dir --register CAP",
                "import trace -o dir --register CAP=many",
                "import trace -o dir --model riscv",
                "replay dir --record",
                "replay dir --record out.jsonl --path direct",
                "cases",
                "cases file --only",
                "bench",
                "negotiate --offer 0x0100",
                "negotiate --model intel --offer 0x0110..0x0100",
                "negotiate --model intel --offer all",
                "negotiate --model riscv",
                "bench --model riscv",
                "bench --model intel --sub-version new",
                "fuzz",
                "fuzz --model riscv",
                "fuzz --model intel --what nothing",
                "fuzz --model intel --seconds 0",
                "fuzz --model intel --seconds 86401",
                "fuzz --model intel --case 9223372036854775808",
                "bench --model intel --sub-version -1",
                "bench --model intel --sub-version 0x80000000",
                "replay @/dev/zero @/dev/zero",
                "fuzz --model intel --case -1",
                "shell --frobnicate",
                "help frobnicate",
                "--json"
            })
    void shouldAnswerWrongArgumentsWithOneLineAndStatus2(String arguments) {
        assertEquals(2, run(arguments.isEmpty() ? new String[0] : arguments.split(" ")));

        assertEquals(1, err.toString().lines().count(), err.toString());
        assertTrue(err.toString().startsWith("iommu4j"), err.toString());
        assertEquals("", out.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "frobnicate | iommu4j: unknown command 'frobnicate'; commands: upgrade, replay, import, cases, bench, fuzz, conform,"
                        + " fixtures, negotiate, explain, shell, help (see './iommu4j --help')",
                "--json | iommu4j: option '--json' stands behind a command, as './iommu4j COMMAND --json' (see './iommu4j --help')",
                "replay a b | iommu4j replay: unexpected argument 'b' (see './iommu4j replay --help')",
                "replay | iommu4j replay: missing INPUT (see './iommu4j replay --help')",
                "upgrade --cache huge | iommu4j upgrade: --cache: 'huge' is not one of"
                        + " none, tiny, default, worst-case (see './iommu4j upgrade --help')",
                "upgarde | iommu4j: unknown command 'upgarde'; did you mean 'upgrade'? (see './iommu4j --help')",
                "help upgarde | iommu4j: unknown command 'upgarde'; did you mean 'upgrade'? (see './iommu4j --help')",
                "'' | iommu4j: unknown command ''; commands: upgrade, replay, import, cases, bench, fuzz, conform,"
                        + " fixtures, negotiate, explain, shell, help (see './iommu4j --help')",
                "bench | iommu4j bench: missing --model=MODEL; models: intel (see './iommu4j bench --help')",
                "bench --modle=x | iommu4j bench: unknown option '--modle=x'; did you mean '--model'? (see './iommu4j bench --help')",
                "replay x --cache | iommu4j replay: --cache needs a value, as --cache=SIZE (see './iommu4j replay --help')",
                "upgrade --seed 1 --seed 2 | iommu4j upgrade: --seed is given twice (see './iommu4j upgrade --help')",
                "upgrade --swaps many | iommu4j upgrade: --swaps: 'many' is no whole number (see './iommu4j upgrade --help')",
                "upgrade --swaps 2147483648 | iommu4j upgrade: --swaps: '2147483648' is not from -2147483648 to 2147483647"
                        + " (see './iommu4j upgrade --help')",
                "upgrade --fail-on x | iommu4j upgrade: --fail-on: 'x' is not one of missing, stale, superfluous,"
                        + " use-after-free (see './iommu4j upgrade --help')",
                "upgrade --swaps 0 | iommu4j upgrade: --swaps=0 is not from 1 to 10000 (see './iommu4j upgrade --help')"
            })
    void shouldNameWhatIsWrong(String arguments, String line) {
        run(arguments.split(" "));

        assertEquals(line + "\n", err.toString());
    }

    @Test
    void shouldListInstalledModelsWhenOneIsNot() {
        assertEquals(2, run("upgrade", "--model", "arm"));

        assertEquals("iommu4j upgrade: model 'arm' is not installed; installed: intel\n", err.toString());
    }

    @Test
    void shouldReplayAsTheOptionsSay() {
        List<Object> asked = new ArrayList<>();
        host.provide(ReplayService.class, (directory, options) -> {
            asked.add(directory);
            asked.add(options);
            return result(options, 0);
        });

        assertEquals(0, run("replay", "dir", "--path", "direct", "--cache", "worst-case"));

        ReplayOptions options =
                ReplayOptions.DEFAULT.withPath(ReplayOptions.Path.DIRECT).withCache(CacheConfig.WORST_CASE);
        assertEquals(List.of(Path.of("dir"), options), asked);
        assertEquals(result(options, 0).toText(), out.toString());
    }

    static RecordResult played(long different) {
        return new RecordResult(
                "record",
                List.of("Intel VT-d 1.0.0"),
                List.of("Intel VT-d 1.1.0"),
                Map.of(),
                Map.of(RecordResult.Kind.ERRNO, new RecordResult.Comparison(10, different, 0)),
                new RecordResult.Drops(1, 0, 0),
                Map.of(),
                List.of(),
                List.of());
    }

    /** Records nothing, and plays every record with one result. */
    private static final class FakeRecords implements RecordService {
        private final List<String> asked = new ArrayList<>();
        private final RecordResult result;

        private FakeRecords(RecordResult result) {
            this.result = result;
        }

        @Override
        public Recording record(Path file) {
            asked.add("record " + file);
            return new Recording() {
                @Override
                public Path file() {
                    return file;
                }

                @Override
                public long units() {
                    return 1;
                }

                @Override
                public long requests() {
                    return 7;
                }

                @Override
                public void close() {
                    asked.add("close");
                }
            };
        }

        @Override
        public RecordResult play(Path file, RecordOptions options) {
            asked.add("play " + file + " " + options.backend() + " "
                    + options.jars().size());
            return result;
        }
    }

    @Test
    void shouldPlayAFileAsARecord() throws IOException {
        FakeRecords records = new FakeRecords(played(0));
        host.provide(RecordService.class, records);
        Path file = Files.createFile(home.resolve("record.jsonl"));

        assertEquals(0, run("replay", file.toString()));
        assertEquals(played(0).toText(), out.toString());
        assertEquals(0, run("replay", file.toString(), "--backend", "1.0.0", "--json"));
        assertTrue(out.toString().endsWith(played(0).toJson() + "\n"));
        assertEquals(List.of("play " + file + "  0", "play " + file + " 1.0.0 0"), records.asked);

        assertEquals(2, run("replay", file.toString(), "--cache", "none"));
        assertTrue(err.toString().startsWith("iommu4j replay: --cache goes with a capture, and "), err.toString());
        assertEquals(2, run("replay", file.toString(), "--record", file.toString()));
        assertTrue(err.toString().contains(file + " would overwrite " + file), err.toString());
    }

    @Test
    void shouldEndWith1WhenARecordPlaysDifferently() throws IOException {
        host.provide(RecordService.class, new FakeRecords(played(1)));
        Path file = Files.createFile(home.resolve("record.jsonl"));

        assertEquals(1, run("replay", file.toString()));
        assertTrue(out.toString().endsWith("and 1 more of kind errno\nNOT OK\n"), out.toString());
    }

    @Test
    void shouldRecordWhileItReplays() {
        FakeRecords records = new FakeRecords(played(0));
        host.provide(RecordService.class, records);
        host.provide(ReplayService.class, (directory, options) -> {
            records.asked.add("replay");
            return result(options, 0);
        });

        assertEquals(0, run("replay", "dir", "--record", "out.jsonl"));

        assertEquals(List.of("record out.jsonl", "replay", "close"), records.asked);
        assertEquals("out.jsonl: 7 requests to 1 units recorded\n", err.toString());
    }

    @Test
    void shouldReplayByDefaultAsTheServiceDoes() {
        List<Object> asked = new ArrayList<>();
        host.provide(ReplayService.class, (directory, options) -> {
            asked.add(options);
            return result(options, 0);
        });

        assertEquals(0, run("replay", "dir", "--json"));

        assertEquals(List.of(ReplayOptions.DEFAULT), asked);
        assertEquals(result(ReplayOptions.DEFAULT, 0).toJson() + "\n", out.toString());
    }

    @Test
    void shouldWriteFindingsToAFileAndEndWith1WhenTheChipIsAtFault() throws IOException {
        host.provide(ReplayService.class, (directory, options) -> stale(options));
        Path file = home.resolve("findings.jsonl");

        assertEquals(1, run("replay", "dir", "--findings", file.toString()));

        assertEquals(stale(ReplayOptions.DEFAULT).findingsToJsonLines(), Files.readString(file));
        assertTrue(Files.readString(file).startsWith("{\"kind\":\"STALE_AFTER_COMPLETION\",\"count\":2,"));
        assertTrue(out.toString().contains("STALE_AFTER_COMPLETION 2"), out.toString());
    }

    @Test
    void shouldEndWith1OnFindingsOfTheKindsThatFail() {
        SanitizerReport found = new SanitizerReport(0, 0, 0, 0, Map.of(Finding.Kind.SUPERFLUOUS, 3L), List.of());
        host.provide(UpgradeService.class, (options, progress) -> upgraded(options, 0, found));

        assertEquals(
                0,
                run("upgrade --model intel --capture dir --built new.jar --released old.jar --fail-on missing,stale"
                        .split(" ")));
        assertEquals(
                1,
                run("upgrade --model intel --capture dir --built new.jar --released old.jar --fail-on superfluous"
                        .split(" ")));
        assertTrue(err.toString().contains("--fail-on: 3 SUPERFLUOUS\n"), err.toString());
    }

    @Test
    void shouldRefuseAnUnknownKindOfFinding() {
        for (String command : List.of("replay dir", "cases x.jsonl", "upgrade")) {
            assertEquals(2, run((command + " --fail-on missing,nonsense").split(" ")));
        }
        assertTrue(
                err.toString().contains("'nonsense' is not one of missing, stale, superfluous, use-after-free"),
                err.toString());
    }

    @Test
    void shouldEndWith2WhenFindingsCannotBeWritten() {
        host.provide(ReplayService.class, (directory, options) -> result(options, 0));

        assertEquals(
                2,
                run(
                        "replay",
                        "dir",
                        "--findings",
                        home.resolve("no/such/folder").toString()));
        assertTrue(err.toString().startsWith("iommu4j replay: cannot write "), err.toString());
    }

    @Test
    void shouldEndWith1WhenSomethingIsDifferent() {
        host.provide(ReplayService.class, (directory, options) -> result(options, 1));

        assertEquals(1, run("replay", "dir"));
    }

    @Test
    void shouldEndWith2AndOneLineWhenTheCaptureCannotBeRead() {
        host.provide(ReplayService.class, (directory, options) -> {
            throw new CaptureException("timeline.jsonl.gz", 7, 3, "off", "no number");
        });

        assertEquals(2, run("replay", "dir"));
        assertEquals("iommu4j replay: timeline.jsonl.gz, line 7, column 3, key \"off\": no number\n", err.toString());
    }

    @Test
    void shouldEndWith1AndOneLineWhenTheBackendRefuses() {
        host.provide(ReplayService.class, (directory, options) -> {
            throw new BackendException(Errno.ENODEV, "no backend serves intel");
        });
        assertEquals(1, run("replay", "dir"));

        host.provide(ReplayService.class, (directory, options) -> {
            throw new ReplayRefusedException("scalable mode is not modelled");
        });
        assertEquals(1, run("replay", "dir"));
        assertEquals(
                List.of("iommu4j replay: no backend serves intel", "iommu4j replay: scalable mode is not modelled"),
                err.toString().lines().toList());
    }

    private static TestBenchService cases(List<Object> asked, CaseResult... results) {
        return cases(asked, line -> "answer to " + line, results);
    }

    private static TestBenchService cases(List<Object> asked, UnaryOperator<String> answers, CaseResult... results) {
        return new TestBenchService() {
            @Override
            public void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> sink) {
                asked.add(files);
                asked.add(only);
                asked.add(sanitized);
                List.of(results).forEach(sink);
            }

            @Override
            public BenchSession open(IommuModel model, int subVersion, String config, boolean sanitized) {
                asked.addAll(List.of(model, subVersion, config));
                return new BenchSession() {
                    @Override
                    public String recorded(String id) {
                        return "{\"id\":\"" + id + "\"}";
                    }

                    @Override
                    public SanitizerReport findings() {
                        return SanitizerReport.NONE;
                    }

                    @Override
                    public Map<Finding, List<String>> findingHints() {
                        return Map.of();
                    }

                    @Override
                    public String answer(String line) {
                        return answers.apply(line);
                    }

                    @Override
                    public void close() {
                        asked.add("closed");
                    }
                };
            }
        };
    }

    private static final CaseResult PASSED = CaseResult.passed("a");
    private static final CaseResult FAILED = CaseResult.failed("b", 2, "irq", "{\"min\":1}", "{}", "");
    private static final CaseResult SKIPPED = CaseResult.skipped("c", "no AFL");

    @Test
    void shouldPrintWhatFailedAndWasSkippedAndTheCounts() {
        List<Object> asked = new ArrayList<>();
        host.provide(TestBenchService.class, cases(asked, PASSED, FAILED, SKIPPED));

        assertEquals(1, run("cases", "one.jsonl", "two.jsonl", "--only", "a", "--only", "b"));

        assertEquals(List.of(List.of(Path.of("one.jsonl"), Path.of("two.jsonl")), Set.of("a", "b"), false), asked);
        assertEquals("""
            failed b, step 2 (irq): expected {"min":1}, got {}
            skipped c: no AFL
            1 passed, 1 failed, 1 skipped
            """, out.toString());
    }

    @Test
    void shouldWriteWhatTheSanitizerFoundInACase(@TempDir Path folder) throws IOException {
        Finding finding = new Finding(
                Finding.Kind.SUPERFLUOUS, 2, 7, null, null, null, 5, -1, -1, 0, null, null, "dropped nothing");
        SanitizerReport report =
                new SanitizerReport(1, 1, 1, 1, Map.of(Finding.Kind.SUPERFLUOUS, 2L), List.of(finding));
        List<Object> asked = new ArrayList<>();
        host.provide(
                TestBenchService.class,
                cases(
                        asked,
                        PASSED.with(report).from(new CaseResult.Source("one.jsonl", 3), false),
                        SKIPPED.from(new CaseResult.Source("one.jsonl", 4), false)));
        Path file = folder.resolve("found.jsonl");

        assertEquals(0, run("cases", "one.jsonl", "--findings", file.toString()));

        assertEquals(true, asked.get(2));
        assertEquals("""
            {"case":"a","file":"one.jsonl","line":3,"kind":"SUPERFLUOUS","count":2,"at":5,"cost":7,"text":"dropped nothing"}
            """, Files.readString(file));
        String summary = """
            skipped c: no AFL
            1 passed, 0 failed, 1 skipped
            findings: 2 SUPERFLUOUS
            """;
        assertEquals(summary, out.toString());

        // A case that says which findings it expects is watched though no file asks for them.
        assertEquals(0, run("cases", "one.jsonl"));
        assertEquals(summary + summary, out.toString());
    }

    @Test
    void shouldPrintOneJsonObjectACase() {
        host.provide(TestBenchService.class, cases(new ArrayList<>(), PASSED, SKIPPED));

        assertEquals(0, run("cases", "one.jsonl", "--json"));

        assertEquals(PASSED.toJson() + "\n" + SKIPPED.toJson() + "\n", out.toString());
        assertEquals("1 passed, 0 failed, 1 skipped\n", err.toString());
    }

    @Test
    void shouldEndWith2AndOneLineWhenACaseFileCannotBeRead() {
        host.provide(TestBenchService.class, new TestBenchService() {
            @Override
            public void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> sink) {
                throw new CaseFileException("one.jsonl", 3, 14, "op", "unknown op 'fly'", null);
            }

            @Override
            public BenchSession open(IommuModel model, int subVersion, String config, boolean sanitized) {
                throw new CaseFileException("", 0, 2, "cap", "not an object", null);
            }
        });

        assertEquals(2, run("cases", "one.jsonl"));
        assertEquals(2, run("bench", "--model", "intel", "--config", "7"));

        assertEquals(
                List.of(
                        "iommu4j cases: one.jsonl, line 3, column 14, key \"op\": unknown op 'fly'",
                        "iommu4j bench: column 2, key \"cap\": not an object"),
                err.toString().lines().toList());
    }

    private static FuzzResult fuzzed(FuzzFailure failure) {
        return new FuzzResult(7, 3, 40, 20, 10, Map.of("rules", Map.of("V4", 2L, "V1", 1L)), failure);
    }

    @Test
    void shouldPrintWhatTheFuzzerReached() {
        List<FuzzOptions> asked = new ArrayList<>();
        host.provide(FuzzService.class, (options, progress) -> {
            asked.add(options);
            progress.accept(new FuzzProgress(1, 2, 3, 0));
            return fuzzed(null);
        });

        assertEquals(
                0, run("fuzz", "--model", "intel", "--what", "tables", "--seconds", "2", "--seed", "7", "a.jsonl"));

        assertEquals(
                List.of(FuzzOptions.of(IommuModel.INTEL, 7, 2_000_000_000L)
                        .with(FuzzOptions.What.TABLES)
                        .withCorpus(List.of(Path.of("a.jsonl")))),
                asked);
        assertEquals("""
            rules: V1=1 V4=2
            3 cases, 40 steps, 20 accesses, 10 compared, no failure (seed 7)
            """, out.toString());
        assertTrue(err.toString().contains("1 cases, 2 steps, 3 accesses compared"), err.toString());
    }

    @Test
    void shouldPrintAndWriteTheCaseThatFailedAndEndWith1() throws IOException {
        Path found = home.resolve("found.jsonl");
        List<FuzzOptions> asked = new ArrayList<>();
        host.provide(FuzzService.class, (options, progress) -> {
            asked.add(options);
            return fuzzed(new FuzzFailure(FuzzFailure.Kind.HANG, "dma did not come back", 7, 41, 1, "{\"id\":\"x\"}"));
        });

        assertEquals(
                1,
                run("fuzz", "--model", "intel", "--seed", "7", "--case", "41", "--out", found.toString(), "a.jsonl"));

        assertEquals(41, asked.get(0).firstCase());
        assertEquals(1, asked.get(0).cases());
        assertEquals("""
            rules: V1=1 V4=2
            3 cases, 40 steps, 20 accesses, 10 compared, 1 failure (seed 7)
            failed: no end in time: dma did not come back
            again: ./iommu4j fuzz --model intel --what all --seed 7 --case 41 a.jsonl
            {"id":"x"}
            """, out.toString());
        assertEquals("{\"id\":\"x\"}\n", Files.readString(found));
    }

    @Test
    void shouldRunEverySeedOfEveryKindToTheEnd() throws IOException {
        Path file = home.resolve("found.jsonl");
        List<String> asked = new ArrayList<>();
        host.provide(FuzzService.class, (options, progress) -> {
            asked.add(options.what() + " " + options.seed() + " " + options.durationNanos());
            boolean fails = options.what() == FuzzOptions.What.TABLES && options.seed() == 100;
            return fuzzed(fails ? new FuzzFailure(FuzzFailure.Kind.HANG, "late", 100, 2, 1, "{\"id\":\"x\"}") : null);
        });

        assertEquals(
                1, run("fuzz", "--model", "intel", "--seeds", "100..101", "--seconds", "3", "--out", file.toString()));

        assertEquals(8, asked.size());
        assertEquals(List.of("CONTRACT 100 3000000000", "CONTRACT 101 3000000000"), asked.subList(0, 2));
        assertEquals("""
            intel contract: 2 seeds of 3 s, 6 cases, 40 accesses, 20 compared, 0 failures
            intel commands: 2 seeds of 3 s, 6 cases, 40 accesses, 20 compared, 0 failures
            failed: no end in time: late
            again: ./iommu4j fuzz --model intel --what tables --seed 100 --case 2
            {"id":"x"}
            intel tables: 2 seeds of 3 s, 6 cases, 40 accesses, 20 compared, 1 failures
            intel registers: 2 seeds of 3 s, 6 cases, 40 accesses, 20 compared, 0 failures
            """, out.toString());
        assertEquals("{\"id\":\"x\"}\n", Files.readString(file));
        for (String wrong : List.of("1", "2..1", "-1..2", "a..b", "1..99999999999999999999")) {
            assertEquals(2, run("fuzz", "--model", "intel", "--seeds", wrong));
        }
        assertEquals(2, run("fuzz", "--model", "intel", "--seeds", "1..2", "--case", "1"));
    }

    @Test
    void shouldEndWith2WhenTheFuzzerCannotReadOrWriteAFile() {
        host.provide(FuzzService.class, (options, progress) -> {
            if (!options.corpus().isEmpty()) {
                throw new CaseFileException("a.jsonl", 2, 0, "", "no case", null);
            }
            return fuzzed(new FuzzFailure(FuzzFailure.Kind.HANG, "late", 7, -1, 1, "{}"));
        });

        assertEquals(2, run("fuzz", "--model", "intel", "a.jsonl"));
        assertEquals(
                2,
                run(
                        "fuzz",
                        "--model",
                        "intel",
                        "--out",
                        home.resolve("no/such/folder").toString()));

        assertTrue(err.toString().contains("iommu4j fuzz: a.jsonl, line 2: no case"), err.toString());
        assertTrue(err.toString().contains("cannot write"), err.toString());
    }

    @Test
    void shouldAnswerEachLineOfStandardInput() {
        List<Object> asked = new ArrayList<>();
        host.provide(TestBenchService.class, cases(asked));
        host.input("one\n\ntwo\n");

        assertEquals(0, run("bench", "--model", "intel", "--config", "{}", "--sub-version", "0x100"));

        assertEquals(List.of(IommuModel.INTEL, 0x100, "{}", "closed"), asked);
        assertEquals("answer to one\nanswer to two\n", out.toString());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldEndTheBenchWithOneLineWhenItsBundlesAreReplaced(boolean noClass) {
        List<Object> asked = new ArrayList<>();
        UnaryOperator<String> answers = line -> {
            if (line.equals("one")) {
                return "answer to one";
            }
            if (noClass) {
                throw new NoClassDefFoundError("a class of a bundle that has gone");
            }
            throw new IllegalStateException("a context that is no longer valid");
        };
        host.provide(TestBenchService.class, cases(asked, answers));
        host.input("one\ntwo\nthree\n");

        assertEquals(3, run("bench", "--model", "intel"));

        assertEquals("answer to one\n", out.toString());
        assertEquals(1, err.toString().lines().count(), err.toString());
        assertTrue(err.toString().contains("replaced or stopped while it ran"), err.toString());
        assertTrue(asked.contains("closed"));
    }

    static UpgradeResult upgraded(UpgradeOptions options, long stale) {
        return upgraded(options, stale, SanitizerReport.NONE);
    }

    private static UpgradeResult upgraded(UpgradeOptions options, long stale, SanitizerReport found) {
        return new UpgradeResult(
                options.model(),
                "1.0.0",
                "1.0.1",
                "capture",
                10,
                1,
                new ReplayResult.RequestTally(5, 5, 0, Map.of()),
                5,
                0,
                0,
                0,
                0,
                new Tally(10, 10, 0),
                Map.of(),
                20,
                stale,
                0,
                new UpgradeResult.Swaps(
                        6,
                        6,
                        0,
                        new Times(1, 2, 3_000_000, 12),
                        new Times(1, 2, 3_000_000, 6),
                        new Times(1, 2, 2, 6),
                        4,
                        new Times(1, 2, 5, 9)),
                found,
                List.of(),
                "",
                "");
    }

    @Test
    void shouldUpgradeAsTheOptionsSay() {
        List<UpgradeOptions> asked = new ArrayList<>();
        host.provide(UpgradeService.class, (options, progress) -> {
            asked.add(options);
            progress.accept(new UpgradeProgress(0.5, 6, 100, 200, "replaying"));
            return upgraded(options, 0);
        });

        int status = run(("upgrade --model intel --swaps 40 --seconds 30 --seed 7 --cache tiny --capture dir "
                        + "--released old.jar --built new.jar --json")
                .split(" "));

        UpgradeOptions options = UpgradeOptions.of(
                        IommuModel.INTEL, Path.of("dir"), List.of(Path.of("old.jar")), Path.of("new.jar"))
                .withSwaps(40)
                .withDurationNanos(30_000_000_000L)
                .withSeed(7)
                .withCache(CacheConfig.TINY);
        assertEquals(0, status);
        assertEquals(List.of(options), asked);
        assertEquals(upgraded(options, 0).toJson() + "\n", out.toString());
        assertTrue(err.toString().contains("replaying"), err.toString());
    }

    @Test
    void shouldUpgradeByDefaultAsTheServiceDoes() throws IOException {
        Path release = InstallationTest.released(
                home, "org/x/1.0.0/x-1.0.0.jar", host.symbolicName(IommuModel.INTEL), "1.0.0");
        InstallationTest.released(home, "org/y/1.0.0/y-1.0.0.jar", "org.y", "1.0.0");
        List<UpgradeOptions> asked = new ArrayList<>();
        host.provide(UpgradeService.class, (options, progress) -> {
            asked.add(options);
            return upgraded(options, 0);
        });

        assertEquals(0, run("upgrade", "--built", "new.jar"));

        Path capture = home.resolve("traces/vtd/legacy-strict-nvme-e1000e");
        UpgradeOptions options = UpgradeOptions.of(IommuModel.INTEL, capture, List.of(release), Path.of("new.jar"));
        assertEquals(List.of(options), asked);
        assertEquals(upgraded(options, 0).toText(), out.toString());
    }

    @Test
    void shouldNameTheModelsThatCanBeUpgradedWhenOneHasNoRelease() {
        assertEquals(2, run("upgrade", "--model", "intel"));
        assertEquals(
                "iommu4j upgrade: model 'intel' has no release to swap with; models that have one: none; or name a jar"
                        + " with --released\n",
                err.toString());
    }

    @Test
    void shouldEndWith1AfterAStaleUse() {
        host.provide(UpgradeService.class, (options, progress) -> upgraded(options, 1));

        assertEquals(1, run("upgrade", "--built", "new.jar", "--released", "old.jar"));
    }

    @Test
    void shouldEndWith2AndOneLineWhenAJarIsMissing() {
        host.provide(UpgradeService.class, (options, progress) -> {
            throw new UpgradeException("new.jar is no bundle");
        });

        assertEquals(2, run("upgrade", "--built", "new.jar", "--released", "old.jar"));
        assertEquals("iommu4j upgrade: new.jar is no bundle\n", err.toString());
        assertEquals(2, run("upgrade"));
        assertEquals(2, err.toString().lines().count(), err.toString());
    }

    @Test
    void shouldEndWith3WhenAServiceIsMissing() {
        assertEquals(3, run("replay", "dir"));
        assertEquals(1, err.toString().lines().count(), err.toString());
    }

    @Test
    void shouldExecuteShellCommandsInOrderUntilOneFails() {
        assertEquals(1, run("shell", "-c", "one", "-c", "fail", "three"));

        assertEquals(List.of("one", "fail"), host.executed());
        assertEquals("did one\n", out.toString());
        assertEquals(
                "iommu4j: not executed, because a command failed: three",
                err.toString().lines().skip(1).findFirst().orElseThrow(),
                err.toString());
        assertEquals(2, err.toString().lines().count(), err.toString());
    }

    @Test
    void shouldEndAtAnExitBetweenShellCommands() {
        assertEquals(0, run("shell", "-c", "one", "-c", "exit", "-c", "three"));
        assertEquals(4, run("shell", "-c", "exit 4", "-c", "three"));

        assertEquals(List.of("one"), host.executed());
        assertEquals("", err.toString());
    }

    @Test
    void shouldBoundWhatItsMessagesRepeatAndShowWhatATerminalWouldActOn() {
        String longName = "\u001b[31m" + "x".repeat(1 << 20);
        for (List<String> arguments : List.of(
                List.of("--" + longName),
                List.of(longName),
                List.of("upgrade", "--model", longName),
                List.of("upgrade", "--swaps", longName),
                List.of("upgrade", longName),
                List.of("explain", "--model", "intel", longName))) {
            err.getBuffer().setLength(0);
            assertTrue(run(arguments.toArray(String[]::new)) != 0);
            String message = err.toString();
            assertEquals(1, message.lines().count(), message);
            assertTrue(message.length() < 3000, message.length() + " characters");
            assertEquals(-1, message.indexOf(0x1b), message);
            assertTrue(message.contains("\\u001b"), message);
        }
    }

    @Test
    void shouldReadShellCommandsFromStandardInput() {
        host.input("one\ntwo\n");

        assertEquals(0, run("shell"));
        assertEquals("did one\ndid two\n", out.toString());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "upgrade",
                "replay x",
                "cases x",
                "bench --model intel",
                "fuzz --model intel",
                "explain 00",
                "shell -c x"
            })
    void shouldInstallTheBundlesThatAnyCommandNamesInOrder(String command) {
        List<String> arguments = new ArrayList<>(List.of(command.split(" ")));
        arguments.addAll(List.of("--bundle", "a.jar", "--bundle=b.jar"));

        run(arguments.toArray(String[]::new));

        assertEquals(List.of(Path.of("a.jar"), Path.of("b.jar")), host.installed());
    }

    @Test
    void shouldInstallNothingForAHelpText() {
        assertEquals(0, run("bench", "--bundle", "a.jar", "--help"));
        assertEquals(List.of(), host.installed());
    }

    @Test
    void shouldEndWithOneLineIfABundleCannotBeInstalled() {
        host.refuseBundles("a.jar is no bundle");
        assertEquals(2, run("bench", "--model", "intel", "--bundle", "a.jar"));
        assertEquals("iommu4j bench: a.jar is no bundle\n", err.toString());
    }

    @Test
    void shouldEndWith1IfTheUnitsStoodStillTooLong() {
        host.provide(UpgradeService.class, (options, progress) -> upgraded(options, 0));

        assertEquals(0, run("upgrade", "--built", "new.jar", "--released", "old.jar", "--max-pause", "3"));
        assertEquals("", err.toString());
        assertEquals(1, run("upgrade", "--built", "new.jar", "--released", "old.jar", "--max-pause", "2"));
        assertEquals("--max-pause: the units stood still for 3.000 ms\n", err.toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "upgarde | unknown command 'upgarde'; did you mean 'upgrade'?",
                "upgrade --swap 3 | unknown option '--swap'; did you mean '--swaps'?",
                "bench --modle=intel | did you mean '--model'?",
                "bench --model intle | did you mean 'intel'?"
            })
    void shouldAskWhetherANearNameWasMeant(String arguments, String question) {
        assertEquals(2, run(arguments.split(" ")));
        assertTrue(err.toString().contains(question), err::toString);
        assertEquals(1, err.toString().lines().count(), err::toString);
    }
}
