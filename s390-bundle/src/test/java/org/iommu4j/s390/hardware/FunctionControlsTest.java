package org.iommu4j.s390.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.command.EventCode;
import org.junit.jupiter.api.Test;

/** MPCIFC, STPCIFC, CLP and SIC, states and handles; docs/spec/s390-zpci.md 2.4 to 2.9. */
class FunctionControlsTest {
    private static final int FUNCTION = 0x8002_0001;
    private static final long PAGE = 0x1_0000_2000L;

    private final Machine machine = Machine.of(2).withFreshTables();

    private static long request(int handle, int operation) {
        return (long) handle << 32 | operation;
    }

    private String controls(Machine of, int handle) {
        return of.stpcifc(handle) == 0 ? of.fib().substring(16, 18) : "cc";
    }

    // ---- MPCIFC

    @Test
    void shouldCheckInTheOrderOfTheSpecification() {
        assertEquals(
                -2, machine.execute(0xE3D0, request(1, 4), 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), "privileged");
        assertEquals(-6, machine.execute(0xE3D0, request(1, 4), 4), "alignment");
        assertEquals(3, machine.execute(0xE3D0, request(1, 4), 8), "handle");
        assertEquals(3, machine.execute(0xE3D0, request(0x0002_0001, 4), 8), "disabled");
        machine.enable(0x0002_0001);
        machine.write(0x5000_0000L, 0x0100_0000_0000_0000L);
        assertEquals(-0x15, machine.execute(0xE3D0, request(FUNCTION, 99), 0x5000_0000L), "format");
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 99), "operation");
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 16), "directed interrupts");
        assertEquals(-5, machine.execute(0xE3D0, request(FUNCTION, 4), 1L << 60), "no memory");
    }

    @Test
    void shouldRegisterOnceAndKeepWholePagesAsQuirk16() {
        machine.enable(0x0002_0001);
        assertEquals(0, machine.mpcifc(FUNCTION, 4, 0x1_0000_0fffL, 0x1_ffff_f000L, Machine.IOTA));
        assertEquals(0, machine.stpcifc(FUNCTION));
        assertEquals(
                "0000000000000000" + "9000000000000000" + "0000000100000000" + "00000001ffffffff" + "0000000010000804"
                        + "0".repeat(80),
                machine.fib());
        assertEquals(1, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
        assertEquals(24, machine.status());
    }

    @Test
    void shouldKnowOneAddressSpaceOnly() {
        machine.setUp();
        for (int operation : new int[] {4, 5, 6}) {
            assertEquals(1, machine.execute(0xE3D0, request(FUNCTION, operation) | 0x0001_0000L, 0x5000_0000L));
            assertEquals(28, machine.status());
        }
    }

    @Test
    void shouldRefuseParametersThatTheFunctionCannotHave() {
        machine.enable(0x0002_0001);
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PAL + 1, Machine.PBA, Machine.IOTA), "order");
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, 0xffff_f000L, Machine.PAL, Machine.IOTA), "sdma");
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, 1L << 57, Machine.IOTA), "edma");
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0x1000_0004L), "T");
        for (int type : new int[] {0, 2, 3, 4, 5, 7}) {
            assertEquals(
                    -0x15,
                    machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, 0x1000_0800L | type << 2),
                    "type " + type);
        }
        assertEquals(0, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
    }

    @Test
    void shouldDropEverythingWhenItUnregisters() {
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        assertEquals(0, machine.mpcifc(FUNCTION, 5));
        assertEquals(List.of(), machine.cached());
        assertEquals("80", controls(machine, FUNCTION));
        assertEquals(1, machine.mpcifc(FUNCTION, 5));
        assertEquals(24, machine.status());
        assertEquals(1, machine.mpcifc(FUNCTION, 6, Machine.PBA, Machine.PAL, Machine.IOTA));
        assertEquals(24, machine.status());
    }

    @Test
    void shouldKeepTheOldRegistrationIfTheNewOneIsWrongAsQuirk8() {
        // QEMU has nothing registered then.
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        assertEquals(-0x15, machine.mpcifc(FUNCTION, 6, Machine.PBA, Machine.PAL, 0x1000_0004L));
        assertEquals("12345000", machine.read(FUNCTION, PAGE));
        assertEquals(0, machine.mpcifc(FUNCTION, 6, Machine.PBA, Machine.PAL, Machine.IOTA | 0x200));
        assertEquals(List.of(), machine.cached());
    }

    @Test
    void shouldNotRegisterInTheErrorStateAsQuirk12() {
        // QEMU lets it through.
        machine.enable(0x0002_0001);
        machine.read(FUNCTION, PAGE);
        assertEquals(1, machine.mpcifc(FUNCTION, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
        assertEquals(40, machine.status());
    }

    @Test
    void shouldRegisterInterruptsOnce() {
        machine.enable(0x0002_0001);
        machine.write(0x5000_0000L, 0, 0, 0, 0, 0, 0x3040_0589_0000_0000L, 0x2000, 0x3000, 0, 0);
        assertEquals(0, machine.execute(0xE3D0, request(FUNCTION, 2), 0x5000_0000L));
        assertEquals(1, machine.execute(0xE3D0, request(FUNCTION, 2), 0x5000_0000L));
        assertEquals(24, machine.status());
        machine.stpcifc(FUNCTION);
        assertEquals(
                "304005890000000000000000000020000000000000003000",
                machine.fib().substring(80, 128));
        assertEquals(0, machine.mpcifc(FUNCTION, 3));
        assertEquals(1, machine.mpcifc(FUNCTION, 3));
        assertEquals(24, machine.status());
        machine.write(0x5000_0000L, 0, 0, 0, 0, 0, 0, 1L << 60, 0, 0, 0);
        assertEquals(1, machine.execute(0xE3D0, request(FUNCTION, 2), 0x5000_0000L));
        assertEquals(4, machine.status());
    }

    @Test
    void shouldReportAWrongMeasurementBlockWithoutStopping() {
        machine.setUp();
        machine.write(0x5000_0000L, 0, 0, 0, 0, 0, 0, 0, 0, 0x6008, 0);
        assertEquals(1, machine.execute(0xE3D0, request(FUNCTION, 10), 0x5000_0000L));
        assertEquals(
                List.of("0000000080020001" + "0000000100000000" + "0000000000006008" + "000000000000002c"),
                machine.takeEvents());
        assertEquals("90", controls(machine, FUNCTION));
    }

    // ---- states

    @Test
    void shouldGoThroughTheErrorStatesAsVector25() {
        machine.setUp();
        assertEquals("90", controls(machine, FUNCTION));
        assertEquals(1, machine.mpcifc(FUNCTION, 7));
        assertEquals(24, machine.status());
        assertEquals("code 7", machine.read(FUNCTION, PAGE));
        assertEquals("f0", controls(machine, FUNCTION));
        assertEquals(0, machine.mpcifc(FUNCTION, 9));
        assertEquals("d0", controls(machine, FUNCTION));
        assertEquals(1, machine.mpcifc(FUNCTION, 9));
        assertEquals(24, machine.status());
        assertEquals(0, machine.mpcifc(FUNCTION, 7));
        assertEquals("90", controls(machine, FUNCTION));
    }

    @Test
    void shouldDropAccessesWhileBlockedAsQuirk10() {
        // QEMU translates them.
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        assertEquals("code 7", machine.read(FUNCTION, 0x1_0000_3000L));
        assertEquals("blocked", machine.read(FUNCTION, PAGE));
        assertEquals(0, machine.mpcifc(FUNCTION, 9));
        assertEquals("blocked", machine.read(FUNCTION, PAGE));
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000), "RPCIT works while blocked");
        assertEquals(0, machine.mpcifc(FUNCTION, 7));
        assertEquals("12345000", machine.read(FUNCTION, PAGE), "what was known stays known");
    }

    @Test
    void shouldRefreshAgainAfterResetAsQuirk15() {
        machine.setUp();
        machine.read(FUNCTION, PAGE);
        assertEquals(1, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(40, machine.status());
        assertEquals(0, machine.mpcifc(FUNCTION, 7));
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(0, machine.rpcit(FUNCTION, PAGE, 0x1000));
    }

    @Test
    void shouldNotKnowAnOldHandleAfterRecoveryByDisablingAsQuirk14() {
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        int disabled = machine.disable(FUNCTION);
        assertEquals(0x0102_0001, disabled);
        assertEquals(List.of(), machine.cached());
        int again = machine.enable(disabled);
        assertEquals(0x8102_0001, again);
        assertEquals(3, machine.rpcit(FUNCTION, PAGE, 0x1000));
        assertEquals(0, machine.mpcifc(again, 4, Machine.PBA, Machine.PAL, Machine.IOTA));
        assertEquals(0, machine.rpcit(again, PAGE, 0x1000));
    }

    @Test
    void shouldNeverGiveAHandleTwiceInThatManyLives() {
        int handle = 0x0002_0001;
        for (int life = 0; life < 128; life++) {
            assertEquals(life << 24 | 0x0002_0001, handle);
            handle = machine.disable(machine.enable(handle));
        }
        assertEquals(0x0002_0001, handle, "the count of lives has seven bits");
    }

    // ---- STPCIFC

    @Test
    void shouldStoreNothingButZeroesForADisabledFunction() {
        assertEquals(0, machine.stpcifc(0x0002_0001));
        assertEquals("0".repeat(160), machine.fib());
        assertEquals(3, machine.stpcifc(FUNCTION), "the handle of an enabled function");
        assertEquals(3, machine.stpcifc(0x0002_0010), "no such function");
    }

    @Test
    void shouldSetTheEnableBitOfAHandleThatLacksItAsQuirk20() {
        machine.setUp();
        assertEquals(0, machine.stpcifc(0x0002_0001));
        assertEquals(0x8002_0001_0000_0000L, machine.register(0));
    }

    @Test
    void shouldCheckSpaceBeforeAlignmentBeforeState() {
        assertEquals(1, machine.execute(0xE3D4, request(0x0002_0001, 0) | 0x0001_0000L, 4));
        assertEquals(28, machine.status());
        assertEquals(-6, machine.execute(0xE3D4, request(0x0002_0001, 0), 4));
        Machine away = Machine.of(
                Machine.config(2, Map.of(), Map.of("function-states", "1=standby,2=reserved,3=permanent-error")));
        assertEquals(3, away.stpcifc(0x0002_0001));
        assertEquals(3, away.stpcifc(0x0002_0002));
        assertEquals(1, away.stpcifc(0x8002_0003));
        assertEquals(8, away.status());
        assertEquals(-5, machine.execute(0xE3D4, request(0x0002_0001, 0), 1L << 60));
    }

    // ---- CLP

    private static String set(int handle, int operation, int spaces) {
        return String.format(
                "0020000500000000 0000000000000000 %08x0000%02x%02x 0000000000000000", handle, operation, spaces);
    }

    private String code(String request) {
        return machine.clp(request, 32).substring(4, 8);
    }

    @Test
    void shouldEnableAndDisableByTheResponseCodesOfTheSpecification() {
        assertEquals("0103", code(set(0x0002_0001, 0, 0)));
        assertEquals("0104", code(set(0x0002_0001, 0, 2)));
        assertEquals("0101", code(set(0x0102_0001, 0, 1)));
        assertEquals("0102", code(set(0x0002_0001, 1, 1)), "disable when disabled");
        assertEquals(
                "0020001000000000" + "0000000000000000" + "8002000100000000" + "0000000000000000",
                machine.clp(set(0x0002_0001, 0, 1), 32));
        assertEquals("0102", code(set(FUNCTION, 0, 1)), "enable when enabled");
        assertEquals("0102", code(set(FUNCTION, 2, 1)), "no memory I/O");
        assertEquals("0010", code(set(FUNCTION, 1, 0)));
    }

    @Test
    void shouldRefuseRequestsByTheResponseCodesOfTheSpecification() {
        assertEquals("0020", code("0020000900000000" + "0".repeat(48)));
        assertEquals("0020", code("0020000100000000" + "0".repeat(48)), "store characteristics is not modelled");
        assertEquals("0040", code("0020000310000000" + "0".repeat(48)));
        assertEquals("0070", code("0020000300000001" + "0".repeat(48)));
        assertEquals("0070", code("0020000300000000" + "0000000000000001" + "0".repeat(32)));
        assertEquals("0050", code("0028000300000000" + "0".repeat(64)));
        assertEquals("0101", code("0020000300000000" + "0000000000000000" + "0002001000000000" + "0".repeat(16)));
        assertEquals("010b", code("0020000400000000" + "0000000000000000" + "000000fe00000000" + "0".repeat(16)));
    }

    @Test
    void shouldTakeWrongLengthsForAnOperandException() {
        String rest = "000400000000" + "0".repeat(48);
        assertEquals("cc -21", machine.clp("0008" + rest, 64));
        assertEquals("cc -21", machine.clp("0021" + rest, 64));
        assertEquals("cc -21", machine.clp("0020" + rest, 4));
        assertEquals("cc -21", machine.clp("0020" + rest, 12));
        assertEquals("cc -21", machine.clp("0020" + rest, 8176));
    }

    @Test
    void shouldAnswerAFunctionQueryWithApertureAndGroup() {
        String answer =
                machine.clp("0020000300000000" + "0000000000000000" + "0002000500000000" + "0000000000000000", 384);
        assertEquals("01800010", answer.substring(0, 8));
        assertEquals("ff", answer.substring(38, 40), "group");
        assertEquals("00000005", answer.substring(40, 48), "id");
        assertEquals("000000010000000001ffffffffffffff", answer.substring(128, 160), "sdma, edma");
    }

    @Test
    void shouldListFunctionsInPiecesAsThereIsRoom() {
        machine.enable(0x0002_0001);
        String first = machine.clp("0020000200000000" + "0".repeat(48), 32 + 16 * 10);
        assertEquals("00c00010", first.substring(0, 8));
        assertEquals("000000000000000a", first.substring(32, 48), "resume token");
        assertEquals(
                "0000000080000000" + "0000000080020001".replaceFirst("^0{8}", "00000001"), first.substring(96, 128));
        String second = machine.clp(
                "0020000200000000" + "0000000000000000" + "000000000000000a" + "0".repeat(16), 32 + 16 * 10);
        assertEquals("00800010", second.substring(0, 8));
        assertEquals("0000000000000000", second.substring(32, 48));
        assertEquals(
                "010a",
                machine.clp("0020000200000000" + "0000000000000000" + "0000000000000010" + "0".repeat(16), 64)
                        .substring(4, 8));
        assertEquals(
                "0060", machine.clp("0020000200000000" + "0".repeat(48), 32).substring(4, 8));
        assertEquals(
                "0050", machine.clp("0020000200000000" + "0".repeat(48), 56).substring(4, 8));
    }

    // ---- the rest

    @Test
    void shouldKnowNoOtherInstruction() {
        assertEquals(-1, machine.execute(0xB9D5));
        assertEquals(0, machine.execute(0xEBD1, 0, 3L << 27));
        assertEquals(0, machine.execute(0xEBD1, 1, 3L << 27));
        assertEquals(-0x15, machine.execute(0xEBD1, 2, 0));
        assertEquals(-2, machine.execute(0xEBD1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
    }

    @Test
    void shouldTellOfFunctionsThatComeAndGo() {
        SimulatedZpci chip = (SimulatedZpci) machine.chip();
        machine.setUp();
        machine.rpcit(FUNCTION, PAGE, 0x1000);
        chip.facility().available(chip.facility().at(1), EventCode.DECONFIGURE_REQUESTED);
        assertEquals("90", controls(machine, FUNCTION));
        chip.facility().available(chip.facility().at(1), EventCode.CONFIGURED_TO_STANDBY);
        assertEquals(3, machine.stpcifc(FUNCTION));
        assertEquals(List.of(), machine.cached());
        chip.facility().available(chip.facility().at(1), EventCode.STANDBY_TO_RESERVED);
        chip.facility().available(chip.facility().at(1), EventCode.RESERVED_TO_STANDBY);
        chip.facility().available(chip.facility().at(1), EventCode.CONFIGURED);
        assertEquals(
                List.of("0303", "0304", "0308", "0302", "0301"),
                machine.takeEvents().stream().map(event -> event.substring(60)).toList());
        assertEquals(0x8102_0001, machine.enable(0x0102_0001));
        chip.facility().available(chip.facility().at(1), EventCode.PERMANENT_ERROR);
        assertEquals(1, machine.stpcifc(0x8102_0001));
        assertEquals(8, machine.status());
        assertEquals("003b", machine.takeEvents().get(0).substring(60));
        assertEquals("0106", code(set(0x8102_0001, 1, 1)));
    }
}
