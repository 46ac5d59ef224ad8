package org.iommu4j.spapr.translate;

import static org.iommu4j.contract.Uapi.FLAGS_NO_PASID;
import static org.iommu4j.contract.Uapi.FLAGS_VADDR_LEAF;
import static org.iommu4j.contract.Uapi.SCOPE_PASID;
import static org.iommu4j.contract.Uapi.SCOPE_VADDR;
import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.spapr.Machine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The examples of docs/spec/spapr-tce.md 5.4 for generations 1 and 2; native words typed from there. */
class SpaprTranslatorGoldenTest {
    private static final int DOMAIN = 1;
    private static final long TABLE = 0x1000_0000;
    private static final int CLEAR = 1;

    private static Machine machine(int subVersion) {
        Machine machine = Machine.of(subVersion);
        assertEquals(Errno.OK, machine.open(DOMAIN));
        assertEquals(Errno.OK, machine.attach(DOMAIN, LIOBN, TABLE, 1));
        for (int i = 0; i < 3; i++) {
            machine.memory().writeLongBe(TABLE + 8L * (0x12345 + i), tce(i));
        }
        machine.takeHex();
        return machine;
    }

    private static long tce(int i) {
        return 0x20_0003 + 0x1000L * i;
    }

    private static String call(long... words) {
        StringBuilder text = new StringBuilder();
        for (long word : words) {
            text.append(String.format("%016x", word));
        }
        return text.toString();
    }

    @Test
    void example4ShouldRewriteEntryByEntryInGeneration1() {
        Machine machine = machine(1);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x1234_5000, 0x3000));
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            wanted.add(call(0x1c, 0x8000_0000L, 0x1234_5000 + 0x1000L * i));
            wanted.add(call(0x20, 0x8000_0000L, 0x1234_5000 + 0x1000L * i, tce(i)));
        }
        assertEquals(wanted, machine.takeHex());
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
    }

    @Test
    void example5ShouldGatherEntriesInGeneration2() {
        Machine machine = machine(2);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x1234_5000, 0x3000));
        List<String> commands = machine.takeHex();
        assertEquals(4, commands.size());
        for (int i = 0; i < 3; i++) {
            assertEquals(call(0x1c, 0x8000_0000L, 0x1234_5000 + 0x1000L * i), commands.get(i));
        }
        String indirect = commands.get(3);
        assertTrue(indirect.startsWith(call(0x13c, 0x8000_0000L, 0x1234_5000)), indirect);
        assertTrue(indirect.endsWith(call(3)), indirect);
        long list = Long.parseUnsignedLong(indirect.substring(48, 64), 16);
        assertEquals(List.of(tce(0), tce(1), tce(2)), machine.words(list, 3));
    }

    @Test
    void example6ShouldClearInGeneration2() {
        Machine machine = machine(2);
        byte[] clear = Machine.payload(0x8000_0000L, CLEAR, 12, 0xffff_ffffL, 0);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x1234_5000, 0x3000, clear));
        assertEquals(List.of(call(0x138, 0x8000_0000L, 0x1234_5000, 0, 3)), machine.takeHex());
        assertEquals(List.of(0L, 0L, 0L), machine.words(TABLE + 8 * 0x12345, 3));
    }

    @Test
    void example11ShouldRewriteAWholeWindowInGeneration2() {
        Machine machine = machine(2);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, 0, 0, 0, 0));
        List<String> commands = machine.takeHex();
        assertEquals(512 * 513, commands.size());
        for (int batch = 0; batch < 512; batch++) {
            assertEquals(call(0x1c, 0x8000_0000L, 0x20_0000L * batch), commands.get(513 * batch));
            String indirect = commands.get(513 * batch + 512);
            assertTrue(indirect.startsWith(call(0x13c, 0x8000_0000L, 0x20_0000L * batch)), indirect);
            assertTrue(indirect.endsWith(call(512)), indirect);
        }
    }

    @Test
    void example12ShouldClearInPiecesOf512() {
        Machine machine = machine(2);
        byte[] clear = Machine.payload(0xffff_ffffL, CLEAR, 0, 0xffff_ffffL, 0);
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0, 0x20_1000, clear));
        assertEquals(
                List.of(call(0x138, 0x8000_0000L, 0, 0, 512), call(0x138, 0x8000_0000L, 0x20_0000, 0, 1)),
                machine.takeHex());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void example13ShouldIssueNothingForARangeThatLeavesTheWindow(int subVersion) {
        Machine machine = machine(subVersion);
        assertEquals(Errno.ERANGE, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x3FFF_F000, 0x2000));
        assertEquals(List.of(), machine.takeHex());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void example14ShouldIssueNothingForAnAddressInNoWindow(int subVersion) {
        Machine machine = machine(subVersion);
        assertEquals(Errno.ENXIO, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x8000_0000L, 0x1000));
        assertEquals(List.of(), machine.takeHex());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void example15ShouldKnowNoPasid(int subVersion) {
        Machine machine = machine(subVersion);
        assertEquals(Errno.EOPNOTSUPP, machine.invalidate(DOMAIN, SCOPE_PASID, 0, 0, 0));
        assertEquals(Errno.EOPNOTSUPP, machine.invalidate(DOMAIN, SCOPE_PASID | SCOPE_VADDR, 0, 0x1000, 0x1000));
        assertEquals(List.of(), machine.takeHex());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void example17ShouldDoTheSameForALeaf(int subVersion) {
        Machine machine = machine(subVersion);
        machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x1234_5000, 0x3000);
        List<String> plain = machine.takeHex();
        assertEquals(
                Errno.OK,
                machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID | FLAGS_VADDR_LEAF, 0x1234_5000, 0x3000));
        assertEquals(plain, machine.takeHex());
        // One level: there is no intermediate entry that could be dropped besides.
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
    }

    @Test
    void shouldStoreASingleEntryByItself() {
        Machine machine = machine(2);
        machine.invalidate(DOMAIN, SCOPE_VADDR, 0, 0x1234_5000, 0x1000);
        assertEquals(
                List.of(call(0x1c, 0x8000_0000L, 0x1234_5000), call(0x20, 0x8000_0000L, 0x1234_5000, tce(0))),
                machine.takeHex());
    }

    @Test
    void shouldNotWriteBackThePageOfAnother() {
        // 5.2: H_PARTIAL is EIO
        Machine machine = machine(2);
        machine.memory().writeLongBe(TABLE + 8 * 0x12346, 1L << 31 | 3);
        assertEquals(Errno.EIO, machine.invalidate(DOMAIN, SCOPE_VADDR, FLAGS_NO_PASID, 0x1234_5000, 0x3000));
        assertTrue(machine.takeHex().stream().allMatch(hex -> hex.startsWith(call(0x1c))));
    }
}
