package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.iommu4j.s390.Machine;
import org.junit.jupiter.api.Test;

/** RPCIT: the order of its checks and what each comes to, docs/spec/s390-zpci.md 2.3 by its rows, on a unit that shadows. */
class RpcitTest {
    private static final int FUNCTION = 0x8002_0001;
    private static final long PAGE = 0x1_0000_2000L;

    private final Machine machine = Machine.of(2).withFreshTables();

    private static long request(int handle) {
        return (long) handle << 32;
    }

    @Test
    void shouldBePrivilegedBeforeAnythingElse() {
        assertEquals(-2, machine.execute(0xB9D3, request(1), 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
    }

    @Test
    void shouldWantAnEvenRegisterBeforeALegalHandle() {
        assertEquals(-6, machine.execute(0xB9D3, request(1), 0, 0, 3));
        assertEquals(3, machine.execute(0xB9D3, request(1), 0, 0, 4));
    }

    @Test
    void shouldWantExactlyTheHandleOfNow() {
        assertEquals(3, machine.rpcit(FUNCTION, PAGE, 0x1000));
        machine.setUp();
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(3, machine.rpcit(FUNCTION & 0x7fff_ffff, PAGE, 0x1000));
        assertEquals(3, machine.rpcit(0x8102_0001, PAGE, 0x1000));
        assertEquals(3, machine.rpcit(0x8002_0010, PAGE, 0x1000));
    }

    @Test
    void shouldNotKnowFunctionsThatAreNotEnabled() {
        assertEquals(3, machine.rpcit(0x0002_0001, PAGE, 0x1000));
        Machine away = Machine.of(
                Machine.config(2, Map.of(), Map.of("function-states", "1=standby, 2=reserved,3=permanent-error")));
        assertEquals(3, away.rpcit(0x0002_0001, PAGE, 0x1000));
        assertEquals(3, away.rpcit(0x0002_0002, PAGE, 0x1000));
        assertEquals(3, away.rpcit(0x8002_0003, PAGE, 0x1000));
        assertEquals(List.of(), away.takeEvents());
    }

    @Test
    void shouldStopAFunctionWithoutRegistrationAndThenAnswerThatItRecovers() {
        machine.enable(0x0002_0001);
        assertEquals(1, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(8, machine.status());
        assertEquals(
                List.of("0000000080020001" + "0000000100000000" + "0000000100002000" + "0000000000000001"),
                machine.takeEvents());
        assertEquals(1, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(40, machine.status());
        assertEquals(List.of(), machine.takeEvents());
    }

    @Test
    void shouldKeepTheOtherBitsOfTheRegisterAsVector23() {
        machine.setUp();
        machine.execute(0xB9D3, request(FUNCTION) | 0x55, 0x2_0000_0000L, 0x1000);
        assertEquals(0x8002_0001_0800_0055L, machine.register(0));
    }

    @Test
    void shouldStopTheFunctionForARangeOutside() {
        machine.setUp();
        assertEquals(1, machine.rpcit(FUNCTION, 0x2_0000_0000L, 0x1000));
        assertEquals(8, machine.status());
        assertEquals(
                List.of("0000000080020001" + "0000000100000000" + "0000000200000000" + "0000000000000002"),
                machine.takeEvents());
    }

    @Test
    void shouldStopTheFunctionForARangeThatEndsWhereTheApertureBegins() {
        // QEMU compares with an exclusive end and lets it pass.
        machine.setUp();
        assertEquals(1, machine.rpcit(FUNCTION, 0xffff_f000L, 0x1000));
        assertEquals(8, machine.status());
    }

    /** 2^30 pages behind one page table: not one of them is mapped, so that no number of mappings ends it. */
    @Test
    void shouldRunOutOfResourcesWhereTablesShareTheirEntries() {
        Machine shared = Machine.of(2, Map.of("sdma", 0L, "edma", -1L)).withFreshTables();
        int handle = shared.enable(0x0002_0001);
        assertEquals(0, shared.mpcifc(handle, 4, 0, (1L << 42) - 1, Machine.IOTA));
        for (int i = 0; i < 2048; i++) {
            shared.write(Machine.RT + i * 8L, 0x1000_4007L).write(Machine.ST + i * 8L, 0x1000_8000L);
        }
        long far = (1L << 41) + 0x2000;
        assertEquals(0, shared.rpcit(handle, far, 0x1000));
        assertEquals("12345000", shared.read(handle, far));
        shared.page(2, 0x400);

        assertEquals(1, shared.rpcit(handle, 0, 1L << 42));

        assertEquals(16, shared.status());
        assertEquals(List.of(), shared.cached());
    }

    @Test
    void shouldStopTheFunctionForARangeThatWraps() {
        // QEMU does nothing.
        machine.setUp();
        assertEquals(1, machine.rpcit(FUNCTION, PAGE, -0x1000));
        assertEquals(8, machine.status());
    }

    @Test
    void shouldClampARangeThatIsPartlyOutsideAsQuirk1() {
        // QEMU walks on past the last address.
        machine.setUp();
        machine.write(Machine.RT + 3 * 8, 0x1001_0007L).write(0x1001_0000L + 2047 * 8, 0x1000_8000L);
        machine.page(255, 0x7000_0000L);
        machine.write(Machine.RT + 4 * 8, 0);
        assertEquals(0, machine.rpcit(FUNCTION, 0x1_ffff_f000L, 0x2000));
        assertEquals("70000000", machine.read(FUNCTION, 0x1_ffff_f000L));
        assertEquals(0, machine.rpcit(FUNCTION, 0xffff_f000L, 0x4000));
        assertEquals("12345000", machine.read(FUNCTION, PAGE));
    }

    @Test
    void shouldDoNothingForLength0() {
        machine.setUp();
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0));
        assertEquals(List.of(), machine.cached());
        assertEquals(1, machine.rpcit(FUNCTION, 0x2_0000_0000L, 0));
        assertEquals(8, machine.status());
    }

    @Test
    void shouldKeepWhatCameBeforeAWrongEntry() {
        machine.setUp();
        machine.page(3, 0x1234_6000L).page(4, 0).page(5, 0x1234_8000L);
        assertEquals(1, machine.rpcit(FUNCTION, PAGE, 0x4000));
        assertEquals(8, machine.status());
        assertEquals(
                List.of("0000000080020001" + "0000000100000000" + "0000000100004000" + "0000000000000007"),
                machine.takeEvents());
        assertEquals(0, machine.mpcifc(FUNCTION, 7));
        assertEquals("12345000", machine.read(FUNCTION, PAGE));
        assertEquals("12346000", machine.read(FUNCTION, 0x1_0000_3000L));
        assertEquals("code 7", machine.read(FUNCTION, 0x1_0000_5000L));
    }

    @Test
    void shouldNotTakeAnInvalidEntryForAnErrorAsVector5() {
        machine.setUp();
        assertEquals(0, machine.rpcit(FUNCTION, 0x1_0000_4000L, 0x1000));
        assertEquals(List.of(), machine.takeEvents());
    }

    @Test
    void shouldMapExactlyAsManyPagesAsTheBudgetHasAsQuirk2() {
        // QEMU maps all ten and reports status 16 all the same.
        Machine ten = Machine.of(2, Map.of("dma_avail", 10L)).withFreshTables();
        Machine nine = Machine.of(2, Map.of("dma_avail", 9L)).withFreshTables();
        for (Machine each : List.of(ten, nine)) {
            each.setUp();
            for (int i = 0; i < 10; i++) {
                each.page(i, 0x2000_0000L + i * 0x1000L);
            }
        }
        assertEquals(0, ten.rpcit(FUNCTION, Machine.PBA, 0xa000));
        assertEquals(10, ten.cached().size());
        assertEquals(1, nine.rpcit(FUNCTION, Machine.PBA, 0xa000));
        assertEquals(16, nine.status());
        assertEquals(9, nine.cached().size());
        assertEquals(List.of(), nine.takeEvents());
        assertEquals("20000000", nine.read(FUNCTION, Machine.PBA));
    }

    @Test
    void shouldFindDeadEntriesAndUseTheirRoomAsVector26() {
        Machine two = Machine.of(2, Map.of("dma_avail", 2L)).withFreshTables();
        two.setUp();
        two.page(0, 0x2000_0000L).page(1, 0x2000_1000L).page(2, 0x2000_2000L);
        assertEquals(1, two.rpcit(FUNCTION, Machine.PBA, 0x3000));
        assertEquals(16, two.status());
        assertEquals(2, two.cached().size());
        two.page(0, 0x2000_0400L);
        assertEquals(0, two.rpcit(FUNCTION, Machine.PBA, 0x1_0000_0000L));
        assertEquals(List.of("1:100001000+1000>20001000", "1:100002000+1000>20002000"), two.cached());
    }

    @Test
    void shouldUseRoomThatBecomesFreeFurtherOn() {
        Machine one = Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables();
        one.setUp();
        one.page(2, 0x400).page(9, 0x2000_9000L);
        assertEquals(0, one.rpcit(FUNCTION, Machine.PBA, 0x10_0000));
        one.page(9, 0x400).page(1, 0x2000_1000L);
        assertEquals(0, one.rpcit(FUNCTION, Machine.PBA, 0x10_0000));
        assertEquals(List.of("1:100001000+1000>20001000"), one.cached());
    }

    @Test
    void shouldReadEveryPageFromItsOwnEntryAsQuirk3() {
        // QEMU maps 100003000 to 12346000: the first frame and one page more.
        machine.setUp();
        machine.page(3, 0x7777_3000L);
        assertEquals(0, machine.rpcit(FUNCTION, 0x1_0000_2ff0L, 0x20));
        assertEquals("12345000", machine.read(FUNCTION, PAGE));
        assertEquals("77773000", machine.read(FUNCTION, 0x1_0000_3000L));
    }

    @Test
    void shouldStepByTheEntrysOwnBordersAsQuirk5() {
        // QEMU steps 2 GiB from the start address and drops 500002000.
        Machine wide = Machine.of(2).withFreshTables();
        wide.enable(0x0002_0001);
        wide.write(Machine.RT + 0xA * 8, 0x1000_4007L);
        assertEquals(0, wide.mpcifc(FUNCTION, 4, Machine.PBA, 0xf_ffff_ffffL, Machine.IOTA));
        assertEquals(0, wide.rpcit(FUNCTION, 0x5_0000_2000L, 0x1000));
        assertEquals(0, wide.rpcit(FUNCTION, 0x4_c000_0000L, 0x8000_0000L));
        assertEquals("12345000", wide.read(FUNCTION, 0x5_0000_2000L));
    }

    @Test
    void shouldNotLoseBudgetWhenAnEntryChangesAsQuirk7() {
        // QEMU loses one unit each time.
        Machine one = Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables();
        one.setUp();
        for (int i = 0; i < 100; i++) {
            one.page(2, 0x3000_0000L + i * 0x1000L);
            assertEquals(0, one.rpcit(FUNCTION, PAGE, 0x1000));
            assertEquals(Long.toHexString(0x3000_0000L + i * 0x1000L), one.read(FUNCTION, PAGE));
        }
    }

    @Test
    void shouldRefreshOneFunctionOnlyAsQuirk19() {
        machine.setUp();
        int other = machine.enable(0x0002_0002);
        assertEquals(0, machine.mpcifc(other, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
        for (int handle : new int[] {FUNCTION, other}) {
            assertEquals(0, machine.rpcit(handle, PAGE, 0x1000));
        }
        machine.page(2, 0x3000_0000L);
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals("30000000", machine.read(FUNCTION, PAGE));
        assertEquals("12345000", machine.read(other, PAGE));
    }

    @Test
    void shouldNeedARefreshForANewMappingOnlyWithTheRefreshBitAsQuirk13() {
        machine.setUp();
        assertEquals("code 7", machine.read(FUNCTION, PAGE));
        Machine base = Machine.of(1).withFreshTables();
        base.setUp();
        assertEquals("12345000", base.read(FUNCTION, PAGE));
        base.page(3, 0x2000_3000L);
        assertEquals("20003000", base.read(FUNCTION, 0x1_0000_3000L));
    }

    @Test
    void shouldGoOnUsingAnOldTranslationUntilItIsRefreshed() {
        for (int generation = 1; generation <= 2; generation++) {
            Machine each = Machine.of(generation).withFreshTables();
            each.setUp();
            each.rpcit(FUNCTION, PAGE, 0x1000);
            assertEquals("12345000", each.read(FUNCTION, PAGE));
            each.page(2, 0x3000_0000L);
            assertEquals("12345000", each.read(FUNCTION, PAGE));
            assertEquals(0, each.rpcit(FUNCTION, PAGE, 0x1000));
            assertEquals("30000000", each.read(FUNCTION, PAGE));
        }
    }

    @Test
    void shouldAnswerBusyAsOftenAsItIsToldTo() {
        Machine busy = Machine.of(Machine.config(2, Map.of(), Map.of("rpcit-busy", "2")))
                .withFreshTables();
        busy.setUp();
        for (int i = 0; i < 2; i++) {
            assertEquals(2, busy.rpcit(FUNCTION, PAGE, 0x1000));
            assertEquals(2, busy.rpcit(FUNCTION, PAGE, 0x1000));
            assertEquals(0, busy.rpcit(FUNCTION, PAGE, 0x1000));
        }
    }

    @Test
    void shouldCountRefreshesInTheMeasurementBlock() {
        Machine two = Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables();
        two.setUp();
        two.write(0x5000_0000L, 0, 0, 0, 0, 0, 0, 0, 0, 0x6000_0000L, 0);
        assertEquals(0, two.execute(0xE3D0, request(FUNCTION) | 10, 0x5000_0000L));
        assertEquals(0, two.rpcit(FUNCTION, PAGE, 0x1000));
        two.page(3, 0x2000_0000L);
        assertEquals(1, two.rpcit(FUNCTION, 0x1_0000_3000L, 0x1000));
        assertEquals(2, two.memory().readLongBe(0x6000_0000L + 40));
    }

    // ---- frames of 1 MiB, from generation 3 on

    private static Machine large() {
        Machine large = Machine.of(3).withFreshTables();
        large.write(Machine.ST + 6 * 8, 0x5000_0400L, 0x6000_0400L);
        large.setUp();
        return large;
    }

    @Test
    void shouldWalkAnewAtTheEdgeOfAFrameAsQuirk4AndVector14() {
        // QEMU carries on linearly: 100700000 goes to 50100000.
        Machine large = large();
        assertEquals(0, large.rpcit(FUNCTION, 0x1_0068_0000L, 0x10_0000));
        assertEquals("60000000", large.read(FUNCTION, 0x1_0070_0000L));
        assertEquals("50080000", large.read(FUNCTION, 0x1_0068_0000L));
        assertEquals(List.of("1:100600000+100000>50000000", "1:100700000+100000>60000000"), large.cached());
    }

    @Test
    void shouldTakeOneUnitOfTheBudgetForAFrame() {
        Machine two = Machine.of(3, Map.of("dma_avail", 2L)).withFreshTables();
        two.write(Machine.ST + 6 * 8, 0x5000_0400L, 0x6000_0400L);
        two.setUp();
        assertEquals(0, two.rpcit(FUNCTION, 0x1_0060_0000L, 0x20_0000));
        assertEquals(1, two.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(16, two.status());
    }

    @Test
    void shouldReplaceAFrameByPagesAndPagesByAFrame() {
        Machine large = large();
        assertEquals(0, large.rpcit(FUNCTION, 0x1_0060_0000L, 0x1000));
        large.write(Machine.ST + 6 * 8, 0x1000_8000L);
        assertEquals(0, large.rpcit(FUNCTION, 0x1_0060_2000L, 0x1000));
        assertEquals(List.of("1:100602000+1000>12345000"), large.cached());
        large.write(Machine.ST + 6 * 8, 0x7000_0600L);
        assertEquals(0, large.rpcit(FUNCTION, 0x1_0060_f000L, 0x1000));
        assertEquals(List.of("1:100600000+100000>70000000"), large.cached());
        assertEquals("code 5", large.writeAccess(FUNCTION, 0x1_0060_2000L));
    }

    @Test
    void shouldFindAFrameAsVector8() {
        Machine large = large();
        large.write(Machine.ST + 2 * 8, 0x4000_0400L);
        assertEquals(0, large.rpcit(FUNCTION, 0x1_0028_0000L, 1));
        assertEquals("40080000", large.read(FUNCTION, 0x1_0028_0000L));
    }
}
