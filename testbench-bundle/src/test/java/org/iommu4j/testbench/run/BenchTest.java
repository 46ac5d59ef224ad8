package org.iommu4j.testbench.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BenchTest {
    private IommuCore core;
    private TestBench testBench;
    private BenchSession bench;

    @BeforeEach
    void open() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
        testBench = new TestBench(core);
        bench = testBench.open(IommuModel.INTEL, 0, "");
    }

    @AfterEach
    void close() {
        bench.close();
        assertTrue(core.units().isEmpty(), "units are left open");
        core.close();
    }

    private void answers(String step, String answer) {
        assertEquals(answer.replace('\'', '"'), bench.answer(step.replace('\'', '"')));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'op':'mem_write','pa':0,'hex':'00'} | {}",
                "{'op':'mem_read','pa':0,'length':2} | {'hex':'0000'}",
                "{'op':'mem_read','pa':0,'expect':'00'} | {'hex':'00','met':true}",
                "{'op':'mem_read','pa':0,'expect':'01'} | {'hex':'00','met':false,'expected':'01','explain':["
                        + "'./iommu4j explain --model intel 0000000000000000',"
                        + "'./iommu4j explain --model intel 0100000000000000']}",
                "{'op':'mmio_read','off':56,'size':4,'expect':1} | {'value':'0x0','met':false,'expected':1,'explain':["
                        + "'./iommu4j explain --model intel --register FECTL 0x0',"
                        + "'./iommu4j explain --model intel --register FECTL 0x1']}",
                "{'op':'mmio_read','off':0,'size':4} | {'value':'0x10'}",
                "{'op':'mmio_read','off':'0x108','size':8,'rel':'XRO'} "
                        + "| {'error':'no registers move with XRO; known: FRO, IRO'}",
                "{'op':'dma','requester':1,'iova':'0xffe','access':'read','len':4} "
                        + "| {'pa':'0xffe','segments':[{'pa':'0xffe','len':4}]}",
                "{'op':'events'} | {'events':[]}",
                "{'op':'irq'} | {'count':0}",
                "{'op':'step','n':0} | {'consumed':0}",
                "{'op':'cache'} | {'count':0,'cache':[],'structures':[]}",
                "{'op':'repeat','count':2,'steps':[{'op':'irq'}]} | {'count':2}",
                "{'op':'native'} | {'commands':[]}",
                "{'op':'map','gpa':0,'len':4096,'hpa':0} | {'errno':'OK','fidelity':'EXACT','handled':1,"
                        + "'hex':'2000000003000000000000000000000000000000000000000010000000000000'}",
                "{'op':'detach','requester':'0001:00:1f.2'} | {'errno':'ENODEV','handled':0,'field':'requester',"
                        + "'offset':-1,'value':'0x100fa','reason':'the device is not in container 0'}",
                "{'op':'detach','requester':7} | {'errno':'ENODEV','handled':0,'field':'requester','offset':-1,"
                        + "'value':'0x7','reason':'the device is not in container 0'}",
            })
    void shouldAnswer(String step, String answer) {
        answers(step, answer);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "7",
                "null",
                "{\"op\":\"fly\"}",
                "{\"op\":\"irq\",\"op\":\"irq\"}",
                "{\"op\":\"irq\"} {}",
                "{\"op\":\"irq\",\"n\":1}",
                "{\"op\":\"mem_write\",\"pa\":\"0x10000000000000\",\"hex\":\"00\"}",
            })
    void shouldAnswerAnErrorAndGoOn(String line) {
        String answer = bench.answer(line);

        assertTrue(answer.startsWith("{\"error\":\""), answer);
        answers("{'op':'mem_read','pa':0,'length':1}", "{'hex':'00'}");
    }

    @Test
    void shouldCountInterruptsFromTheStart() {
        bench.answer("{\"op\":\"mmio_write\",\"off\":24,\"size\":4,\"value\":\"0x80000000\"}");
        answers(
                "{'op':'dma','requester':1,'iova':0,'access':'read'}",
                "{'fault':{'code':'0x1','name':'ROOT_NOT_PRESENT','recorded':true,'abort':false,'iova':'0x0'}}");
        answers("{'op':'irq'}", "{'count':1}");
        answers("{'op':'irq','min':1}", "{'count':0,'met':false,'expected':{'min':1}}");
        answers("{'op':'events'}", "{'events':[{'hex':'000000000000000001000000010000c0','code':'0x1'}]}");
    }

    @Test
    void shouldHoldTheQueueBackFromTheFirstStepOn() {
        bench.answer("{\"op\":\"mem_write\",\"pa\":65536,\"words\":[\"0xd2\",0,\"0xd2\",0]}");
        bench.answer("{\"op\":\"mmio_write\",\"off\":144,\"size\":8,\"value\":65536}");
        bench.answer("{\"op\":\"mmio_write\",\"off\":24,\"size\":4,\"value\":\"0x4000000\"}");
        bench.answer("{\"op\":\"mmio_write\",\"off\":136,\"size\":8,\"value\":16}");
        answers("{'op':'mmio_read','off':128,'size':8}", "{'value':'0x10'}");
        answers("{'op':'step','n':0}", "{'consumed':0}");
        bench.answer("{\"op\":\"mmio_write\",\"off\":136,\"size\":8,\"value\":32}");
        answers("{'op':'mmio_read','off':128,'size':8}", "{'value':'0x10'}");
        answers("{'op':'step','n':5}", "{'consumed':1}");
        answers("{'op':'mmio_read','off':128,'size':8}", "{'value':'0x20'}");
    }

    @Test
    void shouldKeepMemoryWhenTheDriverComes() {
        // One 1 GiB page at 0, then the container's device.
        bench.answer("{\"op\":\"mem_write\",\"pa\":4096,\"words\":[\"0x40000083\"]}");
        answers(
                "{'op':'attach','requester':784,'table':4096,'levels':3}",
                "{'errno':'OK','fidelity':'EXACT','handled':1}");
        answers(
                "{'op':'dma','requester':784,'iova':'0x123','access':'write','data':'aa'}",
                "{'pa':'0x40000123','segments':[{'pa':'0x40000123','len':1}]}");
        answers("{'op':'mem_read','pa':'0x40000123','length':1}", "{'hex':'aa'}");
    }

    @Test
    void shouldTakeRequestsOfEveryImageInOneContainer() {
        bench.answer("{\"op\":\"mem_write\",\"pa\":4096,\"words\":[\"0x40000083\"]}");
        bench.answer("{\"op\":\"attach\",\"requester\":784,\"table\":4096,\"levels\":3}");
        String access = "{'op':'dma','requester':784,'iova':'0x123','access':'read'}";
        String cached = "{'pa':'0x40000123','segments':[{'pa':'0x40000123','len':1}]}";
        answers(access, cached);
        bench.answer("{\"op\":\"mem_write\",\"pa\":4096,\"words\":[\"0x80000083\"]}");
        for (String abi : new String[] {"i386", "lp64-be", "lp64-le"}) {
            String answer = bench.answer(
                    "{\"op\":\"ioctl\",\"request\":\"VFIO_IOMMU_OP\",\"hex\":\"\",\"abi\":\"" + abi + "\"}");
            assertTrue(answer.startsWith("{\"errno\":\"EFAULT\""), answer);
            answers(access, cached);
        }
        String all = "38000000080000002c000000" + "00000000".repeat(8) + "100100000000000000000000";
        String done = bench.answer(
                "{\"op\":\"ioctl\",\"request\":\"VFIO_IOMMU_OP\",\"abi\":\"i386\",\"hex\":\"" + all + "\"}");
        assertTrue(done.startsWith("{\"errno\":\"OK\",\"fidelity\":\"EXACT\""), done);
        answers(access, "{'pa':'0x80000123','segments':[{'pa':'0x80000123','len':1}]}");
    }

    @Test
    void shouldMakeTheChipThatTheConfigurationAsksFor() {
        try (BenchSession other = testBench.open(IommuModel.INTEL, 0x100, "{\"cap\":{\"MGAW\":35},\"ver\":\"1.3\"}")) {
            assertEquals("{\"value\":\"0x13\"}", other.answer("{\"op\":\"mmio_read\",\"off\":0,\"size\":4}"));
        }
    }

    @Test
    void shouldRefuseWhatCannotBeOpened() {
        assertThrows(CaseFileException.class, () -> testBench.open(IommuModel.INTEL, 0, "{"));
        assertThrows(CaseFileException.class, () -> testBench.open(IommuModel.INTEL, 0, "{\"cap\":{\"FOO\":1}}"));
        assertEquals(
                Errno.ENODEV,
                assertThrows(BackendException.class, () -> testBench.open(IommuModel.AMD, 0, ""))
                        .errno());
        assertEquals(
                Errno.ENODEV,
                assertThrows(BackendException.class, () -> testBench.open(IommuModel.INTEL, 0x999, ""))
                        .errno());
    }

    @Test
    void shouldAnswerAListOfStepsWithAListAndEchoIds() {
        answers(
                "[{'op':'irq','id':7},{'op':'irq','x-id':{'a':1}},{'op':'step','n':0,'id':'last'}]",
                "[{'id':7,'count':0},{'x-id':{'a':1},'count':0},{'id':'last','consumed':0}]");
        String mixed = bench.answer("[{\"op\":\"fly\",\"id\":1},{\"op\":\"irq\",\"id\":2}]");
        assertTrue(mixed.startsWith("[{\"id\":1,\"error\":"), mixed);
        assertTrue(mixed.endsWith("{\"id\":2,\"count\":0}]"), mixed);
        answers("[]", "[]");
    }

    @Test
    void shouldTellTheStepsAndTheirKeys() {
        String help = bench.answer("{\"op\":\"help\"}");

        assertTrue(help.startsWith("{\"ops\":{\"mem_write\":[\"pa\",\"hex\",\"words\"],"), help);
        StepKeys.ALL
                .keySet()
                .forEach(op -> assertFalse(
                        bench.answer("{\"op\":\"" + op + "\"}").contains("unknown op"), () -> op + " is no step"));
    }

    @Test
    void shouldNameAnUnknownKeyBeforeAMissingOneAndWhatWasMeant() {
        assertTrue(bench.answer("{\"op\":\"mem_read\",\"ap\":0}").contains("unknown key; did you mean 'pa'?"));
        assertTrue(bench.answer("{\"op\":\"mem_raed\",\"pa\":0}").contains("did you mean 'mem_read'?"));
    }

    @Test
    void shouldRecordItsStepsAsACaseThatPasses(@TempDir Path folder) throws IOException {
        bench.answer("{\"op\":\"mmio_write\",\"off\":24,\"size\":4,\"value\":\"0x80000000\",\"id\":1}");
        bench.answer("{\"op\":\"mem_write\",\"pa\":4096,\"hex\":\"0102\"}");
        bench.answer("{\"op\":\"dma\",\"requester\":\"00:00.1\",\"iova\":0,\"access\":\"read\"}");
        bench.answer("{\"op\":\"events\"}");
        bench.answer("{\"op\":\"irq\"}");
        bench.answer("{\"op\":\"nothing\"}");
        assertCasePasses(folder, 5);

        // The driver comes on a fresh chip, where only memory is as before.
        bench.answer("{\"op\":\"detach\",\"requester\":7}");
        bench.answer("{\"op\":\"mem_read\",\"pa\":4096,\"length\":2}");
        bench.answer("{\"op\":\"native\"}");
        assertCasePasses(folder, 4);
    }

    private void assertCasePasses(Path folder, int steps) throws IOException {
        String line = bench.recorded("session");
        assertEquals(steps, line.split("\"op\":", -1).length - 1 - (line.contains("{\"op\":\"irq\"}]") ? 1 : 0), line);
        List<CaseResult> results = new ArrayList<>();
        testBench.run(List.of(Files.writeString(folder.resolve("case.jsonl"), line)), Set.of(), false, results::add);
        assertEquals(1, results.size());
        assertEquals(
                CaseResult.Outcome.PASSED,
                results.get(0).outcome(),
                () -> results.get(0).toText());
    }

    @Test
    void shouldTellFindingsWhenItIsWatched() {
        answers("{'op':'findings'}", "{'error':'nobody looks for findings: open the bench with --findings FILE'}");
        try (BenchSession watched = testBench.open(IommuModel.INTEL, 0, "", true)) {
            assertEquals("{\"count\":0,\"findings\":[]}", watched.answer("{\"op\":\"findings\"}"));
            assertEquals(
                    "{\"count\":0,\"findings\":[],\"met\":true}",
                    watched.answer("{\"op\":\"findings\",\"expect\":[]}"));
            assertEquals(0, watched.findings().findings().size());
        }
    }
}
