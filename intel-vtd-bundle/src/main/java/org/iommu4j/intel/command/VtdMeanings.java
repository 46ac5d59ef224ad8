package org.iommu4j.intel.command;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.iommu4j.backend.Requester;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Meanings;

/** Meanings of values that no layout lists, for explanations. */
public final class VtdMeanings {
    private static final int PAGE_SHIFT = 12;

    /** Registers whose place is a capability are found in steps of 16 bytes. */
    private static final int UNIT_OF_OFFSETS = 16;

    /** CAP.SSLPS: second-stage pages by the value. */
    private static final List<String> PAGES = List.of("4 KiB", "4 KiB, 2 MiB", "4 KiB, 1 GiB", "4 KiB, 2 MiB, 1 GiB");

    /** CAP.SAGAW: second-stage tables by the bit that stands for them; bit 0 is reserved. */
    private static final List<String> WIDTHS =
            List.of("", "39 bits in 3 levels", "48 bits in 4 levels", "57 bits in 5 levels");

    /** Fields that hold bus, device and function, whatever structure they are in. */
    private static final List<String> REQUESTERS = List.of("SID", "RID", "requester", "ITESID", "ICESID");

    private VtdMeanings() {}

    /** The meaning of a field's value; empty if there is nothing to add to the layout. */
    public static String of(Layout layout, BitField field, long... words) {
        if (field.equals(FaultRecord.FR)) {
            return reason(field.getInt(words[field.word()]));
        }
        if (REQUESTERS.contains(field.name())) {
            return field.about() + " " + Requester.text(field.getInt(words[field.word()]));
        }
        if (field.equals(FaultRecord.T2) && layout.equals(FaultRecord.LAYOUT)) {
            boolean first = FaultRecord.T1.isSet(words[FaultRecord.T1.word()]);
            boolean second = field.isSet(words[field.word()]);
            return "with T1: " + (first ? second ? "AtomicOp" : "read" : second ? "page request" : "write");
        }
        if (field.equals(IotlbInvalidate.AM) || field.equals(RegisterImage.AM)) {
            return pages(field.getInt(words[field.word()]));
        }
        return layout.equals(Cap.REGISTER.layout()) || layout.equals(Ecap.REGISTER.layout())
                ? capability(field, field.getInt(words[field.word()]))
                : "";
    }

    /** Fields of the capability registers that are numbers, VT-d 11.4.2 and 11.4.3. */
    private static String capability(BitField field, int value) {
        if (field.equals(Cap.ND)) {
            return (1 << (4 + 2 * value)) + " domain ids";
        }
        if (field.equals(Cap.SAGAW)) {
            return widths(value);
        }
        if (field.equals(Cap.MGAW)) {
            return "addresses of " + (value + 1) + " bits";
        }
        if (field.equals(Cap.FRO)) {
            return "fault records at 0x" + Integer.toHexString(value * UNIT_OF_OFFSETS);
        }
        if (field.equals(Cap.SSLPS)) {
            return value < PAGES.size() ? "second-stage pages of " + PAGES.get(value) : "";
        }
        if (field.equals(Cap.NFR)) {
            return (value + 1) + (value == 0 ? " fault record" : " fault records");
        }
        if (field.equals(Cap.MAMV)) {
            return "at most " + pages(value);
        }
        if (field.equals(Ecap.IRO)) {
            return "IVA and IOTLB at 0x" + Integer.toHexString(value * UNIT_OF_OFFSETS);
        }
        if (field.equals(Ecap.MHMV)) {
            return "at most 2^" + value + " interrupt entries at once";
        }
        return field.equals(Ecap.PSS) ? "PASIDs of " + (value + 1) + " bits" : "";
    }

    /** The address widths of second-stage tables whose bit is set, with their levels. */
    private static String widths(int value) {
        String widths = IntStream.range(0, WIDTHS.size())
                .filter(width -> (value >>> width & 1) != 0)
                .mapToObj(WIDTHS::get)
                .filter(width -> !width.isEmpty())
                .collect(Collectors.joining(", "));
        return widths.isEmpty() ? "no second-stage tables" : widths;
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
