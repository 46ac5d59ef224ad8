package org.iommu4j.upgrade.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.iommu4j.upgrade.Formats;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CaptureScanTest {
    private static final String GLOBAL = "11000000000000000000000000000000";
    private static final String DEVICE_18 = "31000000180000000000000000000000";
    private static final String DEVICE_20 = "31000000200000000000000000000000";
    private static final String DEVICE_1A_ALL_FUNCTIONS = "310000001a0003000000000000000000";
    private static final String IOTLB = "d2000000000000000000000000000000";

    @TempDir
    private Path directory;

    @BeforeEach
    void makeCapture() {
        CaptureFiles.small(directory);
    }

    @Test
    void shouldPlaceAnEditBeforeTheInvalidationThatPublishedIt() {
        assertEquals(2, before(command(2, GLOBAL), command(3, IOTLB), context(5, "0x3001"), translation(6)));
    }

    @Test
    void shouldPlaceAnEditBeforeTheLastOfSeveralInvalidations() {
        assertEquals(3, before(command(2, GLOBAL), command(3, DEVICE_18), context(5, "0x3001"), translation(6)));
    }

    @Test
    void shouldPassOverInvalidationsOfOtherDevices() {
        assertEquals(2, before(command(2, DEVICE_18), command(3, DEVICE_20), context(5, "0x3001"), translation(6)));
    }

    @Test
    void shouldTakeMaskedFunctionBitsIntoAccount() {
        assertEquals(2, before(command(2, DEVICE_1A_ALL_FUNCTIONS), context(5, "0x3001"), translation(6)));
    }

    @Test
    void shouldPlaceAnEditBeforeItsReadWhenNothingPublishedIt() {
        assertEquals(5, before(command(3, IOTLB), context(5, "0x3001"), translation(6)));
    }

    @Test
    void shouldTakeRegisterBasedInvalidationsIntoAccount() {
        // ICC, device-selective, 0x18.
        assertEquals(
                2,
                before(
                        "{\"t\":2,\"k\":\"w\",\"off\":\"0x28\",\"size\":8,\"val\":\"0xe000000000180000\"}",
                        context(5, "0x3001"),
                        translation(6)));
    }

    @Test
    void shouldTakeHalvesOfRegistersTogether() {
        assertEquals(
                3,
                before(
                        "{\"t\":2,\"k\":\"w\",\"off\":\"0x28\",\"size\":4,\"val\":\"0x180000\"}",
                        "{\"t\":3,\"k\":\"w\",\"off\":\"0x2c\",\"size\":4,\"val\":\"0xe0000000\"}",
                        context(5, "0x3001"),
                        translation(6)));
    }

    @Test
    void shouldNotMoveAnEditBeforeTheLastReadOfTheOldWords() {
        UnitScan scan = scan(
                command(2, GLOBAL),
                context(3, "0x3001"),
                translation(4),
                context(5, "0x7001"),
                translation(6),
                command(7, GLOBAL),
                context(8, "0x8001"),
                translation(9),
                context(10, "0x8001"),
                translation(11));

        assertEquals(List.of(edit(2, 0x3001), edit(5, 0x7001), edit(7, 0x8001)), scan.edits());
    }

    @Test
    void shouldLeavePageTablesToTheirReads() {
        UnitScan scan = scan(
                command(2, GLOBAL),
                "{\"t\":3,\"k\":\"mem\",\"what\":\"pte\",\"addr\":\"0x3000\",\"q\":[\"0x4003\"]}",
                translation(4));

        assertEquals(List.of(), scan.edits());
    }

    @Test
    void shouldTakeCapabilitiesFromTheGuestsReadsOrElseFromTheFrozenRegisters() {
        assertEquals(
                Map.of("VER", 0x10L, "CAP", 0x77L, "ECAP", 0xf00f4aL),
                scan("{\"t\":0,\"k\":\"r\",\"off\":\"0x8\",\"size\":8,\"val\":\"0x77\"}")
                        .capabilities());
    }

    @Test
    void shouldRefuseACaptureThatDoesNotSayWhatTheChipCanDo() {
        CaptureFiles.text(directory, FrozenImage.REGISTERS, "{\"VER\": \"0x10\", \"ECAP\": \"0xf00f4a\"}");

        assertEquals(
                "CAP",
                assertThrows(CaptureException.class, () -> scan(translation(0))).key());
    }

    @Test
    void shouldFindTheGenerationThatTheGuestDrove() {
        assertEquals(0x0110, scan(translation(0)).subVersion());
        assertEquals(
                0x0300,
                scan("{\"t\":0,\"k\":\"w\",\"off\":\"0x20\",\"size\":8,\"val\":\"0x29be400\"}")
                        .subVersion());
        assertEquals(
                0x0100,
                scan("{\"t\":0,\"k\":\"r\",\"off\":\"0x10\",\"size\":8,\"val\":\"0x1000\"}")
                        .subVersion());
    }

    private long before(String... lines) {
        return scan(lines).edits().get(0).before();
    }

    private UnitScan scan(String... lines) {
        CaptureFiles.lines(directory, Timeline.FILE, lines);
        return CaptureScan.of(Capture.open(directory, Formats.ALL)).first();
    }

    private static UnitScan.Edit edit(long before, long word) {
        return new UnitScan.Edit(before, 0x2180, List.of(word, 0x301L));
    }

    private static String command(long t, String hex) {
        return "{\"t\":" + t + ",\"k\":\"cmd\",\"idx\":0,\"hex\":\"" + hex + "\",\"event\":\"any\"}";
    }

    private static String context(long t, String word) {
        return "{\"t\":" + t + ",\"k\":\"mem\",\"what\":\"ctx\",\"addr\":\"0x2180\",\"q\":[\"" + word
                + "\",\"0x301\"]}";
    }

    private static String translation(long t) {
        return "{\"t\":" + t + ",\"k\":\"xlate\",\"dev\":\"0x18\",\"iova\":\"0x5010\",\"access\":1,\"pa\":\"0x9000\","
                + "\"mask\":\"0xfff\",\"perm\":3,\"fault\":null,\"hit\":false}";
    }
}
