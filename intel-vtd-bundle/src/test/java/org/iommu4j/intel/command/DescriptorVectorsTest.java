package org.iommu4j.intel.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Words;
import org.junit.jupiter.api.Test;

/** Descriptors and records of docs/spec/intel-vtd.md 5.3, 8.1 and 8.11 that no driver or chip of the tests writes, by their fields. */
class DescriptorVectorsTest {
    private static String words(Layout layout, Words words) {
        byte[] bytes = words.encode();
        StringBuilder text = new StringBuilder();
        for (int word = 0; word < 2; word++) {
            text.append(word == 0 ? "" : " ").append(String.format("%016x", layout.word(bytes, 0, word)));
        }
        return text.toString();
    }

    private static Words pages(long address, int mask, int pasid) {
        return Words.of(PasidIotlbInvalidate.LAYOUT)
                .set(PasidIotlbInvalidate.TYPE, VtdCommand.TYPE_PASID_IOTLB)
                .set(PasidIotlbInvalidate.G, PasidIotlbInvalidate.PAGE)
                .set(PasidIotlbInvalidate.DID, 0x12)
                .set(PasidIotlbInvalidate.PASID, pasid)
                .set(PasidIotlbInvalidate.ADDR, address)
                .set(PasidIotlbInvalidate.AM, mask);
    }

    @Test
    void shouldEncodePagesWithinAPasid() {
        // V06, V07
        Layout layout = PasidIotlbInvalidate.LAYOUT;
        assertEquals("0000034500120036 00007f0000001000", words(layout, pages(0x7f0000001000L, 0, 0x345)));
        assertEquals("000fffff00120036 0000000000000002", words(layout, pages(0, 2, 0xfffff)));
    }

    @Test
    void shouldEncodeTheSourceIdOfThePhysicalFunction() {
        // E15
        Words words = Words.of(PasidDeviceTlbInvalidate.LAYOUT)
                .set(PasidDeviceTlbInvalidate.TYPE, VtdCommand.TYPE_PASID_DEVICE_TLB)
                .set(PasidDeviceTlbInvalidate.MIP, 5)
                .set(PasidDeviceTlbInvalidate.PFSID_LOW, 0xd)
                .set(PasidDeviceTlbInvalidate.PFSID_HIGH, 0xabc)
                .set(PasidDeviceTlbInvalidate.SID, 0x310)
                .set(PasidDeviceTlbInvalidate.PASID, 0x345)
                .set(PasidDeviceTlbInvalidate.S, 1)
                .set(PasidDeviceTlbInvalidate.ADDR, 0x17000);
        assertEquals("abc003450310d058 0000000000017800", words(PasidDeviceTlbInvalidate.LAYOUT, words));
    }

    @Test
    void shouldEncodeRequestsForPages() {
        // V235 to V238
        Layout layout = PageRequestRecord.LAYOUT;
        Words write = record(0x345)
                .set(PageRequestRecord.WR, 1)
                .set(PageRequestRecord.LPIG, 1)
                .set(PageRequestRecord.PRGI, 7)
                .set(PageRequestRecord.ADDR, 0x7f0000201000L);
        assertEquals("0000034503100101 00007f000020103e", words(layout, write));
        Words both = record(-1)
                .set(PageRequestRecord.RD, 1)
                .set(PageRequestRecord.WR, 1)
                .set(PageRequestRecord.PRGI, 0x1ff)
                .set(PageRequestRecord.ADDR, 0x40201000);
        assertEquals("0000000003100001 0000000040201ffb", words(layout, both));
        Words supervisor = record(0xabcde)
                .set(PageRequestRecord.PRIV, 1)
                .set(PageRequestRecord.RD, 1)
                .set(PageRequestRecord.LPIG, 1)
                .set(PageRequestRecord.ADDR, 0x1000);
        assertEquals("002abcde03100101 0000000000001005", words(layout, supervisor));
        assertEquals(
                "0000034503100101 0000000000000004", words(layout, record(0x345).set(PageRequestRecord.LPIG, 1)));
    }

    private static Words record(int pasid) {
        Words words = Words.of(PageRequestRecord.LAYOUT)
                .set(PageRequestRecord.TYPE, 1)
                .set(PageRequestRecord.RID, 0x310);
        return pasid < 0 ? words : words.set(PageRequestRecord.PASID_PRESENT, 1).set(PageRequestRecord.PASID, pasid);
    }

    @Test
    void shouldEncodeAnswersToThem() {
        // V239 to V241
        Layout layout = PageGroupResponse.LAYOUT;
        assertEquals("0000034503100019 0000000000000038", words(layout, answer(0x345, 0, 7)));
        assertEquals("0000034503101019 0000000000000038", words(layout, answer(0x345, 1, 7)));
        assertEquals("000000000310f009 0000000000000ff8", words(layout, answer(-1, 15, 0x1ff)));
    }

    private static Words answer(int pasid, int code, int group) {
        Words words = Words.of(PageGroupResponse.LAYOUT)
                .set(PageGroupResponse.TYPE, VtdCommand.TYPE_PAGE_GROUP_RESPONSE)
                .set(PageGroupResponse.CODE, code)
                .set(PageGroupResponse.RID, 0x310)
                .set(PageGroupResponse.PRGI, group);
        return pasid < 0 ? words : words.set(PageGroupResponse.PP, 1).set(PageGroupResponse.PASID, pasid);
    }
}
