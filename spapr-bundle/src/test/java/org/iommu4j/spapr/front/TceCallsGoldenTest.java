package org.iommu4j.spapr.front;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.spapr.Machine;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The outcome matrix of docs/spec/spapr-tce.md 2.1, row by row, column SIM; numbers typed from there. */
class TceCallsGoldenTest {
    private static final int GET = 0x1c;
    private static final int PUT = 0x20;
    private static final int STUFF = 0x138;
    private static final int INDIRECT = 0x13c;
    private static final long L = 0x8000_0000L;
    private static final long LIST = 0x5000;
    private static final long SUCCESS = 0;
    private static final long PARTIAL = 5;
    private static final long FUNCTION = -2;
    private static final long PARAMETER = 0xFFFF_FFFF_FFFF_FFFCL;
    private static final long P4 = 0xFFFF_FFFF_FFFF_FFC7L;
    private static final long UNOWNED = 1L << 31;

    private final Machine machine = Machine.bare(2);

    @BeforeEach
    void shouldBeginWithKnownEntries() {
        for (int i = 0; i < 8; i++) {
            assertEquals(SUCCESS, put(0x1000L * i, 0x10_0003 + 0x1000L * i));
        }
    }

    private long put(long iova, long tce) {
        return machine.hcall(PUT, L, iova, tce).result();
    }

    private long get(long iova) {
        NativeCall call = machine.hcall(GET, L, iova);
        assertEquals(SUCCESS, call.result());
        return call.word(0);
    }

    private void unchanged() {
        for (int i = 0; i < 8; i++) {
            assertEquals(0x10_0003 + 0x1000L * i, get(0x1000L * i));
        }
    }

    private void list(long... entries) {
        for (int i = 0; i < entries.length; i++) {
            machine.memory().writeLongBe(LIST + 8L * i, entries[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0x8000_0001L, 0, 0xFFFF_FFFF_8000_0000L, 0x1_8000_0000L})
    void row1ShouldRefuseAnUnknownLiobn(long liobn) {
        assertEquals(PARAMETER, machine.hcall(PUT, liobn, 0, 0x20_0003).result());
        assertEquals(PARAMETER, machine.hcall(GET, liobn, 0).result());
        assertEquals(PARAMETER, machine.hcall(STUFF, liobn, 0, 0, 1).result());
        unchanged();
    }

    @Test
    void row2ShouldRefuseAnAddressOutsideTheWindow() {
        // vector 26
        assertEquals(PARAMETER, put(0x4000_0000, 0x20_0003));
        assertEquals(PARAMETER, put(-0x1000, 0x20_0003));
        assertEquals(PARAMETER, machine.hcall(GET, L, 0x4000_0000).result());
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0x4000_0000, LIST, 1).result());
    }

    @Test
    void row2ShouldRefuseAnAddressBelowTheWindow() {
        Machine high = Machine.bare(new org.iommu4j.backend.HardwareConfig(
                2,
                java.util.Map.of("pe", java.util.Map.of("dma32_start", 0x4000_0000L)),
                java.util.Map.of(),
                org.iommu4j.backend.CacheConfig.DEFAULT,
                java.util.Map.of()));
        assertEquals(PARAMETER, high.hcall(PUT, L, 0x3fff_f000, 0x20_0003).result());
        assertEquals(SUCCESS, high.hcall(PUT, L, 0x4000_0000, 0x20_0003).result());
    }

    @Test
    void row3ShouldRefuseAMisalignedAddress() {
        // QEMU drops the low bits; KVM refuses, as here.
        assertEquals(PARAMETER, put(0x10, 0x20_0003));
        assertEquals(PARAMETER, machine.hcall(GET, L, 0x801).result());
        unchanged();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 0x1234_5000, 0xFFFF_FFFF_FFFF_FFFCL})
    void row4ShouldStoreWhatAllowsNothingAsItIs(long tce) {
        assertEquals(SUCCESS, put(0, tce));
        assertEquals(tce, get(0));
    }

    @Test
    void row5ShouldRefuseAPageThatThePartitionDoesNotOwn() {
        // quirk 5: QEMU stores it, and DMA hits a hole later.
        assertEquals(PARAMETER, put(0, UNOWNED | 3));
        unchanged();
    }

    @ParameterizedTest
    @ValueSource(longs = {0x20_0013, 0x20_0807, 0x20_0004 | 1})
    void row6ShouldRefuseReservedBits(long tce) {
        // QEMU masks them when it translates.
        assertEquals(PARAMETER, put(0, tce));
        unchanged();
    }

    @Test
    void row7ShouldRefuseAListOfMoreThan512() {
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0, LIST, 513).result());
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0, LIST, -1).result());
        unchanged();
    }

    @Test
    void row8ShouldRefuseAListThatIsNoPage() {
        list(0, 0x20_0003);
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0, LIST + 8, 1).result());
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0, UNOWNED, 1).result());
        unchanged();
    }

    @Test
    void row9ShouldStoreNothingOfAListWithABadEntry() {
        // quirk 6: QEMU writes what stands before it.
        list(0x20_0003, 0x20_1003, 0x20_2003, 0x20_3003, UNOWNED | 3, 0x20_5003, 0x20_6003, 0x20_7003);
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0, LIST, 8).result());
        unchanged();
        assertEquals(PARAMETER, machine.hcall(INDIRECT, L, 0x3fff_f000, LIST, 2).result());
        assertEquals(0, get(0x3fff_f000));
    }

    @Test
    void row9ShouldStoreAListAsAWhole() {
        list(0x20_0003, 0, 0x20_2001);
        assertEquals(SUCCESS, machine.hcall(INDIRECT, L, 0x1000, LIST, 3).result());
        assertEquals(List.of(0x20_0003L, 0L, 0x20_2001L), List.of(get(0x1000), get(0x2000), get(0x3000)));
        assertEquals(0x10_0003, get(0));
        assertEquals(0x10_4003, get(0x4000));
    }

    @Test
    void row10ShouldSucceedWithACountOfZero() {
        // quirk 3: QEMU answers H_PARAMETER.
        assertEquals(SUCCESS, machine.hcall(INDIRECT, L, 0, LIST, 0).result());
        assertEquals(SUCCESS, machine.hcall(STUFF, L, 0, 0, 0).result());
        assertEquals(SUCCESS, machine.hcall(STUFF, L, 0x4000_0000, 0, 0).result());
        assertEquals(PARAMETER, machine.hcall(STUFF, L, 0x4000_1000, 0, 0).result());
        unchanged();
    }

    @Test
    void row11ShouldAnswerP4ToAStuffOfMoreThan512() {
        // vector 25, quirk 4: QEMU and KVM accept it.
        assertEquals(P4, machine.hcall(STUFF, L, 0, 0, 513).result());
        unchanged();
    }

    @Test
    void row11ShouldCheckLiobnAndAddressBeforeTheCountAndTheRangeAfterIt() {
        assertEquals(PARAMETER, machine.hcall(STUFF, 1, 0, 0, 513).result());
        assertEquals(PARAMETER, machine.hcall(STUFF, L, 0x4000_0000, 0, 513).result());
        assertEquals(P4, machine.hcall(STUFF, L, 0x3fff_f000, 0, 513).result());
    }

    @Test
    void row12ShouldWriteNothingIfAStuffLeavesTheWindow() {
        assertEquals(SUCCESS, put(0x3fff_f000, 0x20_0003));
        assertEquals(PARAMETER, machine.hcall(STUFF, L, 0x3fff_f000, 0, 2).result());
        assertEquals(0x20_0003, get(0x3fff_f000));
    }

    @Test
    void row13ShouldMapOnePageManyTimes() {
        // KVM refuses a value that allows something.
        assertEquals(SUCCESS, machine.hcall(STUFF, L, 0, 0x30_0002, 3).result());
        assertEquals(List.of(0x30_0002L, 0x30_0002L, 0x30_0002L), List.of(get(0), get(0x1000), get(0x2000)));
        assertEquals(PARAMETER, machine.hcall(STUFF, L, 0, UNOWNED | 1, 3).result());
        assertEquals(0x30_0002, get(0));
    }

    @Test
    void row14ShouldReadWhatAllowsNothingAsItIs() {
        put(0, 0x1234_5000);
        assertEquals(0x1234_5000, get(0));
        assertEquals(0, get(0x8000));
    }

    @Test
    void row15ShouldHideThePageOfAnother() {
        long table = tableOf(machine);
        machine.memory().writeLongBe(table, UNOWNED | 1);
        NativeCall call = machine.hcall(GET, L, 0);
        assertEquals(PARTIAL, call.result());
        assertEquals(0xFFFF_FFFF_FFFF_F001L, call.word(0));
    }

    @Test
    void row16ShouldKnowNoTableOfTables() {
        // quirk 19: a sign-extended LIOBN is never 80000000.
        assertEquals(
                FUNCTION,
                machine.hcall(INDIRECT, 0xFFFF_FFFF_8000_0000L, 0, LIST, 1).result());
        assertEquals(FUNCTION, machine.hcall(INDIRECT, -1, 0, LIST, 1).result());
        unchanged();
    }

    @Test
    void shouldHaveNoCallsForManyEntriesInGeneration1() {
        Machine one = Machine.bare(1);
        assertEquals(FUNCTION, one.hcall(STUFF, L, 0, 0, 1).result());
        assertEquals(FUNCTION, one.hcall(INDIRECT, L, 0, LIST, 1).result());
        assertEquals(SUCCESS, one.hcall(PUT, L, 0, 0x20_0003).result());
    }

    @Test
    void shouldKnowNoOtherHypercall() {
        assertEquals(FUNCTION, machine.hcall(0x24, L, 0).result());
    }

    @Test
    void shouldStoreAnEntryOfAListThatAllowsNothing() {
        // quirk 15
        list(0x20_0003, 0x7777_0000, 0x20_2003);
        assertEquals(SUCCESS, machine.hcall(INDIRECT, L, 0, LIST, 3).result());
        assertEquals(0x7777_0000, get(0x1000));
    }

    /** Address of the default window's table, as the host asks for it. */
    static long tableOf(Machine machine) {
        NativeCall call = machine.hcall(0xf101, -1, 0);
        assertEquals(SUCCESS, call.result());
        assertEquals(LIOBN, (int) call.word(0));
        return call.word(5);
    }
}
