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
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.iommu4j.testbench.fake.CallingBackend;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallStepsTest {
    @TempDir
    Path folder;

    private IommuCore core;
    private TestBench testBench;

    @BeforeEach
    void open() {
        core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new CallingBackend(IommuModel.SPAPR));
        core.arrived(new CallingBackend(IommuModel.S390));
        testBench = new TestBench(core);
    }

    @AfterEach
    void close() {
        assertTrue(core.units().isEmpty(), "units are left open");
        core.close();
    }

    private String answer(String step) {
        IommuModel model = step.contains("'instruction'") ? IommuModel.S390 : IommuModel.SPAPR;
        try (BenchSession bench = testBench.open(model, 0, "")) {
            return bench.answer(step.replace('\'', '"'));
        }
    }

    private CaseResult run(String model, String step) throws IOException {
        Path file = folder.resolve("some.jsonl");
        Files.writeString(
                file,
                "{'id':'one','model':'%s','steps':[%s]}".formatted(model, step).replace('\'', '"'));
        List<CaseResult> results = new ArrayList<>();
        testBench.run(List.of(file), Set.of(), false, results::add);
        return results.get(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{'op':'hcall','name':'H_ADD','args':['0x80000000',2]} | {'ret':'H_SUCCESS','code':0,'out':['0x2']}",
                "{'op':'hcall','name':'h_add','args':[0,2,3]} | {'ret':'H_SUCCESS','code':0,'out':['0x5']}",
                "{'op':'hcall','number':32,'args':[0,2,3]} | {'ret':'H_SUCCESS','code':0,'out':['0x5']}",
                "{'op':'hcall','number':'0x21','args':[7],'expect':{'ret':'H_FUNCTION'}} "
                        + "| {'ret':'H_FUNCTION','code':-2,'out':['0x7'],'met':true}",
                "{'op':'hcall','name':'H_SUM','args':['00000000000000010000000000000002',3]} "
                        + "| {'ret':'H_SUCCESS','code':0,'out':['0x3']}",
                "{'op':'hcall','name':'H_SUM','args':['0x1000',0],'expect':{'ret':-4,'out':[]}} "
                        + "| {'ret':'H_PARAMETER','code':-4,'out':['0x0'],'met':true}",
                "{'op':'hcall','name':'H_SUM','args':['',0],'expect':{'ret':'0xfffffffffffffffc'}} "
                        + "| {'ret':'H_PARAMETER','code':-4,'out':['0x0'],'met':true}",
                "{'op':'rtas','name':'test,echo','args':[9]} " + "| {'status':0,'name':'success','out':['0x1','0x3']}",
                "{'op':'rtas','name':'test,echo','args':[9],'expect':{'out':[1]}} "
                        + "| {'status':0,'name':'success','out':['0x1','0x3'],'met':true}",
                "{'op':'rtas','name':'test,echo','args':[9],'expect':{'out':[1,4,9]}} "
                        + "| {'status':0,'name':'success','out':['0x1','0x4','0x9'],'met':true}",
                "{'op':'rtas','name':'test,echo','args':[9],'nret':2} | {'status':0,'name':'success','out':['0x1']}",
                "{'op':'rtas','name':'test,echo','args':[9],'expect':{'status':0,'out':[1,3]}} "
                        + "| {'status':0,'name':'success','out':['0x1','0x3'],'met':true}",
                "{'op':'rtas','name':'test,echo','args':[9,9],'expect':{'status':'0xfffffffd'}} "
                        + "| {'status':-3,'name':'parameter','out':['0x2','0x3'],'met':true}",
                "{'op':'rtas','name':'test,echo','args':[],'expect':{'status':0}} "
                        + "| {'status':-3,'name':'parameter','out':['0x0','0x3'],'met':false,'expected':{'status':0},"
                        + "'explain':['./iommu4j explain --model spapr --as test,echo 0x0']}",
                "{'op':'instruction','name':'NOT','fh':'0x80020001','oc':4} | {'cc':1,'status':'0xff'}",
                "{'op':'instruction','name':'NOT','r1':'0xff000000','expect':{'cc':1,'status':0}} "
                        + "| {'cc':1,'status':'0x0','met':true}",
                "{'op':'instruction','name':'STORE','r1':258} " + "| {'cc':0,'fib':'00000000000001020000000000000000'}",
                "{'op':'instruction','name':'STORE','r1':258,'fib':'ffffffffffffffffff','expect':{'fib':'0000'}} "
                        + "| {'cc':0,'fib':'0000000000000102ff00000000000000','met':true}",
                "{'op':'instruction','name':'STORE','r1':258,'fib':'0x1001','expect':{'interruption':'Specification'}} "
                        + "| {'interruption':'specification','code':6,'met':true}",
                "{'op':'instruction','name':'STORE','r1':258,'fib':'0x1001','expect':{'exception':'specification exception'}} "
                        + "| {'interruption':'specification','code':6,'met':true}",
                "{'op':'instruction','name':'STORE','r1':258,'fib':'0x1001','expect':{'program':6}} "
                        + "| {'interruption':'specification','code':6,'met':true}",
                "{'op':'instruction','name':'STORE','r1':258,'fib':'0x1001','expect':{'interruption':6}} "
                        + "| {'interruption':'specification','code':6,'met':true}",
                "{'op':'instruction','name':'STORE','r1':258,'fib':'0x1001','expect':{'cc':0}} "
                        + "| {'interruption':'specification','code':6,'met':false,'expected':{'cc':0},"
                        + "'explain':['./iommu4j explain --model s390 --as STORE 0x102 0x1001']}",
                "{'op':'instruction','name':'LOGICAL','request':'00100000000000000000000000000000'} "
                        + "| {'cc':0,'response':'0010000000000000'}",
                "{'op':'instruction','name':'LOGICAL','block':'0008000000000000','expect':{'response':'00100000'}} "
                        + "| {'cc':0,'response':'0010000000000000','met':true}",
                "{'op':'instruction','name':'LOGICAL','block':'001000000000000000000000000000000000ffff'} "
                        + "| {'cc':0,'response':'0010000000000000'}",
                "{'op':'instruction','name':'LOGICAL','block':4096} | {'cc':0,'response':''}",
            })
    void shouldAnswer(String step, String answer) {
        assertEquals(answer.replace('\'', '"'), answer(step));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "spapr | {'op':'hcall','name':'H_FLY','args':[]} | name | has no 'H_FLY'; known: H_ADD, H_SUM",
                "spapr | {'op':'hcall','args':[]} | name | is missing",
                "spapr | {'op':'hcall','name':'H_ADD','number':32,'args':[0,0]} | number | beside name",
                "spapr | {'op':'hcall','number':'0x100000000'} | number | 32 bits",
                "spapr | {'op':'hcall','name':'H_ADD','args':['0x100000000',0]} | args | liobn=0x100000000 exceeds 32 bits",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0]} | args | value is missing",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0,0,0,0]} | args | takes liobn, value, more",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0,'00']} | args | not a number",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0,0],'liobn':1} | liobn | unknown key",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0,0],'expect':{'ret':'H_FINE'}} | ret | unknown code 'H_FINE'",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0,0],'expect':{'out':[0,0]}} | out | gives 1",
                "spapr | {'op':'hcall','name':'H_ADD','args':[0,0],'expect':{'status':0}} | status | unknown key",
                "spapr | {'op':'rtas','name':'test,echo','args':['0x100000000']} | args | exceeds 32 bits",
                "spapr | {'op':'rtas','name':'test,echo','args':[0],'nret':18} | nret | more than 17",
                "spapr | {'op':'rtas','name':'test,echo','nret':1,'expect':{'out':[0]}} | out | gives 0",
                "spapr | {'op':'rtas','name':'test,no'} | name | has no 'test,no'; known: test,echo",
                "spapr | {'op':'instruction','name':'NOT'} | op | no op 'instruction'",
                "s390 | {'op':'hcall','name':'H_ADD'} | op | no op 'hcall'",
                "s390 | {'op':'instruction','name':'AND'} | name | known: NOT, STORE, LOGICAL",
                "s390 | {'op':'instruction','name':'NOT','handle':1} | oc | is missing",
                "s390 | {'op':'instruction','name':'NOT','r2':1} | r2 | unknown operand; NOT takes handle, oc, r1",
                "s390 | {'op':'instruction','name':'NOT','handle':1,'oc':1,'fh':1} | fh | beside handle",
                "s390 | {'op':'instruction','name':'NOT','handle':1,'r1':1} | r1 | beside handle",
                "s390 | {'op':'instruction','name':'NOT','handle':1,'oc':256} | oc | exceeds 8 bits",
                "s390 | {'op':'instruction','name':'NOT','r1':1,'expect':{'cc':4}} | cc | more than 3",
                "s390 | {'op':'instruction','name':'NOT','r1':1,'expect':{'fib':''}} | fib | gives cc, status",
                "s390 | {'op':'instruction','name':'NOT','r1':1,'expect':{'interruption':'op'}} | interruption | specification",
                "s390 | {'op':'instruction','name':'NOT','r1':1,'expect':{'cc':0,'interruption':6}} | interruption | beside cc",
                "s390 | {'op':'instruction','name':'NOT','r1':1,'expect':{'status':0,'interruption':6}} | status | beside",
                "s390 | {'op':'instruction','name':'NOT','r1':1,'expect':{'interruption':6,'program':6}} | program | beside",
                "s390 | {'op':'instruction','name':'LOGICAL'} | block | is missing",
                "s390 | {'op':'instruction','name':'STORE','r1':1,'fib':'0000000000000000000000000000000000'} | fib | 16 bytes",
                "s390 | {'op':'instruction','name':'STORE','r1':1,'fib':[]} | fib | not a string",
            })
    void shouldRefuseByName(String model, String step, String key, String what) {
        CaseFileException e = assertThrows(CaseFileException.class, () -> run(model, step));

        assertEquals(key, e.key(), e.getMessage());
        assertTrue(e.getMessage().contains(what), e.getMessage());
        assertEquals(1, e.line());
        assertTrue(e.column() > 0, e.getMessage());
    }

    @Test
    void shouldFailACaseWhoseCallComesToSomethingElse() throws IOException {
        CaseResult result = run("spapr", "{'op':'hcall','name':'H_ADD','args':[1,2],'expect':{'out':[4]}}");

        assertEquals(
                "failed one, step 0 (hcall): expected {\"out\":[4]}, got {\"ret\":\"H_SUCCESS\",\"code\":0,\"out\":[\"0x2\"]}"
                        + "; explain: ./iommu4j explain --model spapr --as H_ADD 0x1 0x2 0x0",
                result.toText());
    }

    @Test
    void shouldFailCasesOfAModelThatIsNotInstalledAndRunTheOthers() throws IOException {
        CaseResult result = run("arm", "{'op':'hcall','name':'H_ADD','args':[1,2]}");

        assertEquals(Outcome.FAILED, result.outcome());
        assertEquals("model 'arm' is not installed", result.reason());
    }

    @Test
    void shouldGiveScratchPagesBack() throws IOException {
        CaseResult result = run(
                "s390",
                "{'op':'repeat','count':100000,'steps':[{'op':'instruction','name':'STORE','r1':7,'expect':{'cc':0}}]}");

        assertEquals(Outcome.PASSED, result.outcome(), result.toText());
    }
}
