package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Life of domains, devices and bindings, driven against the chip. */
class VtdTranslatorTest {
    private static final int A = 0x10;
    private static final int B = 0x118;
    private static final long IOVA = 0x1234_5000;
    private static final long FIRST = 0x100_0000;
    private static final long SECOND = 0x200_0000;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;

    private static Machine machine(int subVersion) {
        return machine(HardwareConfig.of(subVersion));
    }

    /** Two tables: through the first the page is at 0xaaaaa000, through the second at 0xbbbbb000. */
    private static Machine machine(HardwareConfig config) {
        Machine machine = Machine.of(config.with(CacheConfig.WORST_CASE));
        int levels = config.subVersion() == 0x100 ? 3 : 4;
        machine.map(FIRST, levels, IOVA, 0xaaaa_a000L, FIRST + 0x1000);
        machine.map(SECOND, levels, IOVA, 0xbbbb_b000L, SECOND + 0x1000);
        machine.open(0);
        machine.open(1);
        return machine;
    }

    private static HardwareConfig config(Map<String, Map<String, Long>> fields) {
        return new HardwareConfig(0x110, fields, Map.of(), CacheConfig.DEFAULT, Map.of());
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x110})
    void shouldBlockADeviceUntilItIsBound(int subVersion) {
        Machine machine = machine(subVersion);
        assertEquals(-1, machine.read(A, IOVA));
        assertEquals(Errno.OK, machine.attach(0, A));
        assertEquals(-1, machine.read(A, IOVA));
        assertEquals(Errno.OK, machine.bind(0, A, FIRST, 0));
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x110})
    void shouldUseOnlyTheNewTableAfterABindingWasReplaced(int subVersion) {
        Machine machine = machine(subVersion);
        machine.attach(0, A);
        machine.bind(0, A, FIRST, 0);
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA));
        assertEquals(Errno.OK, machine.bind(0, A, SECOND, 0));
        assertEquals(0xbbbb_b000L, machine.read(A, IOVA));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x110})
    void shouldBlockAndForgetWhenADeviceIsUnboundDetachedOrItsDomainClosed(int subVersion) {
        Machine machine = machine(subVersion);
        machine.attach(0, A);
        machine.bind(0, A, FIRST, 0);
        machine.read(A, IOVA);
        assertEquals(Errno.OK, machine.bind(0, A, FIRST, Uapi.BIND_FLAG_UNBIND));
        assertEquals(-1, machine.read(A, IOVA));

        machine.bind(0, A, FIRST, 0);
        machine.read(A, IOVA);
        assertEquals(Errno.OK, machine.detach(0, A));
        assertEquals(-1, machine.read(A, IOVA));

        machine.attach(0, A, FIRST, subVersion == 0x100 ? 3 : 4);
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA));
        assertEquals(Errno.OK, machine.close(0));
        assertEquals(-1, machine.read(A, IOVA));
        assertEquals(Errno.ENOENT, machine.invalidate(0, 0, NO_PASID, 0, 0));
        // Neither the domain ids nor anything cached under them is left over.
        machine.open(0);
        machine.attach(0, A);
        machine.bind(0, A, SECOND, 0);
        assertEquals(0xbbbb_b000L, machine.read(A, IOVA));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x100, 0x110})
    void shouldSeeAnEditedTableOnlyAfterTheInvalidation(int subVersion) {
        Machine machine = machine(subVersion);
        int levels = subVersion == 0x100 ? 3 : 4;
        machine.attach(0, A, FIRST, levels);
        machine.attach(1, B, FIRST, levels);
        machine.read(A, IOVA);
        machine.read(B, IOVA);
        machine.map(FIRST, levels, IOVA, 0xcccc_c000L, 0);
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA), "the worst case cache still has it");
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, IOVA, 0x1000));
        assertEquals(0xcccc_c000L, machine.read(A, IOVA));
        assertEquals(0xaaaa_a000L, machine.read(B, IOVA), "another container has its own tag, even for the same table");
        assertEquals(Errno.OK, machine.invalidate(1, 0, 0, 0, 0));
        assertEquals(0xcccc_c000L, machine.read(B, IOVA));
    }

    @Test
    void shouldTagEveryTableOfAContainerAndReachAllOfThem() {
        Machine machine = machine(0x110);
        machine.attach(0, A);
        machine.attach(0, B);
        machine.bind(0, A, FIRST, 0);
        machine.bind(0, B, SECOND, 0);
        machine.takeHex();
        machine.invalidate(0, 0, NO_PASID, 0, 0);
        assertEquals(List.of(new Words(0x100e2, 0), new Words(0x200e2, 0)), machine.takeCommands());
        machine.bind(0, B, FIRST, 0);
        machine.takeHex();
        machine.invalidate(0, 0, NO_PASID, 0, 0);
        assertEquals(List.of(new Words(0x100e2, 0)), machine.takeCommands(), "one table, one domain id");
    }

    @Test
    void shouldPassRequestsThroughWhenBoundSo() {
        Machine machine = machine(0x110);
        machine.attach(0, A);
        assertEquals(Errno.OK, machine.bind(0, A, 0, 0, 1, BindPgtable.PASS_THROUGH), machine.last()::toString);
        assertEquals(IOVA, machine.read(A, IOVA));
        assertEquals(Errno.OK, machine.bind(0, A, 0, 0, 1, BindPgtable.PASS_THROUGH | Uapi.BIND_FLAG_UNBIND));
        assertEquals(-1, machine.read(A, IOVA));
    }

    @Test
    void shouldRefuseDevicesThatAreNotTheContainers() {
        Machine machine = machine(0x110);
        assertEquals(Errno.OK, machine.attach(0, A));
        assertEquals(Errno.EEXIST, machine.attach(0, A));
        assertEquals(Errno.EBUSY, machine.attach(1, A));
        assertEquals(Errno.EINVAL, machine.attach(0, 0x10000));
        assertEquals(Errno.EINVAL, machine.attach(0, -5));
        assertEquals(Errno.ENOENT, machine.attach(7, B));
        assertEquals(Errno.ENODEV, machine.bind(1, A, FIRST, 0));
        assertEquals(Errno.ENODEV, machine.detach(1, A));
        assertEquals(Errno.EEXIST, machine.open(0));
        assertEquals(Errno.EINVAL, machine.open(-1));
        assertEquals(Errno.EINVAL, machine.open(65536));
        assertEquals(Errno.ENOENT, machine.close(9));
        assertEquals(List.of(), machine.takeHex());
    }

    @Test
    void shouldRefuseTablesThatTheChipCannotWalk() {
        Machine machine = machine(0x110);
        assertEquals(Errno.EINVAL, machine.attach(0, A, FIRST, 5));
        assertEquals(Errno.EINVAL, machine.attach(0, A, FIRST, 2));
        assertEquals(Errno.EINVAL, machine.attach(0, A, FIRST, Integer.MIN_VALUE));
        assertEquals(Errno.EINVAL, machine.attach(0, A, FIRST + 8, 4));
        assertEquals(Errno.EINVAL, machine.attach(0, A, 1L << 48, 4));
        assertEquals(Errno.OK, machine.attach(0, A), "none of them has attached it");
        assertEquals(Errno.EINVAL, machine.bind(0, A, 1L << 48, 0));
        assertEquals(Rule.V34, machine.last().rule());
        assertEquals("table_root", machine.last().field());
        assertEquals(Errno.EINVAL, machine.bind(0, A, FIRST, 40, 1, 0));
        assertEquals("address_width", machine.last().field());
        assertEquals(12, machine.last().offset());
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, A, FIRST, 57, 1, 0));
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, A, FIRST, 30, 1, 0));
        assertEquals(-1, machine.read(A, IOVA));
    }

    @Test
    void shouldRefuseContradictoryBinds() {
        Machine machine = machine(0x110);
        machine.attach(0, A);
        int both = BindPgtable.PASS_THROUGH | BindPgtable.DEVICE_TLB;
        assertEquals(Errno.EINVAL, machine.bind(0, A, 0, 0, 1, both));
        assertEquals(Errno.EINVAL, machine.bind(0, A, FIRST, 0, 1, BindPgtable.PASS_THROUGH));
        assertEquals(Errno.EINVAL, machine.bind(0, A, 0, 48, 1, BindPgtable.PASS_THROUGH));
        assertEquals(Errno.EINVAL, machine.bind(0, A, FIRST, 0, 1, 0));
        assertEquals(Rule.V35, machine.last().rule());
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, A, FIRST, 48, 1, 1 << 20));
        assertEquals(Rule.V13, machine.last().rule());
        assertEquals(Errno.ENOENT, machine.bind(0, A, FIRST, Uapi.BIND_FLAG_UNBIND));
        machine.bind(0, A, FIRST, 0);
        assertEquals(Errno.EINVAL, machine.bind(0, A, SECOND, Uapi.BIND_FLAG_UNBIND));
        assertEquals(Errno.EINVAL, machine.bind(0, A, FIRST, 48, 2, Uapi.BIND_FLAG_UNBIND));
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA), "as before");
    }

    @Test
    void shouldRefuseAbilitiesThatTheChipDoesNotHave() {
        Machine machine = machine(config(Map.of("ecap", Map.of("PT", 0L, "DT", 0L))));
        machine.attach(0, A);
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, A, 0, 0, 1, BindPgtable.PASS_THROUGH));
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, A, FIRST, BindPgtable.DEVICE_TLB));
        Machine registers = machine(0x100);
        registers.attach(0, A);
        assertEquals(Errno.EOPNOTSUPP, registers.bind(0, A, FIRST, BindPgtable.DEVICE_TLB));
        assertEquals(Errno.EOPNOTSUPP, registers.bind(0, A, 0, 0, 1, BindPgtable.PASS_THROUGH));
    }

    @Test
    void shouldRefuseOtherOperationsAndWrongPayloads() {
        Machine machine = machine(0x110);
        machine.attach(0, A);
        byte[] payload = Machine.payload(A, FIRST, 48, 1);
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, Uapi.BIND_PASID, 0, payload));
        assertEquals(Rule.V37, machine.last().rule());
        assertEquals(Errno.EINVAL, machine.bind(0, 0, Arrays.copyOf(payload, payload.length - 1)));
        assertEquals(Rule.V33, machine.last().rule());
        payload[1] = 1;
        assertEquals(Errno.EINVAL, machine.bind(0, 0, payload));
        assertEquals(Rule.V34, machine.last().rule());
    }

    @Test
    void shouldRefuseAPasidSinceLegacyModeHasNone() {
        Machine machine = machine(0x110);
        machine.attach(0, A, FIRST, 4);
        machine.takeHex();
        Completion completion = new Completion();
        InvalidateRequest request =
                new InvalidateRequest().set(Uapi.SCOPE_PASID, 0, 0x345, 0, 0, 0x110, new byte[0], 0, 0);
        assertEquals(Errno.EOPNOTSUPP.code(), machine.translator().invalidate(0, request, completion));
        assertEquals(Rule.V24, completion.rule());
        assertEquals("scope", completion.field());
        assertEquals(Uapi.SCOPE.argumentOffset(Abi.LP64_LE), completion.offset());
        assertEquals(Uapi.SCOPE_PASID, completion.value());
        assertEquals(List.of(), machine.takeHex());
    }

    @Test
    void shouldRefuseARangeBeyondTheWidthOfTheTables() {
        Machine machine = machine(0x110);
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, (1L << 48) - 0x1000, 0x1000));
        assertEquals(Errno.EINVAL, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, 1L << 48, 0x1000));
        machine.attach(0, A);
        machine.bind(0, A, FIRST, 39, 1, 0);
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, (1L << 39) - 0x1000, 0x1000));
        assertEquals(Errno.EINVAL, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, (1L << 39) - 0x1000, 0x2000));
        assertEquals("vaddr", machine.last().field());
        assertEquals(Rule.V24, machine.last().rule());
        assertEquals(Errno.EINVAL, machine.invalidate(0, Uapi.SCOPE_VADDR, NO_PASID, -0x1000, 0x1000));
    }

    @Test
    void shouldBoundDomainIdsAndGiveThemBack() {
        Machine machine = machine(config(Map.of("cap", Map.of("ND", 0L))));
        for (int i = 1; i < 16; i++) {
            machine.attach(0, i);
            assertEquals(Errno.OK, machine.bind(0, i, (long) i << 12, 0));
        }
        machine.attach(1, B);
        assertEquals(Errno.ENOSPC, machine.bind(1, B, FIRST, 0));
        assertEquals(Errno.ENOSPC, machine.attach(1, A + 0x100, FIRST, 4));
        assertEquals(Errno.ENODEV, machine.detach(1, A + 0x100), "a failed attach leaves nothing behind");
        assertEquals(Errno.OK, machine.detach(0, 7));
        assertEquals(Errno.OK, machine.bind(1, B, FIRST, 0));
        assertEquals(0xaaaa_a000L, machine.read(B, IOVA));
    }

    @Test
    void shouldDropCachedAbsenceWhenTheChipIsInCachingMode() {
        Machine machine = machine(config(Map.of("cap", Map.of("CM", 1L))));
        machine.attach(0, A + 1, FIRST, 4);
        assertEquals(new Words(0x11, 0), machine.takeCommands().get(0), "the whole bus was absent");
        machine.attach(0, A);
        assertEquals(-1, machine.read(A, IOVA));
        machine.bind(0, A, FIRST, 0);
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA));
        assertEquals(new Words(0x1000000031L, 0), machine.takeCommands().get(0), "tagged with domain id 0");
    }

    @Test
    void shouldFlushWriteBuffersWhenTheChipNeedsIt() {
        Machine machine = machine(config(Map.of("cap", Map.of("RWBF", 1L))));
        machine.attach(0, A);
        assertEquals(Errno.OK, machine.bind(0, A, FIRST, 0));
        assertEquals(0xaaaa_a000L, machine.read(A, IOVA));
    }

    @Test
    void shouldDoubleNothingAndLoseNothingWhenOneBatchExceedsTheRing() {
        Machine machine = machine(0x110);
        machine.attach(0, A, FIRST, 4);
        machine.takeHex();
        long before = machine.chip().counters().commands();
        InvalidateRequest request = new InvalidateRequest();
        Completion completion = new Completion();
        for (int i = 0; i < 1000; i++) {
            request.set(Uapi.SCOPE_VADDR, NO_PASID, 0, (long) i << 12, 0x1000, 0x110, new byte[0], 0, 0);
            assertEquals(0, machine.translator().invalidate(0, request, completion));
        }
        assertEquals(0, machine.translator().finish(completion));
        List<Words> commands = machine.takeCommands();
        assertEquals(1000, commands.size());
        assertTrue(machine.chip().counters().commands() - before > 1000, "all of them and the waits");
        for (int i = 0; i < 1000; i++) {
            assertEquals(new Words(0x100f2, (long) i << 12), commands.get(i));
        }
    }

    @Test
    void shouldRefuseChipsThatDoNotFit() {
        Machine machine = Machine.of(0x100);
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> VtdTranslator.create(0x110, machine))
                        .errno());
        assertEquals(
                Errno.EPROTONOSUPPORT,
                assertThrows(BackendException.class, () -> VtdTranslator.create(0x300, machine))
                        .errno());
    }

    @Test
    void shouldNotCountACommandAsDoneWhenTheChipHoldsItsQueueBack() {
        Machine machine = machine(0x110);
        machine.attach(0, A, FIRST, 4);
        machine.chip().stepping(true);
        assertNotEquals(Errno.OK, machine.invalidate(0, 0, NO_PASID, 0, 0));
        assertEquals(Rule.V38, machine.last().rule());
        assertTrue(machine.last().handled() == 0);
        machine.chip().stepping(false);
        assertEquals(Errno.OK, machine.invalidate(0, 0, NO_PASID, 0, 0));
    }
}
