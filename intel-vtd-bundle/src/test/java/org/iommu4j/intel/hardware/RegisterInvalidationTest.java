package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.BOTH;
import static org.iommu4j.intel.hardware.VtdUnit.CCMD;
import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.GCMD;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.intel.command.VtdGeneration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RegisterInvalidationTest {
    private static final int IVA = 0x100;
    private static final int IOTLB = 0x108;

    private VtdUnit unit;

    @BeforeEach
    void fill() {
        unit = recipe().generation(VtdGeneration.LEGACY_REG).host(39).make();
        for (int device = 0; device < 2; device++) {
            long table = unit.attach(DEVICE + device, DOMAIN + device, 1);
            unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
            unit.tables.map(table, 3, 0x2000, 0x6000, 1, BOTH);
        }
        unit.translating();
        for (int device = 0; device < 2; device++) {
            unit.dma(DEVICE + device, 0x1000, READ);
            unit.dma(DEVICE + device, 0x2000, READ);
        }
    }

    @ParameterizedTest
    @CsvSource({
        // granularity and domain; what is left of 4 translations; actual granularity
        "0x9000000000000000, 0x0, 0, 1",
        "0xa000001200000000, 0x0, 2, 2",
        "0xb003001200000000, 0x1000, 3, 3",
        "0xb000001200000000, 0x1041, 3, 3",
        "0xb000001200000000, 0x9, 2, 3",
        "0xb000001200000000, 0xa, 4, 0",
        "0x8000001200000000, 0x0, 4, 0",
        "0xa000011200000000, 0x0, 2, 2",
    })
    void shouldDropWhatIotlbRegisterNamesAndReportGranularity(String command, String address, int left, int actual) {
        unit.write8(IVA, Long.decode(address));
        unit.write8(IOTLB, Long.parseUnsignedLong(command.substring(2), 16));
        assertEquals(left, unit.cached("iotlb"));
        long register = unit.read8(IOTLB);
        assertEquals(0, register >>> 63);
        assertEquals(actual, register >>> 57 & 3);
        assertEquals(0, unit.read8(IVA), "write-only");
    }

    @ParameterizedTest
    @CsvSource({
        "0xa000000000000000, 0, 1",
        "0xc000000000000012, 1, 2",
        "0xe000000003100012, 1, 3",
        "0xe000000003100013, 2, 3",
        "0xe000000103140012, 1, 3",
        "0xe000000003140012, 2, 3",
        "0x8000000000000012, 2, 0",
    })
    void shouldDropContextsThatContextCommandNames(String command, int left, int actual) {
        unit.write8(CCMD, Long.parseUnsignedLong(command.substring(2), 16));
        assertEquals(left, unit.cached("context"));
        long register = unit.read8(CCMD);
        assertEquals(0, register >>> 63);
        assertEquals(actual, register >>> 59 & 3);
    }

    @Test
    void shouldStartWhenTheUpperHalfIsWritten() {
        unit.write(IOTLB, 0);
        assertEquals(4, unit.cached("iotlb"));
        unit.write(IOTLB + 4, 0xa0000012L);
        assertEquals(2, unit.cached("iotlb"));
        unit.write(CCMD, 0x3100012L);
        assertEquals(2, unit.cached("context"));
        unit.write(CCMD + 4, 0xe0000000L);
        assertEquals(1, unit.cached("context"));
        assertEquals(2, unit.chip.counters().commands());
    }

    @Test
    void shouldRefusePageSelectiveWithoutPsi() {
        VtdUnit old = recipe().generation(VtdGeneration.LEGACY_REG)
                .register("CAP", 0x00c0000020230272L)
                .host(36)
                .make();
        old.write8(IVA, 0x1000);
        old.write8(IOTLB, 0xb000001200000000L);
        assertEquals(0x3000001200000000L, old.read8(IOTLB));
    }

    @Test
    void shouldBeIgnoredWhileTheQueueIsOn() {
        VtdUnit both = recipe().make();
        long table = both.attach(DEVICE, DOMAIN, 1);
        both.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        both.translating().queueing(0);
        both.dma(DEVICE, 0x1000, READ);
        both.write8(0xf8, 0x9000000000000000L);
        both.write8(CCMD, 0xa000000000000000L);
        assertEquals(0, both.read8(0xf8));
        assertEquals(0, both.read8(CCMD));
        assertEquals(1, both.cached("iotlb"));
        both.write(GCMD, 0x80000000L);
        both.write8(0xf8, 0x9000000000000000L);
        assertEquals(0, both.cached("iotlb"));
        assertEquals(0x1200000000000000L, both.read8(0xf8));
    }

    @Test
    void shouldNotExistFromMajorVersion6On() {
        VtdUnit queued = recipe().register("VER", 0x60).make();
        queued.write8(0xf8, 0x9000000000000000L);
        queued.write8(CCMD, 0xa000000000000000L);
        assertEquals(0, queued.read8(0xf8));
        assertEquals(0, queued.read8(CCMD));
        assertEquals(0, queued.chip.counters().commands());
    }
}
