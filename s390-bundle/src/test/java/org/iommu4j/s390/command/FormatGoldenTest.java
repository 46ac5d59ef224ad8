package org.iommu4j.s390.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.TableLevel;
import org.junit.jupiter.api.Test;

/** Bytes typed from docs/spec/s390-zpci.md 8: its vectors by their numbers, and the tables of masks. */
class FormatGoldenTest {
    private static String hex(byte[] bytes) {
        return HexFormat.of().withUpperCase().formatHex(bytes);
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex.replace(" ", ""));
    }

    @Test
    void shouldIndexTablesAsVectors1And2() {
        assertEquals(2, TableLevel.index(0x1_0000_2abcL, 2));
        assertEquals(0, TableLevel.index(0x1_0000_2abcL, 1));
        assertEquals(2, TableLevel.index(0x1_0000_2abcL, 0));
        long address = 0x0123_4567_89ab_cdefL;
        int[] expected = {0xBC, 0x9A, 0x2CF, 0xD1, 0x9};
        for (int level = 0; level < expected.length; level++) {
            assertEquals(expected[level], TableLevel.index(address, level));
        }
    }

    @Test
    void shouldReachAsFarAsItsTables() {
        assertEquals(31, TableLevel.reach(0));
        assertEquals(42, TableLevel.reach(1));
        assertEquals(53, TableLevel.reach(2));
        assertEquals(64, TableLevel.reach(3));
    }

    @Test
    void shouldLayOutTheFunctionInformationBlockAsVector16() {
        long[] words = Fib.LAYOUT.decode(
                bytes("0000000000000000 9000000000000000 0000000100000000 000003FFFFFFFFFF 0000000012344804"
                        + " 3040058900000000 0000000000002000 0000000000003000 0000000000004000 0000000055667788"),
                0);
        assertEquals(0, Fib.FORMAT.get(words));
        assertEquals(1, Fib.ENABLED.get(words));
        assertEquals(0, Fib.ERROR.get(words));
        assertEquals(0, Fib.BLOCKED.get(words));
        assertEquals(1, Fib.REGISTERED.get(words));
        assertEquals(0x1_0000_0000L, Fib.PBA.get(words));
        assertEquals(0x3ff_ffff_ffffL, Fib.PAL.get(words));
        assertEquals(0x1234_4804L, Fib.IOTA.get(words));
        assertEquals(3, Fib.ISC.get(words));
        assertEquals(64, Fib.NOI.get(words));
        assertEquals(5, Fib.AIBVO.get(words));
        assertEquals(1, Fib.SUM.get(words));
        assertEquals(9, Fib.AISBO.get(words));
        assertEquals(0x2000, Fib.AIBV.get(words));
        assertEquals(0x3000, Fib.AISB.get(words));
        assertEquals(0x4000, Fib.FMB.get(words));
        assertEquals(0x5566_7788L, Fib.GD.get(words));
        assertEquals(80, Fib.BYTES);
    }

    @Test
    void shouldLayOutTheErrorRecordAsVector17() {
        long[] words = ErrorRecord.LAYOUT.decode(
                bytes("0000000080020001 0000001711230003 0000000100002000 0000000000000005"), 0);
        assertEquals(0x8002_0001L, ErrorRecord.HANDLE.get(words));
        assertEquals(0x17, ErrorRecord.FID.get(words));
        assertEquals(1, ErrorRecord.ETT.get(words));
        assertEquals(0x123, ErrorRecord.MVN.get(words));
        assertEquals(1, ErrorRecord.Q.get(words));
        assertEquals(1, ErrorRecord.RW.get(words));
        assertEquals(0x1_0000_2000L, ErrorRecord.FADDR.get(words));
        assertEquals(5, ErrorRecord.PEC.get(words));
        assertEquals(
                "0000000080020001000000171000000100000001000020000000000000000005",
                hex(ErrorRecord.of(0x8002_0001, 0x17, 1, true, 0x1_0000_2000L, 5)));
    }

    @Test
    void shouldLayOutTheAvailabilityRecordAsVector18() {
        assertEquals(
                "0000000000020001000000170000000000000000000000000000000000000304",
                hex(AvailabilityRecord.of(0x0002_0001, 0x17, 0x304)));
    }

    @Test
    void shouldAskAsVectors19And21() {
        assertEquals(
                "0020000400000000" + "0000000000000000" + "000000FF00000000" + "0000000000000000",
                hex(Clp.queryGroup(0xff)));
        assertEquals(
                "0020000500000000" + "0000000000000000" + "0002000100000001" + "0000000000000000",
                hex(Clp.setFunction(0x0002_0001, 0)));
    }

    @Test
    void shouldAnswerAGroupQueryAsVector20() {
        Machine machine = Machine.of(HardwareConfig.of(2));
        assertEquals(
                "0040001000000000" + "0000000000000000" + "0080000100800fa0" + "4000000000000000" + "0000000000000000"
                        + "fe00000000000000" + "0000000000000000" + "0000000000000000",
                machine.clp("0020000400000000 0000000000000000 000000FF00000000 0000000000000000", 64));
    }

    @Test
    void shouldEncodeInstructionsAsVector22() {
        assertEquals(0xB9D3_0024L, ZpciCommand.RPCIT_TEXT >>> 32);
        assertEquals(0xE320_5040_00D0L, ZpciCommand.MPCIFC_TEXT >>> 16);
        assertEquals(0xB9D3, ZpciInstruction.RPCIT);
        assertEquals(0xE3D0, ZpciInstruction.MPCIFC);
        assertEquals(0xE3D4, ZpciInstruction.STPCIFC);
        assertEquals(0xB9A0, ZpciInstruction.CLP);
        assertEquals(0xEBD1, ZpciInstruction.SIC);
    }

    @Test
    void shouldPlaceStatusAndOperationAsVectors23And24() {
        assertEquals(0xff00_0000L, RequestRegister.STATUS.mask());
        assertEquals(
                0x8002_0001_1000_0000L,
                RequestRegister.STATUS.set(RequestRegister.of(0x8002_0001, 0), Status.INSUFFICIENT_RESOURCES));
        assertEquals(
                0x8002_0001_0800_0000L,
                RequestRegister.STATUS.set(RequestRegister.of(0x8002_0001, 0), Status.FUNCTION_IN_ERROR));
        assertEquals(
                0x8002_0001_2800_0000L,
                RequestRegister.STATUS.set(RequestRegister.of(0x8002_0001, 0), Status.NOT_AVAILABLE));
        assertEquals(0x8002_0001_0000_0004L, RequestRegister.of(0x8002_0001, FunctionControl.REGISTER_IOAT));
        assertEquals(0x8002_0001_0000_0005L, RequestRegister.of(0x8002_0001, FunctionControl.UNREGISTER_IOAT));
        assertEquals(0x8002_0001_0000_0006L, RequestRegister.of(0x8002_0001, FunctionControl.REREGISTER_IOAT));
        assertEquals(0x8002_0001_0000_0007L, RequestRegister.of(0x8002_0001, FunctionControl.RESET_ERROR));
        assertEquals(0x8002_0001_0000_0009L, RequestRegister.of(0x8002_0001, FunctionControl.RESET_BLOCK));
        assertEquals(0x00ff_0000L, RequestRegister.DMAAS.mask());
    }

    @Test
    void shouldNameAHandleByItsParts() {
        assertEquals(0x8000_0000L, FunctionHandle.ENABLED.mask());
        assertEquals(0x7f00_0000L, FunctionHandle.INSTANCE.mask());
        assertEquals(0x00ff_0000L, FunctionHandle.SHM.mask());
        assertEquals(0x0000_ffffL, FunctionHandle.INDEX.mask());
        assertEquals(0x8102_0001, FunctionHandle.of(1, 1, true));
    }

    @Test
    void shouldPlaceTheAnchorsFieldsByTheirMasks() {
        assertEquals(0xffff_ffff_ffff_c000L, Iota.ORIGIN.mask());
        assertEquals(0x800, Iota.T.mask());
        assertEquals(0x200, Iota.P.mask());
        assertEquals(0x1c, Iota.DT.mask());
        assertEquals(3, Iota.FS.mask());
        assertEquals(0x1000_0804L, Iota.of(0x1000_0000L, 1));
        assertEquals(0x1000_0808L, Iota.of(0x1000_0000L, 2));
        assertEquals(0x1000_080cL, Iota.of(0x1000_0000L, 3));
        assertEquals(0x1000_0800L, Iota.of(0x1000_0000L, 0));
    }

    @Test
    void shouldEncodeTheVendorPartAsInTheExample() {
        // docs/spec/s390-zpci.md 5.3, there little endian: fh 80020001, op RANGE, IOTA 10000804; here in the model's
        // own order.
        assertEquals(
                "8002000100000000" + "0000000010000804" + "0000000000000000",
                hex(InvalidateData.of(0x8002_0001, InvalidateData.RANGE, 0x1000_0804L)));
        assertEquals(4, InvalidateData.LAYOUT.byteOffset(InvalidateData.DMAAS));
        assertEquals(5, InvalidateData.LAYOUT.byteOffset(InvalidateData.OP));
        assertEquals(8, InvalidateData.LAYOUT.byteOffset(InvalidateData.IOTA));
        assertEquals(24, InvalidateData.LAYOUT.sizeBytes());
    }
}
