package org.iommu4j.intel.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.testing.GuestHost;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A guest's driver story in front of the host's chip: registers, tables and commands become moves, binds, invalidations. */
class VtdGuestDecoderTest {
    private static final int DEVICE = 0x310;
    private static final long ROOT = 0x100_0000;
    private static final long CONTEXT = 0x100_1000;
    private static final long TABLE = 0x110_0000;
    private static final long OTHER_TABLE = 0x120_0000;
    private static final long STATUS = 0x180_0000;
    private static final long QUEUE = 0x190_0000;
    private static final long IOVA = 0x1234_5000;

    private Machine machine;
    private GuestHost host;
    private GuestDecoder guest;

    @BeforeEach
    void start() {
        start(HardwareConfig.of(0x110));
    }

    private void start(HardwareConfig guestConfig) {
        machine = Machine.of(HardwareConfig.of(guestConfig.subVersion()).with(CacheConfig.WORST_CASE));
        host = new GuestHost(machine);
        guest = machine.backend().createGuestDecoder(guestConfig, machine.memory());
        int levels = guestConfig.subVersion() == 0x100 ? 3 : 4;
        machine.map(TABLE, levels, IOVA, 0xaaaa_a000L, TABLE + 0x1000);
        machine.map(OTHER_TABLE, levels, IOVA, 0xbbbb_b000L, OTHER_TABLE + 0x1000);
        machine.memory().writeLongLe(ROOT + (DEVICE >> 8) * 16L, CONTEXT | 1);
    }

    private void write(long offset, int size, long value) {
        guest.writeRegister(offset, size, value, host);
    }

    private void command(long low, long high) {
        guest.command(bytes(low, high), host);
    }

    private static byte[] bytes(long low, long high) {
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(low)
                .putLong(high)
                .array();
    }

    private void context(long table, int type, int aw, int domain) {
        machine.memory().writeLongLe(CONTEXT + (DEVICE & 0xff) * 16L + 8, (long) domain << 8 | aw);
        machine.memory()
                .writeLongLe(CONTEXT + (DEVICE & 0xff) * 16L, table == 0 && type != 2 ? 0 : table | type << 2 | 1);
    }

    /** Queue on, root set, translation on: as Linux does it. */
    private void bringUp() {
        write(0x88, 4, 0);
        write(0x90, 8, QUEUE);
        write(0x18, 4, 0x0400_0000);
        assertEquals(0x0400_0000, guest.readRegister(0x1c, 4));
        write(0x20, 8, ROOT);
        write(0x18, 4, 0x4400_0000);
        assertEquals(0x4400_0000, guest.readRegister(0x1c, 4));
        command(0x11, 0);
        command(0xd2, 0);
        write(0x18, 4, 0x8400_0000L);
        assertEquals(0xc400_0000L, guest.readRegister(0x1c, 4));
        host.take();
    }

    private void bringUpWithDevice() {
        context(TABLE, 0, 2, 7);
        bringUp();
        guest.deviceAccess(DEVICE, host);
        assertEquals(List.of("move 0x310 7", "bind 7 OK EXACT"), host.take());
    }

    @Test
    void shouldBindADeviceAtItsFirstAccessAndOnlyOnce() {
        bringUpWithDevice();
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA));
        guest.deviceAccess(DEVICE, host);
        assertEquals(List.of(), host.take());
    }

    @Test
    void shouldLookAtTheIndexMaskOfASelectiveInterruptEntryCommandOnly() {
        start(new HardwareConfig(0x110, Map.of("ecap", Map.of("MHMV", 4L)), Map.of(), CacheConfig.NONE, Map.of()));
        bringUp();
        command(0x4 | 15L << 27, 0);
        assertEquals(List.of("handled"), host.take());
        command(0x14 | 15L << 27, 0);
        assertEquals(List.of("refused: iec_inv_dsc: IM exceeds ECAP.MHMV"), host.take());
    }

    @Test
    void shouldLeaveADeviceBlockedWhoseContextIsNotPresent() {
        bringUp();
        guest.deviceAccess(DEVICE, host);
        guest.deviceAccess(0x20, host);
        assertEquals(List.of(), host.take());
        assertEquals(-1, machine.read(DEVICE, IOVA));
        // Without caching mode the guest makes an entry present without an invalidation.
        context(TABLE, 0, 2, 7);
        guest.deviceAccess(DEVICE, host);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA));
    }

    @ParameterizedTest
    @CsvSource({
        "0x1100002, 0, 2", // not present
        "0x1100011, 0, 2", // reserved bit
        "0x110000d, 0, 2", // TT 3
        "0x1100001, 0, 3", // AW not in SAGAW
        "0x1100001, 0, 7",
        "0x1100001, 0x80, 2", // reserved bit
    })
    void shouldLeaveADeviceBlockedWhoseContextIsWrong(String word0, String word1, int aw) {
        machine.memory().writeLongLe(CONTEXT + (DEVICE & 0xff) * 16L, Long.decode(word0));
        machine.memory().writeLongLe(CONTEXT + (DEVICE & 0xff) * 16L + 8, Long.decode(word1) | aw | 0x700);
        bringUp();
        guest.deviceAccess(DEVICE, host);
        assertEquals(List.of(), host.take());
    }

    @Test
    void shouldFollowTheGuestsContextOnlyWhenItIsInvalidated() {
        bringUpWithDevice();
        context(OTHER_TABLE, 0, 2, 7);
        guest.deviceAccess(DEVICE, host);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA));
        command(0x0000_0310_0007_0031L, 0);
        assertEquals(List.of("bind 7 OK EXACT", "handled"), host.take());
        assertEquals(0xbbbb_b000L, machine.read(DEVICE, IOVA));
        // Another domain id is another container.
        context(TABLE, 0, 2, 9);
        command(0x0000_0000_0007_0021L, 0);
        assertEquals(List.of("move 0x310 9", "bind 9 OK EXACT", "handled"), host.take());
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA));
        context(0, 0, 0, 0);
        command(0x11, 0);
        assertEquals(List.of("unbind 9 OK EXACT", "move 0x310 -1", "handled"), host.take());
        assertEquals(-1, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldIgnoreFunctionBitsThatTheMaskHides() {
        bringUpWithDevice();
        context(OTHER_TABLE, 0, 2, 7);
        command(0x0000_0317_0007_0031L, 0);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA), "another function");
        command(0x0003_0317_0007_0031L, 0);
        assertEquals(0xbbbb_b000L, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldTurnIotlbCommandsIntoRequestsForTheirDomain() {
        bringUpWithDevice();
        machine.read(DEVICE, IOVA);
        machine.map(TABLE, 4, IOVA, 0xcccc_c000L, 0);
        command(0x0007_00f2, 0x5000);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA), "another page");
        command(0x0009_00e2, 0);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA), "another domain");
        command(0x0007_00f2, IOVA | 0x40);
        assertEquals(0xcccc_c000L, machine.read(DEVICE, IOVA));
        machine.map(TABLE, 4, IOVA, 0xdddd_d000L, 0);
        command(0x0007_00e2, 0);
        assertEquals(0xdddd_d000L, machine.read(DEVICE, IOVA));
        machine.map(TABLE, 4, IOVA, 0xeeee_e000L, 0);
        command(0xd2, 0);
        assertEquals(0xeeee_e000L, machine.read(DEVICE, IOVA));
        assertEquals(
                List.of(
                        "invalidate 7 OK EXACT",
                        "handled",
                        "invalidate 7 OK EXACT",
                        "invalidate 7 OK EXACT",
                        "invalidate -1 OK EXACT"),
                host.take());
    }

    @Test
    void shouldForwardDeviceTlbCommandsOfDevicesThatHaveOne() {
        context(TABLE, 1, 2, 7);
        bringUp();
        guest.deviceAccess(DEVICE, host);
        host.take();
        machine.takeHex();
        command(0x0000_0310_0000_0003L, 0x400ff001);
        command(0x0000_0310_0000_0003L, 0x7fff_ffff_ffff_f001L);
        command(0x0000_0020_0000_0003L, 0x5000);
        command(0x0000_0310_0000_0003L, 0x0001_0000_0000_0000L);
        assertEquals(List.of("invalidate 7 OK EXACT", "invalidate 7 OK EXACT", "handled", "handled"), host.take());
        assertEquals(
                List.of(
                        new Machine.Words(0x0000_0310_0000_0003L, 0x400ff001),
                        new Machine.Words(0x0000_0310_0000_0003L, 0x7fff_ffff_ffff_f001L)),
                machine.takeCommands());
    }

    @Test
    void shouldMoveTheHeadAndStoreTheStatusOfAWait() {
        bringUpWithDevice();
        long head = guest.readRegister(0x80, 8);
        command(0x0000_0002_0000_0035L, STATUS + 4);
        assertEquals(2, machine.memory().readIntLe(STATUS + 4));
        assertEquals(head + 16, guest.readRegister(0x80, 8));
        assertEquals(1, guest.readRegister(0x9c, 4), "B7: status, then the event");
        assertEquals(0xc000_0000L, guest.readRegister(0xa0, 4), "masked, so pending");
        write(0x9c, 4, 1);
        assertEquals(0x8000_0000L, guest.readRegister(0xa0, 4));
        command(0x0000_0002_0000_0045L, 0);
        assertEquals(head + 32, guest.readRegister(0x80, 8), "B22: a fence alone is legal");
        for (int i = 0; i < 256; i++) {
            command(0x45, 0);
        }
        assertEquals(head + 32, guest.readRegister(0x80, 8), "the head goes round");
    }

    @ParameterizedTest
    @CsvSource({
        "0x00000000000b, 0, 3", // unknown type
        "0x000000000006, 0, 3", // a type of scalable mode
        "0x000000070002, 0, 4", // V25: reserved granularity
        "0x000000070032, 0x13, 4", // V26: AM above MAMV
        "0x000000070232, 0, 4", // B21: upper type bits before 0x0400
        "0x000100000031, 0x1, 4",
        "0x000000000001, 0, 4",
        "0x000000000085, 0, 4", // PD with PDS=0
        "0x031000001003, 0x5000, 4", // PFSID with DIT=0
    })
    void shouldStopAtAWrongDescriptorUntilTheErrorIsCleared(String low, String high, int error) {
        bringUpWithDevice();
        long head = guest.readRegister(0x80, 8);
        command(Long.decode(low), Long.decode(high));
        assertEquals(0x10, guest.readRegister(0x34, 4));
        assertEquals(error, guest.readRegister(0xb0, 8) & 0xf);
        assertEquals(head, guest.readRegister(0x80, 8));
        assertEquals(0xc000_0000L, guest.readRegister(0x38, 4), "fault event pending behind its mask");
        command(0x0007_00e2, 0);
        assertEquals(head, guest.readRegister(0x80, 8), "nothing is fetched");
        write(0x34, 4, 0x10);
        assertEquals(0x8000_0000L, guest.readRegister(0x38, 4));
        command(0x0007_00e2, 0);
        assertEquals(head + 16, guest.readRegister(0x80, 8));
    }

    @Test
    void shouldStopAtATailBeyondTheQueue() {
        bringUp();
        write(0x88, 4, 0x1000);
        assertEquals(0x10, guest.readRegister(0x34, 4));
        assertEquals(1, guest.readRegister(0xb0, 8) & 0xf);
    }

    @Test
    void shouldKeepTheQueueOnUntilItIsEmptyAndEndsWithAWait() {
        bringUp();
        command(0xd2, 0);
        write(0x88, 4, 0x30);
        write(0x18, 4, 0x8000_0000L);
        assertEquals(0xc400_0000L, guest.readRegister(0x1c, 4), "the last descriptor is no wait");
        command(0x0000_0002_0000_0025L, STATUS);
        write(0x18, 4, 0x8000_0000L);
        assertEquals(0xc400_0000L, guest.readRegister(0x1c, 4), "the tail is not where the head is");
        write(0x88, 4, 0x40);
        write(0x18, 4, 0x8000_0000L);
        assertEquals(0xc000_0000L, guest.readRegister(0x1c, 4));
        assertEquals(0, guest.readRegister(0x80, 8));
    }

    @Test
    void shouldLockTheCommandRegistersWhileTheQueueIsOn() {
        bringUp();
        write(0x28, 8, 0xa000_0000_0000_0000L);
        assertEquals(0, guest.readRegister(0x28, 8));
        assertEquals(List.of("refused: ICC: the queue is on"), host.take());
    }

    @Test
    void shouldNeverAcknowledgeWhatTheHostDidNotDo() {
        bringUpWithDevice();
        long head = guest.readRegister(0x80, 8);
        host.failWith(Errno.EIO);
        command(0x0007_00f2, 0x5000);
        assertEquals(0x10, guest.readRegister(0x34, 4));
        assertEquals(head, guest.readRegister(0x80, 8));
    }

    @Test
    void shouldBlockADeviceThatTheHostCouldNotBind() {
        context(TABLE, 0, 2, 7);
        bringUp();
        host.failWith(Errno.ENOSPC);
        guest.deviceAccess(DEVICE, host);
        assertEquals(List.of("move 0x310 7", "failed 7", "move 0x310 -1"), host.take());
        host.failWith(Errno.OK);
        guest.deviceAccess(DEVICE, host);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldRefuseScalableModeAndWideDescriptors() {
        bringUp();
        write(0x20, 8, ROOT | 0x400);
        write(0x18, 4, 0xc400_0000L);
        assertEquals(List.of("refused: the virtual unit has no tables of that mode"), host.take());
        context(TABLE, 0, 2, 7);
        guest.deviceAccess(DEVICE, host);
        assertEquals(List.of(), host.take());
        guest.command(new byte[32], host);
        assertEquals(7, guest.readRegister(0xb0, 8) & 0xf);
        write(0x20, 8, ROOT);
        write(0x18, 4, 0xc400_0000L);
        write(0x34, 4, 0x10);
        guest.command(new byte[32], host);
        assertEquals(5, guest.readRegister(0xb0, 8) & 0xf);
    }

    @Test
    void shouldKnowTheModeOfItsTablesAfterARestore() {
        bringUp();
        VtdGuestDecoder legacy = VtdGuestDecoder.restore(guest.save(), machine.memory());
        legacy.command(new byte[16], host);
        assertEquals(3, legacy.readRegister(0xb0, 8) & 0xf);
        write(0x20, 8, ROOT | 0x400);
        write(0x18, 4, 0xc400_0000L);
        VtdGuestDecoder scalable = VtdGuestDecoder.restore(guest.save(), machine.memory());
        scalable.command(new byte[16], host);
        assertEquals(7, scalable.readRegister(0xb0, 8) & 0xf);
    }

    @Test
    void shouldRefuseRegisterCommandsWithoutALegacyRootTable() {
        bringUp();
        write(0x18, 4, 0x8000_0000L);
        write(0x20, 8, ROOT | 0x400);
        write(0x18, 4, 0xc000_0000L);
        write(0x28, 8, 0xa000_0000_0000_0000L);
        assertEquals(0, guest.readRegister(0x28, 8) >>> 59 & 3);
        write(0xf8, 8, 0x9000_0000_0000_0000L);
        assertEquals(0, guest.readRegister(0xf8, 8) >>> 57 & 3);
    }

    @Test
    void shouldPassDevicesThroughWhileTranslationIsOff() {
        bringUpWithDevice();
        write(0x18, 4, 0x0400_0000);
        assertEquals(List.of("move 0x310 65536", "bind 65536 OK EXACT"), host.take());
        assertEquals(IOVA, machine.read(DEVICE, IOVA));
        write(0x18, 4, 0x8400_0000L);
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldPassThroughWhatTheContextSays() {
        context(0, 2, 2, 7);
        bringUp();
        guest.deviceAccess(DEVICE, host);
        assertEquals(IOVA, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldAnswerInTheRegistersWhenTheGuestHasNoQueue() {
        start(HardwareConfig.of(0x100));
        context(TABLE, 0, 1, 7);
        write(0x20, 8, ROOT);
        write(0x18, 4, 0x4000_0000);
        write(0x28, 8, 0xa000_0000_0000_0000L);
        assertEquals(0x2800_0000_0000_0000L, guest.readRegister(0x28, 8), "global, done");
        write(0x18, 4, 0x8000_0000L);
        guest.deviceAccess(DEVICE, host);
        machine.read(DEVICE, IOVA);
        machine.map(TABLE, 3, IOVA, 0xcccc_c000L, 0);
        write(0x100, 8, IOVA);
        write(0x108, 8, 0xb003_0007_0000_0000L);
        assertEquals(3L << 57 | 3L << 60, guest.readRegister(0x108, 8) & (0xfL << 60 | 3L << 57), "page, done");
        assertEquals(0xcccc_c000L, machine.read(DEVICE, IOVA));
        write(0x100, 8, 10);
        write(0x108, 8, 0xb003_0007_0000_0000L);
        assertEquals(0, guest.readRegister(0x108, 8) & 3L << 57, "AM above MAMV: refused");
        write(0x28, 8, 0x8000_0000_0000_0000L);
        assertEquals(0, guest.readRegister(0x28, 8) & 3L << 59, "reserved granularity: refused");
        host.take();
        guest.command(new byte[16], host);
        assertEquals(List.of("refused: the guest's queue is off"), host.take());
    }

    @Test
    void shouldGoOnAfterASwap() {
        bringUpWithDevice();
        Snapshot state = guest.save();
        assertEquals(Snapshot.Kind.GUEST, state.kind());
        GuestDecoder before = guest;
        guest = machine.backend().restoreGuestDecoder(state, machine.memory());
        machine.swap();
        for (int offset = 0; offset < 0x400; offset += 4) {
            assertEquals(before.readRegister(offset, 4), guest.readRegister(offset, 4), Integer.toHexString(offset));
        }
        guest.deviceAccess(DEVICE, host);
        assertEquals(List.of(), host.take(), "it knows the device");
        context(OTHER_TABLE, 0, 2, 7);
        command(0x11, 0);
        assertEquals(0xbbbb_b000L, machine.read(DEVICE, IOVA));
    }

    @Test
    void shouldRefuseDamagedStateWithATypedError() {
        bringUpWithDevice();
        Snapshot state = guest.save();
        Property.check(300, random -> {
            byte[] bytes = state.bytes();
            if (random.nextBoolean()) {
                bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length));
            } else {
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            }
            try {
                VtdGuestDecoder.restore(
                        new Snapshot(IommuModel.INTEL, Snapshot.Kind.GUEST, 1, bytes), machine.memory());
            } catch (BackendException e) {
                assertEquals(true, e.errno() == Errno.EINVAL || e.errno() == Errno.EPROTONOSUPPORT, e::toString);
            }
        });
    }

    @Test
    void shouldTakeAnyBytesAndRegisterAccesses() {
        bringUpWithDevice();
        Property.check(1000, random -> {
            byte[] bytes = new byte[random.nextInt(8) == 0 ? random.nextInt(40) : 16];
            random.nextBytes(bytes);
            guest.commandName(bytes);
            guest.command(bytes, host);
            int size = random.nextBoolean() ? 4 : 8;
            long offset = random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(0x400);
            guest.writeRegister(offset, size, random.nextLong(), host);
            guest.readRegister(offset, size);
            guest.deviceAccess(random.nextInt(), host);
            guest.writeRegister(0x34, 4, -1L, host);
        });
    }

    @Test
    void shouldNameCommandsAsTheCapturesDo() {
        assertEquals(
                List.of(
                        "context_cache.global",
                        "context_cache.device",
                        "iotlb.global",
                        "iotlb.domain",
                        "iotlb.page",
                        "dev_iotlb",
                        "iec.global",
                        "iec.index",
                        "wait.status",
                        "wait.fence",
                        "type_0xb",
                        "iotlb.reserved"),
                List.of(
                                0x11L,
                                0x31L,
                                0xd2L,
                                0x300e2L,
                                0x300f2L,
                                0x10000000003L,
                                0x4L,
                                0x14L,
                                0x200000025L,
                                0x45L,
                                0xbL,
                                0x2L)
                        .stream()
                        .map(low -> guest.commandName(bytes(low, 0)))
                        .toList());
        assertEquals("short", guest.commandName(new byte[3]));
    }

    @Test
    void shouldHaveNoHypercalls() {
        assertEquals(
                Errno.ENOTTY,
                assertThrows(BackendException.class, () -> guest.call(new NativeCall(), host))
                        .errno());
    }

    @Test
    void shouldRefuseCapabilitiesThatDoNotExist() {
        HardwareConfig config =
                new HardwareConfig(0x110, Map.of("cap", Map.of("NO", 1L)), Map.of(), CacheConfig.NONE, Map.of());
        assertThrows(BackendException.class, () -> machine.backend().createGuestDecoder(config, machine.memory()));
    }

    @Test
    void shouldRefuseAUnitOfScalableModeThatCannotBeBound() {
        for (String ability : List.of("FSTS", "NEST", "PASID", "PRS", "SSADS", "HPTS", "PTRS", "SSIRWS")) {
            HardwareConfig wanted = new HardwareConfig(
                    VtdGeneration.LEGACY_QI,
                    Map.of("ecap", Map.of("SMTS", 1L, "SSTS", 1L, ability, 1L)),
                    Map.of(),
                    CacheConfig.NONE,
                    Map.of());
            BackendException refusal =
                    assertThrows(BackendException.class, () -> new VtdGuestDecoder(wanted, machine.memory()));
            assertEquals(Errno.EPROTONOSUPPORT, refusal.errno());
            assertTrue(refusal.getMessage().contains(ability), refusal.getMessage());
        }
    }
}
