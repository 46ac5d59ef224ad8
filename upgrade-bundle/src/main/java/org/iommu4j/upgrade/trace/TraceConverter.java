package org.iommu4j.upgrade.trace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.TraceEvent;
import org.iommu4j.backend.capture.TraceFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.upgrade.trace.TraceParser.Told;

/** Makes records of what a trace tells. Bytes of commands that it does not tell come from the ring in the memory at the stop. */
final class TraceConverter implements TraceSink {
    /** Most pages of devices that are remembered for the walks through the image. */
    static final int MOST_PAGES = 1 << 17;

    private static final int PAGE_BYTES = 4096;
    private static final int MIB_SHIFT = 20;
    private static final int READ = 1;
    private static final int WRITE = 2;

    private final CaptureFormat format;
    private final TraceFormat.Ring ring;
    private final CaptureWriter out;
    private final TraceSurvey survey;
    private final MemoryImage image;
    private final Map<Page, Mapping> pages = new LinkedHashMap<>();
    private final Map<String, Long> firstReads = new HashMap<>();
    private final Map<String, Long> withoutBytes = new TreeMap<>();
    private final Map<String, Long> made = new TreeMap<>();
    private long withoutSize;
    private long untraced;
    private long forgottenPages;
    private long stoppedAt = -1;

    /** Registers that were written until the stop. */
    private final Map<Long, Written> written = new LinkedHashMap<>();

    /** A page of a device. */
    record Page(int requester, long iova) {}

    /**
     * A page's last translation before the stop.
     *
     * @param rights 1 read, 2 write, 3 both; negative if the trace does not tell
     */
    record Mapping(long pa, long mask, int rights) {}

    /** A write of a register. */
    record Written(int sizeBytes, long value) {}

    /** @param image of the memory at the stop; null if there is none */
    TraceConverter(CaptureFormat format, CaptureWriter out, TraceSurvey survey, MemoryImage image) {
        this.format = format;
        this.out = out;
        this.survey = survey;
        this.image = image;
        ring = format.trace().ring();
    }

    private static String hex(long value) {
        return "\"0x" + Long.toHexString(value) + "\"";
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        if (stoppedAt < 0) {
            written.put(offset, new Written(sizeBytes, value));
        }
        access("w", offset, sizeBytes, value);
    }

    @Override
    public void read(long offset, int sizeBytes, long value) {
        for (Register register : format.registers().capabilities()) {
            if (register.offset() == offset && register.widthBytes() == sizeBytes) {
                firstReads.putIfAbsent(register.name(), value);
            }
        }
        access("r", offset, sizeBytes, value);
    }

    private void access(String kind, long offset, int sizeBytes, long value) {
        out.record(kind, ",\"off\":" + hex(offset) + ",\"size\":" + sizeBytes + ",\"val\":" + hex(value));
    }

    @Override
    public void command(long number, int slot, long base, Told told) {
        String event = event(told);
        byte[] bytes = bytes(number, slot, base, told, event);
        out.record(
                "cmd",
                ",\"idx\":" + slot + ",\"hex\":"
                        + (bytes == null ? "null" : "\"" + HexFormat.of().formatHex(bytes) + "\"") + ",\"event\":"
                        + (event.isEmpty() ? "null" : "\"" + event + "\""));
    }

    private String event(Told told) {
        if (told == null) {
            untraced++;
            return ring.untraced();
        }
        return told.words().getOrDefault("opcode", told.event().word());
    }

    private byte[] bytes(long number, int slot, long base, Told told, String event) {
        int size = ring.entryBytes(base);
        byte[] stored = inRing(number, slot, base, size);
        if (told != null && told.has("q0")) {
            byte[] words = words(size, told.number("q0"), told.has("q1") ? told.number("q1") : 0);
            boolean same = stored != null && Arrays.mismatch(stored, 0, 2 * Long.BYTES, words, 0, 2 * Long.BYTES) < 0;
            return same ? stored : words;
        }
        TraceEvent.Made parts = told == null ? null : told.event().command();
        if (stored != null && (parts == null || holds(stored, told, parts))) {
            return stored;
        }
        if (parts != null) {
            made.merge(event, 1L, Long::sum);
            return made(told, parts);
        }
        withoutBytes.merge(event, 1L, Long::sum);
        return null;
    }

    private byte[] inRing(long number, int slot, long base, int size) {
        if (image == null || base == 0 || !survey.isInRing(number, slot)) {
            return null;
        }
        return image.read(format.registers().ring().address().get(base) + (long) slot * size, size);
    }

    private static byte[] words(int size, long low, long high) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < Long.BYTES; i++) {
            bytes[i] = (byte) (low >>> (i * Byte.SIZE));
            bytes[Long.BYTES + i] = (byte) (high >>> (i * Byte.SIZE));
        }
        return bytes;
    }

    private static boolean holds(byte[] stored, Told told, TraceEvent.Made parts) {
        long[] words = parts.layout().decode(stored, 0);
        return parts.operands().entrySet().stream()
                .allMatch(operand -> operand.getValue().get(words) == told.number(operand.getKey()));
    }

    private static byte[] made(Told told, TraceEvent.Made parts) {
        long[] words = new long[parts.layout().words()];
        parts.operands().forEach((key, field) -> place(words, field, told.number(key)));
        parts.others().forEach((field, value) -> place(words, field, value));
        return parts.layout().encode(words);
    }

    private static void place(long[] words, BitField field, long value) {
        words[field.word()] |= field.of(value);
    }

    @Override
    public void translation(Told told, Map<String, Long> known, Boolean hit, String fault) {
        TraceEvent.Kind kind = told.event().kind();
        boolean passes = kind == TraceEvent.Kind.PASS;
        String reason = passes && !told.event().word().isEmpty() ? told.event().word() : fault;
        long iova = told.number("iova");
        Long mask = passes ? Long.valueOf(PAGE_BYTES - 1) : mask(told, known);
        Integer access = told.has("write") ? told.number("write") == 0 ? READ : WRITE : null;
        StringBuilder fields = new StringBuilder();
        fields.append(",\"dev\":").append(hex(told.number("dev")));
        fields.append(",\"iova\":").append(hex(iova));
        fields.append(",\"access\":").append(access);
        boolean answered = passes || fault == null;
        withoutSize += answered && mask == null ? 1 : 0;
        long pa = passes ? iova : told.has("pa") ? told.number("pa") : 0;
        fields.append(",\"pa\":").append(answered ? hex(pa) : null);
        fields.append(",\"mask\":").append(answered && mask != null ? hex(mask) : null);
        Long perm = passes ? Long.valueOf(READ | WRITE) : told.optional("perm");
        fields.append(",\"perm\":").append(answered ? perm : null);
        fields.append(",\"fault\":").append(fault(reason));
        fields.append(",\"hit\":").append((passes || fault != null) ? Boolean.FALSE : hit);
        if (known.containsKey("leaf") && answered) {
            fields.append(",\"leaf\":").append(hex(known.get("leaf")));
        }
        for (String key : format.gaps().domainKeys()) {
            Long value = known.get(key);
            if (value != null && value >= 0) {
                fields.append(",\"").append(key).append("\":").append(value);
            }
        }
        out.record("xlate", fields.toString());
        remember(
                (int) told.number("dev"),
                iova,
                answered && !passes ? new Mapping(pa, mask == null ? PAGE_BYTES - 1 : mask, rights(perm)) : null);
    }

    private static String fault(String reason) {
        if (reason == null) {
            return null;
        }
        return reason.chars().allMatch(Character::isDigit) ? reason : "\"" + reason + "\"";
    }

    private static int rights(Long perm) {
        return perm == null ? -1 : perm.intValue();
    }

    /** Size of the page less one; null if the trace does not tell. */
    private static Long mask(Told told, Map<String, Long> known) {
        Long mib = known.get("mib");
        return mib == null || Long.bitCount(mib) != 1 ? told.optional("mask") : Long.valueOf((mib << MIB_SHIFT) - 1);
    }

    private void remember(int requester, long iova, Mapping mapping) {
        Page page = new Page(requester, iova & -PAGE_BYTES);
        if (!pages.containsKey(page) && pages.size() == MOST_PAGES) {
            forgottenPages++;
        } else if (stoppedAt < 0) {
            pages.put(page, mapping);
        } else {
            pages.putIfAbsent(page, null);
        }
    }

    @Override
    public void interrupt(Told told) {
        out.record(
                "irte",
                ",\"index\":" + told.number("index") + ",\"q\":[" + hex(told.number("q0")) + ","
                        + hex(told.number("q1")) + "]");
    }

    @Override
    public void fault() {
        out.record("fault", "");
    }

    @Override
    public void stop() {
        stoppedAt = out.time();
    }

    /** First time after the stop. */
    long stoppedAt() {
        return stoppedAt;
    }

    /** Pages of devices with their last translation before the stop; null for one that had none. */
    Map<Page, Mapping> pages() {
        return pages;
    }

    /** Registers of capabilities as the guest first read them. */
    Map<String, Long> firstReads() {
        return firstReads;
    }

    /** Writes until the stop by offset; the last one of each. */
    Map<Long, Written> written() {
        return written;
    }

    /** Assumptions about commands and pages, a sentence each. */
    List<String> assumed() {
        List<String> sentences = new ArrayList<>();
        withoutBytes.forEach((event, count) -> sentences.add(count + " commands " + event
                + " have no bytes: the trace tells none, and the ring at the stop does not hold them any more; "
                + "replay executes one that drops at least as much"));
        made.forEach((event, count) -> sentences.add(count + " commands " + event
                + " are made of their operands in the trace; what it does not tell is assumed"));
        if (untraced > 0) {
            sentences.add(untraced + " entries of the ring were not traced; they are taken for " + ring.untraced());
        }
        if (withoutSize > 0) {
            sentences.add(
                    "pages of " + withoutSize
                            + " translations have 4 KiB, unless the memory at the stop has a larger one: the trace does not tell");
        }
        if (forgottenPages > 0) {
            sentences.add(forgottenPages + " translations are of further pages than " + MOST_PAGES
                    + ", of whose tables the capture has no pages");
        }
        return sentences;
    }
}
