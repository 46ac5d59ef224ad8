package org.iommu4j.arm.hardware;

import static org.iommu4j.arm.hardware.SmmuUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Parts with defects that no register tells, docs/spec/arm-smmu.md 7, and features that a chip here cannot be given, 1.3. */
class ErrataTest {
    private static final long SYNC = 0x46;

    @Test
    void shouldHaveThePositionsOfItsQueuesInPage0Alone() {
        // E11
        SmmuUnit unit = recipe().option("register-pages", "one").make().translating(true);
        unit.dma(0x400, -1, 0x1000, DmaAccess.READ, false);
        assertEquals(1, unit.read(0xA8));
        assertEquals(1, unit.read8(0xA8));
        assertEquals(0, unit.read(SmmuUnit.EVENTQ_PROD));
        unit.write(SmmuUnit.EVENTQ_CONS, 1);
        assertEquals(0, unit.read(0xAC));
        unit.write(0xAC, 1);
        assertEquals(1, unit.read(0xAC));
        assertEquals(0, unit.events().size());
        SmmuUnit other = recipe().make().translating(true);
        other.dma(0x400, -1, 0x1000, DmaAccess.READ, false);
        assertEquals(0, other.read(0xA8));
        assertEquals(1, other.read(SmmuUnit.EVENTQ_PROD));
    }

    @ParameterizedTest
    @CsvSource({"apart, 2, 0, 3", "one, 0, 0, 0"})
    void shouldRaiseOneLineForAll(String lines, int sync, int event, int error) {
        // E12
        SmmuUnit unit =
                recipe().idr("MSI", 0).option("interrupt-lines", lines).make().translating(true);
        unit.write(SmmuUnit.IRQ_CTRL, 5);
        unit.command(SYNC | 1 << 12, 0);
        unit.dma(0x400, -1, 0x1000, DmaAccess.READ, false);
        unit.command(0xFE, 0);
        assertEquals(3, unit.interrupts.size());
        assertArrayEquals(new long[] {0, sync}, unit.interrupts.get(0));
        assertArrayEquals(new long[] {0, event}, unit.interrupts.get(1));
        assertArrayEquals(new long[] {0, error}, unit.interrupts.get(2));
    }

    @ParameterizedTest
    @CsvSource({
        // E19, E46: NH_ASID, NH_VA, ATC_INV, SYNC; then NH_ALL, CFGI_CD, NSNH_ALL, S2_IPA, SYNC with a signal
        "0007000000000011, true",
        "0007000000000012, true",
        "000001a800000040, true",
        "0000000000000046, true",
        "0000000000000010, false",
        "000001a800000005, false",
        "0000000000000030, false",
        "000000000000002a, false",
        "0000000000001046, false",
        "0000000000002046, false"
    })
    void shouldTakeFewCommandsInAQueueOfAGuest(String word0, boolean legal) {
        SmmuUnit unit = recipe().option("command-queue", "guest").make().queues();
        unit.command(Long.parseUnsignedLong(word0, 16), 0);
        // CERROR_ILL is 1.
        assertEquals(legal ? 0 : 1, unit.read(SmmuUnit.CMDQ_CONS) >>> 24);
        assertEquals(legal ? 0 : 1, unit.read(SmmuUnit.GERROR) & 1);
    }

    @ParameterizedTest
    @CsvSource({
        // S19, S26 of docs/spec/arm-smmu.md 1.3, and hardware table walks with HAFT
        "ECMDQ, 1",
        "D128, 1",
        "S1PI, 1",
        "S2PI, 1",
        "S2PO, 1",
        "AIE, 1",
        "THE, 1",
        "PASIDTT, 1",
        "HTTU, 3",
        "MPAM, 1",
        "DPT, 1"
    })
    void shouldBeGivenNoFeatureThatItsTablesOrQueuesDoNotHave(String field, long value) {
        HardwareConfig config = new HardwareConfig(
                SmmuGeneration.V3_4, Map.of("idr", Map.of(field, value)), Map.of(), CacheConfig.NONE, Map.of());
        BackendException refused = assertThrows(BackendException.class, () -> SmmuSettings.TABLE.read(config));
        assertEquals(Errno.EPROTONOSUPPORT, refused.errno());
    }

    @Test
    void shouldHaveWideAddressesOfSmallGranulesFromItsLastGenerationOnly() {
        // S26: DS
        HardwareConfig config = new HardwareConfig(
                SmmuGeneration.V3_3, Map.of("idr", Map.of("DS", 1L)), Map.of(), CacheConfig.NONE, Map.of());
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> SmmuSettings.TABLE.read(config))
                        .errno());
        assertEquals(
                0, recipe().idr("DS", 1).generation(SmmuGeneration.V3_4).make().read(SmmuUnit.GERROR));
    }
}
