package org.iommu4j.upgrade.replay;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.upgrade.ReplayResult.Step;
import org.iommu4j.upgrade.Tally;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.UnitScan;

/** Plays the records of one unit of a captured machine and compares what comes back. */
final class UnitPlayer {
    /** Most table entries of one walk that are shown: root, context and five levels, twice over. */
    private static final int MAX_STEPS = 16;

    private final CaptureFormat format;
    private final String name;
    private final CapturedMachine machine;
    private final boolean ownChip;
    private final Differences differences;
    private final PhysicalMemory memory;
    private final Iterator<UnitScan.Edit> edits;
    private final Journal journal;
    private final Comparison translations = new Comparison();
    private final Comparison registers = new Comparison();
    private final Map<String, Long> notModelled = new TreeMap<>();

    /** Translations that cannot be judged, by reason. */
    private final Map<String, Long> notJudged = new TreeMap<>();

    private final DmaAccess access = new DmaAccess();

    /** Table reads of the captured hardware for the translation that follows. */
    private final List<Step> captured = new ArrayList<>();

    /** Is told which record is played; null without a sanitizer. */
    private final Sanitizer sanitizer;

    /** The guest's tables, where the capture does not have them; else null. */
    private final StoppedTables tables;

    private UnitScan.Edit nextEdit;
    private final AtomicLong translated = new AtomicLong();

    /**
     * A player.
     *
     * @param name of the unit; empty if the machine has one
     * @param scan when the guest edited the structures that the unit reads
     * @param ownChip true if registers and fault codes are the chip's own, so that they are compared as well
     * @param tables what the guest's tables were, where the capture does not have it; else null
     * @param journal takes what becomes of commands
     */
    UnitPlayer(
            CaptureFormat format,
            String name,
            UnitScan scan,
            CapturedMachine machine,
            boolean ownChip,
            StoppedTables tables,
            Journal journal,
            Differences differences) {
        this.tables = tables;
        this.format = format;
        this.name = name;
        this.machine = machine;
        this.ownChip = ownChip;
        this.journal = journal;
        this.differences = differences;
        memory = machine.unit().platform().memory();
        sanitizer = machine.unit().platform().sanitizer();
        edits = scan.edits().iterator();
        nextEdit = edits.hasNext() ? edits.next() : null;
        if (tables != null) {
            tables.load(memory);
        }
    }

    /**
     * Plays the next record of the unit.
     *
     * @param lineNumber where it stands in the timeline
     */
    void play(CaptureRecord next, long lineNumber) {
        if (sanitizer != null) {
            sanitizer.at(Finding.Place.ofRecord(lineNumber));
        }
        editUpTo(next.t());
        play(next);
    }

    /** No more records come. */
    void finish() {
        machine.finish();
    }

    private void editUpTo(long t) {
        while (nextEdit != null && nextEdit.before() <= t) {
            store(nextEdit.pa(), nextEdit.words());
            nextEdit = edits.hasNext() ? edits.next() : null;
        }
    }

    private void store(long pa, List<Long> words) {
        GuestWords.store(memory, format.model().payloadOrder(), pa, words);
    }

    private void play(CaptureRecord next) {
        if (next instanceof CaptureRecord.Translation translation) {
            translate(translation);
        } else if (next instanceof CaptureRecord.TableRead read) {
            if (captured.size() < MAX_STEPS) {
                captured.add(new Step(read.what(), read.pa(), read.words().get(0)));
            }
            // Structures are among the edits of the scan.
            if (!format.structures().contains(read.what())) {
                store(read.pa(), read.words());
            }
        } else if (next instanceof CaptureRecord.Call call) {
            captured.clear();
            call(call);
        } else if (next instanceof CaptureRecord.Command command) {
            machine.command(command, journal);
        } else if (next instanceof CaptureRecord.RegisterWrite write) {
            machine.write(write, journal);
        } else if (next instanceof CaptureRecord.RegisterRead read) {
            read(read);
        } else if (next instanceof CaptureRecord.Other other) {
            notModelled.merge(other.kind(), 1L, Long::sum);
        }
    }

    private void read(CaptureRecord.RegisterRead read) {
        long compared = ~oddBits(read);
        if (read.sizeBytes() == Integer.BYTES) {
            compared &= 0xffff_ffffL;
        }
        long got = machine.read(read);
        if (!registers.count(((got ^ read.value()) & compared) == 0) && ownChip) {
            differences.register(name, read, machine.unit().subVersion(), read.value() & compared, got & compared);
        }
    }

    private void call(CaptureRecord.Call call) {
        List<CallPlayer.Mismatch> mismatches = machine.call(call, journal);
        registers.count(mismatches.isEmpty());
        mismatches.forEach(mismatch -> differences.call(name, call.t(), mismatch));
    }

    private long oddBits(CaptureRecord.RegisterRead read) {
        long odd = 0;
        List<RegisterRecords.OddRead> rows = Stream.concat(
                        format.registers().oddReads().stream(),
                        format.registers().lenient().stream().map(RegisterRecords.Lenient::oddRead))
                .toList();
        for (RegisterRecords.OddRead row : rows) {
            long bytes = row.register().offset() - read.offset();
            if (bytes > -Long.BYTES && bytes < Long.BYTES) {
                int shift = (int) bytes * Byte.SIZE;
                odd |= shift >= 0 ? row.bits() << shift : row.bits() >>> -shift;
            }
        }
        return odd;
    }

    private void translate(CaptureRecord.Translation wanted) {
        String unknown = tables == null ? null : tables.prepare(wanted, memory);
        if (unknown != null) {
            notJudged.merge(unknown, 1L, Long::sum);
            captured.clear();
            return;
        }
        machine.beforeAccess(wanted.requester(), journal);
        access.begin(wanted.requester(), wanted.iova(), rights(wanted));
        if (wanted.access() == 0) {
            access.withLength(0);
        }
        Devices.access(machine.unit(), access);
        if (!translations.count(isEqual(wanted))) {
            differences.access(name, "translation", wanted.t(), machine.unit(), access, expected(wanted), captured);
        }
        captured.clear();
        translated.incrementAndGet();
    }

    private static int rights(CaptureRecord.Translation wanted) {
        if (wanted.access() == DmaAccess.READ || wanted.access() == DmaAccess.WRITE) {
            return wanted.access();
        }
        return wanted.perm() == DmaAccess.WRITE ? DmaAccess.WRITE : DmaAccess.READ;
    }

    private boolean isEqual(CaptureRecord.Translation wanted) {
        if (wanted.isRefused()) {
            Integer code = code(wanted.fault());
            // The host's chip may refuse for a reason of its own: its structures are not the guest's. Without a code
            // the
            // capture does not tell a fault from an access that is silently dropped.
            return (ownChip && code != null)
                    ? access.outcome() == DmaAccess.Outcome.FAULT && code == access.faultCode()
                    : access.outcome() == DmaAccess.Outcome.FAULT || access.outcome() == DmaAccess.Outcome.BLOCKED;
        }
        return access.outcome() == DmaAccess.Outcome.TRANSLATED
                && wanted.leadsTo(access.spa(), access.pageBytes())
                && (wanted.access() == 0
                        || wanted.perm() == CaptureRecord.Translation.UNKNOWN
                        || Differences.granted(access) == wanted.perm());
    }

    /** The fault's number; null if the capture says it in words, or not at all. */
    private static Integer code(String fault) {
        try {
            return fault == null ? null : Integer.decode(fault);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static String expected(CaptureRecord.Translation wanted) {
        return wanted.isRefused()
                ? "fault " + (wanted.fault() == null ? "(no right to the page)" : wanted.fault())
                : Differences.mapping(wanted.target(), wanted.perm()) + (wanted.hit() ? " (a hit)" : "");
    }

    /** Translations so far; for other threads too. */
    long translated() {
        return translated.get();
    }

    Tally translations() {
        return translations.tally();
    }

    Tally registers() {
        return registers.tally();
    }

    Map<String, Long> notModelled() {
        return notModelled;
    }

    Map<String, Long> notJudged() {
        return notJudged;
    }
}
