package org.iommu4j.testbench.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.Finding;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TestBenchTest {
    @TempDir
    Path folder;

    private IommuCore core;
    private TestBench bench;

    @BeforeEach
    void open() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
        bench = new TestBench(core);
    }

    @AfterEach
    void close() {
        core.close();
    }

    private Path file(String... lines) throws IOException {
        Path file = folder.resolve("some.jsonl");
        Files.writeString(file, String.join("\n", lines));
        return file;
    }

    private List<CaseResult> run(String... lines) throws IOException {
        List<CaseResult> results = new ArrayList<>();
        bench.run(List.of(file(lines)), Set.of(), false, results::add);
        return results;
    }

    private CaseResult runOne(String steps) throws IOException {
        return run("{'id':'one','model':'intel','steps':[%s]}".formatted(steps).replace('\'', '"'))
                .get(0);
    }

    private CaseFileException refused(String... lines) {
        return assertThrows(CaseFileException.class, () -> run(lines));
    }

    private static String step(String step) {
        return "{'id':'one','model':'intel','steps':[%s]}".formatted(step).replace('\'', '"');
    }

    @Test
    void shouldNameStepExpectedAndGotOfAFailure() throws IOException {
        CaseResult result = runOne(
                "{'op':'mmio_write','off':32,'size':8,'value':4096},{'op':'mmio_read','off':32,'size':8,'expect':8192}");

        assertEquals(Outcome.FAILED, result.outcome());
        String got = "./iommu4j explain --model intel --register RTADDR 0x1000";
        String expected = "./iommu4j explain --model intel --register RTADDR 0x2000";
        assertEquals(
                "failed one, step 1 (mmio_read): expected 8192, got {\"value\":\"0x1000\"}; explain: " + got + "; "
                        + expected,
                result.toText());
        assertEquals(
                "{\"id\":\"one\",\"outcome\":\"failed\",\"step\":1,\"expected\":8192,"
                        + "\"got\":{\"value\":\"0x1000\"},\"reason\":null,\"explain\":[\"" + got + "\",\"" + expected
                        + "\"]}",
                withoutPlace(result));
    }

    /** The JSON of a case, whose place is line 1 of the file. */
    private static String withoutPlace(CaseResult result) {
        String json = result.toJson();
        assertTrue(json.contains("some.jsonl\",\"line\":1,"), json);
        return json.replaceFirst("\"file\":\"[^\"]*\",\"line\":1,", "");
    }

    @Test
    void shouldPassWithNullsInJson() throws IOException {
        assertEquals(
                "{\"id\":\"one\",\"outcome\":\"passed\",\"step\":null,\"expected\":null,\"got\":null,\"reason\":null}",
                withoutPlace(runOne("{'op':'mem_read','pa':0,'expect':'00'}")));
    }

    @Test
    void shouldSayWhichRoundOfARepetitionFailed() throws IOException {
        CaseResult result = runOne("{'op':'repeat','count':3,'steps':[{'op':'mem_read','pa':0,'expect':'00'},"
                + "{'op':'mem_write','pa':0,'hex':'01'}]}");

        assertEquals("round 1, step 0 (mem_read)", result.reason());
        assertEquals(0, result.step());
        assertEquals("{\"hex\":\"01\"}", result.got());
    }

    @Test
    void shouldFailTheCaseAtAnAccessToNoMemory() throws IOException {
        CaseResult result = run("""
            {"id":"one","model":"intel","config":{"ram":"0x1000"},"steps":[{"op":"mem_write","pa":4096,"hex":"00"}]}\
            """).get(0);

        assertEquals(Outcome.FAILED, result.outcome());
        assertEquals("no memory at 0x1000", result.reason());
    }

    @Test
    void shouldSkipOnlyWhatTheChipCannotHave() throws IOException {
        List<CaseResult> results = run(
                "{\"id\":\"afl\",\"model\":\"intel\",\"config\":{\"cap\":{\"AFL\":1}},\"steps\":[]}",
                "{\"id\":\"generation\",\"model\":\"intel\",\"subVersion\":\"0x999\",\"steps\":[]}",
                "{\"id\":\"model\",\"model\":\"s390\",\"steps\":[]}");

        assertEquals(
                List.of(Outcome.SKIPPED, Outcome.FAILED, Outcome.FAILED),
                results.stream().map(CaseResult::outcome).toList());
        assertTrue(results.get(0).reason().contains("AFL"), results.get(0).reason());
        assertTrue(results.get(1).reason().contains("0x999"), results.get(1).reason());
        assertEquals("model 's390' is not installed", results.get(2).reason());
    }

    @Test
    void shouldRunOnlyTheCasesOfTheIds() throws IOException {
        Path file = file(
                "{\"id\":\"a\",\"model\":\"intel\",\"steps\":[]}",
                "",
                "{\"id\":\"b\",\"model\":\"intel\",\"x-note\":{\"any\":1},\"source\":[\"6\",\"7\"],\"steps\":[]}");
        List<String> ids = new ArrayList<>();
        bench.run(List.of(file), Set.of("b"), false, result -> ids.add(result.id()));

        assertEquals(List.of("b"), ids);
        assertThrows(CaseFileException.class, () -> bench.run(List.of(file), Set.of("c"), false, result -> {}));
    }

    @Test
    void shouldReadEveryFileBeforeItRunsTheFirstCase() throws IOException {
        Path good = folder.resolve("good.jsonl");
        Files.writeString(good, "{\"id\":\"a\",\"model\":\"intel\",\"steps\":[]}");
        Path bad = file("{\"id\":\"a\",\"model\":\"intel\",\"steps\":[{\"op\":\"frob\"}]}");
        List<CaseResult> results = new ArrayList<>();

        assertThrows(CaseFileException.class, () -> bench.run(List.of(good, bad), Set.of(), false, results::add));
        assertEquals(List.of(), results);
    }

    @Test
    void shouldNameFileLineColumnAndKey() {
        CaseFileException e = refused(
                "{\"id\":\"a\",\"model\":\"intel\",\"steps\":[]}",
                "{\"id\":\"a\",\"model\":\"intel\",\"steps\":[{\"op\":\"dma\",\"requestr\":1}]}");

        assertEquals(2, e.line());
        assertTrue(e.file().endsWith("some.jsonl"), e.file());
        e = refused("{\"id\":\"a\",\"model\":\"intel\",\"colour\":\"red\",\"steps\":[]}");
        assertEquals("colour", e.key());
        assertEquals(36, e.column());
        assertEquals(folder.resolve("some.jsonl") + ", line 1, column 36, key \"colour\": unknown key", e.getMessage());
        e = refused("{\"id\": \"a\",", "");
        assertEquals(1, e.line());
        assertTrue(e.column() > 0);
        e = assertThrows(
                CaseFileException.class,
                () -> bench.run(List.of(folder.resolve("none.jsonl")), Set.of(), false, result -> {}));
        assertEquals(folder.resolve("none.jsonl") + ": no such file", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'op':'frobnicate'} | op | unknown op 'frobnicate'",
                "{'op':'hcall','name':'H_PUT_TCE','args':[]} | op | no op 'hcall'",
                "{'pa':0} | op | is missing",
                "{'op':'mem_write','pa':0} | hex | is missing",
                "{'op':'mem_write','pa':0,'hex':'0'} | hex | odd",
                "{'op':'mem_write','pa':0,'hex':'0g'} | hex | no hex digit",
                "{'op':'mem_write','pa':0,'hex':'00','words':[1]} | words | beside hex",
                "{'op':'mem_write','pa':-1,'hex':'00'} | pa | unsigned",
                "{'op':'mem_write','pa':1.5,'hex':'00'} | pa | not a number",
                "{'op':'mem_write','pa':'12','hex':'00'} | pa | not a number",
                "{'op':'mem_write','pa':18446744073709551616,'hex':'00'} | pa | unsigned",
                "{'op':'mem_write','pa':0,'hex':'00','expect':1} | expect | unknown key",
                "{'op':'mem_read','pa':0} | length | is missing",
                "{'op':'mem_read','pa':0,'expect':'00','mask':'0000'} | mask | as long",
                "{'op':'mem_read','pa':0,'length':4294967296} | length | more than",
                "{'op':'mmio_read','off':0,'size':2} | size | not 4 or 8",
                "{'op':'mmio_write','off':0,'size':4,'value':'0x100000000'} | value | exceeds 4 bytes",
                "{'op':'dma','requester':1,'iova':0,'access':'fly'} | access | 'fly'",
                "{'op':'dma','requester':1,'iova':0,'access':'read','privileged':1} | privileged | neither true nor"
                        + " false",
                "{'op':'dma','requester':1,'iova':0,'access':'read','expect':{'ok':1}} | ok | unknown key",
                "{'op':'dma','requester':1,'iova':0,'access':'read','expect':{'fault':{'reason':1}}} | reason |"
                        + " unknown key",
                "{'op':'dma','requester':1,'iova':0,'access':'read','expect':{}} | expect | names none",
                "{'op':'dma','requester':1,'iova':0,'access':'read','len':2,'data':'00'} | len | length of data",
                "{'op':'ats','requester':1,'iova':0,'access':'read','data':'00'} | data | unknown key",
                "{'op':'events','expect':[{}]} | expect | neither hex nor code",
                "{'op':'repeat','count':1,'steps':[{'op':'no'}]} | op | unknown op 'no'",
                "{'op':'repeat','count':1,'steps':{}} | steps | not a list",
                "{'op':'ioctl','request':'VFIO_OTHER','hex':''} | request | unknown request",
                "{'op':'ioctl','request':1,'hex':'','abi':'ilp32'} | abi | lp64-le",
                "{'op':'ioctl','request':1,'hex':'','expect':{'errno':'EBAD'}} | errno | EBAD",
                "{'op':'ioctl','request':1,'hex':'','expect':{'rule':'V99'}} | rule | V99",
                "{'op':'ioctl','request':1,'hex':'','expect':{'fidelity':'SOME'}} | fidelity | SOME",
                "{'op':'attach','requester':'0x100000000'} | requester | 32 bits",
                "{'op':'attach','requester':1,'table':4096} | levels | is missing",
                "{'op':'cache','expect':{'size':1}} | count | is missing",
                "{'op':'step','n':1,'comment':3} | comment | not a string",
            })
    void shouldRefuseAStepByName(String step, String key, String what) {
        CaseFileException e = refused(step(step));

        assertEquals(key, e.key(), e.getMessage());
        assertTrue(e.getMessage().contains(what), e.getMessage());
        assertTrue(e.column() > 0, e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'cap':{'FOO':1}} | cap.FOO",
                "{'cap':{'MGAW':64}} | MGAW",
                "{'cpa':{'MGAW':1}} | cpa",
                "{'registers':{'EFR':1}} | EFR",
                "{'frobnicate':'on'} | frobnicate",
                "{'frobnicate':1} | frobnicate",
                "{'cache':'huge'} | huge",
                "{'haw':31} | 31",
                "{'haw':53} | 53",
                "{'ram':0} | ram",
                "{'ram':[[0]]} | pair",
                "{'ver':'one'} | ver",
            })
    void shouldRefuseAConfigurationByName(String config, String what) {
        String line = "{'id':'one','model':'intel','config':%s,'steps':[]}".formatted(config);
        CaseFileException e = refused(line.replace('\'', '"'));

        assertTrue(e.getMessage().contains(what), e.getMessage());
        assertEquals(1, e.line());
        assertTrue(e.column() > 0, e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // TE is off: addresses pass as they are.
                "{'pa':4096} | true",
                "{'pa':4097} | false",
                "{'segments':[{'pa':4096,'len':1}]} | true",
                "{'segments':[{'pa':4096,'len':2}]} | false",
                "{'fault':{}} | false",
                "{'either':[{'fault':{}},{'pa':'0x1000'}]} | true",
                "{'either':[{'fault':{}},{'pa':0}]} | false",
            })
    void shouldCompareWhatAnAccessCameTo(String expect, boolean holds) throws IOException {
        CaseResult result =
                runOne("{'op':'dma','requester':1,'iova':4096,'access':'read','expect':%s}".formatted(expect));

        assertEquals(holds ? Outcome.PASSED : Outcome.FAILED, result.outcome(), result.toText());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // TE is on, the root table is empty: fault 1, recorded.
                "{'code':1} | true",
                "{'code':'0x2'} | false",
                "{'name':'root not present'} | true",
                "{'name':'ROOT_ACCESS'} | false",
                "{'recorded':true} | true",
                "{'recorded':false} | false",
                "{'abort':true} | false",
                "{'iova':'0x1234'} | true",
                "{'iova':'0x1000'} | true",
                "{'iova':'0x2000'} | false",
            })
    void shouldCompareAFault(String fault, boolean holds) throws IOException {
        CaseResult result = runOne("{'op':'mmio_write','off':24,'size':4,'value':'0x80000000'},"
                + "{'op':'dma','requester':1,'iova':'0x1234','access':'read','expect':{'fault':%s}}".formatted(fault));

        assertEquals(holds ? Outcome.PASSED : Outcome.FAILED, result.outcome(), result.toText());
    }

    @Test
    void shouldCompareDataThatComesBackEvenWithoutExpectation() throws IOException {
        assertEquals(
                Outcome.FAILED,
                runOne("{'op':'dma','requester':1,'iova':0,'access':'read','data':'01'}")
                        .outcome());
        assertEquals(
                Outcome.FAILED,
                runOne("{'op':'mmio_write','off':24,'size':4,'value':'0x80000000'},"
                                + "{'op':'dma','requester':1,'iova':0,'access':'read','data':'00'}")
                        .outcome());
        assertEquals(
                Outcome.PASSED,
                runOne("{'op':'dma','requester':1,'iova':4090,'access':'write','data':'0102030405060708'},"
                                + "{'op':'dma','requester':1,'iova':4092,'access':'read','data':'0304050607'},"
                                + "{'op':'mem_read','pa':4090,'expect':'0102030405060708'}")
                        .outcome());
    }

    @Test
    void shouldWriteWordsInTheByteOrderOfTheModel() throws IOException {
        assertEquals(
                Outcome.PASSED,
                runOne("{'op':'mem_write','pa':8,'words':['0x0102030405060708',255]},"
                                + "{'op':'mem_read','pa':8,'expect':'0807060504030201ff00000000000000'}")
                        .outcome());
    }

    @Test
    void shouldFindWhatTheGuestForgotInTheWorkedExample() throws IOException {
        // docs/test-bench.md shows these files and what comes of them.
        Path examples = Path.of("..", "docs", "examples");
        List<CaseResult> results = new ArrayList<>();
        bench.run(
                List.of(examples.resolve("first-case.jsonl"), examples.resolve("stale.jsonl")),
                Set.of(),
                true,
                results::add);
        assertEquals(
                List.of("first", "forgotten", "invalidated"),
                results.stream().map(CaseResult::id).toList());
        for (CaseResult result : results) {
            assertEquals(Outcome.PASSED, result.outcome(), result.toText());
        }
        assertEquals(Map.of(), results.get(0).findings().counts());
        assertEquals(
                Map.of(Finding.Kind.MISSING_INVALIDATION, 1L),
                results.get(1).findings().counts());
        Finding finding = results.get(1).findings().findings().get(0);
        assertEquals(0x310, finding.requester());
        assertEquals(0x12345abcL, finding.iova());
        assertEquals(0x6a28, finding.edit().pa());
        assertEquals(12, finding.place().step());
        assertEquals(11, finding.edit().place().step());
        assertEquals(10, finding.fill().place().step());
        assertEquals(1, results.get(1).source().line());
        assertEquals(Map.of(), results.get(2).findings().counts());
    }

    /** The case of the worked example in which something is forgotten, with what it expects. */
    private CaseResult forgotten(String findings) throws IOException {
        String line = Files.readAllLines(Path.of("..", "docs", "examples", "stale.jsonl"))
                .get(0);
        return run(line.substring(0, line.lastIndexOf('}')) + ",\"findings\":" + findings.replace('\'', '"') + "}")
                .get(0);
    }

    @Test
    void shouldPassACaseWhoseFindingsAreThoseThatItExpects() throws IOException {
        String kind = "'kind':'MISSING_INVALIDATION'";
        for (String expected : List.of(
                "[{" + kind + "}]",
                "[{" + kind + ",'count':1,'step':12,'dev':'0x310','iova':'0x12345abc',"
                        + "'edit':{'step':11,'pa':'0x6a28','before':'0x678003','after':'0x999003'},"
                        + "'fill':{'cache':'translation','tag':18}}]")) {
            CaseResult result = forgotten(expected);
            assertEquals(Outcome.PASSED, result.outcome(), result.toText());
            assertTrue(result.foretold());
        }
    }

    @Test
    void shouldFailACaseWhoseFindingsAreOthersThanItExpects() throws IOException {
        String kind = "'kind':'MISSING_INVALIDATION'";
        for (String expected : List.of(
                "[]",
                "[{'kind':'SUPERFLUOUS'}]",
                "[{" + kind + "},{" + kind + "}]",
                "[{" + kind + ",'dev':'0x311'}]",
                "[{" + kind + ",'edit':{'after':'0x999001'}}]",
                "[{" + kind + ",'command':{'name':'iotlb_inv_dsc'}}]")) {
            CaseResult result = forgotten(expected);
            assertEquals(Outcome.FAILED, result.outcome(), expected);
            assertTrue(result.got().contains("\"kind\":\"MISSING_INVALIDATION\""), result.got());
        }
    }

    @Test
    void shouldRefuseExpectedFindingsThatCannotBe() {
        assertEquals(
                "kind",
                refused("{\"id\":\"x\",\"model\":\"intel\",\"steps\":[],\"findings\":[{}]}")
                        .key());
        assertEquals(
                "kind",
                refused("{\"id\":\"x\",\"model\":\"intel\",\"steps\":[],\"findings\":[{\"kind\":\"LOST\"}]}")
                        .key());
        assertEquals(
                "iowa",
                refused("{\"id\":\"x\",\"model\":\"intel\",\"steps\":[],"
                                + "\"findings\":[{\"kind\":\"SUPERFLUOUS\",\"iowa\":1}]}")
                        .key());
    }

    @Test
    void shouldRefuseTwoCasesOfAModelWithOneId() {
        CaseFileException refusal = refused(step("{'op':'irq'}"), step("{'op':'irq'}"));

        assertTrue(refusal.getMessage().contains("'one' is the id of the case in line 1 of"), refusal.getMessage());
        assertEquals(2, refusal.line());
    }

    @Test
    void shouldWatchACaseThatAsksForFindings() throws IOException {
        assertEquals(Outcome.PASSED, runOne("{'op':'findings','expect':[]}").outcome());
    }

    @Test
    void shouldTakeTheNameOfTheRequestInTheProposedHeader() throws IOException {
        assertEquals(
                Outcome.PASSED,
                runOne("{'op':'ioctl','request':'VFIO_IOMMU_OP_IOCTL','hex':'00','expect':{'handled':0}}")
                        .outcome());
    }
}
