package org.iommu4j.testbench.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DifferencesTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "8192 | {'value':'0x1000'} | value: expected 0x2000, got \"0x1000\"",
                "{'pa':'0x10'} | {'pa':16,'segments':[]} | ``",
                "{'fault':{'code':5}} | {'fault':{'code':'0x6','recorded':true}} | fault.code: expected 0x5, got \"0x6\"",
                "{'errno':'EINVAL'} | {'errno':'OK'} | errno: expected \"EINVAL\", got \"OK\"",
                "{'rule':'V6'} | {'errno':'OK'} | rule: expected \"V6\", it is not there",
                "'00112233445566778899' | {'hex':'001122334455667788aa'} | hex: byte 9 is aa, expected 99",
                "[{'code':1}] | {'events':[]} | events: 1 expected, 0 there",
                "[] | nothing that is JSON | ``"
            })
    void shouldSayWhatDiffers(String expected, String got, String differences) {
        assertEquals(
                differences, String.join("; ", Differences.of(expected.replace('\'', '"'), got.replace('\'', '"'))));
    }
}
