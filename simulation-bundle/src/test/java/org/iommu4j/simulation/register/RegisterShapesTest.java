package org.iommu4j.simulation.register;

import static org.iommu4j.layout.Access.READ_CLEARS;
import static org.iommu4j.layout.Access.READ_ONLY;
import static org.iommu4j.layout.Access.READ_WRITE;
import static org.iommu4j.layout.Access.WRITE_ONE_CLEARS;
import static org.iommu4j.layout.Access.WRITE_ONE_SETS;
import static org.iommu4j.layout.Access.WRITE_ONLY;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.reset;
import static org.iommu4j.layout.FieldOption.whileClear;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteOrder;
import java.util.List;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.ring.CommandRing;
import org.iommu4j.simulation.ring.RingStyle;
import org.junit.jupiter.api.Test;

/**
 * The shapes that registers of IOMMUs have, declared as a vendor declares them: handshakes and queues of the SMMU (Arm IHI
 * 0070 6.3), rings, status and control of the AMD IOMMU (AMD 48882 3.4), a big endian block.
 */
final class RegisterShapesTest {

    /** SMMU_CR0 and what acknowledges it, 6.3.9 and 6.3.10. */
    static final class Cr0 {
        private static final Register.Builder CR0 =
                Register.named("CR0").at(0x20, 32).spec("IHI 0070 6.3.9").each(READ_WRITE);

        static final BitField SMMUEN = CR0.bit("SMMUEN", 0, about("translation is on"));
        static final BitField EVENTQEN = CR0.bit("EVENTQEN", 2, about("event queue is on"));
        static final BitField CMDQEN = CR0.bit("CMDQEN", 3, about("command queue is on"));
        static final Register REGISTER = CR0.build();

        private static final Register.Builder CR0ACK =
                Register.named("CR0ACK").at(0x24, 32).spec("IHI 0070 6.3.10").each(READ_ONLY);

        static final BitField SMMUEN_ACK = CR0ACK.bit("SMMUEN", 0, about("translation is on"));
        static final BitField EVENTQEN_ACK = CR0ACK.bit("EVENTQEN", 2, about("event queue is on"));
        static final BitField CMDQEN_ACK = CR0ACK.bit("CMDQEN", 3, about("command queue is on"));
        static final Register ACKNOWLEDGE = CR0ACK.build();
    }

    /** SMMU_GERROR and SMMU_GERRORN, 6.3.19 and 6.3.20: an error is active while its two bits differ. */
    static final class Gerror {
        private static final Register.Builder GERROR =
                Register.named("GERROR").at(0x60, 32).spec("IHI 0070 6.3.19").each(READ_ONLY);

        static final BitField CMDQ_ERR = GERROR.bit("CMDQ_ERR", 0, about("the command queue has stopped"));
        static final BitField EVENTQ_ABT_ERR = GERROR.bit("EVENTQ_ABT_ERR", 2, about("an event could not be written"));
        static final Register REGISTER = GERROR.build();

        private static final Register.Builder GERRORN =
                Register.named("GERRORN").at(0x64, 32).spec("IHI 0070 6.3.20").each(READ_WRITE);

        static final BitField CMDQ_ERR_N = GERRORN.bit("CMDQ_ERR", 0, about("acknowledges"));
        static final BitField EVENTQ_ABT_ERR_N = GERRORN.bit("EVENTQ_ABT_ERR", 2, about("acknowledges"));
        static final Register ACKNOWLEDGE = GERRORN.build();
    }

    /** SMMU_STRTAB_BASE, 6.3.24: locked until both SMMUEN bits are 0. */
    static final class StreamTable {
        private static final Register.Builder BASE = Register.named("STRTAB_BASE")
                .at(0x80, 64)
                .spec("IHI 0070 6.3.24")
                .each(READ_WRITE, whileClear(Cr0.REGISTER, Cr0.SMMUEN), whileClear(Cr0.ACKNOWLEDGE, Cr0.SMMUEN_ACK));

        static final BitField ADDR = BASE.address("ADDR", 51, 6, about("stream table"));
        static final BitField RA = BASE.bit("RA", 62, about("read-allocate hint"));
        static final Register REGISTER = BASE.build();
    }

    /** SMMU_CMDQ_PROD and SMMU_CMDQ_CONS, 6.3.27 and 6.3.28: index and wrap bit. */
    static final class CommandQueue {
        private static final Register.Builder PROD =
                Register.named("CMDQ_PROD").at(0x98, 32).spec("IHI 0070 6.3.27");

        static final BitField WR = PROD.bits("WR", 19, 0, READ_WRITE, about("index and wrap flag"));
        static final Register PRODUCER = PROD.build();

        private static final Register.Builder CONS = Register.named("CMDQ_CONS")
                .at(0x9c, 32)
                .spec("IHI 0070 6.3.28")
                .each(whileClear(Cr0.REGISTER, Cr0.CMDQEN), whileClear(Cr0.ACKNOWLEDGE, Cr0.CMDQEN_ACK));

        static final BitField RD = CONS.bits("RD", 19, 0, READ_WRITE, about("index and wrap flag"));
        static final BitField ERR = CONS.bits("ERR", 30, 24, READ_ONLY, about("why the queue has stopped"));
        static final Register CONSUMER = CONS.build();
    }

    /** Control register of the AMD IOMMU, 48882 3.4.4. */
    static final class Control {
        private static final Register.Builder CONTROL =
                Register.named("CONTROL").at(0x18, 64).spec("AMD 48882 3.4.4").each(READ_WRITE);

        static final BitField IOMMU_EN = CONTROL.bit("IommuEn", 0, about("translation is on"));
        static final BitField COHERENT = CONTROL.bit("Coherent", 10, reset(1), about("table walks snoop"));
        static final BitField CMD_BUF_EN = CONTROL.bit("CmdBufEn", 12, about("command buffer is on"));
        static final Register REGISTER = CONTROL.build();
    }

    /** Status register of the AMD IOMMU, 48882 3.4.16: causes that a written 1 clears beside states of rings. */
    static final class Status {
        private static final Register.Builder STATUS =
                Register.named("STATUS").at(0x2020, 64).spec("AMD 48882 3.4.16");

        static final BitField EVENT_OVERFLOW = STATUS.bit("EventOverflow", 0, WRITE_ONE_CLEARS, about("one was lost"));
        static final BitField COM_WAIT_INT = STATUS.bit("ComWaitInt", 2, WRITE_ONE_CLEARS, about("a wait is over"));
        static final BitField CMD_BUF_RUN = STATUS.bit("CmdBufRun", 4, READ_ONLY, about("commands are fetched"));
        static final Register REGISTER = STATUS.build();
    }

    /** The command buffer of the AMD IOMMU, 48882 3.4.2 and 3.4.15: base and head are locked while it runs. */
    static final class CommandBuffer {
        private static final Register.Builder HEAD = Register.named("CMD_HEAD")
                .at(0x2000, 64)
                .spec("AMD 48882 3.4.15")
                .each(READ_WRITE, whileClear(Status.REGISTER, Status.CMD_BUF_RUN));

        static final BitField HEAD_POINTER = HEAD.address("CmdHdPtr", 18, 4, about("next to be fetched"));
        static final Register HEAD_REGISTER = HEAD.build();

        private static final Register.Builder TAIL =
                Register.named("CMD_TAIL").at(0x2008, 64).spec("AMD 48882 3.4.15");

        static final BitField TAIL_POINTER = TAIL.address("CmdTailPtr", 18, 4, READ_WRITE, about("next to be written"));
        static final Register TAIL_REGISTER = TAIL.build();
    }

    private final RegisterFile smmu = new RegisterFile(List.of(
            Cr0.REGISTER,
            Cr0.ACKNOWLEDGE,
            Gerror.REGISTER,
            Gerror.ACKNOWLEDGE,
            StreamTable.REGISTER,
            CommandQueue.PRODUCER,
            CommandQueue.CONSUMER));

    private final RegisterFile amd = new RegisterFile(
            List.of(Control.REGISTER, Status.REGISTER, CommandBuffer.HEAD_REGISTER, CommandBuffer.TAIL_REGISTER));

    @Test
    void shouldAcknowledgeAControlRegisterInAnother() {
        smmu.onWrite(Cr0.REGISTER, (before, after, written, lanes) -> smmu.set(Cr0.ACKNOWLEDGE, after));

        smmu.write(0x20, 4, -1);

        assertEquals(0xd, smmu.read(0x20, 4), "bits that no field claims are not stored");
        assertEquals(0xd, smmu.read(0x24, 4));
        smmu.write(0x24, 4, 0);
        assertEquals(0xd, smmu.read(0x24, 4), "only hardware acknowledges");
    }

    @Test
    void shouldLockATableUntilBothBitsOfAHandshakeAreOff() {
        smmu.write(0x80, 8, 0x1000);
        smmu.write(0x20, 4, 1);
        smmu.write(0x80, 8, 0x2000);
        assertEquals(0x1000, smmu.read(0x80, 8), "asked for");
        smmu.set(Cr0.ACKNOWLEDGE, Cr0.SMMUEN_ACK, true);
        smmu.write(0x20, 4, 0);
        smmu.write(0x84, 4, -1);
        assertEquals(0x1000, smmu.read(0x80, 8), "still acknowledged; halves are locked too");
        smmu.set(Cr0.ACKNOWLEDGE, Cr0.SMMUEN_ACK, false);
        smmu.write(0x84, 4, -1);
        smmu.write(0x80, 4, 0x2fff);
        assertEquals(0x400f_ffff_0000_2fc0L, smmu.read(0x80, 8));
    }

    @Test
    void shouldHoldAnErrorActiveWhileItsTwoBitsDiffer() {
        raise(Gerror.CMDQ_ERR);
        raise(Gerror.CMDQ_ERR);
        assertEquals(1, smmu.read(0x60, 4), "toggled once while it is active");
        smmu.write(0x60, 4, 0);
        assertEquals(1, smmu.read(0x60, 4), "software cannot clear it there");

        smmu.write(0x64, 4, 1);

        assertFalse(isActive(Gerror.CMDQ_ERR));
        raise(Gerror.CMDQ_ERR);
        raise(Gerror.EVENTQ_ABT_ERR);
        assertEquals(4, smmu.read(0x60, 4));
        assertTrue(isActive(Gerror.CMDQ_ERR));
    }

    private boolean isActive(BitField error) {
        return error.isSet(smmu.get(Gerror.REGISTER) ^ smmu.get(Gerror.ACKNOWLEDGE));
    }

    private void raise(BitField error) {
        if (!isActive(error)) {
            smmu.set(Gerror.REGISTER, error, !smmu.isSet(Gerror.REGISTER, error));
        }
    }

    @Test
    void shouldMoveARingByItsProducerAndShowItsConsumer() {
        CommandRing ring = new CommandRing(RingStyle.WRAP_BIT);
        ring.configure(0x4000, 16, 4);
        smmu.onWrite(CommandQueue.PRODUCER, (before, after, written, lanes) -> {
            ring.setTail(after);
            while (!ring.isEmpty()) {
                ring.advanceHead();
            }
            smmu.set(CommandQueue.CONSUMER, CommandQueue.RD, ring.head());
        });
        smmu.set(Cr0.REGISTER, Cr0.CMDQEN, true);

        smmu.write(0x98, 4, 5);

        assertEquals(5, smmu.read(0x9c, 4), "index 1 of the second lap");
        smmu.set(CommandQueue.CONSUMER, CommandQueue.ERR, 2);
        smmu.write(0x9c, 4, 0);
        assertEquals(0x0200_0005, smmu.read(0x9c, 4), "locked while the queue is on");
        smmu.set(Cr0.REGISTER, Cr0.CMDQEN, false);
        smmu.write(0x9c, 4, -1);
        assertEquals(0x020f_ffff, smmu.read(0x9c, 4), "the error code is hardware's");
    }

    @Test
    void shouldClearCausesOneByOneAndRunARingBesideThem() {
        amd.onWrite(
                Control.REGISTER,
                (before, after, written, lanes) -> amd.set(
                        Status.REGISTER,
                        Status.CMD_BUF_RUN,
                        Control.IOMMU_EN.isSet(after) && Control.CMD_BUF_EN.isSet(after)));
        assertEquals(0x400, amd.read(0x18, 8), "Coherent after reset");
        amd.write(0x2000, 8, 0xffff_ffffL);
        assertEquals(0x7_fff0, amd.read(0x2000, 8));
        amd.write(0x18, 8, 0x1001);
        amd.set(Status.REGISTER, Status.EVENT_OVERFLOW, true);
        amd.set(Status.REGISTER, Status.COM_WAIT_INT, true);

        amd.write(0x2000, 8, 0);
        amd.write(0x2008, 4, 0x40);
        amd.write(0x2020, 8, 0x14);

        assertEquals(0x7_fff0, amd.read(0x2000, 8), "the head is hardware's while the buffer runs");
        assertEquals(0x40, amd.read(0x2008, 8));
        assertEquals(0x11, amd.read(0x2020, 8), "one cause cleared; CmdBufRun is no cause");
    }

    @Test
    void shouldSetClearByReadingAndHide() {
        Register.Builder builder = Register.named("MIX").at(0, 64).spec("made up");
        BitField set = builder.bit("SET", 0, WRITE_ONE_SETS);
        BitField read = builder.bits("COUNT", 39, 32, READ_CLEARS);
        BitField hidden = builder.bits("KEY", 15, 8, WRITE_ONLY, reset(0x5a));
        Register mix = builder.build();
        RegisterFile file = new RegisterFile(List.of(mix));

        file.set(mix, read, 0x77);
        file.write(0, 8, set.mask());
        file.write(0, 8, 0);

        assertEquals(1, file.read(0, 4), "a written 0 leaves it; the key reads 0");
        assertEquals(0, file.get(mix, hidden));
        assertEquals(0x77, file.get(mix, read), "the other half was read");
        assertEquals(0x77, file.read(4, 4));
        assertEquals(0, file.read(4, 4), "cleared by the read");
        file.reset();
        assertEquals(0x5a, file.get(mix, hidden));
    }

    @Test
    void shouldHaveTheMoreSignificantHalfFirstInABigEndianBlock() {
        Register.Builder wide =
                Register.named("WIDE").at(0, 64).bigEndian().msb0().spec("made up");
        wide.bits("ALL", 0, 63, READ_WRITE);
        Register.Builder first =
                Register.named("FIRST").at(8, 32).bigEndian().msb0().spec("made up");
        first.bits("ALL", 0, 31, READ_WRITE);
        Register.Builder second =
                Register.named("SECOND").at(12, 32).bigEndian().msb0().spec("made up");
        second.bits("ALL", 0, 31, READ_WRITE);
        RegisterFile file =
                new RegisterFile(ByteOrder.BIG_ENDIAN, List.of(wide.build(), first.build(), second.build()));

        file.write(0, 8, 0x1122_3344_5566_7788L);
        assertEquals(0x1122_3344L, file.read(0, 4));
        assertEquals(0x5566_7788L, file.read(4, 4));
        file.write(4, 4, 0x99aa_bbccL);
        assertEquals(0x1122_3344_99aa_bbccL, file.read(0, 8));
        file.write(8, 8, 0x0102_0304_0506_0708L);
        assertEquals(0x0102_0304L, file.read(8, 4));
        assertEquals(0x0506_0708L, file.read(12, 4));
        assertEquals(0x0102_0304_0506_0708L, file.read(8, 8));
    }

    @Test
    void shouldTellAnActionNothingOfALockedField() {
        long[] seen = new long[1];
        smmu.onWrite(StreamTable.REGISTER, (before, after, written, lanes) -> seen[0] = written & lanes);
        smmu.set(Cr0.REGISTER, Cr0.SMMUEN, true);
        smmu.write(0x80, 8, StreamTable.ADDR.of(0x1000));
        assertEquals(0, seen[0]);
    }

    @Test
    void shouldRefuseABlockWithoutTheRegisterThatLocks() {
        assertThrows(IllegalArgumentException.class, () -> new RegisterFile(List.of(StreamTable.REGISTER)));
    }

    @Test
    void shouldSayInWordsWhatLocks() {
        assertEquals(
                "locked while set: CR0.SMMUEN", StreamTable.RA.guards().get(0).text());
    }
}
