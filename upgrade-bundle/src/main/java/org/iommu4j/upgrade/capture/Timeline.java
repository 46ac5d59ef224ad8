package org.iommu4j.upgrade.capture;

import java.io.Closeable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.json.JsonLines;
import org.iommu4j.upgrade.json.JsonObject;

/** The records of a capture in the order in which the hardware saw them, one at a time, in bounded memory. */
public final class Timeline implements Closeable {
    /** Name of the file. */
    public static final String FILE = "timeline.jsonl.gz";

    private static final int MAX_COMMAND_BYTES = 64;
    private static final int MAX_SLOT = 1 << 20;
    private static final int MAX_WORDS = 8;
    private static final int MAX_NAME = 64;

    private final JsonLines lines;
    private final CallReader calls;
    private final CapturedUnits units;
    private final long lastRequester;
    private final CaptureFormat format;
    private JsonObject line;
    private long last = -1;
    private String kind = "";
    private String unit = "";

    /**
     * Opens a capture's timeline.
     *
     * @param format says which records are calls
     * @param units of the machine
     * @throws CaptureException if it cannot be read
     */
    Timeline(Path directory, CaptureFormat format, CapturedUnits units) {
        lines = CaptureLines.open(directory, FILE);
        calls = new CallReader(format);
        this.units = units;
        lastRequester = format.lastRequester();
        this.format = format;
    }

    /**
     * The next record, or null at the end.
     *
     * @throws CaptureException if it is cut or malformed
     */
    public CaptureRecord next() {
        if (!lines.next()) {
            return null;
        }
        line = lines.object();
        long t = line.number("t", 0, Long.MAX_VALUE);
        if (t < last) {
            throw line.reject("t", "is " + t + " after " + last);
        }
        last = t;
        kind = line.name("k", MAX_NAME);
        unit = line.isNull(CapturedUnits.UNIT) ? "" : line.nameOrNumber(CapturedUnits.UNIT, CapturedUnits.LONGEST_NAME);
        return switch (kind) {
            case "w" -> new CaptureRecord.RegisterWrite(t, offset(), size(), line.number("val"));
            case "r" -> new CaptureRecord.RegisterRead(t, offset(), size(), line.number("val"));
            case "cmd" -> command(t);
            case "mem" -> tableRead(t);
            case "xlate" -> translation(t);
            default -> other(t);
        };
    }

    private CaptureRecord other(long t) {
        CaptureRecord.Call call = calls.read(t, kind, line);
        CaptureRecord record = call == null ? calls.other(t, kind, line) : call;
        unit = unit.isEmpty() ? calls.unit() : unit;
        return record;
    }

    /** The kind of the record that {@link #next} gave last, as the format names it. */
    public String kind() {
        return kind;
    }

    /** The unit of the machine that this record concerns; empty if it does not tell. */
    public String unit() {
        return unit;
    }

    /** The error for that record's unit. */
    CaptureException rejectUnit(String what) {
        return line.reject(line.has(CapturedUnits.UNIT) ? CapturedUnits.UNIT : "", what);
    }

    /** The line of that record, counted from 1. */
    public long lineNumber() {
        return lines.lineNumber();
    }

    private long offset() {
        return line.number("off", 0, Integer.MAX_VALUE);
    }

    private int size() {
        int size = (int) line.number("size", 4, 8);
        if (size != 4 && size != 8) {
            throw line.reject("size", "is not 4 or 8");
        }
        return size;
    }

    private CaptureRecord.Command command(long t) {
        int slot = (int) line.number("idx", 0, MAX_SLOT);
        String captured = line.isNull("event") ? null : line.name("event", MAX_NAME);
        String event = captured == null ? null : format.commandNames().getOrDefault(captured, captured);
        if (line.has("hex") && line.isNull("hex")) {
            String substitute =
                    event == null ? null : format.gaps().substitutes().get(event);
            return new CaptureRecord.Command(t, slot, substitute, event, substitute != null);
        }
        int length = line.bytes("hex", 8, MAX_COMMAND_BYTES).length;
        if (Integer.bitCount(length) != 1) {
            throw line.reject("hex", "is " + length + " bytes, not a power of two");
        }
        return new CaptureRecord.Command(t, slot, line.text("hex"), event, false);
    }

    private CaptureRecord.TableRead tableRead(long t) {
        long pa = line.number("addr");
        if ((pa & 7) != 0 || pa >>> 52 != 0) {
            throw line.reject("addr", "is not a multiple of 8 below 2^52");
        }
        long[] words = line.words("q");
        if (words.length > MAX_WORDS) {
            throw line.reject("q", "has more than " + MAX_WORDS + " words");
        }
        List<Long> list = new ArrayList<>(words.length);
        for (long word : words) {
            list.add(word);
        }
        return new CaptureRecord.TableRead(t, line.name("what", MAX_NAME), pa, list);
    }

    private CaptureRecord.Translation translation(long t) {
        int requester = (int) line.number("dev", 0, lastRequester);
        unit = unit.isEmpty() ? units.ofRequester(requester) : unit;
        long iova = line.number("iova");
        int access = orUnknown("access", 2);
        int perm = orUnknown("perm", 3);
        boolean hit = line.has("hit") && !line.isNull("hit") && line.truth("hit");
        String fault = null;
        if (!line.isNull("fault")) {
            fault = line.isText("fault") ? line.text("fault") : Long.toString(line.number("fault"));
            if (format.passingFaults().contains(fault)) {
                // Not refused, and no page says what is allowed.
                fault = null;
                perm = CaptureRecord.Translation.UNKNOWN;
            }
        }
        // A refused request may come without an answer.
        boolean answered = fault == null || !line.isNull("pa");
        long pa = answered ? line.number("pa") : 0;
        long mask = !line.isNull("mask") ? line.number("mask") : CaptureRecord.Translation.UNKNOWN;
        if ((mask & mask + 1) != 0) {
            throw line.reject("mask", "is not a power of two - 1");
        }
        Long leaf = line.isNull("leaf") ? null : line.number("leaf");
        return new CaptureRecord.Translation(t, requester, iova, access, pa, mask, perm, fault, hit, leaf, domain());
    }

    /** The address space by all keys that name it; null if none is there. */
    private String domain() {
        String domain = format.gaps().domainKeys().stream()
                .filter(key -> !line.isNull(key))
                .map(key -> key + "=" + line.number(key))
                .collect(Collectors.joining(" "));
        return domain.isEmpty() ? null : domain;
    }

    private int orUnknown(String key, int most) {
        return line.isNull(key) ? CaptureRecord.Translation.UNKNOWN : (int) line.number(key, 0, most);
    }

    @Override
    public void close() {
        lines.close();
    }
}
