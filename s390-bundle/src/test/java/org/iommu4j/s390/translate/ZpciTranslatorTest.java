package org.iommu4j.s390.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.command.InvalidateData;
import org.iommu4j.testing.ForwardingPort;
import org.junit.jupiter.api.Test;

/** The driver on a machine: what it issues, what it refuses, how it recovers. docs/spec/s390-zpci.md 5. */
class ZpciTranslatorTest {
    private static final int VADDR = Uapi.SCOPE_VADDR;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;
    private static final long PAGE = 0x1_0000_2000L;

    private final Machine machine = bound(Machine.of(2).withFreshTables());

    private static Machine bound(Machine machine) {
        machine.open(0);
        machine.attach(0, 1);
        assertEquals(Errno.OK, machine.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 0), machine.last()::toString);
        machine.takeHex();
        return machine;
    }

    @Test
    void shouldAnnounceWhatATableMapsAlreadyInWholeRuns() {
        Machine fresh = Machine.of(2).withFreshTables();
        fresh.page(3, 0x1234_6000L).page(9, 0x1234_9200L).write(Machine.ST + 8, 0);
        fresh.open(0);
        fresh.attach(0, 1);
        fresh.takeHex();
        assertEquals(Errno.OK, fresh.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 0));
        assertEquals(
                List.of("0000000100002000 0000000000002000", "0000000100009000 0000000000001000"),
                fresh.takeRefreshes());
        assertEquals("12345000", fresh.read(1, PAGE));
    }

    @Test
    void shouldNotLookForEverAtATableThatNamesItsTablesAgainAndAgain() {
        for (long entry : new long[] {0x400, 0x1234_5000L}) {
            Machine fresh = Machine.of(2).withFreshTables();
            for (int i = 0; i < 2048; i++) {
                fresh.write(Machine.RT + i * 8L, Machine.ST | 7).write(Machine.ST + i * 8L, Machine.PT);
                fresh.page(i % 256, entry);
            }
            fresh.open(0);
            fresh.attach(0, 1);
            fresh.takeHex();
            long begun = System.nanoTime();
            assertEquals(Errno.ENOMEM, fresh.bind(0, 1, Machine.IOTA, Machine.PBA, (1L << 42) - 1, 0));
            long millis = (System.nanoTime() - begun) / 1_000_000;
            assertTrue(millis < 2000, millis + " ms");
            assertEquals("blocked", fresh.read(1, PAGE));
        }
    }

    @Test
    void shouldAnnounceNothingWhereTheUnitReadsTables() {
        Machine base = Machine.of(1).withFreshTables();
        base.open(0);
        base.attach(0, 1);
        base.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 0);
        assertEquals(List.of(), base.takeRefreshes());
        assertEquals("12345000", base.read(1, PAGE));
    }

    @Test
    void shouldReplaceABindingByUnregisteringFirstAndKeepTheHandle() {
        machine.write(0x2000_0000L + 16, 0x1000_4007L);
        assertEquals(Errno.OK, machine.bind(0, 1, 0x2000_0804L, Machine.PBA, Machine.PAL, 0));
        List<String> commands = machine.takeHex().stream()
                .filter(hex -> hex.startsWith("e3"))
                .map(hex -> hex.substring(16, 32))
                .toList();
        assertEquals(List.of("8002000100000005", "8002000100000004"), commands);
        assertEquals("12345000", machine.read(1, PAGE));
    }

    @Test
    void shouldBringTheOldBindingBackIfTheNewOneFails() {
        Machine one = bound(Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables());
        one.write(0x2000_0000L + 16, 0x2000_4007L).write(0x2000_4000L, 0x2000_8000L);
        one.write(0x2000_8000L, 0x5000_0000L, 0x5000_1000L, 0x5000_2000L);
        assertEquals(Errno.ENOMEM, one.bind(0, 1, 0x2000_0804L, Machine.PBA, Machine.PAL, 0));
        assertEquals("12345000", one.read(1, PAGE));
        assertEquals(Errno.OK, one.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
    }

    @Test
    void shouldBlockTheFunctionIfThereIsNoOldBinding() {
        Machine none = Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables();
        none.page(3, 0x1234_6000L);
        none.open(0);
        none.attach(0, 1);
        assertEquals(Errno.ENOMEM, none.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 0));
        assertEquals("blocked", none.read(1, PAGE));
        assertEquals(Errno.ENXIO, none.invalidate(0, 0, 0, 0, 0));
    }

    @Test
    void shouldRecoverAFunctionInErrorWhenItIsBoundAnew() {
        machine.read(1, 0x1_0000_3000L);
        assertEquals(Errno.EIO, machine.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        assertEquals(Rule.V38, machine.last().rule());
        assertEquals(Errno.OK, machine.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 0));
        assertEquals("12345000", machine.read(1, PAGE));
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        assertTrue(machine.takeHex().stream().anyMatch(hex -> hex.contains("81020001")), "another life");
    }

    @Test
    void shouldRefreshEveryFunctionOfTheDomainWithinItsOwnAperture() {
        machine.attach(0, 2);
        machine.attach(0, 3);
        machine.bind(0, 2, Machine.IOTA, Machine.PBA, 0x1_0000_ffffL, 0);
        machine.bind(0, 3, Machine.IOTA, 0x1_8000_0000L, Machine.PAL, 0);
        machine.takeHex();
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID, 0x1_0000_e000L, 0x4000));
        assertEquals(
                List.of("000000010000e000 0000000000004000", "000000010000e000 0000000000002000"),
                machine.takeRefreshes());
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
        assertEquals(Errno.OK, machine.invalidate(0, 0, NO_PASID, 0, 0));
        assertEquals(3, machine.takeRefreshes().size());
    }

    @Test
    void shouldRefreshManyPageTablesInPiecesThatTogetherAreTheWhole() {
        for (int segment = 0; segment < 200; segment++) {
            machine.write(Machine.ST + segment * 8L, 0x1000_8000L);
        }
        List<String> pieces = List.of(
                "0000000100000000 0000000004000000",
                "0000000104000000 0000000004000000",
                "0000000108000000 0000000004000000",
                "000000010c000000 00000000f4000000");
        assertEquals(Errno.OK, machine.invalidate(0, 0, NO_PASID, 0, 0));
        assertEquals(pieces, machine.takeRefreshes());
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID, Machine.PBA, 1L << 32));
        assertEquals(pieces, machine.takeRefreshes());
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
        assertEquals("12345000", machine.read(1, 0x1_0c00_2000L));
    }

    @Test
    void shouldRefreshTheWholeApertureInPiecesWhenMappingsRunOut() {
        Machine few = bound(Machine.of(2, Map.of("dma_avail", 1L)).withFreshTables());
        for (int page = 0; page < 256; page++) {
            few.write(0x1001_0000L + page * 8L, 0x400);
        }
        for (int segment = 0; segment < 200; segment++) {
            few.write(Machine.ST + segment * 8L, 0x1001_0000L);
        }
        few.write(Machine.ST, Machine.PT).write(Machine.ST + 199 * 8L, Machine.PT);
        few.takeHex();
        assertEquals(Errno.ENOMEM, few.invalidate(0, VADDR, NO_PASID, 0x1_0c70_2000L, 0x1000));
        List<String> whole = List.of(
                "0000000100000000 0000000004000000",
                "0000000104000000 0000000004000000",
                "0000000108000000 0000000004000000",
                "000000010c000000 00000000f4000000");
        List<String> refreshes = new ArrayList<>(List.of("000000010c702000 0000000000001000"));
        refreshes.addAll(whole);
        refreshes.addAll(whole);
        assertEquals(refreshes, few.takeRefreshes());

        few.write(Machine.ST, 0x1001_0000L);
        assertEquals(Errno.OK, few.invalidate(0, VADDR, NO_PASID, 0x1_0c70_2000L, 0x1000));
        assertEquals(Fidelity.WIDENED, few.last().fidelity());
        assertEquals("12345000", few.read(1, 0x1_0c70_2000L));
    }

    @Test
    void shouldRefuseARangeThatLeavesEveryApertureWithoutIssuing() {
        for (long[] range : new long[][] {{0xffff_f000L, 0x1000}, {0x1_ffff_f000L, 0x2000}, {0, 0x3_0000_0000L}}) {
            assertEquals(Errno.ERANGE, machine.invalidate(0, VADDR, NO_PASID, range[0], range[1]));
        }
        assertEquals(List.of(), machine.takeHex());
        assertEquals("12345000", machine.read(1, PAGE));
    }

    @Test
    void shouldTakePasid0ToBeNoPasidOnlyWhereTheContractDoes() {
        assertEquals(Errno.EOPNOTSUPP, machine.invalidate(0, Uapi.SCOPE_PASID, 0, 0, 0));
        assertEquals(Rule.V24, machine.last().rule());
        assertEquals(List.of(), machine.takeHex());
    }

    @Test
    void shouldAnswerWidenedForWhatARefreshCannotSelect() {
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID | Uapi.FLAGS_VADDR_LEAF, PAGE, 0x1000));
        assertEquals(Fidelity.WIDENED, machine.last().fidelity());
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID, PAGE + 1, 1));
        assertEquals(Fidelity.WIDENED, machine.last().fidelity());
        assertEquals(
                List.of("0000000100002000 0000000000001000", "0000000100002000 0000000000001000"),
                machine.takeRefreshes());
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, 0, PAGE, 0x1000));
        assertEquals(Fidelity.EXACT, machine.last().fidelity(), "without PASIDs all PASIDs are none");
    }

    @Test
    void shouldLeaveTheChipInErrorForWrongTablesAndSaySo() {
        machine.page(2, 0);
        assertEquals(Errno.EIO, machine.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        assertEquals("0007", machine.takeEvents().get(0).substring(60));
    }

    @Test
    void shouldGiveUpABusyMachineAfterAThousandTries() {
        Machine busy = Machine.of(Machine.config(1, Map.of(), Map.of("rpcit-busy", "1000")))
                .withFreshTables();
        bound(busy);
        assertEquals(Errno.OK, busy.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        Machine busier = Machine.of(Machine.config(1, Map.of(), Map.of("rpcit-busy", "1001")))
                .withFreshTables();
        bound(busier);
        assertEquals(Errno.EBUSY, busier.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
    }

    @Test
    void shouldRefuseAHandleOfAnEarlierLifeAsQuirk14() {
        assertEquals(Errno.OK, machine.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 1));
        assertEquals(Errno.OK, machine.bind(0, 1, Machine.IOTA, Machine.PBA, Machine.PAL, 0));
        machine.takeHex();
        byte[] old = InvalidateData.of(0x8002_0001, InvalidateData.RANGE, 0);
        assertEquals(Errno.ESTALE, machine.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000, old));
        assertEquals("fh", machine.last().field());
        assertEquals(List.of(), machine.takeHex());
        byte[] now = InvalidateData.of(0x8102_0001, InvalidateData.RANGE, Machine.IOTA);
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000, now));
    }

    @Test
    void shouldKeepFunctionsInTheirContainers() {
        machine.open(1);
        assertEquals(Errno.EBUSY, machine.attach(1, 0x8002_0001));
        assertEquals(Errno.EEXIST, machine.attach(0, 1));
        assertEquals(Errno.ENODEV, machine.attach(1, 0x0002_0010));
        assertEquals(Errno.ENODEV, machine.detach(1, 1));
        assertEquals(Errno.ENOENT, machine.attach(7, 2));
        assertEquals(Errno.EEXIST, machine.open(1));
        assertEquals(Errno.OK, machine.detach(0, 1));
        assertEquals("blocked", machine.read(1, PAGE));
        assertEquals(List.of(), machine.cached());
        assertEquals(Errno.OK, machine.attach(1, 1));
    }

    @Test
    void shouldBlockEveryFunctionOfADomainThatIsClosed() {
        machine.attach(0, 2, Machine.RT, 3);
        assertEquals(Errno.OK, machine.close(0));
        assertEquals("blocked", machine.read(1, PAGE));
        assertEquals("blocked", machine.read(2, PAGE));
        assertEquals(Errno.ENOENT, machine.close(0));
        machine.open(0);
        assertEquals(Errno.OK, machine.attach(0, 1));
    }

    @Test
    void shouldAttachWithATableForAllThatTheTableReaches() {
        assertEquals(Errno.OK, machine.attach(0, 2, Machine.RT, 3));
        assertEquals("12345000", machine.read(2, PAGE));
        machine.takeHex();
        machine.invalidate(0, VADDR, NO_PASID, 0x3ff_ffff_f000L, 0x1000);
        assertEquals(List.of("000003fffffff000 0000000000001000"), machine.takeRefreshes());
        assertEquals(Errno.EINVAL, machine.attach(0, 3, Machine.RT, 1));
        assertEquals(Errno.EINVAL, machine.attach(0, 3, Machine.RT, 4));
        assertEquals(Errno.EINVAL, machine.attach(0, 3, Machine.RT + 0x1000, 3));
        assertEquals(Errno.EINVAL, machine.attach(0, 3, 1L << 60, 3));
        assertEquals(Errno.OK, machine.attach(0, 3));
    }

    @Test
    void shouldGoOnAfterASwap() {
        machine.swap();
        assertEquals("12345000", machine.read(1, PAGE), "the shadow is state");
        machine.page(2, 0x3000_0000L);
        assertEquals("12345000", machine.read(1, PAGE));
        assertEquals(Errno.OK, machine.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        assertEquals("30000000", machine.read(1, PAGE));
        assertEquals(machine.translator().save(), machine.translator().save());
        machine.swap();
        assertEquals(Errno.EEXIST, machine.attach(0, 1));
    }

    @Test
    void shouldSayThatAMachineDoesNotAnswer() {
        NativePort dead = new ForwardingPort(machine.platform(), machine.chip()) {
            @Override
            public void call(NativeCall call) {
                call.result(-1);
            }
        };
        assertEquals(
                Errno.EIO,
                assertThrows(BackendException.class, () -> machine.backend().createTranslator(2, dead))
                        .errno());
    }

    // ---- generations 3 to 5

    @Test
    void shouldWidenToTheFrameThatARangeTouchesAsExample8() {
        Machine large = Machine.of(3).withFreshTables();
        large.write(Machine.ST + 6 * 8, 0x5000_0400L, 0x6000_0400L);
        bound(large);
        assertEquals(Errno.OK, large.invalidate(0, VADDR, NO_PASID, 0x1_0068_0000L, 0x1000));
        assertEquals(Fidelity.WIDENED, large.last().fidelity());
        assertEquals(List.of("0000000100600000 0000000000100000"), large.takeRefreshes());
        assertEquals(Errno.OK, large.invalidate(0, VADDR, NO_PASID, 0x1_0068_0000L, 0x10_0000));
        assertEquals(List.of("0000000100600000 0000000000200000"), large.takeRefreshes());
        assertEquals(Errno.OK, large.invalidate(0, VADDR, NO_PASID, 0x1_0060_0000L, 0x20_0000));
        assertEquals(Fidelity.EXACT, large.last().fidelity());
        assertEquals(Errno.OK, large.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        assertEquals(Fidelity.EXACT, large.last().fidelity());
    }

    @Test
    void shouldAnnounceFramesToo() {
        Machine large = Machine.of(3).withFreshTables();
        large.write(Machine.ST + 6 * 8, 0x5000_0400L, 0x6000_0400L);
        bound(large);
        assertEquals("50080000", large.read(1, 0x1_0068_0000L));
        assertEquals("60000000", large.read(1, 0x1_0070_0000L));
    }

    @Test
    void shouldAttachTablesOfEveryNumberOfLevels() {
        for (int levels = 2; levels <= 5; levels++) {
            Machine machine = Machine.of(4, Map.of("sdma", 0L));
            machine.open(0);
            assertEquals(Errno.OK, machine.attach(0, 1, 0x2000_0000L, levels), "levels " + levels);
            String iota = machine.takeHex().stream()
                    .filter(hex -> hex.startsWith("e3"))
                    .findFirst()
                    .orElseThrow()
                    .substring(32 + 48, 32 + 80);
            String pal = new String[] {"000000007fffffff", "000003ffffffffff", "001fffffffffffff", "01ffffffffffffff"}
                    [levels - 2];
            assertEquals(pal + String.format("%016x", 0x2000_0800L | (levels - 2) << 2), iota);
        }
        assertEquals(Errno.EINVAL, attached(Machine.of(4), 2), "two levels end below the function's addresses");
        assertEquals(Errno.EINVAL, attached(Machine.of(4), 6));
    }

    private static Errno attached(Machine machine, int levels) {
        machine.open(0);
        return machine.attach(0, 1, 0x2000_0000L, levels);
    }

    @Test
    void shouldBindWithoutTranslationWhereItIsOffered() {
        Machine relaxed = Machine.of(5);
        relaxed.open(0);
        relaxed.attach(0, 1);
        assertEquals(Errno.OK, relaxed.bind(0, 1, 0, Machine.PBA, Machine.PAL, 0));
        assertEquals("2000", relaxed.read(1, PAGE));
        assertEquals(Errno.OK, relaxed.invalidate(0, VADDR, NO_PASID, PAGE, 0x1000));
        assertEquals(Errno.EINVAL, relaxed.bind(0, 1, 0x1000_0000L, Machine.PBA, Machine.PAL, 0));
        assertEquals(Rule.V34, relaxed.last().rule());
        relaxed.takeHex();
        Machine strict = Machine.of(4);
        strict.open(0);
        strict.attach(0, 1);
        assertEquals(Errno.EOPNOTSUPP, strict.bind(0, 1, 0, Machine.PBA, Machine.PAL, 0));
    }

    @Test
    void shouldRefreshAllOf64BitsInTwoPieces() {
        Machine all = Machine.of(4, Map.of("sdma", 0L, "edma", -1L));
        all.write(0x2000_0000L, 0x20);
        for (int i = 0; i < 2048; i++) {
            all.write(0x2000_0000L + i * 8L, 0x20);
        }
        all.open(0);
        all.attach(0, 1);
        assertEquals(Errno.OK, all.bind(0, 1, 0x2000_080cL, 0, -1L, 0));
        all.takeHex();
        assertEquals(Errno.OK, all.invalidate(0, 0, NO_PASID, 0, 0));
        assertEquals(
                List.of("0000000000000000 8000000000000000", "8000000000000000 8000000000000000"), all.takeRefreshes());
    }
}
