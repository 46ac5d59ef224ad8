package org.iommu4j.testbench.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.json.JsonBounds;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.BoundedLines;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.fuzz.Fuzzer;
import org.iommu4j.testbench.fuzz.HangingBackend;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Inputs that ask for more than there is, and chips that do not come back. */
class BoundsTest {
    /** For chips that hang; what only takes its time has the limit that users have. */
    private static final long LIMIT_NANOS = 300_000_000L;

    private static final String CASE = "{'id':'%s','model':'intel','steps':[%s]}\n".replace('\'', '"');

    @TempDir
    Path folder;

    private IommuCore core;

    private TestBench bench(Backend backend) {
        return bench(backend, FuzzOptions.DEFAULT_DEADLINE_NANOS);
    }

    private TestBench bench(Backend backend, long limitNanos) {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(backend);
        // The first use tries the backend; what hangs in that is no step of a case.
        while (core.backends().get(0).state() == BackendStatus.State.INSTALLED) {
            Thread.onSpinWait();
        }
        return new TestBench(core, limitNanos);
    }

    @AfterEach
    void close() {
        HangingBackend.letGo();
        core.close();
    }

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("some.jsonl"), text.replace('\'', '"'));
    }

    private List<CaseResult> run(TestBench bench, Path file) {
        List<CaseResult> results = new ArrayList<>();
        bench.run(List.of(file), Set.of(), false, results::add);
        return results;
    }

    private String refusal(Path file) {
        TestBench bench = bench(new VtdBackend());
        CaseFileException refusal = assertThrows(CaseFileException.class, () -> run(bench, file));
        assertEquals(1, refusal.getMessage().lines().count(), refusal.getMessage());
        return refusal.getMessage();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'op':'mem_read','pa':0,'length':1048577} | key \"length\": 1048577 is more than 1048576",
                "{'op':'mem_read','pa':0,'length':67108864} | key \"length\": 67108864 is more than 1048576",
                "{'op':'repeat','count':4097,'steps':[{'op':'repeat','count':4096,'steps':[{'op':'irq'}]}]} "
                        + "| key \"count\": makes 16781312 steps, more than 16777216",
                "{'op':'repeat','count':16777216,'steps':[{'op':'repeat','count':16777216,'steps':[]}]} "
                        + "| key \"count\": makes 281474976710656 steps, more than 16777216",
                "{'op':'repeat','count':16777216,'steps':[]},{'op':'irq'} "
                        + "| key \"steps\": are 16777217 with all repetitions, more than 16777216",
            })
    void shouldRefuseStepsThatHaveNoEndInTime(String steps, String message) throws IOException {
        String refusal = refusal(file(CASE.formatted("a", steps)));

        assertTrue(refusal.contains("some.jsonl, line 1, column "), refusal);
        assertTrue(refusal.contains(message), refusal);
    }

    @ParameterizedTest
    @ValueSource(strings = {"[", "{\"a\":", "[[],"})
    void shouldRefuseDeepJson(String open) throws IOException {
        String refusal = refusal(file(open.repeat(200_000)));

        assertTrue(refusal.contains("some.jsonl, line 1"), refusal);
    }

    @Test
    void shouldRefuseLinesThatAreTooLongOrHoldTooMuch() throws IOException {
        String refusal = refusal(file(
                CASE.formatted("a", "{'op':'mem_write','pa':0,'hex':'" + "0".repeat(BoundedLines.MAX_LINE) + "'}")));
        assertTrue(refusal.endsWith("some.jsonl, line 1: longer than 4194304 characters"), refusal);
        core.close();

        String values = refusal(file("[" + "1,".repeat(JsonBounds.MAX_VALUES) + "1]"));
        assertTrue(values.endsWith("more than 131072 JSON values in one line"), values);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldReadNoInputWithoutEnd() throws IOException {
        assertTrue(refusal(Path.of("/dev/zero")).endsWith("/dev/zero: is no file, and longer than 16777216 bytes"));
        core.close();
        assertTrue(refusal(folder).endsWith("cannot be read: is a directory"));
        Fuzzer fuzzer = new Fuzzer(core);
        FuzzOptions options = FuzzOptions.of(IommuModel.INTEL, 1, 1).withCorpus(List.of(Path.of("/dev/zero")));
        assertThrows(CaseFileException.class, () -> fuzzer.run(options, progress -> {}));
    }

    @Test
    void shouldFailACaseThatWritesMoreMemoryThanItMay() throws IOException {
        CaseResult result = run(
                        bench(new VtdBackend()),
                        file(CASE.formatted(
                                "a", "{'op':'repeat_mem','pa':0,'hex':'01','stride':4096,'count':16777216}")))
                .get(0);

        assertEquals("the steps write to more than 16384 pages of memory", result.reason());
    }

    @Test
    void shouldFailOnlyTheStepThatAsksForMoreCommandsThanAreKept() throws IOException {
        String invalidateAll =
                "{'op':'ioctl','request':'VFIO_IOMMU_OP','hex':'3c000000080000003000000000000000000000000000"
                        + "0000000000000000000000000000000000000000000003000000010000000000000000000000',"
                        + "'expect':{'errno':0}}";
        String steps = invalidateAll + "," + invalidateAll + ",{'op':'native'}";
        CaseResult result = run(
                        bench(new SpaprBackend()),
                        file("{'id':'a','model':'spapr','subVersion':1,'steps':[" + steps + "]}\n"))
                .get(0);

        assertEquals("the driver wrote more than 65536 commands since the last look", result.reason());
        assertEquals(2, result.step());
    }

    @Test
    void shouldHoldOneCaseAtATime() throws IOException {
        int cases = 5_000;
        Path file = folder.resolve("many.jsonl");
        try (BufferedWriter out = Files.newBufferedWriter(file)) {
            for (int i = 0; i < cases; i++) {
                out.write(CASE.formatted("c" + i, "").replace('\'', '"'));
            }
        }
        AtomicLong passed = new AtomicLong();

        bench(new VtdBackend()).run(List.of(file), Set.of(), false, result -> passed.incrementAndGet());

        assertEquals(cases, passed.get());
    }

    @Test
    void shouldFailACaseThatDoesNotComeBackAndGoOn() throws IOException {
        List<CaseResult> results = run(
                bench(new HangingBackend(), LIMIT_NANOS),
                file(CASE.formatted("hangs", "{'op':'irq'},{'op':'mmio_write','off':40,'size':8,'value':1}")
                        + CASE.formatted("good", "{'op':'irq'}")));

        assertEquals(CaseResult.Outcome.FAILED, results.get(0).outcome());
        assertEquals(1, results.get(0).step());
        assertTrue(
                results.get(0)
                                .toText()
                                .startsWith("failed hangs, step 1 (mmio_write): did not come back in 300 ms; it is "
                                        + "at app//org.iommu4j.testbench.fuzz.HangingBackend")
                        || results.get(0).reason().contains("HangingBackend"),
                results.get(0).toText());
        assertEquals(CaseResult.Outcome.PASSED, results.get(1).outcome());
    }

    @Test
    void shouldEndARunInWhichCaseAfterCaseDoesNotComeBack() throws IOException {
        StringBuilder cases = new StringBuilder();
        for (int i = 0; i < TestBench.MOST_HANGS + 2; i++) {
            cases.append(CASE.formatted("a" + i, "{'op':'mmio_write','off':40,'size':8,'value':1}"));
        }
        Path file = file(cases.toString());
        TestBench bench = bench(new HangingBackend(), LIMIT_NANOS);
        List<CaseResult> results = new ArrayList<>();

        BackendException end =
                assertThrows(BackendException.class, () -> bench.run(List.of(file), Set.of(), false, results::add));

        assertEquals(Errno.ETIMEDOUT, end.errno());
        assertEquals(TestBench.MOST_HANGS, results.size());
    }

    @Test
    void shouldAnswerAStepThatDoesNotComeBackWithAFreshChip() {
        try (BenchSession session = bench(new HangingBackend(), LIMIT_NANOS).open(IommuModel.INTEL, 0, "")) {
            assertEquals("{}", session.answer("{\"op\":\"mem_write\",\"pa\":0,\"hex\":\"01\"}"));
            String answer = session.answer("{\"op\":\"mmio_write\",\"off\":40,\"size\":8,\"value\":1}");
            assertTrue(answer.startsWith("{\"error\":\"did not come back in 300 ms"), answer);
            assertTrue(answer.contains("HangingBackend"), answer);
            assertEquals("{\"hex\":\"00\"}", session.answer("{\"op\":\"mem_read\",\"pa\":0,\"length\":1}"));
        }
    }
}
