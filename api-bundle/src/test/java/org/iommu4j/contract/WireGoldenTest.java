package org.iommu4j.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The proposal's bytes, typed from its text and compiled declarations; nothing here is computed by the code under test. */
class WireGoldenTest {
    /** PASID 0x45, 0x7f0000400000 + 2 MiB, LEAF, Intel, sub_version 1, one 128-bit descriptor. */
    private static final String LP64_LE = """
            4c 00 00 00 08 00 00 00 40 00 00 00 03 00 00 00
            02 00 00 00 45 00 00 00 00 00 00 00 00 00 40 00
            00 7f 00 00 00 00 20 00 00 00 00 00 00 00 00 00
            01 00 00 00 10 00 00 00 00 00 00 00 36 00 12 00
            45 00 00 00 49 00 40 00 00 7f 00 00
            """;

    /** The same from a big-endian machine: only the header turns, the descriptor is the hardware's. */
    private static final String LP64_BE = """
            00 00 00 4c 00 00 00 08 00 00 00 40 00 00 00 03
            00 00 00 02 00 00 00 45 00 00 00 00 00 00 7f 00
            00 40 00 00 00 00 00 00 00 20 00 00 00 00 00 00
            00 00 00 01 00 00 00 00 00 00 00 10 36 00 12 00
            45 00 00 00 49 00 40 00 00 7f 00 00
            """;

    /** The same from 32-bit x86: no hole. */
    private static final String I386 = """
            48 00 00 00 08 00 00 00 3c 00 00 00 03 00 00 00
            02 00 00 00 45 00 00 00 00 00 40 00 00 7f 00 00
            00 00 20 00 00 00 00 00 00 00 00 00 01 00 00 00
            10 00 00 00 00 00 00 00 36 00 12 00 45 00 00 00
            49 00 40 00 00 7f 00 00
            """;

    private static final byte[] DESCRIPTOR = hex("36 00 12 00 45 00 00 00 49 00 40 00 00 7f 00 00");

    @ParameterizedTest
    @EnumSource(Abi.class)
    void shouldReadTheGoldenVector(Abi abi) {
        byte[] bytes = golden(abi);
        RequestReader reader = new RequestReader(SampleTerms.golden(abi));

        int result = reader.read(0x3b7c, bytes, 0, bytes.length, new Completion());

        assertEquals(Uapi.INVAL_IOTLB, result);
        InvalidateRequest request = reader.invalidate();
        assertEquals(3, request.scope());
        assertTrue(request.selectsPasid());
        assertTrue(request.selectsRange());
        assertEquals(2, request.flags());
        assertTrue(request.leafOnly());
        assertFalse(request.noPasid());
        assertEquals(0x45, request.pasid());
        assertEquals(0x7f0000400000L, request.vaddr());
        assertEquals(0x200000, request.size());
        assertEquals(0x7f00005fffffL, request.lastVaddr());
        assertEquals(1, request.subVersion());
        assertEquals(16, request.payloadLength());
        assertArrayEquals(
                DESCRIPTOR,
                Arrays.copyOfRange(request.payload(), request.payloadOffset(), request.payloadOffset() + 16));
    }

    @ParameterizedTest
    @EnumSource(Abi.class)
    void shouldWriteTheGoldenVector(Abi abi) {
        byte[] written = new RequestWriter(abi, IommuModel.INTEL, 1)
                .invalidate(3, 2, 0x45, 0x7f0000400000L, 0x200000, DESCRIPTOR);

        assertEquals(HexFormat.of().formatHex(golden(abi)), HexFormat.of().formatHex(written));
    }

    @Test
    void shouldRefuseTheGoldenVectorsSubVersionWhereItIsNoGeneration() {
        Completion completion = new Completion();

        int result = new RequestReader(SampleTerms.intel(Abi.LP64_LE)).read(0x3b7c, hex(LP64_LE), 0, 76, completion);

        assertEquals(-93, result);
        assertEquals(Rule.V30, completion.rule());
        assertEquals("sub_version", completion.field());
        assertEquals(48, completion.offset());
        assertEquals(1, completion.value());
    }

    @Test
    void shouldHaveTheNumbersOfBothEncodings() {
        assertEquals(0x00003B7C, Uapi.VFIO_IOMMU_OP);
        assertEquals(0x20003B7C, Uapi.VFIO_IOMMU_OP_POWERPC);
    }

    @Test
    void shouldHaveTheProposalsConstants() {
        assertEquals(
                List.of(1, 2, 4, 8), List.of(Uapi.BIND_PASIDTBL, Uapi.BIND_PASID, Uapi.BIND_PGTABLE, Uapi.INVAL_IOTLB));
        assertEquals(List.of(1, 2), List.of(Uapi.SCOPE_PASID, Uapi.SCOPE_VADDR));
        assertEquals(List.of(1, 2), List.of(Uapi.FLAGS_NO_PASID, Uapi.FLAGS_VADDR_LEAF));
        assertEquals(
                List.of("INTLE_IOMMU", "ARM_SMMU", "AMD_IOMMU", "SPAPR_IOMMU", "S390_IOMMU"),
                Arrays.stream(IommuModel.values()).map(IommuModel::constant).toList());
        assertEquals(
                List.of(0, 1, 2, 3, 4),
                Arrays.stream(IommuModel.values()).map(IommuModel::code).toList());
    }

    @Test
    void shouldPlaceTheFieldsOfTheEnvelopeAlikeInEveryImage() {
        for (Abi abi : Abi.values()) {
            assertEquals(List.of(0, 4, 8), offsets(Uapi.OPERATION_INFO, abi));
            assertEquals(12, Uapi.OPERATION_INFO.size(abi));
            assertEquals(4, Uapi.OPERATION_INFO.alignment(abi));
        }
    }

    @Test
    void shouldPlaceTheFieldsOfAnInvalidationAsCompilersDo() {
        for (Abi abi : List.of(Abi.LP64_LE, Abi.LP64_BE)) {
            assertEquals(List.of(0, 4, 8, 12, 16, 24, 32, 36, 40), offsets(Uapi.TLB_INVALIDATE, abi));
            assertEquals(48, Uapi.TLB_INVALIDATE.size(abi));
            assertEquals(8, Uapi.TLB_INVALIDATE.alignment(abi));
        }
        assertEquals(List.of(0, 4, 8, -4, 12, 20, 28, 32, 36), offsets(Uapi.TLB_INVALIDATE, Abi.I386));
        assertEquals(44, Uapi.TLB_INVALIDATE.size(Abi.I386));
        assertEquals(4, Uapi.TLB_INVALIDATE.alignment(Abi.I386));
        assertFalse(Uapi.HOLE.isIn(Abi.I386));
    }

    @Test
    void shouldPlaceTheNestedFieldsFromTheStartOfTheArgument() {
        assertEquals(
                List.of(12, 16, 20, 24, 28, 36, 44, 48, 52),
                Uapi.TLB_INVALIDATE.fields().stream()
                        .map(field -> field.argumentOffset(Abi.LP64_LE))
                        .toList());
    }

    @Test
    void shouldWriteABindHeaderAsDocumented() {
        byte[] written = new RequestWriter(Abi.LP64_LE, IommuModel.S390, 0x0110)
                .bind(Uapi.BIND_PGTABLE, Uapi.BIND_FLAG_UNBIND, hex("aa bb cc dd"));

        String expected = "24000000" + "04000000" + "18000000" // envelope: 36 bytes, BIND_PGTABLE, 24 of data
                + "18000000" + "04000000" + "10010000" + "01000000"
                + "00000000" // size, model, sub_version, flags, reserved
                + "aabbccdd";
        assertEquals(expected, HexFormat.of().formatHex(written));
    }

    private static List<Integer> offsets(CStruct struct, Abi abi) {
        return struct.fields().stream().map(field -> field.offset(abi)).toList();
    }

    private static byte[] golden(Abi abi) {
        return hex(
                switch (abi) {
                    case LP64_LE -> LP64_LE;
                    case LP64_BE -> LP64_BE;
                    case I386 -> I386;
                });
    }

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replaceAll("\\s", ""));
    }
}
