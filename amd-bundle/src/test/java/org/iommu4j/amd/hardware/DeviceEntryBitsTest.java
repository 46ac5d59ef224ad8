package org.iommu4j.amd.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.util.stream.Stream;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.DmaAccess;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each bit of a device table entry changed alone, against what docs/spec/amd-vi.md 3.3 calls illegal on the units of 6.3. */
final class DeviceEntryBitsTest {
    private static final long ROOT = 0x5000;
    private static final long INTERRUPT = 0xfee0_0000L;

    /** Reserved of all units: bits 6:2 and 63, and HAD=2, which is bit 8 alone; SATS. */
    private static final long RESERVED_0 = 0x8000_0000_0000_007cL | 1L << 8;

    private static final long RESERVED_1 = 1L << 42;
    private static final long RESERVED_2 = 0x0030_0000_0000_0000L;
    private static final long RESERVED_3 = 0x001f_0000_0000_7fffL | 0xffff_ffff_8000L;

    /** Generation, and the bits of the first two words that are illegal there. */
    static Stream<Arguments> memoryHalves() {
        long ofSecond = RESERVED_0 | 1L << 7 | 7L << 52;
        return Stream.of(
                arguments(AmdViGeneration.V3, RESERVED_0, RESERVED_1),
                arguments(AmdViGeneration.V2, ofSecond, RESERVED_1),
                arguments(AmdViGeneration.V1, ofSecond | 0x3fL << 55, RESERVED_1 | 0xffff_0000L | 0x1f_ffffL << 43));
    }

    @ParameterizedTest
    @MethodSource("memoryHalves")
    void shouldTakeEachBitForIllegalOrNot(int generation, long illegal0, long illegal1) {
        AmdViUnit unit =
                AmdViUnit.recipe().generation(generation).make().translating().commanding();
        long word0 = DeviceTableEntry.V.mask()
                | DeviceTableEntry.TV.mask()
                | DeviceTableEntry.IR.mask()
                | DeviceTableEntry.IW.mask()
                | DeviceTableEntry.MODE.of(4)
                | ROOT;
        for (int bit = 0; bit < 4 * Long.SIZE; bit++) {
            long one = 1L << (bit % Long.SIZE);
            int word = bit / Long.SIZE;
            long[] words = {word0, AmdViUnit.DOMAIN, 0, 0};
            words[word] ^= one;
            unit.device(AmdViUnit.DEVICE, words);
            unit.submit(devtab(), 0);
            DmaAccess access = unit.dma(AmdViUnit.DEVICE, 0x1000, DmaAccess.READ);
            boolean illegal = (one & (word == 0 ? illegal0 : word == 1 ? illegal1 : 0)) != 0;
            assertEquals(
                    illegal,
                    access.faultCode() == AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY.code() && isFault(access),
                    "bit " + bit);
        }
    }

    @Test
    void shouldCheckTheHalfForInterruptsWithInterrupts() {
        AmdViUnit unit = AmdViUnit.recipe()
                .generation(AmdViGeneration.V3)
                .make()
                .translating()
                .commanding();
        for (int bit = 2 * Long.SIZE; bit < 4 * Long.SIZE; bit++) {
            long one = 1L << (bit % Long.SIZE);
            boolean third = bit < 3 * Long.SIZE;
            long[] words = {1, 0, DeviceTableEntry.IV.mask() | DeviceTableEntry.INT_CTL.of(1), 0};
            words[third ? 2 : 3] ^= one;
            unit.device(AmdViUnit.DEVICE, words);
            unit.submit(devtab(), 0);
            DmaAccess access = unit.dma(AmdViUnit.DEVICE, INTERRUPT, DmaAccess.WRITE);
            // IntCtl=3 is reserved, too.
            boolean illegal = (one & (third ? RESERVED_2 | 1L << 61 : RESERVED_3)) != 0;
            assertEquals(
                    illegal,
                    access.faultCode() == AmdViEvent.ILLEGAL_DEV_TABLE_ENTRY.code() && isFault(access),
                    "bit " + bit);
        }
    }

    private static long devtab() {
        return InvalidateDevtabEntry.word0(AmdViUnit.DEVICE);
    }

    private static boolean isFault(DmaAccess access) {
        return access.outcome() == DmaAccess.Outcome.FAULT;
    }
}
