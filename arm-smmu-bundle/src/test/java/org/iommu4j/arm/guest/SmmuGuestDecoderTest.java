package org.iommu4j.arm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A guest whose unit has both stages: what its stream table, its commands and its VMIDs become on the host. */
class SmmuGuestDecoderTest {
    private static final int STREAM = 3;
    private static final int OTHER_STREAM = 4;
    private static final long STREAMS = 0x100_0000;
    private static final long ROOT = 0x200_0000;
    private static final long CONTEXT = 0x300_0000;
    private static final long POOL = 0x400_0000;
    private static final long PAGE = 0x7_5000;
    private static final long TARGET = 0x900_0000;

    /** Valid leaf of stage 2: write-back, read and write, accessed. */
    private static final long STAGE_2_PAGE = 0x7ff;

    /** STE: V, Config 6. */
    private static final long STAGE_2 = 0xd;

    /** STE[191:128] of 48 bits in 4 KiB granules: S2T0SZ 16, S2SL0 2, S2PS 5, S2AA64, S2R. */
    private static final long WALK = 0x040d_0090_0000_0000L;

    private final Machine host = Machine.of(new HardwareConfig(
            SmmuGeneration.V3_2, Map.of("idr", Map.of("OAS", 5L)), Map.of(), CacheConfig.WORST_CASE, Map.of()));
    private final GuestHost containers = new GuestHost(host);
    private GuestDecoder guest = host.backend().createGuestDecoder(host.chip().config(), host.memory());

    @BeforeEach
    void shouldBringTheGuestUp() {
        write(StreamTableBase.REGISTER.offset(), 8, STREAMS);
        write(StreamTableBase.CONFIG.offset(), 4, 6);
        write(Queue.COMMANDS.baseRegister().offset(), 8, 0x500_0008L);
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.SMMUEN.mask());
        host.map(ROOT, PAGE, TARGET | STAGE_2_PAGE, POOL);
        containers.take();
    }

    private void write(long offset, int size, long value) {
        guest.writeRegister(offset, size, value, containers);
    }

    private void stream(int streamId, long... words) {
        host.store(STREAMS + streamId * 64L, words);
        command(SmmuCommand.CFGI_STE.word() | (long) streamId << 32, 1);
    }

    private void command(long word0, long word1) {
        guest.command(SmmuCommand.SYNC.layout().encode(word0, word1), containers);
    }

    /** Stage 2 with a VMID. */
    private void bound(int streamId, int vmid) {
        stream(streamId, STAGE_2, 0, WALK | vmid, ROOT);
        guest.deviceAccess(streamId, containers);
        assertEquals(TARGET, host.read(streamId, -1, PAGE));
        containers.take();
        host.takeCommands();
    }

    @Test
    void shouldBindTheStage2TableOfAStream() {
        stream(STREAM, STAGE_2, 0, WALK | 9, ROOT);
        assertEquals(List.of("move 0x3 3", "bind 3 OK EXACT", "handled"), containers.take());
        assertEquals(TARGET, host.read(STREAM, -1, PAGE));
        assertEquals(-1, host.read(STREAM, -1, PAGE + 0x1000));
        stream(STREAM, 0, 0, 0, 0);
        assertEquals(List.of("unbind 3 OK EXACT", "move 0x3 -1", "handled"), containers.take());
        assertEquals(-1, host.read(STREAM, -1, PAGE));
    }

    @Test
    void shouldDropByAddressWhatTheVmidOfTheCommandNames() {
        bound(STREAM, 9);
        bound(OTHER_STREAM, 10);
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_0009_0000_002aL, PAGE | 1);
        assertEquals(List.of("invalidate 3 OK EXACT"), containers.take());
        // The host's VMID, one page, leaf only.
        assertEquals(
                List.of("000000010000002a 0000000000075001", "0000000000000046 0000000000000000"), host.takeCommands());
        assertEquals(-1, host.read(STREAM, -1, PAGE));
        assertEquals(TARGET, host.read(OTHER_STREAM, -1, PAGE));
        command(0x0000_0010_0000_002aL, PAGE);
        assertEquals(List.of("handled"), containers.take());
    }

    @Test
    void shouldDropARangeInTheGranuleOfTheTable() {
        bound(STREAM, 9);
        host.map(ROOT, PAGE, 0, POOL);
        // 64 KiB granules, NUM 1, SCALE 0: 128 KiB from 0x70000, of which the table has pages of 4 KiB.
        command(0x0000_0009_0000_102aL, PAGE & -0x10000L | 0xc00);
        assertEquals(List.of("invalidate 3 OK EXACT"), containers.take());
        assertEquals(-1, host.read(STREAM, -1, PAGE));
    }

    @Test
    void shouldDropAllOfAMachine() {
        bound(STREAM, 9);
        bound(OTHER_STREAM, 10);
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_0009_0000_0028L, 0);
        assertEquals(-1, host.read(STREAM, -1, PAGE));
        assertEquals(TARGET, host.read(OTHER_STREAM, -1, PAGE));
        command(SmmuCommand.TLBI_NSNH_ALL.word(), 0);
        assertEquals(-1, host.read(OTHER_STREAM, -1, PAGE));
    }

    @Test
    void shouldLeaveStage2AloneWhenStage1IsInvalidated() {
        bound(STREAM, 9);
        command(0x0000_0009_0000_0010L, 0);
        command(0x0007_0009_0000_0011L, 0);
        command(0x0007_0009_0000_0012L, PAGE);
        assertEquals(List.of("handled", "handled", "handled"), containers.take());
        assertEquals(List.of(), host.takeCommands());
    }

    @Test
    void shouldReplaceOneStageByTheOther() {
        bound(STREAM, 9);
        host.store(CONTEXT, 0x0001_e205_8000_3510L | 1L << 31, ROOT);
        stream(STREAM, CONTEXT | 0xb, 0, 9, 0);
        assertEquals(List.of("unbind 3 OK EXACT", "bind 3 OK EXACT", "handled"), containers.take());
        stream(STREAM, STAGE_2, 0, WALK | 9, ROOT);
        assertEquals(List.of("unbind 3 OK EXACT", "bind 3 OK EXACT", "handled"), containers.take());
        assertEquals(TARGET, host.read(STREAM, -1, PAGE));
    }

    @Test
    void shouldRefuseStreamsOfBothStagesAndThoseThatStall() {
        stream(STREAM, CONTEXT | 0xf, 0, WALK | 9, ROOT);
        stream(STREAM, STAGE_2, 0, WALK | 1L << 57 | 9, ROOT);
        assertEquals(
                List.of(
                        "refused: a stream of the guest has both stages",
                        "handled",
                        "refused: faults of a guest's stage 2 would stall",
                        "handled"),
                containers.take());
        assertEquals(0, guest.readRegister(Gerror.REGISTER.offset(), 4));
    }

    @Test
    void shouldGoOnAfterASwapWithTheVmidsOfItsStreams() {
        bound(STREAM, 9);
        guest = host.backend().restoreGuestDecoder(guest.save(), host.memory());
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_000a_0000_002aL, PAGE);
        assertEquals(TARGET, host.read(STREAM, -1, PAGE));
        command(0x0000_0009_0000_002aL, PAGE);
        assertEquals(-1, host.read(STREAM, -1, PAGE));
    }
}
