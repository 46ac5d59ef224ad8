package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.layout.BitField;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The driver in scalable mode: examples E5 to E10 of docs/spec/intel-vtd.md 5.3 that concern PASIDs, bit exact as the chip gets them,
 * what binds owe by docs/spec/intel-vtd.md 10.1, and what is refused.
 */
class ScalableTranslatorTest {
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x345;
    private static final long TABLE = 0x100_0000;
    private static final long OTHER_TABLE = 0x110_0000;
    private static final int FIRST_STAGE = (int) BindPgtable.FLAG_FIRST_STAGE.mask();
    private static final int TLB = BindPgtable.DEVICE_TLB;
    private static final int RANGE = Uapi.SCOPE_VADDR;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;
    private static final int LEAF = Uapi.FLAGS_VADDR_LEAF;
    private static final byte[] NONE = {};

    /** A machine whose commands to devices have no PFSID, as the examples. */
    private static Machine machine(int subVersion) {
        return machine(new HardwareConfig(
                subVersion, Map.of("ecap", Map.of("DIT", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
    }

    private static Machine machine(HardwareConfig config) {
        Machine machine = Machine.of(config);
        machine.open(0);
        machine.attach(0, DEVICE);
        return machine;
    }

    /** A machine on which a PASID of the device is bound to a first-stage table with host domain id 1. */
    private static Machine withPasid(int flags) {
        Machine machine = machine(0x400);
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, FIRST_STAGE | flags));
        machine.takeHex();
        return machine;
    }

    private static void ok(Machine machine, Errno errno) {
        assertEquals(Errno.OK, errno, machine.last()::toString);
    }

    private static Words words(long low, long high) {
        return new Words(low, high);
    }

    private static void assertCommands(Machine machine, Fidelity fidelity, Words... expected) {
        ok(machine, machine.last().errno());
        assertEquals(fidelity, machine.last().fidelity(), machine.last()::toString);
        assertEquals(List.of(expected), machine.takeCommands());
    }

    private static void assertRefused(Machine machine, Errno errno, Rule rule, BitField field) {
        Completion last = machine.last();
        assertEquals(errno, last.errno(), last::toString);
        assertEquals(rule, last.rule(), last::toString);
        if (field != null) {
            assertEquals(field.name(), last.field().substring(last.field().indexOf('.') + 1), last::toString);
        }
        assertEquals(List.of(), machine.takeHex());
    }

    // ---- invalidations

    @Test
    @DisplayName("E5: one PASID, IOTLB and device")
    void shouldDropAPasid() {
        Machine machine = withPasid(TLB);
        machine.request(0, Uapi.SCOPE_PASID, 0, PASID, 0, 0, NONE);
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0345_0001_0026L, 0),
                words(0x0000_0345_0310_0008L, 0x7fff_ffff_ffff_f800L));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x400, 0x500})
    @DisplayName("VT-d 6.5.2.5: a unit that throttles is told the physical function")
    void shouldNameThePhysicalFunctionWhereTheChipThrottles(int subVersion) {
        Machine machine = machine(HardwareConfig.of(subVersion));
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, FIRST_STAGE | TLB));
        machine.takeHex();
        machine.request(0, 0, 0, 0, 0, 0, NONE);
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0000_0001_00e2L, 0),
                words(0x0310_0310_0000_0003L, 0x7fff_ffff_ffff_f001L),
                words(0x0310_0000_0310_0008L, 0x7fff_ffff_ffff_f801L));
    }

    @Test
    @DisplayName("E6: one page of one PASID")
    void shouldDropAPageOfAPasid() {
        Machine machine = withPasid(TLB);
        machine.request(0, Uapi.SCOPE_PASID | RANGE, 0, PASID, 0x7f00_0000_1000L, 0x1000, NONE);
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0345_0001_0036L, 0x7f00_0000_1000L),
                words(0x0000_0345_0310_0008L, 0x7f00_0000_1000L));
    }

    @Test
    @DisplayName("E7: 2 MiB of one PASID, leaf entries only")
    void shouldDropABlockOfAPasid() {
        Machine machine = withPasid(TLB);
        machine.request(0, Uapi.SCOPE_PASID | RANGE, LEAF, PASID, 0x7f00_0000_0000L, 0x20_0000, NONE);
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0345_0001_0036L, 0x7f00_0000_0049L),
                words(0x0000_0345_0310_0008L, 0x7f00_000f_f800L));
    }

    @Test
    void shouldDropPagesInTheUpperHalfOfAFirstStage() {
        Machine machine = withPasid(0);
        machine.request(0, Uapi.SCOPE_PASID | RANGE, 0, PASID, 0xffff_8000_0000_1000L, 0x1000, NONE);
        assertCommands(machine, Fidelity.EXACT, words(0x0000_0345_0001_0036L, 0xffff_8000_0000_1000L));
        machine.request(0, Uapi.SCOPE_PASID | RANGE, 0, PASID, 0x0001_0000_0000_0000L, 0x1000, NONE);
        assertRefused(machine, Errno.EINVAL, Rule.V24, null);
    }

    @Test
    void shouldSendAFenceBetweenAPasidsCommandAndADeviceCommandWithoutPasid() {
        Machine machine = machine(0x300);
        ok(machine, machine.bind(0, DEVICE, TABLE, FIRST_STAGE | TLB));
        machine.takeHex();
        machine.request(0, RANGE, NO_PASID, 0, 0x5000, 0x1000, NONE);
        assertEquals(
                List.of(
                        "36000100000000000050000000000000",
                        "45000000000000000000000000000000",
                        "03000000100300000050000000000000"),
                firstHalves(machine.takeHex()).subList(0, 3));
    }

    private static List<String> firstHalves(List<String> commands) {
        commands.forEach(command -> assertEquals("00".repeat(16), command.substring(32)));
        return commands.stream().map(command -> command.substring(0, 32)).toList();
    }

    @Test
    @DisplayName("E10: a range of all PASIDs runs over those that are bound")
    void shouldDropARangeOfAllPasids() {
        Machine machine = withPasid(TLB);
        ok(machine, machine.bind(0, DEVICE, OTHER_TABLE, TLB));
        machine.takeHex();
        machine.request(0, RANGE, 0, 0, 0x1000, 0x1000, NONE);
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0345_0001_0036L, 0x1000),
                words(0x0000_0000_0002_00f2L, 0x1000),
                words(0x0000_0310_0000_0003L, 0x1000),
                words(0x0000_0000_0310_0008L, 0x1001));
    }

    @Test
    void shouldDropTheDomainForARangeOfMorePasidsThanCommandsAreWorth() {
        Machine machine = machine(0x400);
        for (int pasid = 1; pasid <= 65; pasid++) {
            ok(machine, machine.bindPasid(0, DEVICE, pasid, TABLE, FIRST_STAGE));
        }
        machine.takeHex();
        machine.request(0, RANGE, 0, 0, 0x1000, 0x1000, NONE);
        assertCommands(machine, Fidelity.WIDENED, words(0x0000_0000_0001_00e2L, 0));
    }

    @Test
    void shouldSayThatASharedSecondStageTableLosesMoreThanOnePasid() {
        Machine machine = machine(0x400);
        ok(machine, machine.bindPasid(0, DEVICE, 1, TABLE, 0));
        ok(machine, machine.bindPasid(0, DEVICE, 2, TABLE, 0));
        machine.takeHex();
        machine.request(0, Uapi.SCOPE_PASID | RANGE, 0, 1, 0x1000, 0x1000, NONE);
        assertCommands(machine, Fidelity.WIDENED, words(0x0000_0000_0001_00f2L, 0x1000));
        machine.request(0, 0, 0, 0, 0, 0, NONE);
        assertCommands(machine, Fidelity.EXACT, words(0x0000_0000_0001_00e2L, 0));
    }

    @Test
    void shouldRefuseAPasidThatNobodyHas() {
        Machine machine = withPasid(0);
        machine.request(0, Uapi.SCOPE_PASID, 0, PASID + 1, 0, 0, NONE);
        assertRefused(machine, Errno.ENOENT, null, null);
        Machine narrow = Machine.of(
                new HardwareConfig(0x400, Map.of("ecap", Map.of("PSS", 7L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        narrow.open(0);
        narrow.request(0, Uapi.SCOPE_PASID, 0, 0x100, 0, 0, NONE);
        assertRefused(narrow, Errno.EINVAL, Rule.V17, null);
        Machine none = Machine.of(new HardwareConfig(
                0x400, Map.of("ecap", Map.of("PASID", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of()));
        none.open(0);
        none.request(0, Uapi.SCOPE_PASID, 0, 1, 0, 0, NONE);
        assertRefused(none, Errno.EOPNOTSUPP, Rule.V24, null);
    }

    // ---- the guest's own descriptors

    private static byte[] payload(long low, long high) {
        byte[] bytes = new byte[16];
        for (int i = 0; i < 8; i++) {
            bytes[i] = (byte) (low >>> (8 * i));
            bytes[8 + i] = (byte) (high >>> (8 * i));
        }
        return bytes;
    }

    @ParameterizedTest
    @CsvSource({
        // scope, PASID, address, bytes, descriptor; what the chip gets
        "1, 0x345, 0, 0, 0x0000034500000026, 0, 0x0000034500010026, 0",
        "3, 0x345, 0x4000, 0x4000, 0x0000034500000036, 0x4002, 0x0000034500010036, 0x4002",
        "1, 0x345, 0, 0, 0x0000034500000017, 0, 0x0000034500010017, 0",
        "0, 0, 0, 0, 0x0000000000000007, 0, 0x0000034500010017, 0",
        "3, 0x345, 0x4000, 0x1000, 0x0000034503100008, 0x4000, 0x0000034503100008, 0x4000",
        "2, 0, 0x4000, 0x1000, 0x0000000003100008, 0x4001, 0x0000000003100008, 0x4001",
        "0, 0, 0, 0, 0x0000031000000003, 0x7ffffffffffff001, 0x0000031000000003, 0x7ffffffffffff001"
    })
    void shouldCarryOutAGuestsDescriptor(
            int scope,
            String pasid,
            String address,
            String bytes,
            String low,
            String high,
            String lowDone,
            String highDone) {
        Machine machine = withPasid(TLB);
        machine.request(
                0,
                scope,
                0,
                Integer.decode(pasid),
                Long.decode(address),
                Long.decode(bytes),
                payload(Long.decode(low), Long.decode(high)));
        List<Words> done = machine.takeCommands();
        ok(machine, machine.last().errno());
        assertEquals(words(Long.decode(lowDone), Long.decode(highDone)), done.get(0));
    }

    @ParameterizedTest
    @CsvSource({
        // errno, rule, scope, flags, PASID, address, bytes, descriptor
        "EINVAL, V35, 1, 0, 0x345, 0, 0, 0x0000034600000026, 0",
        "EINVAL, V35, 0, 0, 0, 0, 0, 0x0000034500000026, 0",
        "EINVAL, V35, 3, 0, 0x345, 0x4000, 0x1000, 0x0000034500000026, 0",
        "EINVAL, V35, 3, 0, 0x345, 0x4000, 0x1000, 0x0000034500000036, 0x5000",
        "EINVAL, V35, 3, 0, 0x345, 0x4000, 0x1000, 0x0000034500000036, 0x4040",
        "EINVAL, V34, 1, 0, 0x345, 0, 0, 0x0000034500000016, 0",
        "EINVAL, V34, 1, 0, 0x345, 0, 0, 0x0010034500000026, 0",
        "EINVAL, V34, 1, 0, 0x345, 0, 0, 0x0000034500000066, 0",
        "EPERM, V36, 1, 0, 0x345, 0, 0, 0x0000034500010026, 0",
        "EPERM, V36, 0, 0, 0, 0, 0, 0x0000000000000037, 0",
        "EINVAL, V35, 1, 0, 0x345, 0, 0, 0x0000000000000007, 0",
        "EINVAL, V35, 1, 0, 0x345, 0, 0, 0x0000000000000022, 0",
        "EINVAL, V35, 3, 0, 0x345, 0x4000, 0x1000, 0x0000000000000032, 0x4000",
        "EINVAL, V35, 3, 0, 0x345, 0x4000, 0x1000, 0x0000031000000003, 0x4000",
        "EPERM, V36, 3, 0, 0x345, 0x4000, 0x1000, 0x0000034503100018, 0x4000",
        "EINVAL, V35, 3, 0, 0x345, 0x4000, 0x1000, 0x0000034503100008, 0x4001",
        "ENODEV, V36, 3, 0, 0x345, 0x4000, 0x1000, 0x0000034503200008, 0x4000",
        "EPERM, V36, 0, 0, 0, 0, 0, 0x0000000000000019, 0",
        "EPERM, V36, 0, 0, 0, 0, 0, 0x0000000000000011, 0",
        "EINVAL, V34, 0, 0, 0, 0, 0, 0x0000000000000206, 0",
        "EINVAL, V34, 0, 0, 0, 0, 0, 0x000000000000000b, 0"
    })
    void shouldRefuseAGuestsDescriptor(
            Errno errno,
            Rule rule,
            int scope,
            int flags,
            String pasid,
            String address,
            String bytes,
            String low,
            String high) {
        Machine machine = withPasid(TLB);
        machine.request(
                0,
                scope,
                flags,
                Integer.decode(pasid),
                Long.decode(address),
                Long.decode(bytes),
                payload(Long.decode(low), Long.decode(high)));
        assertRefused(machine, errno, rule, null);
    }

    // ---- binds

    @Test
    void shouldFlushWhatAReplacedPasidEntryOwes() {
        Machine machine = withPasid(TLB);
        ok(machine, machine.bindPasid(0, DEVICE, 2, TABLE, FIRST_STAGE | TLB));
        machine.takeHex();
        ok(machine, machine.bindPasid(0, DEVICE, PASID, OTHER_TABLE, FIRST_STAGE | TLB));
        // VTD-28.05: PASID cache, IOTLB of the PASID, device.
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0345_0001_0017L, 0),
                words(0x0000_0345_0001_0026L, 0),
                words(0x0000_0345_0310_0008L, 0x7fff_ffff_ffff_f800L));
        ok(machine, machine.bindPasid(0, DEVICE, 2, OTHER_TABLE, FIRST_STAGE | TLB));
        // VTD-28.08: nobody uses the domain id any more.
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0000_0001_0007L, 0),
                words(0x0000_0000_0001_00e2L, 0),
                words(0x0000_0002_0310_0008L, 0x7fff_ffff_ffff_f800L));
    }

    @Test
    void shouldFlushADeviceThatLosesItsLastBinding() {
        Machine machine = withPasid(TLB);
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, FIRST_STAGE | TLB | Uapi.BIND_FLAG_UNBIND));
        // VTD-28.02: context entry, PASID cache, IOTLB, all of the device.
        assertCommands(
                machine,
                Fidelity.EXACT,
                words(0x0000_0310_0000_0031L, 0),
                words(0x0000_0000_0001_0007L, 0),
                words(0x0000_0000_0001_00e2L, 0),
                words(0x0000_0310_0000_0003L, 0x7fff_ffff_ffff_f001L),
                words(0x0000_0000_0310_0008L, 0x7fff_ffff_ffff_f801L));
        assertEquals(-1, machine.read(DEVICE, PASID, 0x5000));
    }

    @Test
    void shouldGiveEveryPageBackWhenADeviceLeaves() {
        Machine machine = machine(0x400);
        ok(machine, machine.bind(0, DEVICE, TABLE, 0));
        ok(machine, machine.detach(0, DEVICE));
        List<Long> before = pages(machine);
        for (int i = 0; i < 3; i++) {
            ok(machine, machine.attach(0, DEVICE));
            for (int pasid : new int[] {1, 0x45, 0xf_ffff}) {
                ok(machine, machine.bindPasid(0, DEVICE, pasid, TABLE, FIRST_STAGE));
            }
            ok(machine, machine.detach(0, DEVICE));
        }
        assertEquals(before, pages(machine));
    }

    /** Where the next pages would be, which are given back again. */
    private static List<Long> pages(Machine machine) {
        List<Long> pages = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            pages.add(machine.platform().allocatePages(1));
        }
        pages.forEach(page -> machine.platform().freePages(page, 1));
        return pages;
    }

    @Test
    void shouldKeepOtherPasidsOfADevice() {
        Machine machine = withPasid(0);
        machine.map(TABLE, 4, 0x5000, 0xaaaa_a000L, TABLE + 0x1000, 7);
        machine.map(OTHER_TABLE, 4, 0x5000, 0xbbbb_b000L, OTHER_TABLE + 0x1000, 3);
        ok(machine, machine.bind(0, DEVICE, OTHER_TABLE, 0));
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, PASID, 0x5000));
        assertEquals(0xbbbb_b000L, machine.read(DEVICE, -1, 0x5000));
        ok(machine, machine.bind(0, DEVICE, OTHER_TABLE, Uapi.BIND_FLAG_UNBIND));
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, PASID, 0x5000));
        assertEquals(-1, machine.read(DEVICE, -1, 0x5000));
    }

    @Test
    void shouldRefuseBindsThatContradictWhatIsBound() {
        Machine machine = withPasid(TLB);
        machine.bindPasid(0, DEVICE, PASID + 1, TABLE, FIRST_STAGE);
        assertRefused(machine, Errno.EBUSY, null, null);
        machine.bindPasid(0, DEVICE, PASID, OTHER_TABLE, FIRST_STAGE | TLB | Uapi.BIND_FLAG_UNBIND);
        assertRefused(machine, Errno.EINVAL, Rule.V35, BindPgtable.TABLE_ROOT);
        machine.bindPasid(0, DEVICE, PASID, TABLE, TLB | Uapi.BIND_FLAG_UNBIND);
        assertRefused(machine, Errno.EINVAL, Rule.V35, BindPgtable.TABLE_ROOT);
        machine.bindPasid(0, DEVICE, PASID + 1, TABLE, FIRST_STAGE | TLB | Uapi.BIND_FLAG_UNBIND);
        assertRefused(machine, Errno.ENOENT, null, null);
        machine.bindPasid(0, DEVICE, 0, TABLE, FIRST_STAGE | TLB);
        assertRefused(machine, Errno.EOPNOTSUPP, Rule.V34, null);
        machine.bindPasid(0, DEVICE + 1, 1, TABLE, FIRST_STAGE);
        assertRefused(machine, Errno.ENODEV, null, BindPgtable.REQUESTER);
    }

    @ParameterizedTest
    @ValueSource(ints = {1 << 19, 1 << 21, 1 << 18 | 1 << 20, 1 << 18 | 1 << 22, 1 << 16 | 1 << 18})
    void shouldRefuseFlagsThatDoNotFitTogether(int flags) {
        Machine machine = machine(0x500);
        machine.bind(0, DEVICE, TABLE, flags);
        assertRefused(machine, Errno.EINVAL, Rule.V35, null);
    }

    @ParameterizedTest
    @CsvSource({
        "FSTS, 0x40000, 48",
        "SMPWCS, 0x40000, 48",
        "SSTS, 0, 48",
        "PT, 0x10000, 0",
        "DT, 0x20000, 48",
        "SRS, 0xc0000, 48",
        "EAFS, 0x240000, 48",
        "SSADS, 0x400000, 48",
        "FS5LP, 0x40000, 57"
    })
    void shouldRefuseWhatTheChipDoesNotHave(String missing, String flags, int width) {
        boolean cap = missing.equals("FS5LP");
        // What else needs the ability goes with it.
        Map<String, Long> without = missing.equals("FSTS")
                ? Map.of("FSTS", 0L, "NEST", 0L, "EAFS", 0L)
                : missing.equals("SSTS")
                        ? Map.of("SSTS", 0L, "NEST", 0L, "SSADS", 0L, "SSIRWS", 0L)
                        : missing.equals("SMPWCS")
                                ? Map.of("SMPWCS", 0L, "SSADS", 0L, "EAFS", 0L)
                                : Map.of(missing, 0L);
        Machine machine = Machine.of(new HardwareConfig(
                0x500, Map.of(cap ? "cap" : "ecap", without), Map.of(), CacheConfig.DEFAULT, Map.of()));
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.bind(0, DEVICE, width == 0 ? 0 : TABLE, width, 1, Integer.decode(flags));
        assertRefused(machine, Errno.EOPNOTSUPP, Rule.V34, null);
    }

    @Test
    @DisplayName("VTD-PRG.4: one table is read in one way, in whichever containers it is bound")
    void shouldRefuseATableThatIsBoundToBeReadOtherwise() {
        int extended = FIRST_STAGE | (int) BindPgtable.FLAG_EXTENDED_ACCESSED.mask();
        int dirty = (int) BindPgtable.FLAG_ACCESSED_DIRTY.mask();
        Machine machine = Machine.of(0x500);
        machine.open(0);
        machine.open(1);
        machine.attach(0, DEVICE);
        machine.attach(1, DEVICE + 1);
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, FIRST_STAGE));
        ok(machine, machine.bind(1, DEVICE + 1, OTHER_TABLE, dirty));
        machine.takeHex();
        machine.bindPasid(0, DEVICE, PASID + 1, TABLE, extended);
        assertRefused(machine, Errno.EBUSY, null, BindPgtable.TABLE_ROOT);
        machine.bindPasid(1, DEVICE + 1, PASID, TABLE, extended);
        assertRefused(machine, Errno.EBUSY, null, BindPgtable.TABLE_ROOT);
        machine.bind(1, Uapi.BIND_PASID, FIRST_STAGE, Machine.pasidPayload(DEVICE + 1, TABLE, 57, 1, PASID));
        assertRefused(machine, Errno.EBUSY, null, BindPgtable.TABLE_ROOT);
        machine.bind(0, DEVICE, OTHER_TABLE, 0);
        assertRefused(machine, Errno.EBUSY, null, BindPgtable.TABLE_ROOT);
        machine.translator().attach(0, DEVICE + 2, OTHER_TABLE, 4, machine.last());
        assertRefused(machine, Errno.EBUSY, null, null);
        // The only binding of a table may be replaced by one that reads it otherwise: what was cached of it goes.
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, extended));
        ok(machine, machine.bindPasid(1, DEVICE + 1, PASID, TABLE, extended));
        ok(machine, machine.bind(1, DEVICE + 1, OTHER_TABLE, 0));
        ok(machine, machine.bindPasid(0, DEVICE, PASID + 1, OTHER_TABLE, 0));
    }

    @Test
    void shouldRefuseAChipWithoutScalableMode() {
        Machine legacy = Machine.of(0x110);
        BackendException refusal =
                assertThrows(BackendException.class, () -> new VtdBackend().createTranslator(0x300, legacy));
        assertEquals(Errno.EPROTONOSUPPORT, refusal.errno());
    }

    @Test
    void shouldDriveAChipOfScalableModeInLegacyMode() {
        Machine machine = Machine.of(new HardwareConfig(
                0x110,
                Map.of(),
                Map.of("VER", 0x40L, "CAP", 0xd1de078c22780e06L, "ECAP", 0x0033ef9ea4f00fdfL),
                CacheConfig.DEFAULT,
                Map.of()));
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.map(TABLE, 4, 0x5000, 0xaaaa_a000L, TABLE + 0x1000);
        ok(machine, machine.bind(0, DEVICE, TABLE, 0));
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, 0x5000));
        machine.bindPasid(0, DEVICE, 1, TABLE, 0);
        assertEquals(Errno.EOPNOTSUPP, machine.last().errno());
    }

    @Test
    void shouldBlockADeviceThatDidNotAnswer() {
        boolean[] answers = {true};
        Machine machine = Machine.of(HardwareConfig.of(0x400), (requester, pasid, iova, bytes) -> answers[0]);
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.map(TABLE, 4, 0x5000, 0xaaaa_a000L, TABLE + 0x1000, 7);
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, FIRST_STAGE | TLB));
        ok(machine, machine.bindPasid(0, DEVICE, 2, TABLE, FIRST_STAGE | TLB));
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, PASID, 0x5000));
        answers[0] = false;
        assertEquals(Errno.EIO, machine.bindPasid(0, DEVICE, 2, OTHER_TABLE, FIRST_STAGE | TLB));
        assertEquals(-1, machine.read(DEVICE, PASID, 0x5000));
        answers[0] = true;
        ok(machine, machine.bindPasid(0, DEVICE, PASID, TABLE, FIRST_STAGE));
        assertEquals(0xaaaa_a000L, machine.read(DEVICE, PASID, 0x5000));
    }

    @Test
    void shouldShowCommandsOf256BitsWhoseUpperHalfIsZero() {
        Machine machine = withPasid(0);
        machine.request(0, 0, 0, 0, 0, 0, NONE);
        for (String command : machine.takeHex()) {
            byte[] bytes = HexFormat.of().parseHex(command);
            assertEquals(32, bytes.length);
            assertEquals("00".repeat(16), command.substring(32));
        }
    }
}
