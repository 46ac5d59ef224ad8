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
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
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

    /** Legacy mode with the second-stage table of the scalable image: device 03:02.0 in domain 12. */
    private static final String LEGACY_CONTEXT = "1038=0 2100=10001,1202";

    /** The context entry of the device with EPTR. */
    private static final String TRANSLATED_WITH_PASID = "2200=305d ";

    /** Other tables for the device, of each level, that lead to other pages. */
    private static final String OTHER_TABLES = "6200=d05d,10 d000=e001 d068=f001 e400=1c089,800012 f140=41,800013,2c000"
            + " 1c000=1d003 1d008=1e003 1e008=1f003 1f008=81003 2c7f0=2d007 2d000=2e007 2e008=2f007 2f008=a1007";

    private static ScalableUnit unit(CacheConfig cache) {
        return unit(cache, false, false);
    }

    private static ScalableUnit unit(CacheConfig cache, boolean cachingMode, boolean legacy) {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.sanitizer = Sanitizer.Mode.ON;
        recipe.cache = cache;
        recipe.cap |= cachingMode ? Cap.CM.mask() : 0;
        ScalableUnit unit = new ScalableUnit(recipe).store(DOCUMENT.image());
        if (legacy) {
            unit.store(ScalableVectors.words(LEGACY_CONTEXT));
        }
        unit.root(legacy ? 0 : 1, false);
        return unit.translating().queueing(true);
    }

    private static int pasid(String digits) {
        return digits.equals("-1") ? DmaAccess.NO_PASID : Integer.parseInt(digits, 16);
    }

    private static String rules(ScalableUnit unit) {
        return stale(unit).stream().map(Finding::rule).collect(Collectors.joining("\n"));
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
        "VTD-28.04, -1, 40201abc, 4400=10088, 1000120017 0; 120022 0",
        "VTD-28.04, -1, 40201abc, 4400=10289, 1000120017 0; 120022 0",
        "VTD-28.05, 345, 7f0000201abc, 5140=40, 34500130017 0; 34500130026 0",
        "VTD-28.05, 34a, 40201abc, 5280=10088, 34a00120017 0; 120022 0",
        "VTD-28.06, -1, 40201abc, 4400=1008b, 1000120017 0; 1000120026 0",
        "VTD-28.07, 345, 7f0000201abc, 5150=20010, 34500130017 0; 34500130026 0",
        "VTD-28.08, 345, 7f0000201abc, 5148=800015, 34500130017 0; 34500130026 0; 150007 0; 150022 0",
        "VTD-28.09, 345, 7f0000201abc, 23008=a1027, 34500130036 7f0000201040",
        "VTD-28.10, -1, 40201abc, 13008=81003, 120032 40201040",
        "VTD-28.10, 346, 12345678, 14800=91003, 120032 500040",
        "VTD-28.09, 345, 7f0000201abc, 22008=24027, 34500130036 7f0000201000",
        "VTD-28.10, -1, 40201abc, 12008=14003, 120032 40201000",
    })
    void shouldNameTheRowThatWasForgotten(String row, String pasid, String address, String edit, String commands) {
        shouldName(false, row, pasid(pasid), address, edit, commands);
    }

    @ParameterizedTest
    @CsvSource({
        "VTD-28.11, 40201abc, 13008=81003, 120032 40201040",
        "VTD-28.11, 40201abc, 12008=14003, 120032 40201000",
        "VTD-28.12, 40201abc, 1030=6001, 11 0; 12 0",
        "VTD-28.13, 40201abc, 2100=0, 31000120031 0; 120022 0",
        "VTD-28.14, 40201abc, 2108=1302, 31000120031 0; 120022 0; 130021 0; 130022 0",
    })
    void shouldNameTheRowOfLegacyMode(String row, String address, String edit, String commands) {
        shouldName(true, row, DmaAccess.NO_PASID, address, edit, commands);
    }

    private static void shouldName(
            boolean legacy, String row, int pasid, String address, String edit, String commands) {
        for (CacheConfig cache : CacheConfig.values()) {
            for (boolean cachingMode : new boolean[] {false, true}) {
                ScalableUnit unit = unit(cache, cachingMode, legacy);
                unit.dma(0x310, pasid, ScalableVectors.hex(address), DmaAccess.READ);
                assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
                assertEquals(List.of(), stale(unit));
                unit.store(ScalableVectors.words(edit));
                unit.dma(0x310, pasid, ScalableVectors.hex(address), DmaAccess.READ);
                String rules = rules(unit);
                assertTrue(rules.contains(row), () -> row + " is not in " + rules);
                submit(unit, commands);
                assertEquals(List.of(), stale(unit), cache.toString());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "VTD-28.01, -1, 40201abc, 1030=6001, 11 0; 37 0; 12 0, 31000000003 7ffffffffffff001",
        "VTD-28.02, -1, 40201abc, 2200=d05d, 31000000031 0; 120007 0; 120022 0, 31000000003 7ffffffffffff001",
        "VTD-28.03|6.5.2.6, 345, 7f0000201abc, 3068=f001, 34500130017 0; 130022 0, 31000000003 7ffffffffffff001",
        "VTD-28.04|6.5.2.6, -1, 40201abc, 4400=10088, 1000120017 0; 120022 0, 31000000003 7ffffffffffff001",
        "VTD-28.05|6.5.2.6, 345, 7f0000201abc, 5140=40, 34500130017 0; 34500130026 0, 34503100008 7ffffffffffff800",
        "VTD-28.06|6.5.2.6, -1, 40201abc, 4400=1c089, 1000120017 0; 1000120026 0, 31000000003 7ffffffffffff001",
        "VTD-28.07|6.5.2.6, 345, 7f0000201abc, 5150=2c000, 34500130017 0; 34500130026 0, 34503100008 7ffffffffffff800",
        "VTD-28.09, 345, 7f0000201abc, 23008=a1067, 34500130036 7f0000201040, 34503100008 7f0000201000",
        "VTD-28.10, -1, 40201abc, 13008=81003, 120032 40201040, 31000000003 40201000",
        "VTD-28.10, 346, 12345678, 14800=91003, 120032 500040, 34603100008 7ffffffffffff800",
    })
    void shouldNameTheRowOfADevicesOwnTlb(
            String row, String pasid, String address, String edit, String chip, String device) {
        ScalableUnit unit = translatedBefore(pasid(pasid), address, edit);
        long translated = unit.access.spa();
        submit(unit, chip);
        unit.access
                .begin(0x310, translated, DmaAccess.READ)
                .withPasid(pasid(pasid))
                .as(DmaAccess.AddressType.TRANSLATED);
        unit.chip.translate(unit.access);
        // The row is known where the changed entry is one of the walk's, or led to the PASID directory.
        String rules = rules(unit);
        assertTrue(Stream.of(row.split("\\|", -1)).anyMatch(rules::contains), () -> row + " is not in " + rules);
        unit = translatedBefore(pasid(pasid), address, edit);
        submit(unit, chip + "; " + device);
        assertEquals(List.of(), stale(unit));
    }

    /** A device that has asked for a translation, before a table was edited; it may present what it has with every PASID. */
    private static ScalableUnit translatedBefore(int pasid, String address, String edit) {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.subVersion = VtdGeneration.HOST_PERMISSIONS;
        recipe.ecap = ScalableUnit.ECAP_5;
        recipe.ver = 0x80;
        recipe.sanitizer = Sanitizer.Mode.ON;
        ScalableUnit unit = new ScalableUnit(recipe)
                .store(DOCUMENT.image())
                .store(ScalableVectors.words(TRANSLATED_WITH_PASID + OTHER_TABLES));
        unit.root(1, false);
        unit.translating().queueing(true);
        ask(unit, pasid, ScalableVectors.hex(address));
        unit.store(ScalableVectors.words(edit));
        return unit;
    }

    @ParameterizedTest
    @CsvSource({
        "345, 7f0000201abc, 22008=24027 24008=a0027, 34500130036 7f0000201040, 34500130036 7f0000201000",
        "-1, 40201abc, 12008=14003 14008=80003, 120032 40201040, 120032 40201000",
    })
    void shouldNameThePagingStructureThatAHintKept(
            String pasid, String address, String edit, String leafOnly, String whole) {
        ScalableUnit unit = unit(CacheConfig.WORST_CASE);
        unit.dma(0x310, pasid(pasid), ScalableVectors.hex(address), DmaAccess.READ);
        unit.store(ScalableVectors.words(edit));
        submit(unit, leafOnly);
        unit.dma(0x310, pasid(pasid), ScalableVectors.hex(address), DmaAccess.READ);
        assertTrue(rules(unit).contains("VTD-PG.3"), rules(unit));
        submit(unit, whole);
        assertEquals(List.of(), stale(unit));
    }

    /** What may be skipped, docs/spec/intel-vtd.md 10.4: a finding only where the invalidation is required. */
    @ParameterizedTest
    @CsvSource({
        // first stage: P 0 to 1
        "VTD-OPT.1, 0, 345, 7f0000201abc, 23008=0, 23008=a0007, ''",
        "VTD-OPT.1, 1, 345, 7f0000201abc, 23008=0, 23008=a0007, ''",
        // second stage: nothing to something
        "VTD-OPT.3, 0, -1, 40201abc, 13008=0, 13008=80003, ''",
        "VTD-OPT.5, 1, -1, 40201abc, 13008=0, 13008=80003, VTD-28.10",
        // root, context and PASID entry: nothing to something
        "VTD-OPT.6, 0, -1, 40201abc, 1030=0, 1030=2001, ''",
        "VTD-OPT.7, 1, -1, 40201abc, 1030=0, 1030=2001, VTD-28.01",
        "VTD-OPT.6, 0, -1, 40201abc, 2200=0, 2200=301d, ''",
        "VTD-OPT.7, 1, -1, 40201abc, 2200=0, 2200=301d, VTD-28.02",
        "VTD-OPT.6, 0, 345, 7f0000201abc, 5140=40, 5140=41, ''",
        "VTD-OPT.7, 1, 345, 7f0000201abc, 5140=40, 5140=41, VTD-28.07",
        // permission taken away
        "VTD-OPT.8, 0, -1, 40201abc, 13008=80003, 13008=80001, VTD-28.10",
    })
    void shouldAskForNothingThatMayBeSkipped(
            String rule, int cachingMode, String pasid, String address, String before, String after, String row) {
        ScalableUnit unit = unit(CacheConfig.WORST_CASE, cachingMode != 0, false);
        unit.store(ScalableVectors.words(before));
        unit.dma(0x310, pasid(pasid), ScalableVectors.hex(address), DmaAccess.READ);
        unit.store(ScalableVectors.words(after));
        unit.dma(0x310, pasid(pasid), ScalableVectors.hex(address), DmaAccess.READ);
        String rules = rules(unit);
        assertEquals(row.isEmpty(), rules.isEmpty(), () -> rule + ": " + rules);
        assertTrue(rules.contains(row), rules);
    }

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldAskForTheDeviceTlbOfThePasid(CacheConfig cache) {
        ScalableUnit unit = unit(cache);
        ask(unit);
        unit.store(ScalableVectors.words("23008=a1027"));
        submit(unit, "34500130036 7f0000201040");
        ask(unit);
        assertEquals(DmaAccess.Outcome.TRANSLATED, unit.access.outcome());
        List<Finding> left = stale(unit);
        assertEquals(1, left.size(), left::toString);
        assertEquals(
                "p_dev_tlb_inv_dsc SID=0x310 PASID=0x345 ADDR=0x7f0000201000 for 0x1000 bytes, then inv_wait_dsc",
                left.get(0).covering());
        submit(unit, "34503100008 7f0000201000");
        assertEquals(List.of(), stale(unit));
    }

    private static void ask(ScalableUnit unit) {
        ask(unit, 0x345, 0x7f0000201abcL);
    }

    private static void ask(ScalableUnit unit, int pasid, long address) {
        unit.access
                .begin(0x310, address, DmaAccess.READ)
                .withPasid(pasid)
                .as(DmaAccess.AddressType.TRANSLATION_REQUEST);
        unit.chip.translate(unit.access);
    }
}
