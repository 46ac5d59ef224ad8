package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.explain.Explain;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.fuzz.Fuzzer;
import org.iommu4j.testbench.run.StepRunner;
import org.iommu4j.testbench.run.TestBench;
import org.iommu4j.upgrade.FindingJson;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.record.Records;
import org.iommu4j.upgrade.replay.Replay;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every command line that a message about bytes names can be pasted: it is taken out of the message and run. */
class PastedCommandsTest {
    private static final Pattern COMMAND = Pattern.compile("\\./iommu4j explain(?: (?:'[^']*'|[^\\s;'\"]+))+");
    private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");
    private static final int VARIANTS = 4;

    /** Steps of which a failure is about bytes, by model. */
    private static final Map<IommuModel, Set<String>> STEPS = Map.of(
            IommuModel.INTEL,
            Set.of("mem_read", "mmio_read", "dma", "events", "ioctl", "native"),
            IommuModel.ARM_SMMU,
            Set.of("mem_read", "mmio_read", "dma", "events", "ioctl", "native"),
            IommuModel.AMD,
            Set.of("mem_read", "mmio_read", "dma", "events", "ioctl", "native"),
            IommuModel.SPAPR,
            Set.of("mem_read", "mmio_read", "dma", "events", "ioctl", "native", "hcall", "rtas"),
            IommuModel.S390,
            Set.of("mem_read", "dma", "events", "ioctl", "native", "instruction"));

    private static final Map<IommuModel, String> FOLDERS = Map.of(
            IommuModel.INTEL,
            "intel-vtd-bundle",
            IommuModel.ARM_SMMU,
            "arm-smmu-bundle",
            IommuModel.AMD,
            "amd-bundle",
            IommuModel.SPAPR,
            "spapr-bundle",
            IommuModel.S390,
            "s390-bundle");

    private static final Map<IommuModel, String> CAPTURES = Map.of(
            IommuModel.INTEL,
            "vtd/legacy-lazy-virtio",
            IommuModel.ARM_SMMU,
            "smmuv3/lazy-virtio",
            IommuModel.AMD,
            "amdvi/lazy-virtio",
            IommuModel.SPAPR,
            "spapr/ddw-virtio",
            IommuModel.S390,
            "s390/lazy-virtio");

    @TempDir
    private Path directory;

    private IommuCore core;

    @BeforeEach
    void startCore() {
        core = new IommuCore(new SimulatedPlatformFactory());
        for (IommuModel model : IommuModel.values()) {
            core.arrived(backend(model));
        }
    }

    @AfterEach
    void stopCore() {
        core.close();
    }

    private static Backend backend(IommuModel model) {
        return switch (model) {
            case INTEL -> new VtdBackend();
            case ARM_SMMU -> new SmmuBackend();
            case AMD -> new AmdViBackend();
            case SPAPR -> new SpaprBackend();
            case S390 -> new ZpciBackend();
        };
    }

    // ---- pasting

    private static List<String> commands(String message) {
        List<String> found = new ArrayList<>();
        Matcher matcher = COMMAND.matcher(message);
        while (matcher.find()) {
            found.add(matcher.group());
        }
        return found;
    }

    /** Runs it as a shell would, and returns what it shows. */
    private String paste(String command) {
        List<String> words = new ArrayList<>();
        Matcher matcher = WORD.matcher(command);
        while (matcher.find()) {
            words.add(matcher.group(1) != null ? matcher.group(1) : matcher.group(2));
        }
        assertEquals(List.of("./iommu4j", "explain"), words.subList(0, 2), command);
        StringWriter out = new StringWriter();
        Explain explain =
                new Explain(Stream.of(IommuModel.values())
                        .collect(
                                HashMap<IommuModel, Backend>::new,
                                (map, model) -> map.put(model, backend(model)),
                                Map::putAll)::get);
        try {
            new ExplainCommand(() -> core, () -> explain, model -> {}, null)
                    .run(new PrintWriter(out), words.subList(2, words.size()).toArray(String[]::new));
        } catch (CommandFailure e) {
            throw new AssertionError(command + ": " + e.getMessage(), e);
        }
        assertFalse(out.toString().isBlank(), command);
        return out.toString();
    }

    private void assertPasted(String message) {
        List<String> found = commands(message);
        assertFalse(found.isEmpty(), () -> "no command in: " + message);
        found.forEach(this::paste);
    }

    // ---- cases and the bench

    private List<Path> caseFiles(IommuModel model) throws IOException {
        try (Stream<Path> files = Files.list(Path.of("..", FOLDERS.get(model)).resolve("src/test/resources/cases"))) {
            return files.filter(file -> file.toString().endsWith(".jsonl"))
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForEveryStepThatFailsForItsBytes(IommuModel model) throws IOException {
        Map<String, Integer> variants = new TreeMap<>();
        List<String> lines = new ArrayList<>();
        for (Path file : caseFiles(model)) {
            for (String line : Files.readAllLines(file)) {
                if (!line.isBlank()) {
                    lines.addAll(spoiled(line, variants, STEPS.get(model)));
                }
            }
        }
        Path spoiled = directory.resolve("spoiled.jsonl");
        Files.write(spoiled, lines);

        Map<String, Integer> explained = new TreeMap<>();
        new TestBench(core).run(List.of(spoiled), Set.of(), false, result -> {
            assertEquals(CaseResult.Outcome.FAILED, result.outcome(), result::id);
            List<String> found = commands(result.toText());
            assertEquals(result.explain(), found);
            assertEquals(found, commands(result.toJson()));
            found.forEach(this::paste);
            if (!found.isEmpty()) {
                explained.merge(result.op(), 1, Integer::sum);
            }
        });

        assertEquals(new TreeSet<>(STEPS.get(model)), explained.keySet());
        // An access that a cache answers, or that no table lets through, read nothing that could be decoded.
        explained.forEach((op, count) -> assertTrue(
                op.equals("dma") || count.equals(variants.get(op)),
                () -> op + ": " + count + " of " + variants.get(op)));
    }

    /** The case up to a step, of which something else is expected; for each kind of step that there are not enough of. */
    @SuppressWarnings("unchecked")
    private static List<String> spoiled(String line, Map<String, Integer> variants, Set<String> ops) {
        Map<String, Object> one = (Map<String, Object>) StepRunner.parse(line);
        List<Map<String, Object>> steps = (List<Map<String, Object>>) one.get("steps");
        List<String> lines = new ArrayList<>();
        Set<String> done = new LinkedHashSet<>();
        for (int i = 0; i < steps.size(); i++) {
            String op = (String) steps.get(i).get("op");
            if (!ops.contains(op)
                    || variants.getOrDefault(op, 0) >= VARIANTS
                    || steps.get(i).get("expect") == null
                    || !done.add(op)) {
                continue;
            }
            Map<String, Object> step = new LinkedHashMap<>(steps.get(i));
            Object other = other(op, step.get("expect"));
            if (other != null) {
                step.put("expect", other);
                step.remove("mask");
                List<Object> some = new ArrayList<>(steps.subList(0, i));
                some.add(step);
                Map<String, Object> variant = new LinkedHashMap<>(one);
                variant.put("id", one.get("id") + "-" + op);
                variant.put("steps", some);
                lines.add(StepRunner.json(variant));
                variants.merge(op, 1, Integer::sum);
            }
        }
        return lines;
    }

    /** An outcome that no step of that kind had in the case; null if there is none. */
    private static Object other(String op, Object expected) {
        return switch (op) {
            case "mem_read" -> flipped((String) expected);
            case "mmio_read" ->
                "0x"
                        + (expected instanceof String text
                                        ? new BigInteger(text.substring(2), 16)
                                        : new BigInteger(expected.toString()))
                                .xor(BigInteger.ONE)
                                .toString(16);
            case "dma" -> Map.of("pa", "0xdead000");
            case "events", "native" -> {
                if (!(expected instanceof List<?> list) || list.isEmpty()) {
                    yield null;
                }
                Object first = list.get(0);
                String hex = first instanceof Map<?, ?> event ? (String) event.get("hex") : (String) first;
                yield hex == null
                        ? List.of()
                        : List.of(op.equals("events") ? Map.of("hex", flipped(hex)) : flipped(hex));
            }
            case "ioctl" -> Map.of("errno", isDone((Map<?, ?>) expected) ? "EINVAL" : 0);
            case "hcall" -> Map.of("ret", 99);
            case "rtas" -> Map.of("status", 99);
            default -> Map.of("cc", BigInteger.valueOf(3).equals(((Map<?, ?>) expected).get("cc")) ? 0 : 3);
        };
    }

    private static boolean isDone(Map<?, ?> expected) {
        return String.valueOf(expected.get("errno")).equals("0");
    }

    /** The last digit another: opcodes stand before. */
    private static String flipped(String hex) {
        int last = hex.length() - 1;
        return hex.substring(0, last) + (hex.charAt(last) == '0' ? '1' : '0');
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForEachRequestThatTheBenchRefuses(IommuModel model) {
        Backend backend = backend(model);
        int newest = backend.describe()
                .generations()
                .get(backend.describe().generations().size() - 1)
                .subVersion();
        try (BenchSession bench = new TestBench(core).open(model, 0, "")) {
            for (Abi abi : Abi.values()) {
                byte[] request = new RequestWriter(abi, model, newest).invalidate(1 << 31, 0, 0, 0, 0, new byte[0]);
                String answer = bench.answer("{\"op\": \"ioctl\", \"request\": \"VFIO_IOMMU_OP\", \"hex\": \""
                        + java.util.HexFormat.of().formatHex(request) + "\", \"abi\": \"" + abi.label() + "\"}");

                assertTrue(answer.contains("\"rule\":\"V12\""), answer);
                assertEquals(1, commands(answer).size(), answer);
                String shown = paste(commands(answer).get(0));
                assertTrue(shown.contains("refused: EOPNOTSUPP by V12, scope"), shown);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForEveryFindingOfTheSanitizer(IommuModel model) throws IOException {
        Set<String> found = new LinkedHashSet<>();
        new TestBench(core)
                .run(
                        caseFiles(model),
                        Set.of(),
                        true,
                        result -> result.findings()
                                .findings()
                                .forEach(finding -> found.addAll(commands(FindingJson.of(
                                        null, finding, result.findingHints().getOrDefault(finding, List.of()))))));

        assertFalse(found.isEmpty(), "no finding of " + model + " names a command");
        found.forEach(this::paste);
    }

    // ---- fuzzing

    @FunctionalInterface
    private interface Way {
        Object instead(Object real, String method, Object[] arguments) throws Throwable;
    }

    /** Like the object, but one method goes its own way; in service only, as a backend that fails its trial does not serve. */
    private static <T> T changed(Class<T> type, T real, String method, Way way) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, called, arguments) -> {
                    boolean trial = Thread.currentThread().getName().equals("iommu4j-trial");
                    if (called.getName().equals(method) && !trial) {
                        return way.instead(real, method, arguments);
                    }
                    try {
                        return called.invoke(real, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    private FuzzFailure fuzzed(IommuModel model, Backend broken, FuzzOptions.What what) {
        try (IommuCore own = new IommuCore(new SimulatedPlatformFactory())) {
            own.arrived(broken);
            return new Fuzzer(own)
                    .run(FuzzOptions.of(model, 7, TimeUnit.SECONDS.toNanos(20)).with(what), progress -> {})
                    .failure();
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForWhatTheFuzzerFinds(IommuModel model) {
        Backend translating = changed(
                Backend.class,
                backend(model),
                "createTranslator",
                (real, method, arguments) -> changed(
                        Translator.class,
                        ((Backend) real)
                                .createTranslator((int) arguments[0], (org.iommu4j.backend.NativePort) arguments[1]),
                        "invalidate",
                        (driver, name, given) -> {
                            throw new IllegalStateException("broken on purpose");
                        }));
        FuzzFailure request = fuzzed(model, translating, FuzzOptions.What.CONTRACT);
        assertEquals(FuzzFailure.Kind.UNTYPED_EXCEPTION, request.kind(), request::message);
        assertTrue(request.explain().get(0).contains(" --contract "), request.explain()::toString);
        request.explain().forEach(this::paste);
        assertEquals(request.explain(), commands(request.line()));

        FuzzFailure meaning = fuzzed(
                model,
                changed(Backend.class, backend(model), "meaning", (real, method, arguments) -> null),
                FuzzOptions.What.TABLES);
        assertEquals(FuzzFailure.Kind.ROUND_TRIP, meaning.kind(), meaning::message);
        assertTrue(meaning.explain().get(0).contains(" --as "), meaning.explain()::toString);
        meaning.explain().forEach(this::paste);

        FuzzFailure state = fuzzed(
                model,
                changed(Backend.class, backend(model), "restoreHardware", (real, method, arguments) -> {
                    throw new BackendException(Errno.EINVAL, "refused on purpose");
                }),
                FuzzOptions.What.TABLES);
        assertEquals(FuzzFailure.Kind.ROUND_TRIP, state.kind(), state::message);
        assertTrue(paste(state.explain().get(0)).startsWith("saved state of "), state.explain()::toString);
    }

    // ---- swaps

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForASavedStateThatIsRefused(IommuModel model) {
        for (String method : List.of("restoreHardware", "restoreTranslator")) {
            try (IommuCore own = new IommuCore(new SimulatedPlatformFactory())) {
                own.arrived(backend(model));
                int newest = backend(model).describe().generations().get(0).subVersion();
                Unit unit = own.openUnit(UnitConfig.of(model, HardwareConfig.of(newest)));
                own.arrived(changed(Backend.class, backend(model), method, (real, name, arguments) -> {
                    throw new BackendException(Errno.EINVAL, "refused on purpose");
                }));
                SwapReport report = own.swap(model, "#2", SwapLimits.DEFAULT);

                assertEquals(SwapReport.Outcome.ROLLED_BACK, report.outcome(), report::toString);
                assertTrue(report.reason().contains("refused on purpose"), report::reason);
                assertPasted(report.reason());
                assertTrue(paste(commands(report.reason()).get(0)).startsWith("saved state of "), report::reason);
                unit.close();
            }
        }
    }

    // ---- replays and records

    private Path captured(IommuModel model, UnaryOperator<String> timeline, UnaryOperator<String> walks)
            throws IOException {
        Path from = Path.of("..", "traces").resolve(CAPTURES.get(model));
        Path to = directory.resolve("capture");
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else if (file.endsWith("timeline.jsonl.gz")) {
                    edit(file, target, timeline);
                } else if (file.endsWith("walks.jsonl.gz")) {
                    edit(file, target, walks);
                } else {
                    Files.copy(file, target);
                }
            }
        }
        return to;
    }

    private static void edit(Path from, Path to, UnaryOperator<String> change) throws IOException {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                        new GZIPInputStream(Files.newInputStream(from)), StandardCharsets.UTF_8));
                OutputStream out = new GZIPOutputStream(Files.newOutputStream(to))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.write((change.apply(line) + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    /** Another page, another value, another code, another name. */
    private static String lied(String line) {
        return line.replaceFirst("(\"k\":\"xlate\".*\"pa\":\"0x)", "$11")
                .replaceFirst("(\"k\":\"r\",\"off\":\"0x(?:34|80|88)\".*\"val\":\"0x)[0-9a-f]*\"", "$13\"")
                .replaceFirst("\"ret\":0\\}", "\"ret\":-4}")
                .replaceFirst("(\"k\":\"rpcit\".*)\"cc\":0", "$1\"cc\":3")
                .replaceFirst("\"event\":\"iotlb.global\"", "\"event\":\"iotlb.other\"");
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForWhatIsNotAsCaptured(IommuModel model) throws IOException {
        Path capture =
                captured(model, PastedCommandsTest::lied, line -> line.replaceFirst("\"pa\":\"0x", "\"pa\":\"0x1"));
        Set<String> explained = new TreeSet<>();
        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            ReplayOptions options = new ReplayOptions(path, org.iommu4j.backend.CacheConfig.NONE, true, 100_000);
            ReplayResult result = new Replay(core).replay(capture, options);

            assertFalse(result.ok());
            Set<String> pasted = new LinkedHashSet<>();
            for (ReplayResult.Difference difference : result.differences()) {
                if (pasted.size() < 64 || !explained.contains(difference.what())) {
                    difference.explain().forEach(command -> {
                        explained.add(difference.what());
                        pasted.add(command);
                    });
                }
            }
            result.commands()
                    .values()
                    .forEach(tally -> tally.reasons().keySet().forEach(reason -> {
                        explained.add("command");
                        pasted.addAll(commands(reason));
                        assertFalse(commands(reason).isEmpty(), reason);
                    }));
            result.notes().stream()
                    .filter(note -> note.startsWith("decoded as"))
                    .forEach(note -> {
                        explained.add("name");
                        pasted.addAll(commands(note));
                        assertFalse(commands(note).isEmpty(), note);
                    });
            List<String> printed = commands(result.toText());
            List<String> written = commands(result.toJson());
            pasted.forEach(command -> {
                paste(command);
                assertTrue(printed.contains(command), command);
                assertTrue(written.contains(command), command);
            });
        }
        Set<String> expected = switch (model) {
            case INTEL -> Set.of("translation", "walk", "register", "name");
            case ARM_SMMU -> Set.of("translation", "walk", "register");
            case AMD -> Set.of("translation", "walk");
            case SPAPR, S390 -> Set.of("translation", "walk", "call", "command");
        };
        assertEquals(new TreeSet<>(expected), explained);
    }

    @ParameterizedTest
    @EnumSource
    void shouldNameACommandForWhatIsNotAsRecorded(IommuModel model) throws IOException {
        Path file = directory.resolve("record.jsonl");
        Recording recording = new Records(core, null).record(file);
        try {
            new Replay(core)
                    .replay(
                            Path.of("..", "traces").resolve(CAPTURES.get(model)),
                            new ReplayOptions(
                                    ReplayOptions.Path.CONTRACT, org.iommu4j.backend.CacheConfig.DEFAULT, false, 1));
        } finally {
            recording.close();
        }
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            lines.add(line.replaceFirst(
                            "(\"k\":\"ioctl\".*)\"errno\":\"OK\",\"handled\":\\d,\"fidelity\":\"\\w+\"",
                            "$1\"errno\":\"EINVAL\"")
                    .replaceFirst("(\"k\":\"native\".*\"hex\":\\[\"[0-9a-f]*)[0-9a-f]\"", "$1f\"")
                    .replaceFirst("(\"k\":\"dma\".*\"spa\":\"0x)", "$11"));
        }
        Files.write(file, lines);

        RecordResult result = new Records(core, null).play(file, RecordOptions.DEFAULT);

        Set<String> explained = new TreeSet<>();
        for (RecordResult.Difference difference : result.differences()) {
            difference.explain().forEach(command -> {
                explained.add(difference.kind().label());
                paste(command);
                assertTrue(commands(result.toText()).contains(command), command);
            });
        }
        // An answer from a shadow table has read no table.
        Set<String> expected =
                model == IommuModel.S390 ? Set.of("errno", "native") : Set.of("access", "errno", "native");
        assertEquals(expected, explained, result::toText);
    }
}
