package org.iommu4j.intel.command;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Descriptors typed from VT-d 6.5.2: what each field must give, and which bits are reserved for which generation. */
class DescriptorGoldenTest {
    private static final int G2 = VtdGeneration.LEGACY_QI;
    private static final int G5 = VtdGeneration.WIDE_TYPE;

    @Test
    void shouldEncodeIotlbGlobalAsV01() {
        assertEquals(
                0xd2L,
                IotlbInvalidate.TYPE.of(2)
                        | IotlbInvalidate.G.of(IotlbInvalidate.GLOBAL)
                        | IotlbInvalidate.DW.of(1)
                        | IotlbInvalidate.DR.of(1));
    }

    @Test
    void shouldEncodeIotlbDomainAsV02() {
        assertEquals(0x1200e2L, drained(IotlbInvalidate.DOMAIN) | IotlbInvalidate.DID.of(0x12));
    }

    @Test
    void shouldEncodeIotlbPageAsV03AndV04() {
        assertEquals(0x1200f2L, drained(IotlbInvalidate.PAGE) | IotlbInvalidate.DID.of(0x12));
        assertEquals(0x12345000L, IotlbInvalidate.ADDR.of(0x12345000L) | IotlbInvalidate.AM.of(0));
        assertEquals(
                0x40000049L,
                IotlbInvalidate.ADDR.of(0x40000000L) | IotlbInvalidate.AM.of(9) | IotlbInvalidate.IH.of(1));
    }

    @Test
    void shouldEncodeDeviceTlbAsV08AndV09() {
        assertEquals(0x31000000003L, DeviceTlbInvalidate.TYPE.of(3) | DeviceTlbInvalidate.SID.of(0x310));
        assertEquals(0x400ff001L, DeviceTlbInvalidate.S.of(1) | DeviceTlbInvalidate.ADDR.of(0x400ff000L));
        assertEquals(
                0xabc003100005d003L,
                DeviceTlbInvalidate.TYPE.of(3)
                        | DeviceTlbInvalidate.SID.of(0x310)
                        | DeviceTlbInvalidate.MIP.of(5)
                        | DeviceTlbInvalidate.PFSID_HIGH.of(0xabc)
                        | DeviceTlbInvalidate.PFSID_LOW.of(0xd));
        assertEquals(
                DeviceTlbInvalidate.ALL,
                DeviceTlbInvalidate.S.of(1) | DeviceTlbInvalidate.ADDR.of(0x7ffffffffffff000L));
    }

    @Test
    void shouldSplitPfsidOverBothFieldsWhenItHasSixteenBits() {
        // B2: older macros put 0xbcd or 0x0bc on top.
        long word = 0xabc003100005d003L;
        assertEquals(0xabcd, DeviceTlbInvalidate.PFSID_HIGH.get(word) << 4 | DeviceTlbInvalidate.PFSID_LOW.get(word));
    }

    @Test
    void shouldEncodeContextDeviceAsV14() {
        assertEquals(
                0x0003031000120031L,
                ContextCacheInvalidate.TYPE.of(1)
                        | ContextCacheInvalidate.G.of(ContextCacheInvalidate.DEVICE)
                        | ContextCacheInvalidate.DID.of(0x12)
                        | ContextCacheInvalidate.SID.of(0x310)
                        | ContextCacheInvalidate.FM.of(3));
    }

    @Test
    void shouldEncodeWaitAsV15V39AndV40() {
        long data = InvalidationWait.TYPE.of(5) | InvalidationWait.STATUS_DATA.of(2);
        assertEquals(0x2000000a5L, data | InvalidationWait.SW.of(1) | InvalidationWait.PD.of(1));
        assertEquals(0x200000045L, data | InvalidationWait.FN.of(1));
        assertEquals(0x200000035L, data | InvalidationWait.SW.of(1) | InvalidationWait.IF.of(1));
        assertEquals(0x1000040L, InvalidationWait.STATUS_ADDRESS.of(0x1000040L));
    }

    @Test
    void shouldEncodeInterruptEntryCacheAsV16() {
        assertEquals(
                0x2020000014L,
                InterruptEntryCacheInvalidate.TYPE.of(4)
                        | InterruptEntryCacheInvalidate.G.of(1)
                        | InterruptEntryCacheInvalidate.IIDX.of(0x20)
                        | InterruptEntryCacheInvalidate.IM.of(4));
    }

    @Test
    void shouldLieInMemoryLittleEndian() {
        byte[] bytes = IotlbInvalidate.LAYOUT.encode(0x1200f2L, 0x12345000L);
        assertArrayEquals(HexFormat.of().parseHex("f2001200000000000050341200000000"), bytes);
        assertArrayEquals(new long[] {0x1200f2L, 0x12345000L}, IotlbInvalidate.LAYOUT.decode(bytes, 0));
    }

    @Test
    void shouldDecodeFaultRecordsV18AndV19() {
        long write = 0x8000000500000310L;
        assertTrue(FaultRecord.F.isSet(write));
        assertEquals(5, FaultRecord.FR.get(write));
        assertEquals(0x310, FaultRecord.SID.get(write));
        assertEquals(0, FaultRecord.T1.get(write));
        long read = 0xcabcde7180000310L;
        assertEquals(1, FaultRecord.T1.get(read));
        assertEquals(0x71, FaultRecord.FR.get(read));
        assertEquals(0xabcde, FaultRecord.PASID.get(read));
        assertTrue(FaultRecord.PP.isSet(read));
        assertEquals(0x7f0000001000L, FaultRecord.FI.get(0x7f0000001000L));
        assertEquals(
                read,
                FaultRecord.F.of(1)
                        | FaultRecord.T1.of(1)
                        | FaultRecord.PASID.of(0xabcde)
                        | FaultRecord.FR.of(0x71)
                        | FaultRecord.PP.of(1)
                        | FaultRecord.SID.of(0x310));
    }

    @Test
    void shouldEncodeRegisterInvalidationAsV20AndV21() {
        assertEquals(
                0xb003001200000000L,
                VtdRegisters.Iotlb.IVT.of(1)
                        | VtdRegisters.Iotlb.IIRG.of(3)
                        | VtdRegisters.Iotlb.DW.of(1)
                        | VtdRegisters.Iotlb.DR.of(1)
                        | VtdRegisters.Iotlb.DID.of(0x12));
        assertEquals(
                0x40000009L,
                VtdRegisters.InvalidateAddress.ADDR.of(0x40000000L) | VtdRegisters.InvalidateAddress.AM.of(9));
        assertEquals(
                0xe000000003100012L,
                VtdRegisters.ContextCommand.ICC.of(1)
                        | VtdRegisters.ContextCommand.CIRG.of(3)
                        | VtdRegisters.ContextCommand.SID.of(0x310)
                        | VtdRegisters.ContextCommand.DID.of(0x12));
    }

    @Test
    void shouldReserveBitsByGenerationAndCapability() {
        assertReserved(ContextCacheInvalidate.LAYOUT, 0xfffc00000000ffc0L, -1L, G2, "");
        assertReserved(ContextCacheInvalidate.LAYOUT, 0xfffc00000000f1c0L, -1L, G5, "");
        assertReserved(IotlbInvalidate.LAYOUT, 0xffffffff0000ff00L, 0xf80L, G2, "");
        assertReserved(IotlbInvalidate.LAYOUT, 0xffffffff0000f100L, 0xf80L, G5, "");
        assertReserved(DeviceTlbInvalidate.LAYOUT, 0xffff0000ffe0fff0L, 0xffeL, G2, "");
        assertReserved(DeviceTlbInvalidate.LAYOUT, 0xffff0000ffe0f1f0L, 0xffeL, G5, "");
        assertReserved(DeviceTlbInvalidate.LAYOUT, 0x000f0000ffe001f0L, 0xffeL, G5, "DIT");
        assertReserved(InterruptEntryCacheInvalidate.LAYOUT, 0xffff000007ffffe0L, -1L, G2, "");
        assertReserved(InterruptEntryCacheInvalidate.LAYOUT, 0xffff000007fff1e0L, -1L, G5, "");
        assertReserved(InvalidationWait.LAYOUT, 0xffffff80L, 3, G2, "");
        assertReserved(InvalidationWait.LAYOUT, 0xfffff180L, 3, G5, "");
        assertReserved(InvalidationWait.LAYOUT, 0xfffff100L, 3, G5, "PDS");
    }

    @ParameterizedTest
    @CsvSource({
        "0x0000000012345000, 0, 0x12345000",
        "0x0000000012344001, 1, 0x12344000",
        "0x000000000007f001, 8, 0x0",
        "0x00000000400ff001, 9, 0x40000000",
        "0x7ffffffffffff001, 52, 0x0",
        "0xfffffffffffff001, 52, 0x0"
    })
    void shouldFindSizeInAddressWhenSizeBitIsSet(String word1, int pagesShift, String first) {
        long word = Long.parseUnsignedLong(word1.substring(2), 16);
        assertEquals(pagesShift, DeviceTlbInvalidate.pagesShift(word));
        assertEquals(Long.decode(first), DeviceTlbInvalidate.firstAddress(word));
        assertEquals(pagesShift == 52, DeviceTlbInvalidate.isAll(word));
    }

    @Test
    void shouldFindCommandsByType() {
        for (VtdCommand command : VtdCommand.values()) {
            assertEquals(command, VtdCommand.of(command.opcode()));
            assertEquals(
                    command.opcode(),
                    command.layout().field("Type").codes().get(0).value(),
                    command.name());
        }
        for (int unknown : new int[] {-1, 0, 0xb, 0xf, 0x12, 0x7f, Integer.MAX_VALUE}) {
            assertNull(VtdCommand.of(unknown), () -> "type " + unknown);
        }
    }

    @Test
    void shouldReadSevenBitsOfTypeOnlyFromGeneration0400On() {
        // B21
        long word = 0x202L;
        assertEquals(0x2, VtdCommand.typeOf(word, G2));
        assertEquals(0x12, VtdCommand.typeOf(word, G5));
    }

    private static long drained(int granularity) {
        return IotlbInvalidate.TYPE.of(2)
                | IotlbInvalidate.G.of(granularity)
                | IotlbInvalidate.DW.of(1)
                | IotlbInvalidate.DR.of(1);
    }

    private static void assertReserved(Layout layout, long word0, long word1, int subVersion, String capability) {
        assertEquals(
                Long.toHexString(word0),
                Long.toHexString(layout.reservedMask(0, subVersion, capability::equals)),
                layout.name());
        assertEquals(
                Long.toHexString(word1),
                Long.toHexString(layout.reservedMask(1, subVersion, capability::equals)),
                layout.name());
    }
}
