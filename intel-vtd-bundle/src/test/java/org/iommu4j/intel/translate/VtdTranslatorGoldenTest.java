package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Examples E1 to E14 of docs/spec/intel-vtd.md 5.3 that concern legacy mode, and its register vectors, bit exact as the
 * chip gets them.
 */
class VtdTranslatorGoldenTest {
    private static final int DEVICE = 0x310;
    private static final int DOMAIN = 3;
    private static final long TABLE = 0x100_0000;
    private static final int RANGE = Uapi.SCOPE_VADDR;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;
    private static final int LEAF = Uapi.FLAGS_VADDR_LEAF;

    /** A machine on which the device is bound with host domain id 0x12. */
    private static Machine machine(HardwareConfig config, int flags) {
        Machine machine = Machine.of(config);
        machine.open(0);
        for (int other = 1; other < 0x12; other++) {
            machine.attach(0, other);
            assertEquals(Errno.OK, machine.bind(0, other, (long) other << 12, 0), machine.last()::toString);
        }
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        assertEquals(Errno.OK, machine.bind(DOMAIN, DEVICE, TABLE, flags), machine.last()::toString);
        machine.takeHex();
        return machine;
    }

    private static Machine withDeviceTlb() {
        return machine(HardwareConfig.of(0x110), BindPgtable.DEVICE_TLB);
    }

    private static Machine withoutDeviceTlb() {
        return machine(HardwareConfig.of(0x110), 0);
    }

    private static void assertExact(Machine machine, Words... expected) {
        assertEquals("OK EXACT", machine.last().errno() + " " + machine.last().fidelity(), machine.last()::toString);
        assertEquals(List.of(expected), machine.takeCommands());
    }

    private static void assertWidened(Machine machine, Words... expected) {
        assertEquals(Errno.OK, machine.last().errno(), machine.last()::toString);
        assertEquals(Fidelity.WIDENED, machine.last().fidelity());
        assertEquals(List.of(expected), machine.takeCommands());
    }

    private static Words words(long low, long high) {
        return new Words(low, high);
    }

    @Test
    @DisplayName("E1: scope 0, NO_PASID")
    void shouldDropTheDomainAndTheWholeDeviceTlbWhenScopeIsZero() {
        Machine machine = withDeviceTlb();
        machine.invalidate(DOMAIN, 0, NO_PASID, 0, 0);
        assertExact(machine, words(0x00000000001200e2L, 0), words(0x0000031000000003L, 0x7ffffffffffff001L));
        machine.invalidate(DOMAIN, 0, 0, 0, 0);
        assertExact(machine, words(0x00000000001200e2L, 0), words(0x0000031000000003L, 0x7ffffffffffff001L));
    }

    @Test
    @DisplayName("E2: one page")
    void shouldDropOnePageWhenTheRangeIsOnePage() {
        Machine machine = withDeviceTlb();
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x12345000, 0x1000);
        assertExact(machine, words(0x00000000001200f2L, 0x12345000), words(0x0000031000000003L, 0x12345000));
    }

    @Test
    @DisplayName("E3: 2 MiB, leaf only")
    void shouldSetTheHintWhenOnlyLeavesChanged() {
        Machine machine = withDeviceTlb();
        machine.invalidate(DOMAIN, RANGE, NO_PASID | LEAF, 0x40000000, 0x200000);
        assertExact(machine, words(0x00000000001200f2L, 0x40000049), words(0x0000031000000003L, 0x400ff001));
    }

    @Test
    @DisplayName("E4: E3 without LEAF, DWD=DRD=0")
    void shouldNotDrainWhenTheChipHasNoDrain() {
        HardwareConfig config = new HardwareConfig(
                0x110, Map.of("cap", Map.of("DWD", 0L, "DRD", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of());
        Machine machine = machine(config, 0);
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x40000000, 0x200000);
        assertExact(machine, words(0x0000000000120032L, 0x40000009));
    }

    @Test
    @DisplayName("E8, B1: two pages that no aligned pair covers")
    void shouldSplitExactlyWhenTheRangeIsNotAligned() {
        Machine machine = withoutDeviceTlb();
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x17f000, 0x2000);
        assertExact(machine, words(0x00000000001200f2L, 0x17f000), words(0x00000000001200f2L, 0x180000));
    }

    @Test
    @DisplayName("E9: one block where eight do not suffice")
    void shouldTakeOneBlockAndSaySoWhenTheExactCoverIsTooLong() {
        RangeCover cover = new RangeCover();
        cover.coverWithOne(0x17f000, 0x180fff);
        assertEquals(0x100000, cover.address(0));
        assertEquals(8, cover.order(0));

        Machine machine = withoutDeviceTlb();
        // Pages 1 to 62: 1, 2, 4, 8, 16 and 16, 8, 4, 2, 1 pages would be ten descriptors.
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x1000, 62 * 0x1000);
        assertWidened(machine, words(0x00000000001200f2L, 6));
    }

    @Test
    @DisplayName("E10: a range of all PASIDs")
    void shouldWidenToTheDomainWhenARangeIsForAllPasids() {
        Machine machine = withDeviceTlb();
        machine.invalidate(DOMAIN, RANGE, 0, 0x1000, 0x1000);
        assertWidened(machine, words(0x00000000001200e2L, 0), words(0x0000031000000003L, 0x1000));
    }

    @Test
    @DisplayName("E11: two aligned pages; the device's size encoding")
    void shouldEncodeTwoPagesForTheDevice() {
        Machine machine = withDeviceTlb();
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x12344000, 0x2000);
        // MIP is 0 (32) here; the example has 16.
        assertExact(machine, words(0x00000000001200f2L, 0x12344001), words(0x0000031000000003L, 0x12344001));
    }

    @Test
    @DisplayName("E14: the wait stores a new status word each time")
    void shouldEndEachRequestWithOneWait() {
        Machine machine = withoutDeviceTlb();
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x1000, 0x1000);
        List<String> first = machine.takeHex();
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x1000, 0x1000);
        List<String> second = machine.takeHex();
        assertEquals(2, first.size());
        assertEquals("25000000", first.get(1).substring(0, 8));
        assertEquals(first.get(1).substring(16), second.get(1).substring(16), "one status address");
        assertEquals(
                Integer.reverseBytes(Integer.parseUnsignedInt(first.get(1).substring(8, 16), 16)) + 1,
                Integer.reverseBytes(Integer.parseUnsignedInt(second.get(1).substring(8, 16), 16)));
    }

    @Test
    @DisplayName("V08, V29, B3: size encoding of the device-TLB descriptor")
    void shouldEncodeSizesOfDeviceTlbDescriptors() {
        assertEquals(0x400ff001L, QueueCommands.deviceTlbAddress(0x40000000, 9));
        assertEquals(0x7f001L, QueueCommands.deviceTlbAddress(0, 8));
        assertEquals(0x2001L, QueueCommands.deviceTlbAddress(0x2000, 1));
        assertEquals(0x3000L, QueueCommands.deviceTlbAddress(0x3000, 0));
        assertEquals(0x7ffffffffffff001L, QueueCommands.deviceTlbAddress(0, 52));
    }

    @Test
    @DisplayName("V20, V21: the register-only generation")
    void shouldWriteRegistersWhenTheChipHasNoQueue() {
        Machine machine = machine(HardwareConfig.of(0x100), 0);
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0x40000000, 0x200000);
        assertEquals(List.of("b0030012000000000000000040000009"), machine.takeHex());
        machine.invalidate(DOMAIN, 0, NO_PASID, 0, 0);
        assertEquals(List.of("a0030012000000000000000000000000"), machine.takeHex());
        machine.detach(DOMAIN, DEVICE);
        assertEquals(List.of("e000000003100012", "a0030012000000000000000000000000"), machine.takeHex());
    }

    @Test
    @DisplayName("V23, S10, B19: a chip without page-selective invalidation")
    void shouldWidenToTheDomainWhenTheChipCannotSelectPages() {
        HardwareConfig config =
                new HardwareConfig(0x110, Map.of("cap", Map.of("PSI", 0L)), Map.of(), CacheConfig.DEFAULT, Map.of());
        Machine machine = machine(config, BindPgtable.DEVICE_TLB);
        machine.invalidate(DOMAIN, RANGE, NO_PASID | LEAF, 0x5000, 0x1000);
        assertWidened(machine, words(0x00000000001200e2L, 0), words(0x0000031000000003L, 0x5000));
    }

    @Test
    @DisplayName("S9: a block above MAMV")
    void shouldSplitByMamvAndElseWidenToTheDomain() {
        HardwareConfig config =
                new HardwareConfig(0x110, Map.of("cap", Map.of("MAMV", 9L)), Map.of(), CacheConfig.DEFAULT, Map.of());
        Machine machine = machine(config, 0);
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0, 0x400000);
        assertExact(machine, words(0x00000000001200f2L, 9), words(0x00000000001200f2L, 0x200009));
        machine.invalidate(DOMAIN, RANGE, NO_PASID, 0, 0x200000L * 9);
        assertWidened(machine, words(0x00000000001200e2L, 0));
    }

    @Test
    @DisplayName("2.5: an old context entry goes with its domain and its device TLB")
    void shouldDropEntryDomainAndDeviceWhenTheDeviceIsBlocked() {
        Machine machine = withDeviceTlb();
        machine.detach(DOMAIN, DEVICE);
        assertExact(
                machine,
                words(0x0000031000120031L, 0),
                words(0x00000000001200e2L, 0),
                words(0x0000031000000003L, 0x7ffffffffffff001L));
    }
}
