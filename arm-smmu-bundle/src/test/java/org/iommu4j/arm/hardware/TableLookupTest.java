package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.table.ContextTable;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where entries of the two configuration tables are: docs/spec/arm-smmu.md 8.3 V145 to V157. */
class TableLookupTest {
    private static final int STREAM = 0x1A8;

    private static StreamTable table(long base, long config) {
        StreamTable table = new StreamTable(SmmuCapabilities.defaultOf(SmmuGeneration.V3_3));
        table.configure(base, config);
        return table;
    }

    @Test
    void shouldAlignALinearTableByLog2sizeAsWritten() {
        StreamTable table = table(0x123456789c0L, 20);
        assertEquals(0x12344006a00L, table.entryAddress(STREAM));
        assertEquals(false, table.contains(0x10000));
        assertEquals(true, table.contains(0xFFFF));
    }

    @ParameterizedTest
    @CsvSource({
        "V147, 16, 8, 0x11000009, 0x10000808, 0x11002a00",
        "V148, 16, 8, 0x11003fc9, 0x10000808, 0x11002a00",
        "V149, 16, 8, 0x11000008, 0x10000808, -1",
        "V150, 16, 8, 0x1100000a, 0x10000808, -1",
        "V151, 16, 8, 0x11000000, 0x10000808, -1"
    })
    void shouldFindAnEntryThroughTwoLevels(
            String vector, int log2Size, int split, long level1, long level1Address, String entry) {
        StreamTable table = table(0x10000ac0L, 0x10000L | split << 6 | log2Size);
        assertEquals(level1Address, table.level1Address(STREAM), vector);
        assertEquals(Long.decode(entry), table.entryAddress(STREAM, level1), vector);
    }

    @Test
    void shouldAlignASmallFirstLevelToSixtyFourBytes() {
        // V152
        StreamTable table = table(0x10000ac0L, 0x10000L | 10 << 6 | 12);
        assertEquals(0x10000ad0L, table.level1Address(0xBFF));
        assertEquals(0x1100ffc0L, table.entryAddress(0xBFF, 0x1100000bL));
    }

    @ParameterizedTest
    @CsvSource({"5, 6", "6, 6", "7, 6", "8, 8", "9, 6", "10, 10", "31, 6"})
    void shouldTakeAnUnknownSplitForSix(int written, int split) {
        assertEquals(split, table(0, 0x10000L | written << 6 | 16).split());
    }

    private static long ste(int format, int contextBits, long pointer) {
        return (long) contextBits << 59 | pointer | format << 4 | 0xBL;
    }

    @Test
    void shouldFindAContextDescriptor() {
        // V153 to V156
        assertEquals(0x20000d40L, ContextTable.entryAddress(ste(0, 4, 0x20000fc0L), 5));
        long small = ste(1, 10, 0x20000000L);
        assertEquals(0x20000010L, ContextTable.level1Address(small, 0x85));
        assertEquals(0x21000140L, ContextTable.entryInLeaf(small, ContextTable.leafTable(small, 0x21000001L), 0x85));
        long large = ste(2, 20, 0x20000000L);
        assertEquals(0x20000240L, ContextTable.level1Address(large, 0x12345));
        assertEquals(0x2100d140L, ContextTable.entryInLeaf(large, ContextTable.leafTable(large, 0x21000001L), 0x12345));
        assertEquals(0x2100d140L, ContextTable.entryInLeaf(large, ContextTable.leafTable(large, 0x21007001L), 0x12345));
    }

    @Test
    void shouldRefuseASubstreamWhoseLevel1DescriptorIsNotValid() {
        // V157: the SubstreamID in the event is the index of the context descriptor.
        SmmuUnit unit = SmmuUnit.recipe().make();
        unit.store(0x10000000L + STREAM * 64, ste(2, 20, 0x20000000L), 0xd6, 0x2a);
        unit.translating(true);
        assertEquals(
                Outcome.FAULT,
                unit.dma(STREAM, 0x12345, 0x1000, DmaAccess.READ, false).outcome());
        assertEquals(0x000001a812345008L, unit.events().get(0)[0]);
    }

    @Test
    void shouldTranslateAStreamThroughTwoLevels() {
        SmmuUnit unit = SmmuUnit.recipe().make();
        unit.store(0x10000808L, 0x11000009L);
        unit.store(0x11002a00L, 0x9L);
        unit.queues();
        unit.write8(SmmuUnit.STRTAB_BASE, 0x10000ac0L);
        unit.write(SmmuUnit.STRTAB_BASE_CFG, 0x10000 | 8 << 6 | 16);
        unit.write(SmmuUnit.CR0, SmmuUnit.SMMUEN | SmmuUnit.EVENTQEN | SmmuUnit.CMDQEN);
        assertEquals(
                0x1234L,
                unit.dma(STREAM, DmaAccess.NO_PASID, 0x1234, DmaAccess.READ, false)
                        .spa());
    }
}
