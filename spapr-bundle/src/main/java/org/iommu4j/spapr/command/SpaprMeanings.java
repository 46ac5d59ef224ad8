package org.iommu4j.spapr.command;

import java.util.Locale;
import org.iommu4j.backend.Requester;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Meanings;

/** Meanings of values that no layout lists, for explanations. */
public final class SpaprMeanings {
    private SpaprMeanings() {}

    /** The meaning of a field's value; empty if there is nothing to add to the layout. */
    public static String of(Layout layout, BitField field, long... words) {
        long value = field.get(words[field.word()]);
        if (layout.equals(BindPgtable.LAYOUT)) {
            if (field.equals(BindPgtable.REQUESTER)) {
                return value >>> 31 == 1 ? liobn(value) : Requester.text((int) value);
            }
            if (field.equals(BindPgtable.PAGE_SHIFT)
                    || field.equals(BindPgtable.WINDOW_SHIFT)
                    || (field.equals(BindPgtable.LEVEL_SHIFT) && value != 0)) {
                return bytes(value);
            }
        }
        if (layout.equals(InvalidateData.LAYOUT)) {
            if (field.equals(InvalidateData.LIOBN)) {
                return value == 0xffff_ffffL ? "every window" : liobn(value);
            }
            if (field.equals(InvalidateData.PAGE_SHIFT)) {
                return value == 0 ? "whatever the window has" : bytes(value);
            }
            if (field.equals(InvalidateData.PE)) {
                return value == 0xffff_ffffL ? "that of the container" : "the host's to name";
            }
        }
        if (field.equals(PestEntry.RID) && layout.equals(PestEntry.LAYOUT)) {
            return Requester.text((int) value);
        }
        if (field.name().equals("LIOBN")) {
            return liobn(value);
        }
        return "";
    }

    private static String liobn(long value) {
        if (value >>> Integer.SIZE != 0) {
            return "sign-extended: no LIOBN";
        }
        return value >>> 31 == 1
                ? String.format(Locale.ROOT, "host bridge %d, window %d", value >>> 8 & 0x7f_ffff, value & 0xff)
                : "of a virtual bus";
    }

    private static String bytes(long shift) {
        return shift >= Long.SIZE ? "more than there is" : Meanings.bytes((int) shift);
    }
}
