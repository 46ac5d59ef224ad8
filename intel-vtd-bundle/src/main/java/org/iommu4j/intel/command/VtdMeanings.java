package org.iommu4j.intel.command;

import org.iommu4j.backend.Requester;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Meanings;

/** Meanings of values that no layout lists, for explanations. */
public final class VtdMeanings {
    private static final int PAGE_SHIFT = 12;

    private VtdMeanings() {}

    /** The meaning of a field's value; empty if there is nothing to add to the layout. */
    public static String of(Layout layout, BitField field, long... words) {
        if (field.equals(FaultRecord.FR)) {
            return reason(field.getInt(words[field.word()]));
        }
        if (field.equals(FaultRecord.SID) && layout.equals(FaultRecord.LAYOUT)) {
            return "source id " + Requester.text(field.getInt(words[field.word()]));
        }
        if (field.equals(FaultRecord.T2) && layout.equals(FaultRecord.LAYOUT)) {
            boolean first = FaultRecord.T1.isSet(words[FaultRecord.T1.word()]);
            boolean second = field.isSet(words[field.word()]);
            return "with T1: " + (first ? second ? "AtomicOp" : "read" : second ? "page request" : "write");
        }
        if (field.equals(IotlbInvalidate.AM) || field.equals(RegisterImage.AM)) {
            return pages(field.getInt(words[field.word()]));
        }
        return "";
    }

    private static String reason(int code) {
        FaultReason reason = FaultReason.of(code);
        return reason == null ? "not a reason of DMA remapping" : reason.name() + ": " + reason.text();
    }

    private static String pages(int order) {
        int shift = order + PAGE_SHIFT;
        if (shift >= Long.SIZE) {
            return "2^" + order + " pages of 4 KiB: more than there are";
        }
        return "2^" + order + " pages of 4 KiB: " + Meanings.bytes(shift);
    }
}
