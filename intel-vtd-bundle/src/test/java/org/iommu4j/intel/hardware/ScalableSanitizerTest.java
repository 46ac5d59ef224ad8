package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Sanitizer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Software that changes a table of scalable mode and forgets what table 28 of the specification asks for is told the row,
 * docs/spec/intel-vtd.md 10.1; software that does it is told nothing.
 */
class ScalableSanitizerTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final long WAIT = 0x0000000200000025L;
    private static final long STATUS = 0x1000040L;

    private static ScalableUnit unit(CacheConfig cache) {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.sanitizer = Sanitizer.Mode.ON;
        recipe.cache = cache;
        ScalableUnit unit = new ScalableUnit(recipe).store(DOCUMENT.image());
        unit.root(1, false);
        return unit.translating().queueing(true);
    }

    private static List<Finding> stale(ScalableUnit unit) {
        return unit.platform.sanitizer().report().findings().stream()
                .filter(finding -> finding.kind() != Finding.Kind.SUPERFLUOUS)
                .toList();
    }

    /** Sends commands, each two words, and waits. */
    private static void submit(ScalableUnit unit, String commands) {
        for (String command : commands.split("; ", -1)) {
            String[] words = command.split(" ", -1);
            unit.submit(ScalableVectors.hex(words[0]), ScalableVectors.hex(words[1]));
        }
        unit.submit(WAIT, STATUS);
        assertEquals(-1, unit.queueError());
    }

    @ParameterizedTest
    @CsvSource({
        "VTD-28.01, -1, 40201abc, 1030=6001, 11 0; 37 0; 12 0",
        "VTD-28.02, -1, 40201abc, 2200=301f, 31000000031 0; 120007 0; 120022 0",
        "VTD-28.03, 345, 7f0000201abc, 3068=5003, 34500130017 0; 130022 0",
        "VTD-28.03 to VTD-28.08, -1, 40201abc, 4400=1008b, 1000120017 0; 120022 0",
        "VTD-28.03 to VTD-28.08, 345, 7f0000201abc, 5150=20010, 34500130017 0; 34500130026 0",
        "VTD-28.09, 345, 7f0000201abc, 23008=a1027, 34500130036 7f0000201040",
        "VTD-28.10, -1, 40201abc, 13008=81003, 120032 40201040",
        "VTD-28.10, 346, 12345678, 14800=91003, 120032 500040",
        "VTD-28.09|VTD-PG.3, 345, 7f0000201abc, 22008=24027, 34500130036 7f0000201000",
        "VTD-28.10|VTD-PG.3, -1, 40201abc, 12008=14003, 120032 40201000",
    })
    void shouldNameTheRowThatWasForgotten(String row, String pasid, String address, String edit, String commands) {
        for (CacheConfig cache : CacheConfig.values()) {
            ScalableUnit unit = unit(cache);
            int number = pasid.equals("-1") ? DmaAccess.NO_PASID : Integer.parseInt(pasid, 16);
            unit.dma(0x310, number, ScalableVectors.hex(address), DmaAccess.READ);
            assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
            assertEquals(List.of(), stale(unit));
            unit.store(ScalableVectors.words(edit));
            unit.dma(0x310, number, ScalableVectors.hex(address), DmaAccess.READ);
            String rules = stale(unit).stream().map(Finding::rule).collect(Collectors.joining("\n"));
            assertTrue(Stream.of(row.split("\\|", -1)).anyMatch(rules::contains), rules);
            submit(unit, commands);
            assertEquals(List.of(), stale(unit), cache.toString());
        }
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldAskForTheDeviceTlbOfThePasid(CacheConfig cache) {
        ScalableUnit unit = unit(cache);
        ask(unit);
        unit.store(ScalableVectors.words("23008=a1027"));
        submit(unit, "34500130036 7f0000201040");
        ask(unit);
        List<Finding> left = stale(unit);
        assertEquals(1, left.size(), left::toString);
        assertEquals(
                "p_dev_tlb_inv_dsc SID=0x310 PASID=0x345 ADDR=0x7f0000201000 for 0x1000 bytes, then inv_wait_dsc",
                left.get(0).covering());
        submit(unit, "34503100008 7f0000201000");
        assertEquals(List.of(), stale(unit));
    }

    private static void ask(ScalableUnit unit) {
        unit.access
                .begin(0x310, 0x7f0000201abcL, DmaAccess.READ)
                .withPasid(0x345)
                .as(DmaAccess.AddressType.TRANSLATION_REQUEST);
        unit.chip.translate(unit.access);
        assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
    }
}
