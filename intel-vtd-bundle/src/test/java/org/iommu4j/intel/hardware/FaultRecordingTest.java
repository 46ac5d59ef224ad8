package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.FECTL;
import static org.iommu4j.intel.hardware.VtdUnit.FSTS;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.WRITE;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.junit.jupiter.api.Test;

class FaultRecordingTest {
    private static final int RECORD = 0x220;
    private static final long F = 1L << 63;

    @Test
    void shouldRecordAWriteAsV18() {
        VtdUnit unit = recipe().make();
        unit.attach(DEVICE, DOMAIN, 1);
        unit.translating();
        unit.dma(DEVICE, 0x12345678, WRITE);
        assertTrue(unit.access.recorded());
        assertEquals(0x12345000L, unit.read8(RECORD));
        assertEquals(0x8000000500000310L, unit.read8(RECORD + 8));
        assertEquals(2, unit.read(FSTS));
    }

    @Test
    void shouldRecordAllTwentyBitsOfAPasid() {
        // B6
        VtdUnit unit = recipe().make().translating();
        unit.chip.translate(unit.access.begin(DEVICE, 0x7f0000001abcL, READ).withPasid(0xabcde));
        assertEquals(0x7f0000001000L, unit.read8(RECORD));
        assertEquals(0xcabcde3180000310L, unit.read8(RECORD + 8));
    }

    @Test
    void shouldRecordKindAndAddressTypeOfTheRequest() {
        VtdUnit unit = recipe().make();
        unit.attach(DEVICE, DOMAIN, 1);
        unit.translating();
        unit.dma(DEVICE, 0x1000, READ);
        assertEquals(0xc000000600000310L, takeOnly(unit));
        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).asAtomic());
        assertEquals(0xc000000510000310L, takeOnly(unit));
        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, READ).as(AddressType.TRANSLATED));
        assertEquals(0xe000000d00000310L, takeOnly(unit));
        unit.chip.translate(unit.access.begin(DEVICE, 0x1000, WRITE).as(AddressType.TRANSLATION_REQUEST));
        assertEquals(0xd000000d00000310L, takeOnly(unit), "a translation request is recorded as a read");
        unit.chip.translate(
                unit.access.begin(DEVICE, 0x1000, READ | 4).withPasid(1).asPrivileged());
        assertEquals(0xc0000131e0000310L, takeOnly(unit));
    }

    @Test
    void shouldCollapseFaultsOfOneDeviceAndOverflowWithAnother() {
        VtdUnit unit = recipe().make().translating();
        unit.dma(DEVICE, 0x1000, READ);
        unit.dma(DEVICE, 0x2000, READ);
        assertFalse(unit.access.recorded());
        assertEquals(2, unit.read(FSTS));
        unit.dma(DEVICE + 1, 0x3000, READ);
        assertFalse(unit.access.recorded());
        assertEquals(3, unit.read(FSTS));
        unit.write8(RECORD + 8, F);
        assertEquals(1, unit.read(FSTS));
        assertEquals(0, unit.read8(RECORD + 8) & F);
        unit.dma(DEVICE, 0x1000, READ);
        assertFalse(unit.access.recorded(), "nothing is recorded while PFO is set");
        unit.write(FSTS, 1);
        assertEquals(0, unit.read(FSTS));
        unit.dma(DEVICE, 0x1000, READ);
        assertTrue(unit.access.recorded());
    }

    @Test
    void shouldKeepEveryFaultWhenCollapsingIsOff() {
        VtdUnit unit =
                recipe().option("fault-collapse", "off").cap("NFR", 1).make().translating();
        unit.dma(DEVICE, 0x1000, READ);
        unit.dma(DEVICE, 0x2000, READ);
        assertEquals(2, unit.read(FSTS));
        unit.dma(DEVICE, 0x3000, READ);
        assertEquals(3, unit.read(FSTS));
        assertEquals(0x2000, unit.read8(RECORD + 16));
    }

    @Test
    void shouldFillRecordsInTurnAndNameTheFirst() {
        VtdUnit unit = recipe().cap("NFR", 3).make().translating();
        unit.dma(1, 0x1000, READ);
        unit.dma(2, 0x2000, READ);
        assertEquals(0x0002, unit.read(FSTS));
        unit.write(RECORD + 12, 0x8000_0000L);
        assertEquals(0x0002, unit.read(FSTS), "the second is pending still");
        unit.write(RECORD + 28, 0x8000_0000L);
        assertEquals(0, unit.read(FSTS) & 2);
        unit.dma(3, 0x3000, READ);
        assertEquals(0x0202, unit.read(FSTS));
        assertEquals(0x3000, unit.read8(RECORD + 32));
    }

    @Test
    void shouldRaiseTheEventForTheFirstFaultOnly() {
        VtdUnit unit = recipe().cap("NFR", 3).make().translating();
        unit.dma(1, 0x1000, READ);
        assertEquals(0xc000_0000L, unit.read(FECTL), "masked: pending");
        unit.write(FECTL, 0);
        assertEquals(1, unit.interrupts.size());
        unit.dma(2, 0x1000, READ);
        assertEquals(1, unit.interrupts.size());
        takeAll(unit);
        unit.dma(3, 0x1000, READ);
        assertEquals(2, unit.interrupts.size());
        unit.write(FECTL, 0x8000_0000L);
        takeAll(unit);
        unit.dma(4, 0x1000, READ);
        assertEquals(0xc000_0000L, unit.read(FECTL));
        takeAll(unit);
        assertEquals(0x8000_0000L, unit.read(FECTL), "no cause is left");
        unit.write(FECTL, 0);
        assertEquals(2, unit.interrupts.size());
    }

    @Test
    void shouldTakeRecordsAsBytesOldestFirstAndClearThem() {
        VtdUnit unit = recipe().cap("NFR", 1).make().translating();
        unit.dma(0x310, 0x1000, READ);
        unit.dma(0x311, 0x2000, WRITE);
        unit.dma(0x312, 0x3000, WRITE);
        assertEquals(3, unit.read(FSTS));
        assertEquals(List.of("001000000000000010030000010000c0", "00200000000000001103000001000080"), takeAll(unit));
        assertEquals(0, unit.read(FSTS) & 3);
        assertEquals(List.of(), takeAll(unit));
        assertEquals(0x4000000100000310L, unit.read8(RECORD + 8));
    }

    private static long takeOnly(VtdUnit unit) {
        List<Long> words = new ArrayList<>();
        unit.chip.takeEvents(bytes -> {
            long word = 0;
            for (int i = 7; i >= 0; i--) {
                word = (word << 8) | (bytes[8 + i] & 0xff);
            }
            words.add(word);
        });
        assertEquals(1, words.size());
        return words.get(0);
    }

    private static List<String> takeAll(VtdUnit unit) {
        List<String> all = new ArrayList<>();
        unit.chip.takeEvents(bytes -> all.add(HexFormat.of().formatHex(bytes)));
        return all;
    }
}
