package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.BOTH;
import static org.iommu4j.intel.hardware.VtdUnit.DEVICE;
import static org.iommu4j.intel.hardware.VtdUnit.DOMAIN;
import static org.iommu4j.intel.hardware.VtdUnit.FSTS;
import static org.iommu4j.intel.hardware.VtdUnit.GCMD;
import static org.iommu4j.intel.hardware.VtdUnit.GSTS;
import static org.iommu4j.intel.hardware.VtdUnit.ICS;
import static org.iommu4j.intel.hardware.VtdUnit.IECTL;
import static org.iommu4j.intel.hardware.VtdUnit.IQA;
import static org.iommu4j.intel.hardware.VtdUnit.IQERCD;
import static org.iommu4j.intel.hardware.VtdUnit.IQH;
import static org.iommu4j.intel.hardware.VtdUnit.IQT;
import static org.iommu4j.intel.hardware.VtdUnit.QIE;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.testing.LayoutGenerator;
import org.iommu4j.testing.LayoutGenerator.Sample;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InvalidationQueueTest {
    private static final long IQE = 0x10;
    private static final long ITE = 0x40;
    private static final long STATUS = 0x1000040;
    private static final long WAIT_STATUS = 0x0000000200000025L;

    @ParameterizedTest
    @CsvSource({
        // V25, V26, B10-like, B11, B19, B21 and one of each reserved area.
        "0x0000000000120002, 0x0, 4",
        "0x0000000000120032, 0x13, 4",
        "0x0000000000120032, 0x80, 4",
        "0x0000000000000001, 0x0, 4",
        "0x0000000000000011, 0x1, 4",
        "0x0004000000000011, 0x0, 4",
        "0x0000000000000202, 0x0, 4",
        "0x000000000000000b, 0x0, 3",
        "0x0000000000000000, 0x0, 3",
        "0x0000034500120026, 0x0, 3",
        "0x0000034500120017, 0x0, 3",
        "0x0000034503100008, 0x0, 3",
        "0x0000034503100019, 0x3c, 3",
        "0xabc003100005d003, 0x0, 4",
        "0x0000031000000003, 0x2, 4",
        "0x0000000080000014, 0x0, 4",
        "0x0000000000000024, 0x0, 4",
        "0x00000002000000a5, 0x1000040, 4",
        "0x0000000200000025, 0x1000041, 4",
    })
    void shouldStopAtAWrongDescriptorUntilItIsRepaired(String word0, String word1, int iqei) {
        VtdUnit unit = recipe().make().queueing(0);
        unit.put(0x11, 0);
        unit.put(word(word0), word(word1));
        unit.put(WAIT_STATUS, STATUS);
        unit.ring();
        assertEquals(IQE, unit.read(FSTS));
        assertEquals(iqei, unit.iqei());
        assertEquals(0x10, unit.read8(IQH));
        assertEquals(0, unit.memory.readIntLe(STATUS));

        // B11: clearing IQE fetches again, without a new tail; what is not repaired stops again.
        unit.write(FSTS, IQE);
        assertEquals(IQE, unit.read(FSTS));
        unit.memory.writeLongLe(unit.queue + 0x10, 0x45);
        unit.memory.writeLongLe(unit.queue + 0x18, 0);
        unit.write(FSTS, IQE);
        assertEquals(0, unit.read(FSTS));
        assertEquals(0x30, unit.read8(IQH));
        assertEquals(2, unit.memory.readIntLe(STATUS));
    }

    @Test
    void shouldRefuseEveryReservedBitOfEveryCommand() {
        SplittableRandom random = new SplittableRandom(7);
        VtdCapabilities capabilities = VtdCapabilities.LEGACY_QI;
        for (VtdCommand command : VtdCommand.values()) {
            if (command.since() > VtdGeneration.LEGACY_QI) {
                continue;
            }
            LayoutGenerator generator =
                    new LayoutGenerator(command.layout(), VtdGeneration.LEGACY_QI, capabilities::has);
            int checked = 0;
            for (Sample sample : generator.reservedBits(random)) {
                VtdUnit unit = recipe().make().queueing(0);
                unit.submit(sample.words()[0], sample.words()[1]);
                assertEquals(4, unit.iqei(), sample::what);
                assertEquals(0, unit.read8(IQH), sample::what);
                checked++;
            }
            assertEquals(
                    Long.bitCount(command.layout().reservedMask(0, VtdGeneration.LEGACY_QI, capabilities::has))
                            + Long.bitCount(
                                    command.layout().reservedMask(1, VtdGeneration.LEGACY_QI, capabilities::has)),
                    checked);
        }
    }

    @Test
    void shouldAcceptThePageRequestDrainBitOnlyWithPds() {
        VtdUnit unit = recipe().ecap("PDS", 1).make().queueing(0);
        unit.submit(0x00000002000000a5L, STATUS);
        assertEquals(0, unit.read(FSTS));
        assertEquals(2, unit.memory.readIntLe(STATUS));
    }

    @Test
    void shouldIgnoreBitsOfDomainIdsBeyondNd() {
        VtdUnit unit = recipe().cap("ND", 2).make().queueing(0);
        unit.submit(0x1000022L, 0);
        assertEquals(0, unit.read(FSTS));
    }

    @Test
    void shouldRefusePageSelectiveWithoutPsi() {
        VtdUnit unit = recipe().cap("PSI", 0).make().queueing(0);
        unit.submit(0x120032L, 0);
        assertEquals(4, unit.iqei());
    }

    @Test
    void shouldNotKnowDeviceAndInterruptCommandsWithoutTheirCapability() {
        VtdUnit unit = recipe().register("ECAP", 0xf01012L).make().queueing(0);
        unit.submit(0x31000000003L, 0);
        assertEquals(3, unit.iqei());
        unit.memory.writeLongLe(unit.queue, 0x4);
        unit.write(FSTS, IQE);
        assertEquals(3, unit.iqei());
        assertEquals(IQE, unit.read(FSTS));
    }

    @Test
    void shouldReportATailBeyondTheQueueAndGoOnFromTheValidOne() {
        // V28
        VtdUnit unit = recipe().make().queueing(0);
        unit.write(IQT, 0x1000);
        assertEquals(IQE, unit.read(FSTS));
        assertEquals(1, unit.iqei());
        assertEquals(0, unit.read8(IQH));
        unit.write(FSTS, IQE);
        assertEquals(0, unit.read(FSTS));
        unit.submit(WAIT_STATUS, STATUS);
        assertEquals(2, unit.memory.readIntLe(STATUS));
    }

    @Test
    void shouldReportAnUnalignedTailWithWideDescriptors() {
        // B8
        VtdUnit unit = recipe().make();
        unit.write8(IQA, 0x20_0800L | 1);
        unit.write(GCMD, QIE);
        unit.write(IQT, 0x10);
        assertEquals(6, unit.iqei());
        assertEquals(0, unit.read8(IQH));
        unit.write(FSTS, IQE);
        unit.write(IQT, 0x20);
        assertEquals(5, unit.iqei(), "256-bit descriptors need scalable mode");
        assertEquals(0, unit.read8(IQH));
    }

    @Test
    void shouldReportADescriptorThatCannotBeFetched() {
        VtdUnit unit = recipe().ram(0x100_0000).make();
        unit.write8(IQA, 0x1000_0000L);
        unit.write(GCMD, QIE);
        unit.write(IQT, 0x10);
        assertEquals(2, unit.iqei());
        assertEquals(IQE, unit.read(FSTS));
    }

    @Test
    void shouldReportAStatusThatCannotBeStored() {
        VtdUnit unit = recipe().ram(0x100_0000).make().queueing(0);
        unit.submit(WAIT_STATUS, 0x4000_0000L);
        assertEquals(2, unit.iqei());
        assertEquals(0, unit.read8(IQH));
        unit.submit(WAIT_STATUS, 0xffff_ffff_ffff_fffcL);
        assertEquals(0, unit.read8(IQH));
    }

    @Test
    void shouldNotFetchWhileAnErrorIsPending() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.submit(0xb, 0);
        unit.submit(WAIT_STATUS, STATUS);
        assertEquals(0, unit.read8(IQH));
        assertEquals(3, unit.iqei());
        assertEquals(0, unit.chip.step(10));
    }

    @Test
    void shouldStoreTheStatusBeforeItRaisesTheEvent() {
        // B7, V40
        VtdUnit unit = recipe().make().queueing(0);
        unit.write(0xa4, 0x31);
        unit.write(0xa8, 0xfee0_2004L);
        unit.write(0xac, 0x1);
        unit.write(IECTL, 0);
        unit.submit(0x0000000200000035L, STATUS);
        assertEquals(2, unit.memory.readIntLe(STATUS));
        assertEquals(1, unit.read(ICS));
        assertEquals(1, unit.interrupts.size());
        assertArrayEquals(new long[] {0x1_fee0_2004L, 0x31}, unit.interrupts.get(0));

        unit.submit(0x0000000300000035L, STATUS);
        assertEquals(3, unit.memory.readIntLe(STATUS));
        assertEquals(1, unit.interrupts.size(), "IWC was set already");
        unit.write(ICS, 1);
        assertEquals(0, unit.read(ICS));
        unit.submit(0x0000000400000015L, 0);
        assertEquals(2, unit.interrupts.size());
    }

    @Test
    void shouldKeepAMaskedEventPendingUntilItIsUnmaskedOrItsCauseIsCleared() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.submit(0x15, 0);
        assertEquals(0xc000_0000L, unit.read(IECTL));
        assertEquals(0, unit.interrupts.size());
        unit.write(IECTL, 0);
        assertEquals(1, unit.interrupts.size());
        assertEquals(0, unit.read(IECTL));
        unit.write(IECTL, 0x8000_0000L);
        unit.write(ICS, 1);
        unit.submit(0x15, 0);
        assertEquals(0xc000_0000L, unit.read(IECTL));
        unit.write(ICS, 1);
        assertEquals(0x8000_0000L, unit.read(IECTL));
        unit.write(IECTL, 0);
        assertEquals(1, unit.interrupts.size());
    }

    @Test
    void shouldCompleteAWaitThatOnlyFences() {
        // B22, V39
        VtdUnit unit = recipe().make().queueing(0);
        unit.write(IECTL, 0);
        unit.submit(0x0000000200000045L, 0);
        unit.submit(0x0000000200000005L, 0);
        assertEquals(0, unit.read(FSTS));
        assertEquals(0, unit.read(ICS));
        assertEquals(0x20, unit.read8(IQH));
        assertEquals(0, unit.interrupts.size());
    }

    @Test
    void shouldRaiseTheFaultEventOnceForAnErrorAndNotForTheSecondCause() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.write(0x3c, 0x21);
        unit.write(0x40, 0xfee0_1004L);
        unit.write(0x38, 0);
        unit.submit(0xb, 0);
        assertEquals(1, unit.interrupts.size());
        assertArrayEquals(new long[] {0xfee0_1004L, 0x21}, unit.interrupts.get(0));
        unit.translating();
        unit.dma(DEVICE, 0, READ);
        assertEquals(1, unit.interrupts.size());
        assertEquals(0x12, unit.read(FSTS));
    }

    @Test
    void shouldExecuteWhatStandsBeforeTheTailWhenTheQueueIsTurnedOn() {
        // B12
        VtdUnit unit = recipe().make();
        long queue = unit.platform.allocatePages(1);
        unit.memory.writeLongLe(queue, WAIT_STATUS);
        unit.memory.writeLongLe(queue + 8, STATUS);
        unit.write8(IQA, queue);
        unit.write(IQT, 0x10);
        unit.write(GCMD, QIE);
        assertEquals(2, unit.memory.readIntLe(STATUS));
        assertEquals(0x10, unit.read8(IQH));
    }

    @Test
    void shouldRefuseWhatStandsBeforeTheTailWhenToldSo() {
        VtdUnit unit = recipe().option("tail-before-enable", "refuse").make();
        unit.write8(IQA, unit.platform.allocatePages(1));
        unit.write(IQT, 0x40);
        unit.write(GCMD, QIE);
        assertEquals(QIE, unit.read(GSTS));
        assertEquals(1, unit.iqei());
        assertEquals(0, unit.read8(IQH));
    }

    @Test
    void shouldWrapAtTheEndOfTheQueue() {
        VtdUnit unit = recipe().make().queueing(1);
        for (int i = 1; i <= 1200; i++) {
            unit.submit(0x25L | (long) i << 32, STATUS);
            assertEquals(i, unit.memory.readIntLe(STATUS));
        }
        assertEquals(1200 % 512 * 16, unit.read8(IQH));
        assertEquals(1200, unit.chip.counters().commands());
    }

    @Test
    void shouldConsumeOneCommandAStepWhenStepping() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.chip.stepping(true);
        unit.put(0x11, 0);
        unit.put(0xd2, 0);
        unit.put(WAIT_STATUS, STATUS);
        unit.ring();
        assertEquals(0, unit.read8(IQH));
        assertEquals(1, unit.chip.step(1));
        assertEquals(0x10, unit.read8(IQH));
        assertEquals(2, unit.chip.step(9));
        assertEquals(2, unit.memory.readIntLe(STATUS));
        unit.submit(WAIT_STATUS + (1L << 32), STATUS);
        unit.chip.stepping(false);
        assertEquals(3, unit.memory.readIntLe(STATUS));
    }

    @Test
    void shouldAbortWaitsAndStopWhenADeviceDoesNotAnswer() {
        VtdUnit unit = recipe().make().queueing(0);
        unit.devicesAnswer = false;
        unit.put(0x31000000003L, 0x7ffffffffffff001L);
        unit.put(WAIT_STATUS, STATUS);
        unit.ring();
        assertEquals(ITE, unit.read(FSTS));
        assertEquals(0x310L << 32, unit.read8(IQERCD));
        assertEquals(0x20, unit.read8(IQH));
        assertEquals(0, unit.memory.readIntLe(STATUS));
        unit.devicesAnswer = true;
        unit.put(0x31000000003L, 0x7ffffffffffff001L);
        unit.put(WAIT_STATUS, STATUS);
        unit.ring();
        assertEquals(0x20, unit.read8(IQH), "nothing is fetched until ITE is cleared");
        unit.write(FSTS, ITE);
        assertEquals(0, unit.read(FSTS));
        assertEquals(0x40, unit.read8(IQH));
        assertEquals(2, unit.memory.readIntLe(STATUS));
        assertArrayEquals(new long[] {0x310, 0, 0}, unit.deviceInvalidations.get(1));
    }

    @Test
    void shouldLeaveTheSourceIdZeroOnOldUnits() {
        // B16
        VtdUnit unit = recipe().option("timeout-source-id", "zero").make().queueing(0);
        unit.devicesAnswer = false;
        unit.submit(0x31000000003L, 0);
        assertEquals(ITE, unit.read(FSTS));
        assertEquals(0, unit.read8(IQERCD));
        assertArrayEquals(new long[] {0x310, 0, 0x1000}, unit.deviceInvalidations.get(0));
    }

    @Test
    void shouldDropOnlyTheNamedPage() {
        // B5: an 8-bit page mask would drop 0x20245 too.
        VtdUnit unit = recipe().make().queueing(0);
        long table = unit.attach(DEVICE, DOMAIN, 1);
        for (long page : new long[] {0x10145, 0x20245}) {
            unit.tables.map(table, 3, page << 12, page << 12, 1, BOTH);
        }
        unit.translating();
        unit.dma(DEVICE, 0x10145000L, READ);
        unit.dma(DEVICE, 0x20245000L, READ);
        unit.submit(0x1200f2L, 0x10145000L);
        assertEquals(1, unit.cached("iotlb"));
        unit.dma(DEVICE, 0x20245000L, READ);
        assertEquals(true, unit.access.hit());
    }

    @Test
    void shouldDropASuperpageWhenAnyOfItsPagesIsNamed() {
        // V30
        VtdUnit unit = recipe().make().queueing(0);
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x40000000L, 0x80000000L, 2, BOTH);
        unit.translating();
        unit.dma(DEVICE, 0x40100000L, READ);
        assertEquals(1, unit.cached("iotlb"));
        unit.submit(0x1200f2L, 0x40001000L);
        assertEquals(0, unit.cached("iotlb"));
    }

    @Test
    void shouldIgnoreLowAddressBitsBelowTheMask() {
        // B1: pages 0x17f and 0x180 with AM=1 at 0x17f000: only 0x17e and 0x17f go.
        VtdUnit unit = recipe().make().queueing(0);
        long table = unit.attach(DEVICE, DOMAIN, 1);
        for (long page = 0x17e; page <= 0x180; page++) {
            unit.tables.map(table, 3, page << 12, page << 12, 1, BOTH);
        }
        unit.translating();
        for (long page = 0x17e; page <= 0x180; page++) {
            unit.dma(DEVICE, page << 12, READ);
        }
        unit.submit(0x1200f2L, 0x17f001L);
        assertEquals(1, unit.cached("iotlb"));
        assertEquals(true, unit.dma(DEVICE, 0x180000L, READ).hit());
        unit.submit(0x1200f2L, 0x100008L);
        assertEquals(0, unit.cached("iotlb"));
    }

    @Test
    void shouldKeepPagingStructuresWhenOnlyLeavesChanged() {
        VtdUnit unit = recipe().cache(CacheConfig.WORST_CASE).make().queueing(0);
        long table = unit.attach(DEVICE, DOMAIN, 1);
        unit.tables.map(table, 3, 0x1000, 0x5000, 1, BOTH);
        unit.translating();
        unit.dma(DEVICE, 0x1000, READ);
        assertEquals(2, unit.cached("paging-structure"));
        unit.submit(0x1200f2L, 0x1040L);
        assertEquals(0, unit.cached("iotlb"));
        assertEquals(2, unit.cached("paging-structure"));
        unit.submit(0x1200f2L, 0x1000L);
        assertEquals(0, unit.cached("paging-structure"));
    }

    private static long word(String text) {
        return Long.parseUnsignedLong(text.substring(2), 16);
    }
}
