package org.iommu4j.intel.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
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
import org.junit.jupiter.params.provider.ValueSource;

/** A guest's driver of scalable mode with PASIDs in front of the host's chip, which keeps whatever it may. */
class ScalableGuestTest {
    private static final int DEVICE = 0x310;
    private static final int OTHER_DEVICE = 0x390;
    private static final int PASID = 0x345;
    private static final int NO_PASID = 0;
    private static final long ROOT = 0x100_0000;
    private static final long CONTEXT = 0x100_1000;
    private static final long OTHER_CONTEXT = 0x100_2000;
    private static final long DIRECTORY = 0x100_4000;
    private static final long PASIDS = 0x101_0000;
    private static final long MORE_PASIDS = 0x101_1000;
    private static final long SECOND = 0x110_0000;
    private static final long FIRST = 0x120_0000;
    private static final long OTHER_FIRST = 0x130_0000;
    private static final long STATUS = 0x180_0000;
    private static final long QUEUE = 0x190_0000;
    private static final long IOVA = 0x1234_5000;

    // PASID entries, VT-d 9.6: P, and PGTT in bits 8:6.
    private static final long FIRST_STAGE = 0x41;
    private static final long SECOND_STAGE = 0x89; // AW 2
    private static final long PASS_THROUGH = 0x101;

    private Machine machine;
    private GuestHost host;
    private GuestDecoder guest;
    private long tail;

    /** EAFE in the third word of a PASID entry. */
    private static final int EXTENDED_ACCESSED = 1 << 7;

    @BeforeEach
    void start() {
        start(true);
    }

    private static HardwareConfig guestConfig(boolean cachingMode) {
        return new HardwareConfig(
                VtdGeneration.WIDE_TYPE,
                Map.of(
                        "cap", Map.of("CM", cachingMode ? 1L : 0L, "ESRTPS", 0L),
                        "ecap", Map.of("NEST", 0L, "PRS", 0L, "RPS", 0L)),
                Map.of(),
                CacheConfig.NONE,
                Map.of());
    }

    private void start(boolean cachingMode) {
        machine = Machine.of(HardwareConfig.of(VtdGeneration.WIDE_TYPE).with(CacheConfig.WORST_CASE));
        host = new GuestHost(machine);
        guest = machine.backend().createGuestDecoder(guestConfig(cachingMode), machine.memory());
        machine.map(SECOND, 4, IOVA, 0xaaaa_a000L, SECOND + 0x1000);
        machine.map(FIRST, 4, IOVA, 0xbbbb_b000L, FIRST + 0x1000, 7);
        machine.map(OTHER_FIRST, 4, IOVA, 0xcccc_c000L, OTHER_FIRST + 0x1000, 7);
        word(ROOT + (DEVICE >> 8) * 16L, CONTEXT | 1);
        word(ROOT + (DEVICE >> 8) * 16L + 8, OTHER_CONTEXT | 1);
        word(DIRECTORY, PASIDS | 1);
        word(DIRECTORY + (PASID >> 6) * 8, MORE_PASIDS | 1);
        context(DEVICE, 0x9);
        context(OTHER_DEVICE, 0x9);
        tail = 0;
    }

    private void word(long at, long value) {
        machine.memory().writeLongLe(at, value);
    }

    /** P, DTE and PASIDE in bits 0, 2 and 3. */
    private void context(int device, long flags) {
        word(
                (device & 0x80) == 0 ? CONTEXT + (device & 0x7f) * 32L : OTHER_CONTEXT + (device & 0x7f) * 32L,
                flags == 0 ? 0 : DIRECTORY | flags);
    }

    private void pasid(int pasid, long entry, long table, int domain) {
        long at = ((pasid >> 6) == 0 ? PASIDS : MORE_PASIDS) + (pasid & 0x3f) * 64L;
        boolean first = entry == FIRST_STAGE;
        word(at + 8, domain | 1 << 23);
        word(at + 16, first ? table : 0);
        word(at, first ? entry : entry | table);
    }

    private void write(long offset, int size, long value) {
        guest.writeRegister(offset, size, value, host);
    }

    private void command(long low, long high) {
        command(low, high, 0);
    }

    private void command(long low, long high, long upper) {
        tail = (tail + 32) % 0x1000;
        write(0x88, 8, tail);
        guest.command(
                ByteBuffer.allocate(32)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(low)
                        .putLong(high)
                        .putLong(upper)
                        .putLong(0)
                        .array(),
                host);
    }

    private void bringUp() {
        write(0x20, 8, ROOT | 0x400);
        write(0x18, 4, 0x4000_0000);
        write(0x88, 8, 0);
        write(0x90, 8, QUEUE | 0x800);
        write(0x18, 4, 0x0400_0000);
        command(0x11, 0);
        command(0x37, 0);
        command(0x12, 0);
        write(0x18, 4, 0x8400_0000L);
        assertEquals(0xc400_0000L, guest.readRegister(0x1c, 4));
        host.take();
    }

    /** A device with second-stage tables, one PASID with a first stage, and one that passes. */
    private void bringUpWithPasids() {
        pasid(NO_PASID, SECOND_STAGE, SECOND, 7);
        pasid(PASID, FIRST_STAGE, FIRST, 9);
        pasid(5, PASS_THROUGH, 0, 9);
        bringUp();
        guest.deviceAccess(DEVICE, host);
    }

    private long read(int pasid) {
        return machine.read(DEVICE, pasid, IOVA);
    }

    private long read() {
        return machine.read(DEVICE, IOVA);
    }

    @Test
    void shouldBindEveryPasidOfADeviceWhereItsRequestsWithoutPasidAre() {
        bringUpWithPasids();
        assertEquals(List.of("move 0x310 7", "bind 7 OK EXACT", "bind 7 OK EXACT", "bind 7 OK EXACT"), host.take());
        assertEquals(0xaaaa_a000L, read());
        assertEquals(0xbbbb_b000L, read(PASID));
        assertEquals(IOVA, read(5));
        assertEquals(-1, read(6));
    }

    @Test
    void shouldReadAPasidAgainWhenItIsInvalidatedAndNotBefore() {
        bringUpWithPasids();
        read(PASID);
        host.take();
        pasid(PASID, FIRST_STAGE, OTHER_FIRST, 9);
        assertEquals(0xbbbb_b000L, read(PASID));
        command(0x0000_0346_0009_0017L, 0);
        command(0x0000_0345_0008_0017L, 0);
        assertEquals(0xbbbb_b000L, read(PASID), "another PASID, another domain");
        host.take();
        command(0x0000_0345_0009_0017L, 0);
        assertEquals(List.of("bind 7 OK EXACT", "handled"), host.take());
        assertEquals(0xcccc_c000L, read(PASID));
        pasid(PASID, 0, 0, 0);
        command(0x0009_0007, 0);
        assertEquals(List.of("unbind 7 OK EXACT", "handled"), host.take());
        assertEquals(-1, read(PASID));
        assertEquals(0xaaaa_a000L, read(), "the others stay");
        pasid(PASID, PASS_THROUGH, 0, 12);
        command(0x37, 0);
        assertEquals(IOVA, read(PASID));
    }

    @Test
    void shouldKeepANewPasidBlockedInCachingModeUntilItIsInvalidated() {
        bringUpWithPasids();
        pasid(7, FIRST_STAGE, FIRST, 9);
        guest.deviceAccess(DEVICE, 7, host);
        assertEquals(-1, read(7));
        command(0x0000_0007_0009_0017L, 0);
        assertEquals(0xbbbb_b000L, read(7));
        pasid(8, FIRST_STAGE, FIRST, 9);
        // A chip in caching mode keeps what is not present under domain id 0.
        command(0x0000_0008_0000_0017L, 0);
        assertEquals(0xbbbb_b000L, read(8));
    }

    @Test
    void shouldFindANewPasidAtItsFirstAccessWithoutCachingMode() {
        start(false);
        bringUpWithPasids();
        pasid(7, FIRST_STAGE, FIRST, 9);
        pasid(5, FIRST_STAGE, FIRST, 9);
        guest.deviceAccess(DEVICE, 7, host);
        assertEquals(0xbbbb_b000L, read(7));
        assertEquals(IOVA, read(5), "what was present stays until it is invalidated");
    }

    @Test
    void shouldBindADeviceThatHasPasidsOnly() {
        pasid(PASID, FIRST_STAGE, FIRST, 9);
        bringUp();
        guest.deviceAccess(DEVICE, PASID, host);
        assertEquals(List.of("move 0x310 9", "bind 9 OK EXACT"), host.take());
        assertEquals(0xbbbb_b000L, read(PASID));
        assertEquals(-1, read());
        pasid(NO_PASID, SECOND_STAGE, SECOND, 7);
        command(0x0000_0000_0007_0017L, 0);
        assertEquals(List.of("bind 9 OK EXACT", "handled"), host.take(), "it stays where it is");
        assertEquals(0xaaaa_a000L, read());
    }

    @Test
    void shouldFollowADeviceThatHadNothingBound() {
        bringUp();
        command(0x0000_0310_0000_0031L, 0);
        assertEquals(List.of("handled"), host.take());
        pasid(PASID, FIRST_STAGE, FIRST, 9);
        command(0x0000_0345_0009_0017L, 0);
        assertEquals(List.of("move 0x310 9", "bind 9 OK EXACT", "handled"), host.take());
        pasid(PASID, 0, 0, 0);
        command(0x0000_0345_0009_0017L, 0);
        assertEquals(List.of("unbind 9 OK EXACT", "move 0x310 -1", "handled"), host.take());
        assertEquals(-1, read(PASID));
    }

    @Test
    void shouldTakeAllAwayWithTheContextEntry() {
        bringUpWithPasids();
        host.take();
        context(DEVICE, 0);
        command(0x0000_0310_0000_0031L, 0);
        assertEquals(
                List.of("unbind 7 OK EXACT", "unbind 7 OK EXACT", "unbind 7 OK EXACT", "move 0x310 -1", "handled"),
                host.take());
        assertEquals(-1, read(PASID));
        assertEquals(-1, read());
    }

    @Test
    void shouldBindNoPasidWithoutPaside() {
        context(DEVICE, 0x1);
        bringUpWithPasids();
        assertEquals(-1, read(PASID));
        assertEquals(0xaaaa_a000L, read());
    }

    /** As operating systems do that have one domain id for all processes. */
    @Test
    void shouldKeepPasidsOfOneDomainApart() {
        pasid(PASID, FIRST_STAGE, FIRST, 1);
        pasid(6, FIRST_STAGE, OTHER_FIRST, 1);
        bringUp();
        guest.deviceAccess(DEVICE, host);
        assertEquals(0xbbbb_b000L, read(PASID));
        assertEquals(0xcccc_c000L, read(6));
        machine.map(FIRST, 4, IOVA, 0xdddd_d000L, FIRST + 0x1000, 7);
        machine.map(OTHER_FIRST, 4, IOVA, 0xeeee_e000L, OTHER_FIRST + 0x1000, 7);
        command(0x0000_0345_0001_0026L, 0);
        assertEquals(0xdddd_d000L, read(PASID));
        assertEquals(0xcccc_c000L, read(6));
        pasid(6, 0, 0, 0);
        command(0x0000_0006_0001_0017L, 0);
        command(0x0000_0006_0001_0026L, 0);
        assertEquals(-1, read(6));
        assertEquals(0xdddd_d000L, read(PASID));
    }

    @Test
    void shouldFollowADeviceToAnotherDomainAndBack() {
        bringUpWithPasids();
        assertEquals(0xaaaa_a000L, read());
        for (int round = 0; round < 2; round++) {
            pasid(NO_PASID, PASS_THROUGH, 0, 12);
            command(0x0000_0000_0007_0017L, 0);
            command(0x0007_0022, 0);
            assertEquals(IOVA, read());
            assertEquals(0xbbbb_b000L, read(PASID));
            pasid(NO_PASID, SECOND_STAGE, SECOND, 7);
            command(0x0000_0000_000c_0017L, 0);
            command(0x0000_0000_000c_0026L, 0);
            assertEquals(0xaaaa_a000L, read());
            assertEquals(0xbbbb_b000L, read(PASID));
        }
    }

    /** Absent, dropped, and present with another table: what a driver does with a process that ends. */
    @Test
    void shouldGiveAPasidToAnotherProcess() {
        bringUpWithPasids();
        assertEquals(0xbbbb_b000L, read(PASID));
        pasid(PASID, 0, 0, 0);
        command(0x0000_0345_0009_0017L, 0);
        command(0x0000_0345_0009_0026L, 0);
        command(0x0000_0345_0310_0008L, 0x7fff_ffff_ffff_f800L);
        assertEquals(-1, read(PASID));
        pasid(PASID, FIRST_STAGE, OTHER_FIRST, 9);
        command(0x0000_0345_0009_0017L, 0);
        assertEquals(0xcccc_c000L, read(PASID));
        assertEquals(0xaaaa_a000L, read());
    }

    @Test
    void shouldBlockAPasidWhoseTableIsBoundToBeReadOtherwise() {
        bringUpWithPasids();
        assertEquals(0xbbbb_b000L, read(PASID));
        host.take();
        pasid(6, FIRST_STAGE, FIRST | EXTENDED_ACCESSED, 9);
        command(0x0000_0006_0000_0017L, 0);
        assertEquals(
                List.of("refused: a table is in use with other levels or other accessed and dirty flags", "handled"),
                host.take());
        assertEquals(0xbbbb_b000L, read(PASID), "the other PASID stays");
        assertEquals(-1, read(6));
        pasid(PASID, 0, 0, 0);
        command(0x0000_0345_0009_0017L, 0);
        pasid(6, FIRST_STAGE, FIRST | EXTENDED_ACCESSED, 9);
        command(0x37, 0);
        assertEquals(0xbbbb_b000L, read(6));
    }

    @Test
    void shouldInvalidateByPasidAndByPageWithinIt() {
        bringUpWithPasids();
        read(PASID);
        machine.map(FIRST, 4, IOVA, 0xdddd_d000L, 0, 7);
        command(0x0000_0345_0009_0036L, 0x5000);
        command(0x0000_0345_0007_0026L, 0);
        assertEquals(0xbbbb_b000L, read(PASID), "another page, another domain");
        command(0x0000_0345_0009_0036L, IOVA | 0x40);
        assertEquals(0xdddd_d000L, read(PASID));
        machine.map(FIRST, 4, IOVA, 0xeeee_e000L, 0, 7);
        command(0x0000_0345_0009_0026L, 0);
        assertEquals(0xeeee_e000L, read(PASID));
        machine.map(FIRST, 4, IOVA, 0xffff_f000L, 0, 7);
        command(0x0000_0345_0009_0036L, 52);
        assertEquals(0xffff_f000L, read(PASID), "the whole address space");
    }

    @Test
    void shouldDropAllOfAFirstStageWithPagesOfItsDomain() {
        bringUpWithPasids();
        read(PASID);
        machine.map(FIRST, 4, IOVA, 0xdddd_d000L, 0, 7);
        command(0x0009_0032, 0x7000);
        assertEquals(0xdddd_d000L, read(PASID), "V221");
    }

    @Test
    void shouldReachADomainInEveryContainer() {
        bringUpWithPasids();
        pasid(NO_PASID, SECOND_STAGE, SECOND, 7);
        guest.deviceAccess(OTHER_DEVICE, host);
        pasid(NO_PASID, FIRST_STAGE, FIRST, 9);
        host.take();
        command(0x0009_0022, 0);
        assertEquals(List.of("invalidate 7 OK EXACT"), host.take());
        command(0x0000_0000_0009_0017L, 0);
        assertEquals(0xbbbb_b000L, read());
        assertEquals(0xbbbb_b000L, machine.read(OTHER_DEVICE, IOVA));
    }

    @Test
    void shouldForwardInvalidationsOfADevicesOwnTlb() {
        context(DEVICE, 0xd);
        bringUpWithPasids();
        host.take();
        machine.takeHex();
        command(0x0000_0345_0310_0008L, 0x7fff_ffff_ffff_f800L);
        command(0x0000_0345_0310_0008L, IOVA);
        command(0x0000_0345_0310_0008L, IOVA | 1);
        command(0x0000_0000_0310_0008L, 0x7fff_ffff_ffff_f800L);
        command(0x0000_0345_0390_0008L, IOVA);
        command(0x0000_0310_0000_0003L, 0x7fff_ffff_ffff_f001L);
        assertEquals(
                List.of(
                        "invalidate 7 OK EXACT",
                        "invalidate 7 OK EXACT",
                        "invalidate 7 OK EXACT",
                        "handled",
                        "handled",
                        "invalidate 7 OK EXACT"),
                host.take());
        assertEquals(
                List.of(
                        new Machine.Words(0x0310_0345_0310_0008L, 0x7fff_ffff_ffff_f800L),
                        new Machine.Words(0x0310_0345_0310_0008L, IOVA),
                        new Machine.Words(0x0310_0000_0310_0008L, IOVA | 1),
                        new Machine.Words(0x0310_0310_0000_0003L, 0x7fff_ffff_ffff_f001L)),
                machine.takeCommands());
    }

    @Test
    void shouldMoveADeviceOutAndInWhenItsTlbIsSwitched() {
        bringUpWithPasids();
        host.take();
        context(DEVICE, 0xd);
        command(0x0000_0310_0000_0031L, 0);
        assertEquals(0xbbbb_b000L, read(PASID));
        machine.takeHex();
        command(0x0000_0345_0310_0008L, IOVA);
        assertEquals(1, machine.takeCommands().size());
    }

    @Test
    void shouldShowATimeOutIfTheDeviceDoesNotAnswer() {
        context(DEVICE, 0xd);
        bringUpWithPasids();
        host.failWith(Errno.EIO);
        command(0x0000_0345_0310_0008L, IOVA);
        assertEquals(0x40, guest.readRegister(0x34, 4) & 0x70);
        assertEquals(0x310, guest.readRegister(0xb0, 8) >>> 32 & 0xffff);
    }

    @Test
    void shouldNotCompleteAWaitBehindAnUnansweredInvalidation() {
        context(DEVICE, 0xd);
        bringUpWithPasids();
        host.failWith(Errno.EIO);
        write(0x88, 8, tail + 64);
        guest.command(words(0x0000_0345_0310_0008L, IOVA), host);
        assertEquals(0, guest.readRegister(0x34, 4) & 0x70);
        guest.command(words(0x0000_0002_0000_0025L, STATUS), host);
        assertEquals(0x40, guest.readRegister(0x34, 4) & 0x70);
        assertEquals(0, machine.memory().readIntLe(STATUS));
    }

    private static byte[] words(long low, long high) {
        return ByteBuffer.allocate(32)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(low)
                .putLong(high)
                .array();
    }

    @Test
    void shouldNotAcknowledgeMorePasidsThanItBinds() {
        context(DEVICE, 0x9 | 7 << 9);
        long table = 0x200_0000;
        for (int at = 0; at < 1 << 14; at++) {
            word(0x300_0000 + at * 8L, table | 1);
        }
        for (int at = 0; at < 64; at++) {
            word(table + at * 64L + 8, 9 | 1 << 23);
            word(table + at * 64L, PASS_THROUGH);
        }
        word(CONTEXT + (DEVICE & 0x7f) * 32L, 0x300_0000 | 0x9 | 7 << 9);
        bringUp();
        command(0x0000_0310_0000_0031L, 0);
        assertEquals(0x10, guest.readRegister(0x34, 4) & 0x70);
        assertEquals(IOVA, read(1));
        assertEquals(-1, read(0xf_0000));
    }

    @ParameterizedTest
    @CsvSource({
        "0x0000034500090017, 1, 4", // a bit in the upper half
        "0x0000000000090027, 0, 4", // V198: granularity of the PASID cache
        "0x0000034500090006, 0, 4", // V194: granularity of the PASID-based IOTLB
        "0x0000034503100019, 0, 3", // V200: a response without page requests
        "0x000000000005002a, 0, 3", // V203: host permissions
    })
    void shouldStopAtADescriptorThatIsNone(String low, long upper, int error) {
        bringUpWithPasids();
        command(Long.decode(low), 0, upper);
        assertEquals(0x10, guest.readRegister(0x34, 4) & 0x10);
        assertEquals(error, guest.readRegister(0xb0, 8) & 0xf);
    }

    @Test
    void shouldGoOnAfterASwap() {
        bringUpWithPasids();
        Snapshot state = guest.save();
        guest = machine.backend().restoreGuestDecoder(state, machine.memory());
        assertEquals(state, guest.save());
        machine.swap();
        host.take();
        guest.deviceAccess(DEVICE, PASID, host);
        assertEquals(List.of(), host.take());
        pasid(PASID, FIRST_STAGE, OTHER_FIRST, 9);
        command(0x0000_0345_0009_0017L, 0);
        assertEquals(0xcccc_c000L, read(PASID));
    }

    @Test
    void shouldRefuseDamagedStateWithATypedError() {
        bringUpWithPasids();
        Snapshot state = guest.save();
        Property.check(300, random -> {
            byte[] bytes = state.bytes();
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            try {
                VtdGuestDecoder.restore(
                        new Snapshot(IommuModel.INTEL, Snapshot.Kind.GUEST, 1, bytes), machine.memory());
            } catch (BackendException e) {
                assertTrue(e.errno() == Errno.EINVAL || e.errno() == Errno.EPROTONOSUPPORT, e::toString);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"NEST", "PRS", "RPRIVS", "HPTS", "PTRS", "SSIRWS", "RPS"})
    void shouldRefuseWhatItCannotHaveBesidePasids(String ability) {
        Map<String, Long> ecap = new HashMap<>(guestConfig(true).fields().get("ecap"));
        ecap.put(ability, 1L);
        HardwareConfig wanted =
                new HardwareConfig(VtdGeneration.WIDE_TYPE, Map.of("ecap", ecap), Map.of(), CacheConfig.NONE, Map.of());
        BackendException refusal =
                assertThrows(BackendException.class, () -> new VtdGuestDecoder(wanted, machine.memory()));
        assertEquals(Errno.EPROTONOSUPPORT, refusal.errno());
        assertTrue(refusal.getMessage().contains("ECAP." + ability + ":"), refusal.getMessage());
    }

    // ---- faults

    /** Hands what the chip has recorded to the guest; returns the guest's first record, high and low word. */
    private String recorded() {
        machine.chip().takeEvents(record -> guest.deviceEvent(record, host));
        long slot = 0x220 + (guest.readRegister(0x34, 4) >>> 8 & 0xff) * 16;
        long high = guest.readRegister(slot + 8, 8) < 0 ? guest.readRegister(slot + 8, 8) : 0;
        long low = guest.readRegister(slot, 8);
        write(slot + 8, 8, 1L << 63);
        return high == 0
                ? "nothing"
                : HexFormat.of().toHexDigits(high) + " " + HexFormat.of().toHexDigits(low);
    }

    @Test
    void shouldRecordInTheGuestWhatTheHostHasRecorded() {
        bringUpWithPasids();
        machine.read(DEVICE, PASID, 0x5000);
        assertEquals("c003457180000310 0000000000005000", recorded());
        machine.read(DEVICE, 0x5000);
        assertEquals("c000007900000310 0000000000005000", recorded());
        read(6);
        assertEquals("c000065980000310 0000000012345000", recorded());
        machine.read(DEVICE, 0x1_0000_0000_0000L);
        assertEquals("c000008400000310 0001000000000000", recorded());
        assertEquals(0, guest.readRegister(0x34, 4) & 0xff);
    }

    @Test
    void shouldGiveTheReasonOfTheGuestsOwnStructures() {
        bringUpWithPasids();
        machine.read(OTHER_DEVICE, 6, IOVA);
        assertEquals("c000065980000390 0000000012345000", recorded());
        context(OTHER_DEVICE, 0);
        machine.read(OTHER_DEVICE, IOVA);
        assertEquals("c000004100000390 0000000012345000", recorded());
        word(ROOT + (DEVICE >> 8) * 16L + 8, 0);
        machine.read(OTHER_DEVICE, IOVA);
        assertEquals("c000003900000390 0000000012345000", recorded());
        context(DEVICE, 0x1);
        command(0x11, 0);
        read(PASID);
        assertEquals("c003454580000310 0000000012345000", recorded());
    }

    @Test
    void shouldKeepSilentWhereTheGuestAsksForIt() {
        bringUpWithPasids();
        context(OTHER_DEVICE, 0x2);
        machine.read(OTHER_DEVICE, IOVA);
        assertEquals("nothing", recorded());
        pasid(6, 0x2, 0, 0);
        read(6);
        assertEquals("nothing", recorded());
        context(DEVICE, 0xb);
        machine.read(DEVICE, PASID, 0x5000);
        assertEquals("nothing", recorded());
    }

    @Test
    void shouldOverflowAsAChipDoes() {
        bringUpWithPasids();
        for (int i = 0; i < 9; i++) {
            machine.read(OTHER_DEVICE + i, IOVA);
            machine.chip().takeEvents(record -> guest.deviceEvent(record, host));
        }
        assertEquals(0x3, guest.readRegister(0x34, 4) & 0x3, "PFO and PPF");
    }
}
