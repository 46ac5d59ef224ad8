package org.iommu4j.core.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
    private static final List<String> KNOWN =
            List.of("upgrade", "replay", "cases", "bench", "mem_write", "mmio_write", "dma");

    @ParameterizedTest
    @CsvSource({
        "upgarde, upgrade",
        "upgrad, upgrade",
        "REPLAY, replay",
        "case, cases",
        "mem_wirte, mem_write",
        "dna, dma",
        "benhc, bench"
    })
    void shouldFindTheNameThatWasMeant(String given, String meant) {
        assertEquals("; did you mean '" + meant + "'?", Nearest.question(given, KNOWN));
    }

    @ParameterizedTest
    @CsvSource({"fly", "x", "''", "explain", "memory_of_the_host"})
    void shouldAskNothingIfNothingIsNear(String given) {
        assertEquals("", Nearest.question(given, KNOWN));
    }
}
