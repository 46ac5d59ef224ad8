package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.shell.testing.FakeHost;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.FuzzService;
import org.iommu4j.testbench.TestBenchService;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayService;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.Times;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.UpgradeService;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every command with an output that cannot be written. */
class UnwrittenOutputTest {
    private static final List<String> COMMANDS = List.of(
            "--version",
            "--help",
            "help cases",
            "cases --help",
            "upgrade --built new.jar --released old.jar",
            "upgrade --built new.jar --released old.jar --json",
            "replay dir",
            "replay dir --json",
            "cases a.jsonl",
            "cases a.jsonl --json",
            "bench --model intel",
            "fuzz --model intel",
            "explain --model intel 0x1200f2 0x12345000",
            "explain --model intel 0x1200f2 0x12345000 --json",
            "shell one",
            "shell");

    @TempDir
    Path home;

    private FakeHost host;

    @BeforeEach
    void makeHost() {
        host = new FakeHost(home);
        host.input("one\n".repeat(100_000));
        host.provide(
                ReplayService.class,
                (directory, options) -> new ReplayResult(
                        "capture",
                        IommuModel.INTEL,
                        0x110,
                        options,
                        Map.of(),
                        Map.of(),
                        ReplayResult.RequestTally.NONE,
                        new Tally(10, 10, 0),
                        Tally.NONE,
                        Tally.NONE,
                        Map.of(),
                        Map.of(),
                        List.of(),
                        List.of()));
        host.provide(
                UpgradeService.class,
                (options, progress) -> new UpgradeResult(
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
                        0,
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
                        SanitizerReport.NONE,
                        List.of(),
                        "",
                        ""));
        host.provide(FuzzService.class, (options, progress) -> new FuzzResult(1, 1, 1, 1, 1, Map.of(), null));
        host.provide(ExplainService.class, new Explain(Map.of(IommuModel.INTEL, new VtdBackend())::get));
        host.provide(TestBenchService.class, new TestBenchService() {
            @Override
            public void run(List<Path> files, Set<String> only, boolean sanitized, Consumer<CaseResult> results) {
                results.accept(CaseResult.passed("a"));
            }

            @Override
            public BenchSession open(IommuModel model, int subVersion, String config, boolean sanitized) {
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
                        return "{}";
                    }

                    @Override
                    public void close() {}
                };
            }
        });
    }

    /** A stream that takes some bytes and then fails. */
    private static OutputStream failing(String message, int after) {
        return new OutputStream() {
            private int left = after;

            @Override
            public void write(int b) throws IOException {
                if (left-- <= 0) {
                    throw new IOException(message);
                }
            }
        };
    }

    private static Stream<Arguments> commandsAndRoom() {
        return COMMANDS.stream().flatMap(command -> Stream.of(0, 4).map(after -> Arguments.of(command, after)));
    }

    private int run(String command, OutputStream out, OutputStream err) {
        return Iommu4jCommand.run(host, CheckedOutput.results(out), CheckedOutput.messages(err), command.split(" "));
    }

    @ParameterizedTest
    @MethodSource("commandsAndRoom")
    void shouldFailWithOneLineWhenResultsCannotBeWritten(String command, int after) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();

        assertEquals(2, run(command, failing("No space left on device", after), err));

        assertEquals(
                "iommu4j: standard output cannot be written: No space left on device",
                last(err),
                "the message of " + command);
    }

    @ParameterizedTest
    @MethodSource("commandsAndRoom")
    void shouldEndQuietlyWhenTheReaderHasGone(String command, int after) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();

        assertEquals(ExitStatus.READER_GONE, run(command, failing("Broken pipe", after), err));

        assertTrue(!err.toString(StandardCharsets.UTF_8).contains("iommu4j:"), err::toString);
    }

    @Test
    void shouldFailWhenMessagesCannotBeWritten() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();

        assertEquals(2, run("cases a.jsonl --json", out, failing("No space left on device", 0)));
        assertEquals(2, run("replay", out, failing("No space left on device", 0)));
        assertEquals(0, run("cases a.jsonl", out, failing("No space left on device", 0)), "nothing was lost");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldNoticeADeviceThatIsFull() throws IOException {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        try (OutputStream full = new FileOutputStream("/dev/full")) {
            assertEquals(2, run("cases a.jsonl", full, err));
        }
        assertEquals("iommu4j: standard output cannot be written: No space left on device", last(err));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldNotTakeAFileThatCannotBeWrittenForSuccess() throws IOException {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        ByteArrayOutputStream out = new ByteArrayOutputStream();

        assertEquals(0, run("cases a.jsonl --findings " + home.resolve("found"), out, err));
        assertEquals("", Files.readString(home.resolve("found")));
        assertEquals(2, run("cases a.jsonl --findings " + home, out, err));
        assertEquals("iommu4j cases: cannot write " + home + ": is a directory", last(err));
        assertEquals(2, run("replay dir --findings " + home.resolve("none/found"), out, err));
        assertTrue(last(err).endsWith("/none/found: its folder is missing"), last(err));
    }

    @Test
    void shouldRefuseAnOutputThatIsAnInputAndTouchNothing() throws IOException {
        Path input = Files.writeString(home.resolve("a.jsonl"), "{}\n");
        Path folder = Files.createDirectories(home.resolve("capture"));
        Files.createLink(home.resolve("hard"), input);
        Files.createSymbolicLink(home.resolve("soft"), input);
        for (String command : List.of(
                "cases %1$s --findings %1$s",
                "cases %1$s --findings %2$s/hard",
                "cases %1$s --findings %2$s/soft",
                "cases %1$s --findings %2$s/../" + home.getFileName() + "/a.jsonl",
                "fuzz --model intel %1$s --out %1$s",
                "replay %1$s --record %1$s",
                "replay %3$s --findings %3$s/new",
                "replay %3$s --record %3$s/new",
                "replay %3$s --findings %2$s/new --record %2$s/new",
                "upgrade --built new.jar --released old.jar --capture %3$s --record %3$s/new",
                "upgrade --built %1$s --released old.jar --record %1$s",
                "upgrade --built new.jar --released %1$s --record %2$s/hard")) {
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            assertEquals(
                    2, run(String.format(command, input, home, folder), new ByteArrayOutputStream(), err), command);
            assertEquals(1, err.toString(StandardCharsets.UTF_8).lines().count(), err::toString);
            assertTrue(last(err).contains("would overwrite") || last(err).contains("is written twice"), last(err));
        }
        assertEquals("{}\n", Files.readString(input));
        assertEquals(0, folder.toFile().list().length);
    }

    @Test
    void shouldShowAnyFailureOfTheProgramAsOneLineWithItsKind() {
        for (Throwable thrown : List.of(
                new OutOfMemoryError("Java heap space"), new StackOverflowError(), new IllegalStateException("odd"))) {
            host.provide(FuzzService.class, (options, progress) -> {
                throw UnwrittenOutputTest.<RuntimeException>sneaky(thrown);
            });
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            assertEquals(3, run("fuzz --model intel", new ByteArrayOutputStream(), err));
            assertEquals(1, err.toString(StandardCharsets.UTF_8).lines().count(), err::toString);
            assertTrue(
                    last(err)
                            .contains(
                                    thrown instanceof OutOfMemoryError
                                            ? "out of memory"
                                            : thrown.getClass().getSimpleName()),
                    last(err));
        }
    }

    @SuppressWarnings("unchecked") // the type variable is what makes it unchecked for the compiler
    private static <T extends Throwable> RuntimeException sneaky(Throwable thrown) throws T {
        throw (T) thrown;
    }

    private static String last(ByteArrayOutputStream err) {
        return err.toString(StandardCharsets.UTF_8)
                .lines()
                .reduce((first, second) -> second)
                .orElse("");
    }
}
