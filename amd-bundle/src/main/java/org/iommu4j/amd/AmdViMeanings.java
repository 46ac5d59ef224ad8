package org.iommu4j.amd;

import java.util.List;
import org.iommu4j.amd.command.AmdViEvents.InvalidDeviceRequest;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.PrefetchIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.Requester;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Meanings;

/** Meanings of values that their layout does not list, for explanations. */
final class AmdViMeanings {
    /** Levels of tables where HATS or GATS is 0. */
    private static final int LEAST_LEVELS = 4;

    /** The value of HATS and GATS that stands for no tables. */
    private static final int NO_LEVELS = 3;

    private static final String DEVICE_ID = "DeviceID";
    private static final String REQUESTER = "requester";

    /** Commands whose address carries a size if S is set. */
    private static final List<Layout> RANGES =
            List.of(InvalidateIommuPages.LAYOUT, InvalidateIotlbPages.LAYOUT, PrefetchIommuPages.LAYOUT);

    /** INVALID_DEVICE_REQUEST, 48882 2.5.9: requests that are no translation requests, by Type. */
    private static final List<String> REQUESTS = List.of(
            "read or non-posted write in the interrupt range",
            "translated request of a device that must not translate",
            "port I/O, IoCtl=0",
            "posted write in the system management range",
            "read or non-posted write in the system management range",
            "posted write in the interrupt range, IntCtl=0",
            "posted write in a reserved interrupt address range",
            "system management or port I/O that would be translated, TV=0");

    /** The same, translation requests. */
    private static final List<String> TRANSLATION_REQUESTS = List.of(
            "translation request of a device that must not translate",
            "translation request to a special range",
            "translation request of a device outside the device table");

    private AmdViMeanings() {}

    /** Meaning of a field's value; empty if there is nothing to add. */
    static String of(Layout layout, BitField field, long... words) {
        long word = words[field.word()];
        if (field.name().equals(DEVICE_ID) || field.name().equals(REQUESTER)) {
            return Requester.text(field.getInt(word));
        }
        if (RANGES.contains(layout)) {
            return field.name().equals(InvalidateIommuPages.ADDRESS.name())
                    ? range(field.get(word), isSized(word))
                    : "";
        }
        if (layout.equals(IoPageFault.LAYOUT) && field.equals(IoPageFault.PR)) {
            return cause(word);
        }
        if (layout.equals(InvalidDeviceRequest.LAYOUT) && field.equals(InvalidDeviceRequest.TYPE)) {
            List<String> known = InvalidDeviceRequest.TR.isSet(word) ? TRANSLATION_REQUESTS : REQUESTS;
            int type = field.getInt(word);
            return type < known.size() ? known.get(type) : "no known request";
        }
        if (layout.equals(DeviceTableEntry.LAYOUT) && field.equals(DeviceTableEntry.GCR3_LOW)) {
            return "the whole root: 0x" + Long.toHexString(DeviceTableEntry.gcr3Root(words[0], words[1]));
        }
        if (layout.equals(HostPte.LAYOUT) && field.equals(HostPte.ADDRESS)) {
            return HostPte.NEXT_LEVEL.get(word) == HostPte.ENCODED_SIZE ? range(field.get(word), true) : "";
        }
        return layout.equals(Efr.REGISTER.layout()) ? feature(field, field.getInt(word)) : "";
    }

    /** Fields of the extended features that are numbers, 48882 3.4.7. */
    private static String feature(BitField field, int value) {
        if (field.equals(Efr.HATS)) {
            return value == NO_LEVELS
                    ? "no host tables"
                    : "host tables of at most " + (LEAST_LEVELS + value) + " levels";
        }
        if (field.equals(Efr.GATS) && value != NO_LEVELS) {
            return "guest tables of at most " + (LEAST_LEVELS + value) + " levels";
        }
        if (field.equals(Efr.GLX_SUP)) {
            return "GCR3 tables of at most " + (value + 1) + (value == 0 ? " level" : " levels");
        }
        if (field.equals(Efr.PAS_MAX)) {
            return "PASIDs of " + (value + 1) + " bits";
        }
        return field.equals(Efr.DEV_TBL_SEG_SUP) ? "at most " + (1 << value) + " device tables" : "";
    }

    private static boolean isSized(long word1) {
        return InvalidateIommuPages.S.isSet(word1);
    }

    private static String range(long address, boolean sized) {
        int shift = sized ? SizeEncoding.shift(address) : SizeEncoding.PAGE_SHIFT;
        if (shift == SizeEncoding.ALL) {
            return "everything";
        }
        return Meanings.bytes(shift) + " at 0x" + Long.toHexString(SizeEncoding.base(address, shift));
    }

    /** IO_PAGE_FAULT, 48882 2.5.3: PR, PE and RZ tell the cause together. */
    private static String cause(long word0) {
        if (!IoPageFault.PR.isSet(word0)) {
            return "nothing there, or the request is refused by the device table entry";
        }
        return IoPageFault.RZ.isSet(word0)
                ? "a reserved bit is set"
                : IoPageFault.PE.isSet(word0) ? "permission missing" : "illegal level or page size";
    }
}
