package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** BIND_PGTABLE with a stage-2 table of the guest. */
class Stage2BindingTest {
    private static final int DEVICE = 0x1A8;
    private static final long TABLE = 0x4000_0000L;

    /** Bit 18 of a bind's flags: a table of stage 2. */
    private static final int STAGE_2 = 1 << 18;

    /** Bit 17 of a bind's flags: the device has a TLB of its own. */
    private static final int DEVICE_TLB = 1 << 17;

    private static byte[] stage2Table(int requester, long control, long mair) {
        return BindPageTable.LAYOUT.encode(TABLE, control << 32 | requester, mair);
    }

    @ParameterizedTest
    @CsvSource({
        // T0SZ 16, SL0 2 of 4K; T0SZ 16, SL0 2 of 64K; T0SZ 25, SL0 1 of 16K; the output size is 5.
        "0x00025010, 12, 000000010000002a 0000000040001000",
        "0x00025110, 16, 000000010000002a 0000000040000000",
        "0x00015219, 14, 000000010000002a 0000000040000000"
    })
    void shouldTranslateThroughAStage2TableOfTheGuestAndDropItsPages(String control, int shift, String expected) {
        Machine machine = Machine.of(new HardwareConfig(
                SmmuGeneration.V3_0,
                Map.of("idr", Map.of("GRAN16K", 1L, "GRAN64K", 1L)),
                Map.of(),
                CacheConfig.WORST_CASE,
                Map.of()));
        machine.open(0);
        machine.attach(0, DEVICE);
        long words = Long.decode(control);
        assertEquals(Errno.OK, machine.bind(0, STAGE_2, stage2Table(DEVICE, words, 0)), machine.last()::toString);
        Granule granule = Granule.ofStage2((int) (words >>> 8 & 3));
        int first = granule.stage2StartLevel((int) (words >>> 16 & 3));
        long iova = 0x4000_1000L;
        long table = TABLE;
        for (int level = first; level < 3; level++) {
            long next = table + 0x10_0000;
            machine.store(table + 8 * index(granule, level, iova), next | 3);
            table = next;
        }
        long leaf = table + 8 * index(granule, 3, iova);
        machine.store(leaf, 0x8_0000_0000L | 0x7ff);
        long inPage = iova & ((1L << shift) - 1);
        assertEquals(0x8_0000_0000L | inPage, machine.read(DEVICE, -1, iova));
        machine.store(leaf, 0);
        machine.takeCommands();
        long page = iova & -1L << shift;
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, 0, page, 1L << shift));
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
        assertEquals(expected, machine.takeCommands().get(0));
        assertEquals(-1, machine.read(DEVICE, -1, iova));
        assertEquals(Errno.OK, machine.bind(0, STAGE_2 | Uapi.BIND_FLAG_UNBIND, stage2Table(DEVICE, words, 0)));
        assertTrue(machine.takeCommands().contains("0000000100000028 0000000000000000"));
    }

    private static long index(Granule granule, int level, long iova) {
        return iova >>> granule.shiftOf(level) & ((1L << granule.levelBits()) - 1);
    }

    @ParameterizedTest
    @CsvSource({
        // S2T0SZ 44 without small tables; no granule of that code is in the chip; hardware updates that it lacks.
        "0x0002502c, 0, V34, EOPNOTSUPP, " + STAGE_2,
        "0x00035010, 0, V34, EOPNOTSUPP, " + STAGE_2,
        "0x00125010, 0, V34, EOPNOTSUPP, " + STAGE_2,
        // A device with a TLB of its own must not stall in stage 2, IHI 0070 5.2 EATS.
        "0x000a5010, 0, V34, EOPNOTSUPP, " + (STAGE_2 | DEVICE_TLB),
        // Memory attributes are those of stage 1; a start level is one of stage 2.
        "0x00025010, 1, V35, EINVAL, " + STAGE_2,
        "0x00025010, 0, V35, EINVAL, 0"
    })
    void shouldRefuseAStage2TableThatTheChipCannotHave(String control, long mair, Rule rule, Errno errno, int flags) {
        Machine machine = Machine.of(new HardwareConfig(
                SmmuGeneration.V3_0, Map.of("idr", Map.of("HTTU", 0L)), Map.of(), CacheConfig.NONE, Map.of()));
        machine.open(0);
        machine.attach(0, DEVICE);
        assertEquals(errno, machine.bind(0, flags, stage2Table(DEVICE, Long.decode(control), mair)));
        assertEquals(rule, machine.last().rule());
    }

    @Test
    void shouldRefuseAStage2TableAboveTheMemoryOfTheContainer() {
        Machine machine = Machine.of(HardwareConfig.of(SmmuGeneration.V3_2));
        machine.open(0);
        machine.attach(0, DEVICE);
        assertEquals(0, machine.translator().beginMap(0, new Completion()));
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, STAGE_2, stage2Table(DEVICE, 0x0002_5010L, 0)));
        assertEquals(Rule.V34, machine.last().rule());
    }
}
