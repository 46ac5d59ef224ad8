package org.iommu4j.arm.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.Gerror;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    private static final long EVENTS = 0x600_0000;

    /** Beyond the memory of the machine. */
    private static final long NOWHERE = 0x4000_0000_0000L;

    private final Machine host = Machine.withMemory(
            new HardwareConfig(
                    SmmuGeneration.V3_2,
                    Map.of("idr", Map.of("OAS", 5L, "STALL_MODEL", 0L, "STALL_MAX", 4L)),
                    Map.of(),
                    CacheConfig.WORST_CASE,
                    Map.of()),
            NOWHERE);
    private final GuestHost containers = new GuestHost(host);
    private SmmuGuestDecoder guest = new SmmuGuestDecoder(host.chip().config(), host.memory());

    @BeforeEach
    void shouldBringTheGuestUp() {
        write(StreamTableBase.REGISTER.offset(), 8, STREAMS);
        write(StreamTableBase.CONFIG.offset(), 4, 6);
        write(Queue.COMMANDS.baseRegister().offset(), 8, 0x500_0008L);
        write(Queue.EVENTS.baseRegister().offset(), 8, EVENTS | 2);
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.SMMUEN.mask());
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
        command(0x0000_0009_0000_102aL, (PAGE & -0x10000L) | 0xc00);
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

    /** Stage 1 of a page above stage 2, both of one stream with VMID 9; stage 2 maps its descriptors to themselves. */
    private void nested() {
        for (long table = CONTEXT; table <= CONTEXT + 0x4000; table += 0x1000) {
            host.map(ROOT, table, table | STAGE_2_PAGE, POOL + 0x10_0000);
        }
        host.store(CONTEXT, context(0), CONTEXT + 0x1000);
        for (long table = CONTEXT + 0x1000; table < CONTEXT + 0x4000; table += 0x1000) {
            host.store(table, (table + 0x1000) | 3);
        }
        host.store(CONTEXT + 0x4000 + 0x40, PAGE | 0xf43);
        stream(STREAM, CONTEXT | 0xf, 0, WALK | 9, ROOT);
        assertEquals(List.of("move 0x3 3", "bind 3 OK EXACT", "handled"), containers.take());
        assertEquals(TARGET + 0x123, host.read(STREAM, -1, 0x8123));
        host.takeCommands();
    }

    @Test
    void shouldBindBothStagesOfAStream() {
        nested();
        stream(STREAM, STAGE_2, 0, WALK | 9, ROOT);
        assertEquals(List.of("bind 3 OK EXACT", "handled"), containers.take());
        assertEquals(TARGET, host.read(STREAM, -1, PAGE));
        stream(STREAM, CONTEXT | 0xf, 0, WALK | 9, ROOT);
        assertEquals(TARGET, host.read(STREAM, -1, 0x8000));
    }

    @Test
    void shouldDropBothStagesByCommandsOfTheirVmid() {
        nested();
        bound(OTHER_STREAM, 10);
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_0009_0000_002aL, PAGE | 1);
        command(0x0001_0009_0000_0012L, 0x8000);
        assertEquals(List.of("invalidate 3 OK EXACT", "invalidate 3 OK EXACT"), containers.take());
        List<String> commands = host.takeCommands();
        assertTrue(commands.contains("000000010000002a 0000000000075001"), commands::toString);
        assertTrue(commands.contains("0001000100000012 0000000000008000"), commands::toString);
        assertEquals(-1, host.read(STREAM, -1, 0x8000));
        host.map(ROOT, PAGE, TARGET | STAGE_2_PAGE, POOL);
        assertEquals(TARGET, host.read(STREAM, -1, 0x8000));
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_0009_0000_0028L, 0);
        assertEquals(-1, host.read(STREAM, -1, 0x8000));
        assertEquals(TARGET, host.read(OTHER_STREAM, -1, PAGE));
    }

    @Test
    void shouldGoOnAfterASwapWithBothStages() {
        nested();
        guest = SmmuGuestDecoder.restore(guest.save(), host.memory());
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_0009_0000_002aL, PAGE);
        command(0x0000_0009_0000_0010L, 0);
        assertEquals(-1, host.read(STREAM, -1, 0x8000));
        // The guest is told of its own stage 2.
        tell();
        assertTrue(event(0).get(0).endsWith("10"), event(0)::toString);
        assertEquals(PAGE, Long.parseUnsignedLong(event(0).get(3), 16));
        stream(STREAM, 0, 0, 0, 0);
        assertEquals(-1, host.read(STREAM, -1, 0x8000));
    }

    @Test
    void shouldGoOnAfterASwapWithTheVmidsOfItsStreams() {
        bound(STREAM, 9);
        guest = SmmuGuestDecoder.restore(guest.save(), host.memory());
        host.map(ROOT, PAGE, 0, POOL);
        command(0x0000_000a_0000_002aL, PAGE);
        assertEquals(TARGET, host.read(STREAM, -1, PAGE));
        command(0x0000_0009_0000_002aL, PAGE);
        assertEquals(-1, host.read(STREAM, -1, PAGE));
    }

    /** The first word of a context descriptor: 48 bits in 4 KiB granules, EPD1, V, AA64, R, A, ASET and some more flags. */
    private static long context(long flags) {
        return 0x0001_e205_8000_3510L | 1L << 30 | flags;
    }

    /** Hands what the host's chip has recorded to the guest, as its hypervisor does. */
    private void tell() {
        host.chip().takeEvents(record -> guest.deviceEvent(record, containers));
    }

    private List<String> event(int slot) {
        return LongStream.range(0, 4)
                .mapToObj(word -> String.format("%016x", host.memory().readLongLe(EVENTS + slot * 32L + word * 8)))
                .toList();
    }

    private long producer() {
        return guest.readRegister(Queue.EVENTS.producer().offset(), 4);
    }

    @Test
    void shouldTellTheGuestOfFaultsOfItsStage2() {
        bound(STREAM, 9);
        assertEquals(-1, host.read(STREAM, -1, PAGE + 0x1234));
        tell();
        // F_TRANSLATION of stage 2, CLASS IN, a read.
        assertEquals(List.of("0000000300000010", "0000028800000000", "0000000000076234", "0000000000076000"), event(0));
        assertEquals(1, producer());
    }

    @Test
    void shouldTellTheGuestOfFaultsOfItsStage1() {
        host.store(CONTEXT, context(0), ROOT);
        stream(STREAM, CONTEXT | 0xb, 0, 9, 0);
        assertEquals(-1, host.read(STREAM, -1, 0x1_0000_1234L));
        tell();
        assertEquals(List.of("0000000300000010", "0000020800000000", "0000000100001234", "0000000000000000"), event(0));
        host.store(CONTEXT, 0, 0);
        command(SmmuCommand.CFGI_CD.word() | (long) STREAM << 32, 1);
        assertEquals(-1, host.read(STREAM, -1, 0x1_0000_1234L));
        tell();
        assertEquals(List.of("000000030000000a", "0000000000000000"), event(1).subList(0, 2));
        assertEquals(2, producer());
    }

    @Test
    void shouldTellTheGuestWhatIsWrongWithItsStreamTable() {
        // A reserved granule: C_BAD_STE, with the PASID of the access.
        stream(STREAM, STAGE_2, 0, WALK | 0xc000L << 32 | 9, ROOT);
        guest.deviceAccess(STREAM, 5, containers);
        assertEquals(List.of("0000000300005804", "0000000000000000", "0000000000000000", "0000000000000000"), event(0));
        // An entry that aborts says nothing, nor does a StreamID beyond the table unless it is asked for.
        stream(STREAM, 1, 0, 0, 0);
        guest.deviceAccess(STREAM, containers);
        guest.deviceAccess(64, containers);
        assertEquals(1, producer());
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask());
        write(Cr2.REGISTER.offset(), 4, Cr2.RECINVSID.mask());
        write(StreamTableBase.REGISTER.offset(), 8, NOWHERE);
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.SMMUEN.mask());
        guest.deviceAccess(64, containers);
        assertEquals("0000004000000002", event(1).get(0));
        guest.deviceAccess(STREAM, containers);
        assertEquals(List.of("0000000300000003", "0000000000000000"), event(2).subList(0, 2));
        assertEquals(String.format("%016x", NOWHERE + STREAM * 64), event(2).get(3));
    }

    @Test
    void shouldShowAnOverflowAndAnAbortOfTheGuestsQueue() {
        bound(STREAM, 9);
        for (int access = 0; access < 5; access++) {
            host.read(STREAM, -1, PAGE + 0x1000);
            tell();
        }
        // Four records fill it: index 0 of the next lap, and OVFLG.
        assertEquals(0x8000_0004L, producer());
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.SMMUEN.mask());
        write(Queue.EVENTS.baseRegister().offset(), 8, NOWHERE);
        write(Queue.EVENTS.producer().offset(), 4, 0);
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.SMMUEN.mask());
        host.read(STREAM, -1, PAGE + 0x1000);
        tell();
        assertEquals(Gerror.EVENTQ_ABT_ERR.mask(), guest.readRegister(Gerror.REGISTER.offset(), 4));
    }

    @Test
    void shouldLetTheGuestAnswerForStalledTransactions() {
        long stalls = 1L << 44;
        host.store(CONTEXT, context(stalls), ROOT);
        stream(STREAM, CONTEXT | 0xb, 0, 9, 0);
        assertEquals(-1, host.read(STREAM, -1, 0x1_0000_1234L));
        tell();
        // Stall, and the tag 0.
        assertEquals("0000020880000000", event(0).get(1));
        containers.take();
        host.takeCommands();
        command(SmmuCommand.RESUME.word() | (long) STREAM << 32, 0);
        assertEquals(List.of("invalidate 3 OK EXACT"), containers.take());
        assertEquals("0000000300000044 0000000000000000", host.takeCommands().get(0));
        assertEquals(-1, host.read(STREAM, -1, 0x1_0000_1234L));
        tell();
        // The tag was given back: the next transaction has the same.
        assertEquals("0000020880000000", event(1).get(1));
    }

    @Test
    void shouldLeaveNothingStalledWhenAStreamIsUnbound() {
        host.store(CONTEXT, context(1L << 44), ROOT);
        stream(STREAM, CONTEXT | 0xb, 0, 9, 0);
        assertEquals(-1, host.read(STREAM, -1, 0x1_0000_1234L));
        host.takeCommands();
        stream(STREAM, 1, 0, 0, 0);
        assertTrue(host.takeCommands().contains("0000000300000045 0000000000000000"));
    }

    @Test
    void shouldHideWhatIsTheHostsOwnMatter() {
        bound(STREAM, 9);
        EventType type = EventType.C_BAD_STE;
        guest.deviceEvent(type.layout().encode(type.code() | (long) STREAM << 32, 0, 0, 0), containers);
        EventType other = EventType.F_TRANSLATION;
        guest.deviceEvent(other.layout().encode(other.code() | (long) OTHER_STREAM << 32, 0, 0, 0), containers);
        host.store(CONTEXT, context(0), ROOT);
        stream(STREAM, CONTEXT | 0xb, 0, 9, 0);
        guest.deviceEvent(
                other.layout().encode(other.code() | (long) STREAM << 32, EventFields.S2.mask(), 0, 0), containers);
        guest.deviceEvent(new byte[16], containers);
        assertEquals(0, producer());
    }

    @ParameterizedTest
    @CsvSource({
        // docs/spec/arm-smmu.md 1.3 S10: EL2_ALL, EL2_ASID, EL2_VA with and without CR2.E2H, EL2_VAA
        "0000000000000020, 0000000000000000, false, 0000000100000010 0000000000000000",
        "0007000000000021, 0000000000000000, true, 0007000100000011 0000000000000000",
        "0007000000000022, 0000000000075001, true, 0007000100000012 0000000000075001",
        "0007000000000022, 0000000000075001, false, 0000000100000013 0000000000075001",
        "0000000000000023, 0000000000075000, false, 0000000100000013 0000000000075000"
    })
    void shouldRunTheHypervisorOfANestedGuestAsOneOfEl1(String word0, String word1, boolean e2h, String expected) {
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask());
        write(Cr2.REGISTER.offset(), 4, e2h ? Cr2.E2H.mask() : 0);
        write(Cr0.REGISTER.offset(), 4, Cr0.CMDQEN.mask() | Cr0.SMMUEN.mask());
        host.store(CONTEXT, context(0), ROOT);
        // STRW says EL2, so that the VMID is none.
        stream(STREAM, CONTEXT | 0xb, 2L << 30, 9, 0);
        containers.take();
        host.takeCommands();
        command(HexFormat.fromHexDigitsToLong(word0), HexFormat.fromHexDigitsToLong(word1));
        assertEquals(List.of("invalidate 3 OK EXACT"), containers.take());
        assertEquals(expected, host.takeCommands().get(0));
    }
}
