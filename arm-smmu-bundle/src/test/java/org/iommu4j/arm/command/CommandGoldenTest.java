package org.iommu4j.arm.command;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Commands typed from IHI 0070 4 and docs/spec/arm-smmu.md 2.2, 5.7 and 8: names and values of fields, then the words. */
class CommandGoldenTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            V1  | TLBI_NH_ALL      | VMID=2a                                   | 0000002a00000010 | 0
            V2  | TLBI_NH_ASID     | VMID=2a ASID=7                            | 0007002a00000011 | 0
            V3  | TLBI_NH_VA       | VMID=2a ASID=7 Address=10000 Leaf=1       | 0007002a00000012 | 10001
            V4  | TLBI_NH_VA       | VMID=2a ASID=7 Address=40000000 SCALE=9 TG=1 | 0007002a00900012 | 40000400
            V5  | TLBI_NH_VA       | VMID=2a ASID=7 Address=11000 SCALE=5 TG=1 | 0007002a00500012 | 11400
            V6  | TLBI_NH_VA       | VMID=2a ASID=7 Address=10000 NUM=10 SCALE=1 TG=1 | 0007002a00110012 | 10400
            V8  | TLBI_NH_VA       | VMID=2a ASID=7 NUM=1f SCALE=1f TG=1       | 0007002a01f1f012 | 400
            V9  | TLBI_NH_VA       | VMID=2a ASID=7 NUM=1 SCALE=1f TG=1        | 0007002a01f01012 | 400
            M7  | TLBI_NH_VA       | VMID=2a ASID=7 Address=10000 TG=1 TTL=3 Leaf=1 | 0007002a00000012 | 10701
            V10 | TLBI_S2_IPA      | VMID=2a IPA=80000000 SCALE=9 TG=1         | 0000002a0090002a | 80000400
            V11 | ATC_INV          | StreamID=1a8 SSV=1 SubstreamID=5 Size=4   | 000001a800005840 | 4
            V12 | ATC_INV          | StreamID=1a8 Size=34                      | 000001a800000040 | 34
            V14 | CFGI_STE         | StreamID=1a8 Leaf=1                       | 000001a800000003 | 1
            V15 | CFGI_STE_RANGE   | Range=1f                                  | 4                | 1f
            V17 | SYNC             | CS=2 MSH=3 MSIAttr=f                      | 000000000fc02046 | 0
            V18 | SYNC             | CS=1 MSH=3 MSIAttr=f MSIAddress=12345000  | 000000000fc01046 | 12345000
            V20 | RESUME           | StreamID=1a8 Ac=1 STAG=3                  | 000001a800001044 | 3
            V21 | PRI_RESP         | StreamID=1a8 SSV=1 SubstreamID=7 PRGIndex=5 Resp=2 | 000001a800007841 | 2005
            V22 | PREFETCH_ADDR    | StreamID=1a8 SSV=1 SubstreamID=5 Address=40000000 Size=3 Stride=9 | 000001a800005802 | 40000123
            V51 | CFGI_CD          | StreamID=1a8 SubstreamID=5 Leaf=1         | 000001a800005005 | 1
            V52 | CFGI_CD          | StreamID=1a8 SubstreamID=12345            | 000001a812345005 | 0
            V53 | CFGI_CD_ALL      | StreamID=1a8                              | 000001a800000006 | 0
            V54 | CFGI_STE         | StreamID=1a8                              | 000001a800000003 | 0
            V55 | CFGI_STE_RANGE   | StreamID=1a8 Range=3                      | 000001a800000004 | 3
            V56 | CFGI_VMS_PIDM    | VMID=2a                                   | 0000002a00000007 | 0
            V57 | TLBI_NH_VAA      | VMID=2a Address=40000000 TG=1 SCALE=9 TTL=2 Leaf=1 | 0000002a00900013 | 40000601
            V58 | TLBI_NH_VA       | VMID=2a ASID=7 Address=ffff000000010000 TG=3 NUM=1f | 0007002a0001f012 | ffff000000010c00
            V59 | TLBI_S2_IPA      | VMID=2a IPA=fffffffff000 IPA51_48=f000000000000 Leaf=1 | 0000002a0000002a | 000ffffffffff001
            V60 | TLBI_S12_VMALL   | VMID=2a                                   | 0000002a00000028 | 0
            V61 | TLBI_NSNH_ALL    | ''                                        | 30               | 0
            V62 | TLBI_EL2_ALL     | ''                                        | 20               | 0
            V63 | TLBI_EL2_ASID    | ASID=9                                    | 0009000000000021 | 0
            V64 | TLBI_EL2_VAA     | Address=10000 Leaf=1                      | 23               | 10001
            M21 | TLBI_EL2_VA      | ASID=9 Address=10000 TG=1 SCALE=2 Leaf=1  | 0009000000200022 | 10401
            V65 | PREFETCH_CONFIG  | StreamID=1a8 SSV=1 SubstreamID=5          | 000001a800005801 | 0
            V66 | ATC_INV          | StreamID=1a8 SSV=1 SubstreamID=5 Global=1 Size=34 | 000001a800005a40 | 34
            V67 | PRI_RESP         | StreamID=1a8 PRGIndex=1ff Resp=0          | 000001a800000041 | 1ff
            V68 | RESUME           | StreamID=1a8 STAG=beef Ab=1               | 000001a800002044 | beef
            V69 | RESUME           | StreamID=1a8 STAG=3                       | 000001a800000044 | 3
            V70 | STALL_TERM       | StreamID=1a8                              | 000001a800000045 | 0
            V71 | SYNC             | CS=1 MSH=3 MSIAttr=f MSIData=cafe MSIAddress=12345004 | 0000cafe0fc01046 | 12345004
            V83 | TLBI_NH_VA       | VMID=2a ASID=7 TG=1 SCALE5=1              | 0007002a02000012 | 400
            """)
    void shouldPlaceFieldsWhereTheSpecificationHasThem(
            String vector, SmmuCommand command, String fields, String word0, String word1) {
        Layout layout = command.layout();
        long[] words = {command.word(), 0};
        for (String field : fields.isEmpty() ? new String[0] : fields.split(" ", -1)) {
            String[] parts = field.split("=", -1);
            BitField bits = layout.field(parts[0]);
            words[bits.word()] |= bits.of(HexFormat.fromHexDigitsToLong(parts[1]));
        }
        assertArrayEquals(
                new long[] {HexFormat.fromHexDigitsToLong(word0), HexFormat.fromHexDigitsToLong(word1)}, words, vector);
        assertEquals(command, SmmuCommand.of(SmmuCommand.opcodeOf(words[0])), vector);
    }
}
