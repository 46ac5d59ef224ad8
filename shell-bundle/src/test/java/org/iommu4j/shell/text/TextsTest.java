package org.iommu4j.shell.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TextsTest {
    @Test
    void shouldWriteGenerationsWithFourHexDigits() {
        assertEquals("0x0100 0x0110", Texts.subVersions(List.of(0x100, 0x110)));
        assertEquals("-", Texts.subVersions(List.of()));
    }

    @Test
    void shouldWriteNanosecondsAsMilliseconds() {
        assertEquals("1.234", Texts.millis(1_234_000));
    }

    @Test
    void shouldListRefusalsInTheOrderOfTheirRules() {
        assertEquals("V12 3, V36 1", Texts.refused(Map.of("V36", 1L, "V12", 3L)));
        assertEquals("-", Texts.refused(Map.of()));
    }

    @Test
    void shouldGiveOneLineForAnyFailure() {
        assertEquals("a b", Texts.message(new IllegalStateException("a\n   b\n")));
        assertEquals("NullPointerException", Texts.message(new NullPointerException()));
    }
}
