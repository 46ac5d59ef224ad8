package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.GCMD;
import static org.iommu4j.intel.hardware.VtdUnit.GSTS;
import static org.iommu4j.intel.hardware.VtdUnit.IQA;
import static org.iommu4j.intel.hardware.VtdUnit.IQH;
import static org.iommu4j.intel.hardware.VtdUnit.IQT;
import static org.iommu4j.intel.hardware.VtdUnit.QIE;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.RTADDR;
import static org.iommu4j.intel.hardware.VtdUnit.SRTP;
import static org.iommu4j.intel.hardware.VtdUnit.TE;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.layout.Register;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VtdRegisterTest {
    @ParameterizedTest
    @CsvSource({
        "0x20, 8, 0xfffffffffffffc00",
        "0x28, 8, 0x6000000000000000",
        "0x38, 4, 0x80000000",
        "0x3c, 4, 0xffff",
        "0x40, 4, 0xfffffffc",
        "0x44, 4, 0xffffffff",
        "0x88, 8, 0x7fff0",
        "0x90, 8, 0xfffffffffffff807",
        "0xa0, 4, 0x80000000",
        "0xa4, 4, 0x0000ffff",
        "0xa8, 4, 0xfffffffc",
        "0xac, 4, 0xffffffff",
        "0xb8, 8, 0xfffffffffffff80f",
        "0xf0, 8, 0x0",
        "0xf8, 8, 0x3003ffff00000000",
        "0x00, 4, 0x10",
        "0x08, 8, 0x00d2008c226f0606",
        "0x10, 8, 0x0000000000f00fdf",
        "0x1c, 4, 0x0",
        "0x34, 4, 0x0",
        "0x80, 8, 0x0",
        "0x9c, 4, 0x0",
        "0xb0, 8, 0x0",
        "0x220, 8, 0x0",
        "0x228, 8, 0x0",
        "0x64, 4, 0x0",
        "0xe0, 4, 0x0",
        "0xfff8, 8, 0x0"
    })
    void shouldKeepOnlyWritableBitsWhenOnesAreWritten(String offset, int size, String expected) {
        VtdUnit unit = recipe().make();
        int at = Integer.decode(offset);
        // Without the go bits, so that no command runs.
        long ones = at == 0x28 || at == 0xf8 ? Long.MAX_VALUE : -1L;
        unit.chip.writeRegister(at, size, ones);
        long got = unit.chip.readRegister(at, size);
        if (at == 0x28) {
            // The domain id reads back too.
            assertEquals(0x600000000000ffffL, got);
        } else {
            assertEquals(expected, "0x" + pad(expected, Long.toHexString(got)));
        }
    }

    @Test
    void shouldHaveTheResetValuesOfTheSpecification() {
        for (int subVersion : new int[] {VtdGeneration.LEGACY_REG, VtdGeneration.LEGACY_QI}) {
            VtdCapabilities capabilities = VtdCapabilities.defaultOf(subVersion);
            VtdUnit unit = recipe().generation(subVersion).make();
            for (Register row : UnitRegisters.of(capabilities)) {
                long expected = switch (row.name()) {
                    case "VER" -> 0x10;
                    case "CAP" -> capabilities.cap();
                    case "ECAP" -> capabilities.ecap();
                    case "FECTL", "IECTL" -> 0x8000_0000L;
                    default -> 0;
                };
                assertEquals(expected, unit.chip.readRegister(row.offset(), row.widthBits() / 8), row.name());
            }
        }
    }

    @Test
    void shouldHaveNoQueueRegistersWithoutQueue() {
        VtdUnit unit = recipe().generation(VtdGeneration.LEGACY_REG).make();
        for (int offset : new int[] {IQT, IQA, 0xa0, 0xa4, 0xa8, 0xb0, 0xb8}) {
            unit.write8(offset, -1L);
            assertEquals(0, unit.read8(offset));
        }
        unit.write(GCMD, QIE);
        assertEquals(0, unit.read(GSTS));
    }

    @Test
    void shouldReadRegistersByHalvesAndNeighboursTogether() {
        VtdUnit unit = recipe().make();
        unit.write(IQA + 4, 0x12);
        unit.write(IQA, 0x3456_7003L);
        assertEquals(0x12_3456_7003L, unit.read8(IQA));
        assertEquals(0x12, unit.read(IQA + 4));
        unit.write8(0x38, 0x0000_0021_8000_0000L);
        assertEquals(0x21, unit.read(0x3c));
        assertEquals(0, unit.chip.readRegister(0x20, 2));
        assertEquals(0, unit.chip.readRegister(0x21, 4));
        assertEquals(0, unit.chip.readRegister(-8, 8));
        assertEquals(0, unit.chip.readRegister(Long.MAX_VALUE - 7, 8));
        unit.chip.writeRegister(Long.MAX_VALUE - 7, 8, 1);
        unit.chip.writeRegister(-4, 4, 1);
    }

    @Test
    void shouldMoveRegistersWithFroAndIro() {
        VtdUnit unit = recipe().cap("FRO", 0x40).cap("NFR", 3).ecap("IRO", 0x50).make();
        unit.write8(0x508, 0x2003ffff00000000L);
        assertEquals(0x2003ffff00000000L, unit.read8(0x508));
        unit.translating();
        unit.dma(0x310, 0, READ);
        assertTrue(unit.read8(0x408) < 0);
        assertEquals(0, unit.read8(0x418));
    }

    @Test
    void shouldRefuseRegistersThatOverlap() {
        BackendException refusal = assertThrows(
                BackendException.class, () -> recipe().cap("FRO", 0x2).make());
        assertEquals(Errno.EINVAL, refusal.errno());
        assertTrue(refusal.getMessage().contains("FRO"), refusal.getMessage());
    }

    @Test
    void shouldRefuseUnknownOptions() {
        for (Map<String, String> options : List.of(Map.of("nope", "on"), Map.of("fault-collapse", "maybe"))) {
            HardwareConfig config =
                    new HardwareConfig(VtdGeneration.LEGACY_QI, Map.of(), Map.of(), CacheConfig.DEFAULT, options);
            VtdUnit unit = recipe().make();
            BackendException refusal =
                    assertThrows(BackendException.class, () -> SimulatedVtd.create(config, unit.platform));
            assertEquals(Errno.EINVAL, refusal.errno());
        }
    }

    @Test
    void shouldFollowPersistentCommandsAndKeepOneShotStatus() {
        VtdUnit unit = recipe().make();
        unit.write(GCMD, 0x0100_0000);
        assertEquals(0x0100_0000, unit.read(GSTS));
        unit.write(GCMD, 0x0200_0000);
        assertEquals(0x0300_0000, unit.read(GSTS));
        unit.write(GCMD, 0x0280_0000);
        assertEquals(0x0380_0000, unit.read(GSTS));
        unit.write(GCMD, 0x0a80_0000);
        assertEquals(0x0380_0000, unit.read(GSTS));
        unit.write(GCMD, 0);
        assertEquals(0x0100_0000, unit.read(GSTS));
        assertEquals(0, unit.read(GCMD));
        unit.write(GCMD, 0x3000_0000);
        assertEquals(0x0100_0000, unit.read(GSTS), "no advanced fault logging");
    }

    @Test
    void shouldKeepInterruptRemappingOffWithoutIt() {
        VtdUnit unit = recipe().ecap("IR", 0).ecap("EIM", 0).make();
        unit.write(GCMD, 0x0380_0000);
        assertEquals(0, unit.read(GSTS));
        unit.write8(0xb8, -1);
        assertEquals(0, unit.read8(0xb8));
        unit.write(0x44, -1);
        assertEquals(0, unit.read(0x44));
    }

    @Test
    void shouldUseTheRootTableOnlyOnceItIsLatched() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(VtdUnit.DEVICE, 1, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        unit.translating();
        unit.assertTranslates(VtdUnit.DEVICE, 0x1000, READ, 0x5000);
        long other = unit.tables.newTable();
        unit.write8(RTADDR, other);
        unit.assertTranslates(0x311 - 1, 0x1000, READ, 0x5000);
        unit.write(GCMD, TE | SRTP);
        assertEquals(0xc000_0000L, unit.read(GSTS));
        unit.assertTranslates(VtdUnit.DEVICE, 0x1000, READ, 0x5000);
        unit.assertFaults(0x200, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
    }

    @Test
    void shouldDropCachesOnSrtpOnlyWithEsrtps() {
        VtdUnit unit = recipe().cap("ESRTPS", 1).make();
        long table = unit.attach(VtdUnit.DEVICE, 1, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        unit.translating();
        unit.assertTranslates(VtdUnit.DEVICE, 0x1000, READ, 0x5000);
        unit.write8(RTADDR, unit.tables.newTable());
        unit.write(GCMD, TE | SRTP);
        unit.assertFaults(VtdUnit.DEVICE, 0x1000, READ, FaultReason.ROOT_NOT_PRESENT);
    }

    @Test
    void shouldPassAddressesThroughAndDropCachesWhileTranslationIsOff() {
        VtdUnit unit = recipe().make();
        long table = unit.attach(VtdUnit.DEVICE, 1, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, READ);
        unit.assertTranslates(VtdUnit.DEVICE, 0x1000, READ, 0x1000);
        assertEquals(0, unit.access.pageBytes());
        unit.translating();
        unit.assertTranslates(VtdUnit.DEVICE, 0x1000, READ, 0x5000);
        unit.write(GCMD, 0);
        assertEquals(0, unit.cached("iotlb") + unit.cached("context") + unit.cached("paging-structure"));
        unit.assertTranslates(VtdUnit.DEVICE, 0xfee00000L, READ, 0xfee00000L);
    }

    @Test
    void shouldBlockProtectedMemoryWhileTranslationIsOff() {
        VtdUnit unit = recipe().cap("PLMR", 1).cap("PHMR", 1).make();
        unit.write(0x68, 0x0010_0000);
        unit.write(0x6c, 0x0020_0000);
        unit.write8(0x70, 0x1_0000_0000L);
        unit.write8(0x78, 0x1_0000_0000L);
        unit.assertTranslates(1, 0x10_0000, READ, 0x10_0000);
        unit.write(0x64, 0x8000_0000L);
        assertEquals(0x8000_0001L, unit.read(0x64));
        for (long blocked : new long[] {0x10_0000, 0x2f_ffff, 0x1_0000_0000L, 0x1_000f_ffffL}) {
            assertEquals(DmaAccess.Outcome.BLOCKED, unit.dma(1, blocked, READ).outcome());
        }
        unit.assertTranslates(1, 0xf_ffff, READ, 0xf_ffff);
        unit.assertTranslates(1, 0x30_0000, READ, 0x30_0000);
        unit.write(0x64, 0);
        assertEquals(0, unit.read(0x64));
        unit.assertTranslates(1, 0x10_0000, READ, 0x10_0000);
    }

    @Test
    void shouldFaultEveryAccessWhenRootTableHasAnUnknownMode() {
        VtdUnit unit = recipe().make();
        unit.write8(RTADDR, unit.root | 0x400);
        unit.write(GCMD, SRTP);
        unit.write(GCMD, TE);
        unit.assertFaults(VtdUnit.DEVICE, 0x1000, READ, FaultReason.ROOT_ADDRESS_INVALID);
        assertTrue(unit.access.recorded());
    }

    @Test
    void shouldLockQueueAddressWhileQueueIsOn() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.write8(IQA, 0x1234000);
        assertEquals(unit.queue, unit.read8(IQA));
        unit.write(GCMD, 0);
        unit.write8(IQA, 0x1234000);
        assertEquals(0x1234000, unit.read8(IQA));
    }

    @Test
    void shouldRefuseToStopAQueueThatIsNotDrained() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.chip.stepping(true);
        unit.submit(0x11, 0);
        unit.write(GCMD, 0);
        assertEquals(QIE, unit.read(GSTS));
        assertEquals(1, unit.chip.step(5));
        unit.write(GCMD, 0);
        assertEquals(QIE, unit.read(GSTS), "the last descriptor was no wait");
        unit.submit(0x45, 0);
        assertEquals(1, unit.chip.step(5));
        assertEquals(0x20, unit.read8(IQH));
        unit.write(GCMD, 0);
        assertEquals(0, unit.read(GSTS));
        assertEquals(0, unit.read8(IQH));
    }

    private static String pad(String expected, String got) {
        return "0".repeat(Math.max(0, expected.length() - 2 - got.length())) + got;
    }
}
