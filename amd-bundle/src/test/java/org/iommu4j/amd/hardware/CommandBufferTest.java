package org.iommu4j.amd.hardware;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.SpecVectors.Vector;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Exclusion;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The command buffer: legality, halt and restart, completion, and the registers of rings, 48882 2.4 and 3.4. */
final class CommandBufferTest {
    private static final long WAIT = CompletionWait.OPCODE.of(AmdViCommand.OP_COMPLETION_WAIT);
    private static final long STORE = 0x7_0000L;
    private static final long ILLEGAL = 0;

    static Stream<Vector> legality() {
        return SpecVectors.of("leg");
    }

    @ParameterizedTest
    @MethodSource("legality")
    void shouldTakeOrRefuseTheCommandAsTheFeaturesSay(Vector vector) {
        String[] words = vector.input().split(" ", -1);
        AmdViUnit.Recipe recipe = AmdViUnit.recipe()
                .generation(
                        switch (words[0]) {
                            case "P1" -> AmdViGeneration.V1;
                            case "P2" -> AmdViGeneration.V2;
                            default -> AmdViGeneration.V3;
                        });
        int at = 1;
        if (words[at].equals("IotlbSup=0")) {
            recipe.field("cap", "IotlbSup", 0);
            at++;
        }
        long base = hex(words[at + 1]);
        long slot = hex(words[at + 3]);
        AmdViUnit unit = recipe.make().translating();
        unit.write(Rings.COMMAND_BUFFER.base(), base | AmdViUnit.LEAST_LENGTH);
        unit.memory.writeLongLe(base + slot * 16, hex(words[at + 4]));
        unit.memory.writeLongLe(base + slot * 16 + 8, hex(words[at + 5]));
        unit.write(Rings.COMMAND_BUFFER.head(), slot * 16);
        unit.write(Rings.COMMAND_BUFFER.tail(), slot * 16 + 16);
        unit.on(Control.CMD_BUF_EN);

        List<String> events = unit.events();
        String got = events.isEmpty()
                ? "executed"
                : "event " + events.get(0) + ", CmdBufRun=" + (unit.status(Status.CMD_BUF_RUN) ? 1 : 0) + ", head "
                        + Long.toHexString(unit.read(Rings.COMMAND_BUFFER.head()));
        assertEquals(vector.expected(), got);
        assertEquals(events.isEmpty() ? slot * 16 + 16 : slot * 16, unit.read(Rings.COMMAND_BUFFER.head()));
    }

    @Test
    void shouldStayOnAnIllegalCommandUntilSoftwareEnablesTheBufferAnew() {
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        for (int i = 0; i < 3; i++) {
            unit.submit(InvalidateDevtabEntry.word0(i), 0);
        }
        unit.submit(ILLEGAL, 0);
        unit.submit(CompletionWait.storing(STORE), 7);
        assertEquals(0x30, unit.read(Rings.COMMAND_BUFFER.head()));
        assertFalse(unit.status(Status.CMD_BUF_RUN));
        assertEquals(0, unit.memory.readLongLe(STORE));

        // V184: the tail is stored, and nothing is carried out.
        unit.write(Rings.COMMAND_BUFFER.tail(), 0xa0);
        assertEquals(0x30, unit.read(Rings.COMMAND_BUFFER.head()));
        unit.write(Rings.COMMAND_BUFFER.tail(), 0x50);

        // V185: repaired, it goes on where it stopped.
        unit.memory.writeLongLe(AmdViUnit.COMMANDS + 0x30, InvalidateDevtabEntry.word0(9));
        unit.off(Control.CMD_BUF_EN);
        unit.on(Control.CMD_BUF_EN);
        assertTrue(unit.status(Status.CMD_BUF_RUN));
        assertEquals(0x50, unit.read(Rings.COMMAND_BUFFER.head()));
        assertEquals(7, unit.memory.readLongLe(STORE));
    }

    @Test
    void shouldHaltWithoutAnEventLogJustTheSame() {
        AmdViUnit unit = AmdViUnit.recipe()
                .make()
                .translating()
                .off(Control.EVENT_LOG_EN)
                .commanding();
        unit.submit(ILLEGAL, 0);
        assertFalse(unit.status(Status.CMD_BUF_RUN));
        assertEquals(List.of(), unit.events());
    }

    @Test
    void shouldGoOnAfterAnIllegalCommandWhereThatIsChosen() {
        AmdViUnit unit =
                AmdViUnit.recipe().option("halt", "go-on").make().translating().commanding();
        unit.submit(ILLEGAL, 0);
        unit.submit(CompletionWait.storing(STORE), 7);
        assertEquals(1, unit.events().size());
        assertEquals(7, unit.memory.readLongLe(STORE));
    }

    @Test
    void shouldHaltWhereACompletionCannotBeStored() {
        // V192
        AmdViUnit unit =
                AmdViUnit.recipe().ram(0x4000_0000L).make().translating().commanding();
        for (int i = 0; i < 3; i++) {
            unit.submit(InvalidateDevtabEntry.word0(i), 0);
        }
        unit.submit(CompletionWait.storing(0x4000_0000L), 1);
        assertEquals(List.of("00000000 62000000 40000000 00000000"), unit.events());
        assertFalse(unit.status(Status.CMD_BUF_RUN));
        assertEquals(0x30, unit.read(Rings.COMMAND_BUFFER.head()));
    }

    @Test
    void shouldHaltWhereACommandCannotBeRead() {
        // V193
        AmdViUnit unit = AmdViUnit.recipe().ram(0x4000_0000L).make().translating();
        unit.write(Rings.COMMAND_BUFFER.base(), 0x4000_0000L | AmdViUnit.LEAST_LENGTH);
        unit.on(Control.CMD_BUF_EN);
        unit.write(Rings.COMMAND_BUFFER.tail(), 0x10);
        assertEquals(List.of("00000000 62000000 40000000 00000000"), unit.events());
        assertFalse(unit.status(Status.CMD_BUF_RUN));
        assertEquals(0, unit.read(Rings.COMMAND_BUFFER.head()));
    }

    @Test
    void shouldStoreOnlyWhereSecureNestedPagingAllowsIt() {
        AmdViUnit unit = AmdViUnit.recipe().generation(AmdViGeneration.SNP).make();
        unit.write(Exclusion.BASE_REGISTER, STORE | 1);
        unit.write(Exclusion.LIMIT_REGISTER, STORE);
        unit.translating().commanding();
        unit.submit(CompletionWait.storing(STORE + 0xff8), 5);
        assertEquals(5, unit.memory.readLongLe(STORE + 0xff8));
        unit.submit(CompletionWait.storing(STORE + 0x1000), 5);
        assertEquals(List.of("00000000 64000000 00071000 00000000"), unit.events());
    }

    @Test
    void shouldWrapTheHead() {
        // V190
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        for (int i = 0; i < 256; i++) {
            unit.submit(InvalidateDevtabEntry.word0(i), 0);
        }
        assertEquals(0, unit.read(Rings.COMMAND_BUFFER.head()));
        assertEquals(256, unit.chip.counters().commands());
    }

    @Test
    void shouldNotRunWithALengthThatIsReserved() {
        // V33
        AmdViUnit unit = AmdViUnit.recipe().make().translating();
        unit.write(Rings.COMMAND_BUFFER.base(), AmdViUnit.COMMANDS | Rings.LENGTH.of(7));
        unit.on(Control.CMD_BUF_EN);
        assertFalse(unit.status(Status.CMD_BUF_RUN));
    }

    @Test
    void shouldEmptyTheRingWithItsBaseAndOnlyWhileItDoesNotRun() {
        // V183
        AmdViUnit unit = AmdViUnit.recipe().make();
        unit.write(Rings.COMMAND_BUFFER.base(), 0x0800_0000_0020_0000L);
        unit.set(Rings.COMMAND_BUFFER, 0x40, 0x80);
        unit.write(Rings.COMMAND_BUFFER.base(), 0x0900_0000_0030_0000L);
        assertEquals(0, unit.read(Rings.COMMAND_BUFFER.head()));
        assertEquals(0, unit.read(Rings.COMMAND_BUFFER.tail()));

        unit.translating().commanding();
        long base = unit.read(Rings.COMMAND_BUFFER.base());
        unit.submit(InvalidateDevtabEntry.word0(1), 0);
        unit.write(Rings.COMMAND_BUFFER.base(), 0x0900_0000_0030_0000L);
        unit.write(Rings.COMMAND_BUFFER.head(), 0);
        assertEquals(base, unit.read(Rings.COMMAND_BUFFER.base()));
        assertEquals(0x10, unit.read(Rings.COMMAND_BUFFER.head()));
    }

    @Test
    void shouldSetTheInterruptBitAlwaysAndSendTheMessageIfEnabled() {
        // V188
        AmdViUnit unit = AmdViUnit.recipe().make().messages().translating().commanding();
        unit.submit(WAIT | CompletionWait.I.mask(), 0);
        assertTrue(unit.status(Status.COM_WAIT_INT));
        assertEquals(0, unit.interrupts.size());
        unit.on(Control.COM_WAIT_INT_EN);
        unit.submit(WAIT | CompletionWait.I.mask(), 0);
        assertEquals(1, unit.interrupts.size());
    }

    @Test
    void shouldClearOnlyTheStatusBitsThatAreWritten() {
        // V34 and V182
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        unit.submit(WAIT | CompletionWait.I.mask(), 0);
        unit.submit(ILLEGAL, 0);
        assertTrue(unit.status(Status.EVENT_LOG_INT));
        unit.write(Status.REGISTER, Status.EVENT_LOG_INT.mask());
        assertTrue(unit.status(Status.COM_WAIT_INT));
        assertFalse(unit.status(Status.EVENT_LOG_INT));
        long all = 0x79fffL;
        assertEquals(0x11198L, all & ~Status.REGISTER.writeOneToClear());
    }

    @Test
    void shouldLogADeviceThatDoesNotAnswerAndCompleteTheWaitBehindIt() {
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        // B20
        unit.devicesAnswer = false;
        unit.submit(
                InvalidateIotlbPages.word0(0x310, 0x310, 0x20, 0xabcde),
                InvalidateIotlbPages.word1(0xabcde, 0x1000, SizeEncoding.PAGE_SHIFT, 0));
        unit.submit(CompletionWait.storing(STORE), 3);
        assertEquals(List.of("00000310 70000000 00090000 00000000"), unit.events());
        assertEquals(3, unit.memory.readLongLe(STORE));
        assertEquals(0xabcde, unit.deviceInvalidations.get(0)[1]);
    }

    @Test
    void shouldTakeAnotherDeviceTableWhileItTranslatesAndKeepCachedEntries() {
        // V191
        AmdViUnit unit = AmdViUnit.recipe().make();
        unit.write(DevTabBase.REGISTER, AmdViUnit.DEVICE_TABLE | 1);
        unit.translating(1).commanding();
        unit.device(5, DeviceTableEntry.V.mask());
        unit.dma(5, 0x1000, AmdViUnit.READ);
        assertEquals(1, unit.events().size());
        unit.write(DevTabBase.REGISTER, (AmdViUnit.DEVICE_TABLE + 0x10_0000) | 0x1ff);
        unit.dma(5, 0x1000, AmdViUnit.READ);
        assertEquals(1, unit.events().size());
        unit.submit(InvalidateDevtabEntry.word0(5), 0);
        unit.assertPasses(5, 0x1000);
    }

    @Test
    void shouldGoOnWhereASavedUnitStopped() {
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        unit.submit(ILLEGAL, 0);
        unit.submit(CompletionWait.storing(STORE), 3);
        unit.chip = SimulatedAmdVi.restore(unit.chip.save(), unit.platform);
        assertFalse(unit.status(Status.CMD_BUF_RUN));
        unit.memory.writeLongLe(AmdViUnit.COMMANDS, InvalidateDevtabEntry.word0(9));
        unit.off(Control.CMD_BUF_EN);
        unit.on(Control.CMD_BUF_EN);
        assertEquals(3, unit.memory.readLongLe(STORE));
        assertEquals(1, unit.events().size());
    }
}
