package org.iommu4j.upgrade.trace;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.backend.capture.TraceEvent.Kind;
import org.iommu4j.backend.capture.TraceFormat;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.GuestRegisters;
import org.iommu4j.upgrade.trace.TraceParser.Told;

/**
 * Reads a trace from its begin to its end. It counts the slots of the command ring, and brings what caches and walks had for a
 * translation together with its outcome: both are events of their own, and several threads may translate at a time.
 */
final class TraceReader {
    /** Most events that wait for the outcome of their translation; the oldest one never had any. */
    private static final int MOST_WAITING = 256;

    /** Most events and lines that are counted by name. */
    private static final int MOST_NAMES = 256;

    private static final long PAGE = -4096L;

    private final CaptureFormat format;
    private final TraceParser parser;
    private final TraceSink sink;
    private final GuestRegisters registers;
    private final TraceFormat.Ring ring;
    private final ArrayDeque<Told> waiting = new ArrayDeque<>();
    private final Map<String, Long> passedOver = new LinkedHashMap<>();
    private final Map<String, Long> facts = new HashMap<>();

    private long lines;
    private long understood;
    private long commands;
    private int slot;
    private boolean slotKnown;

    /** Slot of the first entry that the guest had not yet filled; negative if it has not said so. */
    private int tail = -1;

    TraceReader(CaptureFormat format, TraceSink sink) {
        this.format = format;
        this.sink = sink;
        parser = new TraceParser(format.trace());
        registers = new GuestRegisters(format.registers());
        ring = format.trace().ring();
    }

    /**
     * Reads all lines.
     *
     * @param stopLine lines that were written before the machine was stopped; negative if all were
     * @throws org.iommu4j.upgrade.CaptureException if the file cannot be read
     */
    void read(Path file, long stopLine) {
        boolean stopped = false;
        try (TraceLines in = new TraceLines(file)) {
            for (String line = in.next(); line != null; line = in.next()) {
                if (!stopped && stopLine >= 0 && in.number() > stopLine) {
                    sink.stop();
                    stopped = true;
                }
                lines++;
                if (!in.isWhole() && parser.read(line) != TraceParser.Kind.OTHER) {
                    passOver("(the last line, which is cut)");
                } else {
                    take(line);
                }
            }
        }
        untraced();
        if (!stopped) {
            sink.stop();
        }
    }

    private void take(String line) {
        switch (parser.read(line)) {
            case EVENT -> {
                understood++;
                take(parser.told());
            }
            case PASSED -> understood++;
            case UNKNOWN -> passOver(parser.name() + " (an event that is not known)");
            case MALFORMED ->
                passOver(parser.name() + " (a text that is not known, first in line " + firstOf(parser.name()) + ")");
            case OTHER -> passOver("(lines of something else)");
        }
    }

    private final Map<String, Long> firstMalformed = new HashMap<>();

    private long firstOf(String name) {
        return firstMalformed.size() < MOST_NAMES ? firstMalformed.computeIfAbsent(name, key -> lines) : lines;
    }

    private void passOver(String what) {
        String kept = passedOver.containsKey(what) || passedOver.size() < MOST_NAMES ? what : "(further names)";
        passedOver.merge(kept, 1L, Long::sum);
    }

    private void take(Told told) {
        switch (told.event().kind()) {
            case WRITE -> write(told);
            case READ -> sink.read(told.number("off"), size(told), told.number("val"));
            case SLOT -> {
                slot = (int) (told.has("index") ? told.number("index") : told.number("head") / ring.entryBytes(base()));
                slotKnown = true;
            }
            case COMMAND -> command(told);
            case HIT, MISS -> await(told);
            case REFUSAL -> {
                if (told.has("dev")) {
                    sink.translation(told, Map.of(), null, fault(told));
                } else {
                    await(told);
                }
            }
            case TRANSLATION -> translation(told);
            case PASS -> sink.translation(told, Map.of(), null, null);
            case INTERRUPT -> sink.interrupt(told);
            case FAULT -> sink.fault();
            case REGISTERS -> told.numbers().forEach(facts::putIfAbsent);
        }
    }

    private static String fault(Told told) {
        return told.has("fault")
                ? Long.toString(told.number("fault"))
                : told.event().word();
    }

    private static int size(Told told) {
        return told.number("size") == Long.BYTES ? Long.BYTES : Integer.BYTES;
    }

    private void write(Told told) {
        long offset = told.number("off");
        long value = told.number("val");
        boolean isTail =
                ring != null && ring.tail() != null && offset == ring.tail().offset();
        if (isTail) {
            untraced();
        }
        sink.write(offset, size(told), value);
        long before = base();
        registers.write(new CaptureRecord.RegisterWrite(0, offset, size(told), value));
        RegisterRecords.RingBase where = format.registers().ring();
        if (where != null && (base() != before || offset == where.register().offset())) {
            slot = 0;
            slotKnown = true;
            tail = -1;
        }
        if (isTail && slotKnown) {
            tail = (int) (value / ring.entryBytes(base())) % ring.entries(base());
        }
    }

    /** Value of the register that says where the ring is. */
    private long base() {
        return format.registers().ring() == null
                ? 0
                : registers.value(format.registers().ring().register());
    }

    /** Commands between those that were traced and the tail. */
    private void untraced() {
        int entries = ring == null ? 0 : ring.entries(base());
        while (tail >= 0 && slotKnown && slot != tail && slot < entries) {
            sink.command(commands, slot, base(), null);
            commands++;
            slot = (slot + 1) % entries;
        }
    }

    private void command(Told told) {
        sink.command(commands, slot, base(), told);
        commands++;
        slot = (slot + 1) % Math.max(1, ring.entries(base()));
    }

    private void await(Told told) {
        if (waiting.size() == MOST_WAITING) {
            waiting.remove();
        }
        waiting.add(told);
    }

    private void translation(Told told) {
        Map<String, Long> known = new HashMap<>();
        Boolean hit = null;
        String fault = null;
        for (Iterator<Told> all = waiting.iterator(); all.hasNext(); ) {
            Told one = all.next();
            if (concerns(one, told)) {
                known.putAll(one.numbers());
                if (one.event().kind() == Kind.REFUSAL) {
                    fault = fault(one);
                } else {
                    hit = Boolean.TRUE.equals(hit) || one.event().kind() == Kind.HIT;
                }
                all.remove();
            }
        }
        sink.translation(told, known, hit, fault);
    }

    private static boolean concerns(Told before, Told outcome) {
        return (before.number("iova") & PAGE) == (outcome.number("iova") & PAGE)
                && (!before.has("dev") || Objects.equals(before.optional("dev"), outcome.optional("dev")))
                && before.thread().equals(outcome.thread());
    }

    /** Registers of which lines of other programs tell. */
    Map<String, Long> facts() {
        return facts;
    }

    /** The registers that the guest has written. */
    GuestRegisters registers() {
        return registers;
    }

    /** Events and lines of which the sink was told nothing, by name. */
    Map<String, Long> passedOver() {
        return passedOver;
    }

    /** Lines that were read. */
    long lines() {
        return lines;
    }

    /** Lines with events of the architecture that are known. */
    long understood() {
        return understood;
    }
}
