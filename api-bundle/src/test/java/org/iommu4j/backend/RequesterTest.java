package org.iommu4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RequesterTest {
    @ParameterizedTest
    @CsvSource({
        "00:1f.2, 0xfa",
        "0000:80:03.0, 0x8018",
        "0x04:0x00.1, 0x401",
        "0001:ff:1f.7, 0x1ffff",
        "3:2.0, 0x310",
        "AB:0c.3, 0xab63"
    })
    void shouldReadAFunctionAsPeopleWriteIt(String text, String number) {
        assertEquals(Integer.decode(number), Requester.parse(text).orElseThrow());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "0x310",
                "784",
                "00:20.0",
                "00:1f.8",
                "00:1f",
                "0x:1.0",
                "00000:00:00.0",
                "100:00.0",
                "00:1f.2 "
            })
    void shouldNotTakeAnythingElseForOne(String text) {
        assertTrue(Requester.parse(text).isEmpty());
    }

    @Test
    void shouldWriteAFunctionThatItReadsAgain() {
        assertEquals("00:1f.2", Requester.text(0xfa));
        assertEquals("80:03.0", Requester.text(0x8018));
        assertEquals("0x80000000", Requester.text(0x80000000));
        for (int number = 0; number < 1 << 16; number += 7) {
            assertEquals(number, Requester.parse(Requester.text(number)).orElseThrow());
        }
    }
}
