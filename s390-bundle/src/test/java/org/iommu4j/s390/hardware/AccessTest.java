package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.s390.Machine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Accesses of functions: steps of docs/spec/s390-zpci.md 3.3, event codes of 3.4, one record for each transition. */
class AccessTest {
    private static final int FUNCTION = 0x8002_0001;
    private static final long PAGE = 0x1_0000_2000L;

    private static Machine setUp(int generation) {
        Machine machine = Machine.of(generation).withFreshTables();
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        return machine;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldTranslateWithBothRightsAsVector3(int generation) {
        Machine machine = setUp(generation);
        DmaAccess access = machine.dma(FUNCTION, 0x1_0000_2abcL, DmaAccess.READ);
        assertEquals(0x1234_5abcL, access.spa());
        assertEquals(4096, access.pageBytes());
        assertEquals(3, access.grantedRights());
        assertEquals("12345abc", machine.writeAccess(FUNCTION, 0x1_0000_2abcL));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseWritesToAProtectedPageWithCode5AsQuirk11(int generation) {
        // QEMU reports 4.
        Machine machine = setUp(generation);
        machine.page(3, 0x1234_6200L).rpcit(FUNCTION, 0x1_0000_3000L, 0x1000);
        assertEquals("12346000", machine.read(FUNCTION, 0x1_0000_3000L));
        assertEquals(1, machine.dma(FUNCTION, 0x1_0000_3000L, DmaAccess.READ).grantedRights());
        assertEquals("code 5", machine.writeAccess(FUNCTION, 0x1_0000_3000L));
        assertEquals(
                List.of("0000000080020001" + "0000000100000001" + "0000000100003000" + "0000000000000005"),
                machine.takeEvents());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseWritesToAProtectedSpaceWithCode4(int generation) {
        Machine machine = Machine.of(generation).withFreshTables();
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, Machine.IOTA | 0x200));
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals("12345000", machine.read(FUNCTION, PAGE));
        assertEquals(1, machine.dma(FUNCTION, PAGE, DmaAccess.READ).grantedRights());
        assertEquals("code 4", machine.writeAccess(FUNCTION, PAGE));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseWhatIsOutsideWithCode2AndRecordOnceAsVector27(int generation) {
        Machine machine = setUp(generation);
        DmaAccess access = machine.dma(FUNCTION, 0x2_0000_0000L, DmaAccess.WRITE);
        assertEquals(2, access.faultCode());
        assertTrue(access.recorded());
        assertEquals(
                List.of("0000000080020001" + "0000000100000001" + "0000000200000000" + "0000000000000002"),
                machine.takeEvents());
        access = machine.dma(FUNCTION, 0x2_0000_0000L, DmaAccess.WRITE);
        assertEquals(Outcome.BLOCKED, access.outcome());
        assertFalse(access.recorded());
        assertEquals(List.of(), machine.takeEvents());
        assertEquals(0, machine.stpcifc(FUNCTION));
        assertEquals("f0", machine.fib().substring(16, 18));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseAnAccessThatEndsOutsideAsVector28(int generation) {
        Machine machine = setUp(generation);
        assertEquals(2, machine.dma(FUNCTION, 0x1_ffff_fffcL, DmaAccess.READ, 8).faultCode());
        assertEquals(
                List.of("0000000080020001" + "0000000100000000" + "00000001fffffffc" + "0000000000000002"),
                machine.takeEvents());
    }

    @Test
    void shouldRefuseBelowTheAperture() {
        assertEquals("code 2", setUp(2).read(FUNCTION, 0xffff_ffffL));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseEveryAccessWithoutRegistration(int generation) {
        Machine machine = Machine.of(generation);
        machine.enable(0x0002_0001);
        assertEquals("code 1", machine.read(FUNCTION, PAGE));
    }

    @Test
    void shouldReportWhatIsWrongWithTablesWhereItReadsThem() {
        Machine machine = Machine.of(1).withFreshTables();
        machine.write(Machine.RT + 2 * 8, 0x1000_4007L).write(Machine.ST + 2 * 8, 0x4000_0400L, 0x1000_8004L);
        machine.page(5, 0);
        String[][] expected = {
            {"100004000", "code 7", "0"},
            {"100005000", "code 7", "0"},
            {"100102000", "code 7", "1"},
            {"100280000", "code 9", "1"},
            {"100302000", "code 9", "1"},
            {"180000000", "code 7", "2"}
        };
        int handle = 0x0002_0001;
        for (String[] each : expected) {
            handle = machine.enable(handle);
            assertEquals(0, machine.mpcifc(handle, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
            assertEquals(each[1], machine.read(handle, Long.parseLong(each[0], 16)), each[0]);
            assertEquals(each[2], machine.takeEvents().get(0).substring(24, 25), "expected type at " + each[0]);
            handle = machine.disable(handle);
        }
    }

    @Test
    void shouldNotWrapOntoLowAddressesAsQuirk17() {
        Machine machine = Machine.of(1).withFreshTables();
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, Machine.PBA, 0xffff_ffff_ffffL, Machine.IOTA));
        assertEquals("code 8", machine.read(FUNCTION, 0x401_0000_2000L));
        Machine shadowing = Machine.of(2).withFreshTables();
        shadowing.enable(0x0002_0001);
        assertEquals(0, shadowing.mpcifc(FUNCTION, 4, Machine.PBA, 0xffff_ffff_ffffL, Machine.IOTA));
        assertEquals(1, shadowing.rpcit(FUNCTION, 0x401_0000_2000L, 0x1000));
        assertEquals("0008", shadowing.takeEvents().get(0).substring(60));
    }

    @Test
    void shouldReportAWrongAnchor() {
        Machine machine = Machine.of(1).withFreshTables();
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, Machine.IOTA | 0x1000));
        assertEquals("code 3", machine.read(FUNCTION, PAGE));
    }

    @Test
    void shouldBlockFunctionsThatAreNotEnabledAndWhatZpciDoesNotHave() {
        Machine machine = setUp(2);
        assertEquals("blocked", machine.read(0x0002_0002, PAGE));
        assertEquals("blocked", machine.read(0x0002_0fff, PAGE));
        DmaAccess access = new DmaAccess().begin(FUNCTION, PAGE, DmaAccess.READ).withPasid(1);
        machine.chip().translate(access);
        assertEquals(Outcome.BLOCKED, access.outcome());
        access = new DmaAccess().begin(FUNCTION, PAGE, DmaAccess.READ).as(AddressType.TRANSLATED);
        machine.chip().translate(access);
        assertEquals(Outcome.BLOCKED, access.outcome());
        assertEquals(List.of(), machine.takeEvents());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldShowTheTablesThatATranslationComesFrom(int generation) {
        Machine machine = setUp(generation);
        for (int i = 0; i < 2; i++) {
            List<String> steps = new ArrayList<>();
            DmaAccess access = new DmaAccess()
                    .begin(FUNCTION, PAGE, DmaAccess.READ)
                    .explainTo((what, pa, word) ->
                            steps.add(what + " " + Long.toHexString(pa) + " " + Long.toHexString(word)));
            machine.chip().translate(access);
            assertEquals(
                    List.of(
                            "region third table entry 10000010 10004007",
                            "segment table entry 10004000 10008000",
                            "page table entry 10008010 12345000"),
                    steps);
        }
    }

    @Test
    void shouldCountWhatItDid() {
        Machine machine = setUp(1);
        machine.read(FUNCTION, PAGE);
        machine.read(FUNCTION, PAGE);
        machine.read(FUNCTION, 0x1_0000_3000L);
        assertEquals(1, machine.chip().counters().faults());
        assertEquals(2, machine.chip().counters().hits());
        assertEquals(1, machine.chip().counters().walks());
        assertEquals(3, machine.chip().counters().commands());
    }

    // ---- table types, from generation 4 on

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void shouldTranslateThroughTablesOfEveryType(int type) {
        Machine machine = Machine.of(4, Map.of("sdma", 0L, "edma", -1L));
        long[] tables = {0x2000_0000L, 0x2000_4000L, 0x2000_8000L, 0x2000_c000L, 0x2001_0000L};
        long address = new long[] {0x7ff0_2000L, 0x3ff_8010_2000L, 0x1f_fc00_8010_2000L, 0xff00_0400_8010_2abcL}[type];
        for (int level = type + 1; level >= 0; level--) {
            int shift = new int[] {12, 20, 31, 42, 53}[level];
            long entry = level == 0 ? 0x1234_5000L : level == 1 ? tables[0] : tables[level - 1] | 3 | (level - 1) << 2;
            machine.write(tables[level] + (address >>> shift & (level == 0 ? 0xff : 0x7ff)) * 8, entry);
        }
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, 0, -1L, tables[type + 1] | 0x800 | type << 2));
        assertEquals(0, machine.rpcit(FUNCTION, address & -0x1000L, 0x1000));
        assertEquals(Long.toHexString(0x1234_5000L | (address & 0xfff)), machine.read(FUNCTION, address));
        if (type < 3) {
            long beyond = 1L << (31 + 11 * type);
            assertEquals(1, machine.rpcit(FUNCTION, beyond, 0x1000));
            assertEquals("0008", machine.takeEvents().get(0).substring(60), "beyond the reach");
        }
    }

    @Test
    void shouldNotFindAnythingBelowAnEmptyRegionFirstEntryAsQuirk18() {
        // A driver once dereferenced a null table there.
        Machine machine = Machine.of(4, Map.of("sdma", 0L));
        machine.write(0x2000_0000L, 0x20);
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, 0, 0xffff_ffffL, 0x2000_080cL));
        assertEquals(0, machine.rpcit(FUNCTION, 0, 0x1_0000_0000L));
        assertEquals(List.of(), machine.cached());
        assertEquals("code 7", machine.read(FUNCTION, 0x1000));
    }

    @Test
    void shouldRegisterOnlyTypesThatTheGroupAdvertises() {
        Machine machine = Machine.of(4, Map.of("dtsm", 0x60L));
        machine.enable(0x0002_0001);
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0x1000_0800L));
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0x1000_080cL));
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0x1000_0810L));
        assertEquals(0, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0x1000_0808L));
    }

    // ---- relaxed translation, generation 5

    @Test
    void shouldGoToMemoryFromTheStartOfTheApertureOnWithoutTranslation() {
        Machine machine = Machine.of(5);
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, 0x1_0000_0000L, 0x1_00ff_ffffL, 0));
        DmaAccess access = machine.dma(FUNCTION, 0x1_0000_2abcL, DmaAccess.WRITE);
        assertEquals(0x2abc, access.spa());
        assertEquals(0, access.pageBytes());
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(List.of(), machine.cached());
        assertEquals("code 2", machine.read(FUNCTION, 0x1_0100_0000L));
    }

    @Test
    void shouldNotOfferRelaxedTranslationBefore() {
        for (int generation = 1; generation < 5; generation++) {
            Machine machine = Machine.of(generation);
            machine.enable(0x0002_0001);
            assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0));
        }
        Machine machine = Machine.of(5, Map.of("rtr", 0L));
        machine.enable(0x0002_0001);
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0));
    }

    @Test
    void shouldKeepTheGisaThatAFibDesignatesAsVector16() {
        for (int generation = 4; generation <= 5; generation++) {
            Machine machine = Machine.of(generation);
            machine.enable(0x0002_0001);
            machine.write(0x5000_0000L, 0, 0, Machine.PBA, Machine.PAL, Machine.IOTA, 0, 0, 0, 0, 0x5566_7788L);
            assertEquals(0, machine.execute(0xE3D0, 0x8002_0001_0000_0004L, 0x5000_0000L));
            assertEquals(0, machine.stpcifc(FUNCTION));
            assertEquals(
                    generation == 5 ? "55667788" : "00000000", machine.fib().substring(152));
        }
    }
}
