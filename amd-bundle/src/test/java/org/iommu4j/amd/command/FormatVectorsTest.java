package org.iommu4j.amd.command;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.SpecVectors.Vector;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Commands, events, page requests and entries by their fields, as docs/spec/amd-vi.md 8 has them. */
final class FormatVectorsTest {
    /** What the document calls a field that is not called by its own name in small letters. */
    private static final Map<String, String> NAMES = Map.ofEntries(
            Map.entry("dev", "DeviceID"),
            Map.entry("dom", "DomainID"),
            Map.entry("qid", "QueueID"),
            Map.entry("addr", "Address"),
            Map.entry("store", "StoreAddress"),
            Map.entry("data", "StoreData"),
            Map.entry("tag", "PPRGroup"),
            Map.entry("code", "Response"),
            Map.entry("last", "L"),
            Map.entry("count", "PFCount"),
            Map.entry("nl", "NextLevel"),
            Map.entry("table", "Address"),
            Map.entry("root", "HostRoot"));

    static Stream<Vector> commands() {
        return SpecVectors.of("cmd");
    }

    static Stream<Vector> events() {
        return SpecVectors.of("evt");
    }

    static Stream<Vector> pageRequests() {
        return SpecVectors.of("ppr");
    }

    static Stream<Vector> pages() {
        return SpecVectors.of("pte");
    }

    static Stream<Vector> devices() {
        return SpecVectors.of("dte");
    }

    static Stream<Vector> sizes() {
        return SpecVectors.of("dec");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void shouldHaveCommandsBitForBit(Vector vector) {
        assertEquals(
                vector.expected(),
                words(encode(
                        commandOf(vector.columns().get(0)), vector.columns().get(0))));
    }

    @ParameterizedTest
    @MethodSource("events")
    void shouldHaveEventsBitForBit(Vector vector) {
        String text = vector.columns().get(0);
        assertEquals(vector.expected(), doublewords(encode(eventOf(text), text)));
    }

    @ParameterizedTest
    @MethodSource("pageRequests")
    void shouldHavePageRequestsBitForBit(Vector vector) {
        assertEquals(
                vector.expected(),
                words(encode(PageServiceRequest.LAYOUT, vector.columns().get(0))));
    }

    @ParameterizedTest
    @MethodSource("pages")
    void shouldHaveHostEntriesBitForBit(Vector vector) {
        long[] words = encode(HostPte.LAYOUT, "pte " + vector.columns().get(0));
        words[0] |= HostPte.PR.mask();
        assertEquals(vector.expected(), words(words));
    }

    @ParameterizedTest
    @MethodSource("devices")
    void shouldHaveDeviceEntriesBitForBit(Vector vector) {
        assertEquals(
                vector.expected(),
                words(encode(DeviceTableEntry.LAYOUT, "dte " + vector.columns().get(0))));
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void shouldDecodeSizesOfRanges(Vector vector) {
        long word = hex(vector.columns().get(0));
        int shift = InvalidateIommuPages.S.isSet(word)
                ? SizeEncoding.shift(InvalidateIommuPages.ADDRESS.get(word))
                : SizeEncoding.PAGE_SHIFT;
        String range = shift == SizeEncoding.ALL
                ? "all"
                : Long.toHexString(SizeEncoding.base(InvalidateIommuPages.ADDRESS.get(word), shift)) + "+"
                        + Long.toHexString(1L << shift);
        assertEquals(
                vector.expected(),
                range + " pde=" + InvalidateIommuPages.PDE.get(word) + " gn=" + InvalidateIommuPages.GN.get(word));
    }

    @Test
    void shouldHaveTheEntriesOfTheLogAsBytes() {
        int seen = 0;
        for (String prefix : List.of("ILLEGAL_", "IO_PAGE", "DEV_TAB", "PAGE_", "COMMAND_H", "IOTLB_INV", "INVALID_")) {
            for (List<String> row : SpecVectors.rows(prefix)) {
                if (row.size() > 2 && row.get(1).startsWith("`")) {
                    Layout layout =
                            row.get(0).startsWith("PAGE_SERVICE") ? PageServiceRequest.LAYOUT : eventOf(row.get(0));
                    long[] words = encode(layout, row.get(0));
                    assertEquals("`" + doublewords(words) + "`", row.get(1), row.get(0));
                    assertEquals("`" + HexFormat.of().formatHex(layout.encode(words)) + "`", row.get(2), row.get(0));
                    seen++;
                }
            }
        }
        assertEquals(14, seen);
    }

    @Test
    void shouldHaveEveryCommandOfTheWorkedRequestsAsWordsAndBytes() {
        int seen = 0;
        for (String prefix : List.of("M", "HS")) {
            for (List<String> row : SpecVectors.rows(prefix)) {
                if (row.size() > 4
                        && row.get(3).startsWith("`")
                        && !row.get(1).contains("2.4.3")
                        && !row.get(3).contains("0007fffffffff")) {
                    Layout layout = commandOf(row.get(2));
                    long[] words = encode(layout, row.get(2));
                    assertEquals(row.get(3), "`" + words(words) + "`", row.get(2));
                    assertEquals(row.get(4), "`" + HexFormat.of().formatHex(layout.encode(words)) + "`", row.get(2));
                    seen++;
                }
            }
        }
        assertEquals(149, seen);
    }

    private static Layout commandOf(String text) {
        return AmdViCommand.valueOf(text.substring(0, text.indexOf(' ') < 0 ? text.length() : text.indexOf(' ')))
                .layout();
    }

    private static Layout eventOf(String text) {
        return AmdViEvent.valueOf(text.substring(0, text.indexOf(' '))).layout();
    }

    /** The words of a structure whose fields are given as {@code name=value}, or a range as {@code base+size}. */
    private static long[] encode(Layout layout, String text) {
        long[] words = new long[layout.words()];
        for (BitField field : layout.fields()) {
            if (field.codes().size() == 1) {
                words[field.word()] |= field.of(field.codes().get(0).value());
            }
        }
        String[] parts = text.split(" ", -1);
        for (int i = 1; i < parts.length; i++) {
            String[] pair = parts[i].split("=", -1);
            if (pair[0].equals("all") || pair[0].contains("+")) {
                putRange(layout, words, pair[0]);
            } else if (pair[0].equals("pasid")) {
                putPasid(layout, words, (int) hex(pair[1]));
            } else if (pair[0].equals("gcr3")) {
                words[0] |= DeviceTableEntry.gcr3Word0(hex(pair[1]));
                words[1] |= DeviceTableEntry.gcr3Word1(hex(pair[1]));
            } else if (pair[0].equals("page")) {
                String[] range = pair[1].split("\\+", -1);
                words[0] |= SizeEncoding.encode(hex(range[0]), Long.numberOfTrailingZeros(hex(range[1])));
            } else {
                BitField field = field(layout, pair[0]);
                long value = hex(pair[1]);
                words[field.word()] |= field.inPlace() ? field.mask() & value : field.of(value);
            }
        }
        return words;
    }

    private static void putRange(Layout layout, long[] words, String range) {
        BitField address = layout.field("Address");
        BitField size = layout.field("S");
        String[] parts = range.split("\\+", -1);
        int shift = range.equals("all") ? SizeEncoding.ALL : Long.numberOfTrailingZeros(hex(parts[1]));
        words[1] |= SizeEncoding.word(address, size, range.equals("all") ? 0 : hex(parts[0]), shift);
    }

    /** A PASID stands in one piece, in three, or in the place of a domain with its upper bits apart. */
    private static void putPasid(Layout layout, long[] words, int pasid) {
        if (layout.equals(InvalidateIotlbPages.LAYOUT)) {
            words[0] |= InvalidateIotlbPages.ofPasid(pasid);
            return;
        }
        for (BitField field : layout.fields()) {
            switch (field.name()) {
                case "PASID" -> words[field.word()] |= field.of(pasid);
                case "PASID[15:0]", "DomainID" ->
                    words[field.word()] |=
                            layout.equals(InvalidateIommuPages.LAYOUT) ? 0 : field.of(AmdViEvents.pasidLow(pasid));
                case "PASID[19:16]" -> words[field.word()] |= field.of(AmdViEvents.pasidHigh(pasid));
                default -> {
                    // Another field.
                }
            }
        }
    }

    private static BitField field(Layout layout, String name) {
        String known = NAMES.getOrDefault(name, name);
        return layout.fields().stream()
                .filter(field -> field.name().equalsIgnoreCase(known))
                .findFirst()
                .orElseThrow(() -> new AssertionError(layout + " has no " + name));
    }

    private static String words(long... words) {
        StringBuilder text = new StringBuilder();
        for (long word : words) {
            text.append(text.length() == 0 ? "" : " ").append(String.format("%016x", word));
        }
        return text.toString();
    }

    private static String doublewords(long... words) {
        StringBuilder text = new StringBuilder();
        for (long word : words) {
            text.append(text.length() == 0 ? "" : " ")
                    .append(String.format("%08x %08x", word & 0xffff_ffffL, word >>> 32));
        }
        return text.toString();
    }
}
