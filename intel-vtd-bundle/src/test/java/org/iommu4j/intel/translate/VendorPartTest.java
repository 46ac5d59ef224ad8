package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.Machine.Words;
import org.iommu4j.intel.command.BindPgtable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The vendor part of an invalidation, docs/spec/intel-vtd.md 5.4: which descriptors pass, and which error wins if
 * several are there.
 */
class VendorPartTest {
    private static final int RANGE = Uapi.SCOPE_VADDR;
    private static final int NO_PASID = Uapi.FLAGS_NO_PASID;
    private static final int LEAF = Uapi.FLAGS_VADDR_LEAF;
    private static final int DEVICE = 0x310;

    private Machine queue;
    private Machine registers;

    @BeforeEach
    void bind() {
        queue = Machine.of(0x110);
        queue.open(0);
        queue.attach(0, DEVICE);
        queue.bind(0, DEVICE, 0x10_0000, BindPgtable.DEVICE_TLB);
        queue.attach(0, 0x20);
        queue.bind(0, 0x20, 0x10_0000, 0);
        queue.takeHex();
        registers = Machine.of(0x100);
        registers.open(0);
        registers.attach(0, DEVICE);
        registers.bind(0, DEVICE, 0x10_0000, 0);
        registers.takeHex();
    }

    private static byte[] bytes(long low, long high) {
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(low)
                .putLong(high)
                .array();
    }

    private static String outcome(Machine machine) {
        return machine.last().errno() + " " + machine.last().rule() + " "
                + machine.last().field() + " " + machine.last().offset();
    }

    // V34 of docs/spec/intel-vtd.md 8.2 is a type 6, which 0x0110 does not have, hence EINVAL. A host-owned DID in a
    // type that it has is EPERM: there the architecture's order (V34, V36, V35) wins over the errno of that vector.
    @ParameterizedTest
    @CsvSource({
        // low, high, scope, flags, vaddr, size, expected
        "0x00000000000000d2, 0, 0, 1, 0, 0, EPERM V36 DW 0", // vector V33: global and drain bits
        "0x0000000000000012, 0, 0, 1, 0, 0, EPERM V36 G 0", // global alone
        "0x0000034500120036, 0, 0, 1, 0, 0, EINVAL V34 Type 0", // vector V34
        "0x0000000200000025, 0, 0, 1, 0, 0, EPERM V36 Type 0", // vector V35
        "0x0000000000000031, 0, 0, 1, 0, 0, EPERM V36 Type 0", // context cache
        "0x0000000000000004, 0, 0, 1, 0, 0, EPERM V36 Type 0", // interrupt entry cache
        "0x0000000000000009, 0, 0, 1, 0, 0, EPERM V36 Type 0", // page group response
        "0x000000000000000a, 0, 0, 1, 0, 0, EPERM V36 Type 0", // page stream response
        "0x000000000000000b, 0, 0, 1, 0, 0, EINVAL V34 Type 0",
        "0x0000000000000000, 0, 0, 1, 0, 0, EINVAL V34 Type 0",
        "0x0000000000120022, 0, 0, 1, 0, 0, EPERM V36 DID 2",
        "0x0000000000000062, 0, 0, 1, 0, 0, EPERM V36 DW 0",
        "0x00000000000000a2, 0, 0, 1, 0, 0, EPERM V36 DR 0",
        "0x0000000000000002, 0, 0, 1, 0, 0, EINVAL V34 G 0", // vector V25
        "0x0000000100000022, 0, 0, 1, 0, 0, EINVAL V34 reserved 4",
        "0x0000000100120022, 0, 0, 1, 0, 0, EINVAL V34 reserved 4", // reserved before host-owned
        "0x0000000000000222, 0, 0, 1, 0, 0, EINVAL V34 reserved 1", // erratum B21: upper type bits
        "0x0000000000000032, 0x1080, 2, 1, 0x1000, 0x1000, EINVAL V34 reserved 8",
        "0x0000000000120032, 0x2001, 2, 1, 0x1000, 0x1000, EPERM V36 DID 2", // host-owned before contradiction
        "0x0000000000000022, 0, 2, 1, 0x1000, 0x1000, EINVAL V35 G 0", // wider
        "0x0000000000000032, 0x1000, 0, 1, 0, 0, EINVAL V35 ADDR 9", // narrower
        "0x0000000000000022, 0x1000, 0, 1, 0, 0, EINVAL V35 ADDR 9",
        "0x0000000000000032, 0x2000, 2, 1, 0x1000, 0x1000, EINVAL V35 ADDR 9",
        "0x0000000000000032, 0x2001, 2, 1, 0x2000, 0x1000, EINVAL V35 ADDR 9",
        "0x0000000000000032, 0x1040, 2, 1, 0x1000, 0x1000, EINVAL V35 IH 8",
        "0x0000000000000032, 0x1000, 2, 3, 0x1000, 0x1000, EINVAL V35 IH 8",
        "0x0000000000000032, 0x34, 2, 1, 0x1000, 0x1000, EINVAL V34 AM 8", // AM 52
        "0x0000000000000032, 0x1001, 2, 1, 0x1000, 0x1000, EINVAL V34 ADDR 9", // not aligned to AM
        "0x0000031000050003, 0x1000, 2, 1, 0x1000, 0x1000, EPERM V36 MIP 2",
        "0x0000031000001003, 0x1000, 2, 1, 0x1000, 0x1000, EINVAL V34 reserved 1", // PFSID with DIT=0
        "0x0000031000000003, 0x1002, 2, 1, 0x1000, 0x1000, EINVAL V34 reserved 8",
        "0x0000031000000003, 0x2000, 2, 1, 0x1000, 0x1000, EINVAL V35 ADDR 9",
        "0x0000031000000003, 0x1000, 0, 1, 0, 0, EINVAL V35 ADDR 9",
        "0x0000099900000003, 0x1000, 2, 1, 0x1000, 0x1000, ENODEV V36 SID 4",
    })
    void shouldRefuseWithTheFirstBrokenRule(
            String low, String high, int scope, int flags, String vaddr, String size, String expected) {
        queue.invalidate(
                0,
                scope,
                flags,
                Long.decode(vaddr),
                Long.decode(size),
                bytes(Long.parseUnsignedLong(low.substring(2), 16), Long.decode(high)));
        assertEquals(expected, outcome(queue));
        assertEquals(List.of(), queue.takeHex(), "a refused request has written nothing");
    }

    @ParameterizedTest
    @CsvSource({
        "0x9000000000000000, 0, 0, 1, 0, 0, EPERM V36 IIRG 7",
        "0x8000000000000000, 0, 0, 1, 0, 0, EINVAL V34 IIRG 7",
        "0xa000001200000000, 0, 0, 1, 0, 0, EPERM V36 DID 4",
        "0xa001000000000000, 0, 0, 1, 0, 0, EPERM V36 DW 6",
        "0xa002000000000000, 0, 0, 1, 0, 0, EPERM V36 DR 6",
        "0xa200000000000000, 0, 0, 1, 0, 0, EINVAL V34 reserved 7", // IAIG is hardware's
        "0xa000000000000001, 0, 0, 1, 0, 0, EINVAL V34 reserved 0",
        "0xb000000000000000, 0x1800, 2, 1, 0x1000, 0x1000, EINVAL V34 reserved 9",
        "0xb000000000000000, 0x2000, 2, 1, 0x1000, 0x1000, EINVAL V35 ADDR 9",
    })
    void shouldRefuseWrongRegisterImages(
            String low, String high, int scope, int flags, String vaddr, String size, String expected) {
        registers.invalidate(
                0,
                scope,
                flags,
                Long.decode(vaddr),
                Long.decode(size),
                bytes(Long.parseUnsignedLong(low.substring(2), 16), Long.decode(high)));
        assertEquals(expected, outcome(registers));
        assertEquals(List.of(), registers.takeHex());
    }

    @Test
    void shouldFillInWhatTheHostOwnsWhenTheDescriptorIsLegal() {
        queue.invalidate(0, 0, NO_PASID, 0, 0, bytes(0x22, 0));
        assertEquals(
                List.of(new Words(0x100e2, 0), new Words(0x31000000003L, 0x7ffffffffffff001L)), queue.takeCommands());
        queue.invalidate(0, RANGE, NO_PASID | LEAF, 0x40000000, 0x200000, bytes(0x32, 0x40000049));
        assertEquals(
                List.of(new Words(0x100f2, 0x40000049), new Words(0x31000000003L, 0x400ff001)), queue.takeCommands());
        assertEquals(Fidelity.EXACT, queue.last().fidelity());
    }

    @Test
    void shouldTakeARegisterImageWithAndWithoutItsStartBit() {
        registers.invalidate(0, RANGE, NO_PASID, 0x5000, 0x1000, bytes(0xb000000000000000L, 0x5000));
        registers.invalidate(0, RANGE, NO_PASID, 0x5000, 0x1000, bytes(0x3000000000000000L, 0x5000));
        assertEquals(
                List.of("b0030001000000000000000000005000", "b0030001000000000000000000005000"), registers.takeHex());
    }

    @Test
    void shouldSayWidenedWhenTheDescriptorRoundsTheRange() {
        queue.invalidate(0, RANGE, NO_PASID, 0x17f000, 0x2000, bytes(0x32, 0x100008));
        assertEquals(Errno.OK, queue.last().errno(), queue.last()::toString);
        assertEquals(Fidelity.WIDENED, queue.last().fidelity());
        assertEquals(new Words(0x100f2, 0x100008), queue.takeCommands().get(0));
    }

    @Test
    void shouldReachOnlyTheDeviceWhenTheDescriptorIsADeviceTlbOne() {
        queue.invalidate(0, RANGE, NO_PASID, 0x10000, 0x10000, bytes(0x31000000003L, 0x17001));
        assertEquals(List.of(new Words(0x31000000003L, 0x17001)), queue.takeCommands());
        queue.invalidate(0, 0, NO_PASID, 0, 0, bytes(0x31000000003L, 0x7ffffffffffff001L));
        assertEquals(List.of(new Words(0x31000000003L, 0x7ffffffffffff001L)), queue.takeCommands());
    }

    @Test
    void shouldNeedNoCommandWhenTheDeviceHasNoTlb() {
        queue.invalidate(0, RANGE, NO_PASID, 0x10000, 0x1000, bytes(0x2000000003L, 0x10000));
        assertEquals(Errno.OK, queue.last().errno());
        assertEquals(List.of(), queue.takeHex());
    }
}
