package org.iommu4j.testbench.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is wrong with steps of several machines; what is right, the vendors' machines.jsonl say. */
class MachinesTest {
    @TempDir
    Path folder;

    private IommuCore core;

    @BeforeEach
    void open() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
        core.arrived(new SpaprBackend());
    }

    @AfterEach
    void close() {
        assertTrue(core.units().isEmpty(), "units are left open");
        core.close();
    }

    private CaseResult run(String model, String steps) throws IOException {
        Path file = folder.resolve("one.jsonl");
        Files.writeString(
                file,
                "{'id':'one','model':'%s','steps':[%s]}"
                        .formatted(model, steps)
                        .replace('\'', '"')
                        .replace('\n', ' '));
        List<CaseResult> results = new ArrayList<>();
        new TestBench(core).run(List.of(file), Set.of(), false, results::add);
        return results.get(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'op':'reset','unit':'b'} | no step before opens a unit 'b'",
                "{'op':'open','unit':'b'},{'op':'open','unit':'b'} | 'b' is opened twice",
                "{'op':'open','unit':'target'},{'op':'reset','unit':'targte'} | did you mean 'target'",
                "{'op':'open','unit':'7'} | '7' does not begin with a letter",
                "{'op':'open','unit':'b','config':{'cap':{'NOPE':1}}} | NOPE",
                "{'op':'device','name':'nic','requester':1},{'op':'device','name':'nic','requester':2} | another device",
                "{'op':'restore','from':'there'} | no step before saves as 'there'",
                "{'op':'swap','expect':{'outcome':'GOOD'}} | 'GOOD' is not one of DONE, PREVIEWED, REFUSED, ROLLED_BACK",
                "{'op':'dma','requester':1,'iova':0,'access':'read','during':{'after':0,'pa':0}} | hex"
            })
    void shouldRefuseBeforeAnythingRuns(String steps, String why) {
        CaseFileException refused = assertThrows(CaseFileException.class, () -> run("intel", steps));

        assertTrue(refused.getMessage().contains(why), refused.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "intel | {'op':'swap'} | there is no container of bundles here",
                "spapr | {'op':'unplug'} | has no registers",
                "spapr | {'op':'save','as':'s'} | pages of the host",
                "intel | {'op':'attach','requester':1},{'op':'save','as':'s'},{'op':'restore','from':'s'} | has containers already",
                "intel | {'op':'dma','requester':1,'iova':0,'access':'read','during':{'after':16,'pa':0,'hex':'00'}} | did not read 0x10"
            })
    void shouldFailTheStepThatCannotBeCarriedOut(String model, String steps, String why) throws IOException {
        CaseResult result = run(model, steps);

        assertEquals(Outcome.FAILED, result.outcome());
        assertTrue(result.reason().contains(why), result.reason());
    }

    @Test
    void shouldReadAllOnesFromAChipThatIsGoneUntilItIsReset() throws IOException {
        CaseResult result = run("intel", """
                {'op':'mmio_write','off':'0x20','size':8,'value':'0x1000'},
                {'op':'unplug'},
                {'op':'mmio_read','off':0,'size':4,'expect':'0xffffffff'},
                {'op':'mmio_read','off':8,'size':8,'expect':'0xffffffffffffffff'},
                {'op':'mmio_write','off':'0x20','size':8,'value':'0x2000'},
                {'op':'dma','requester':1,'iova':0,'access':'read','expect':{'fault':{'abort':true}}},
                {'op':'reset'},
                {'op':'mmio_read','off':'0x20','size':8,'expect':0},
                {'op':'dma','requester':1,'iova':0,'access':'read','expect':{'pa':0}}
                """);

        assertEquals("", result.toText());
    }

    @Test
    void shouldKeepUnitsOfTheBenchWhenTheDriverComes() {
        try (BenchSession bench = new TestBench(core).open(IommuModel.INTEL, 0, "")) {
            bench.answer("{\"op\":\"open\",\"unit\":\"other\"}");
            bench.answer("{\"op\":\"mem_write\",\"unit\":\"other\",\"pa\":0,\"hex\":\"12\"}");

            assertEquals(
                    "{\"errno\":\"OK\",\"fidelity\":\"EXACT\",\"handled\":1}",
                    bench.answer("{\"op\":\"attach\",\"requester\":1}"));
            assertEquals(
                    "{\"hex\":\"12\"}", bench.answer("{\"op\":\"mem_read\",\"unit\":\"other\",\"pa\":0,\"length\":1}"));
        }
    }

    @Test
    void shouldOpenNoMoreUnitsThanTheLimit() throws IOException {
        StringBuilder steps = new StringBuilder("{'op':'open','unit':'u'}");
        for (int i = 0; i < Units.MOST_UNITS; i++) {
            steps.append(",{'op':'open','unit':'u").append(i).append("'}");
        }

        assertTrue(run("intel", steps.toString()).reason().contains("no more than 16 units"));
    }
}
