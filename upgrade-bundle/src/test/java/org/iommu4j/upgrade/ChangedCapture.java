package org.iommu4j.upgrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;

/** A captured guest as it would be on another machine: what must come out is known from the original. */
public final class ChangedCapture {
    private static final String TIMELINE = "timeline.jsonl.gz";
    private static final String WALKS = "frozen/walks.jsonl.gz";
    private static final String PAGES = "frozen/pages.jsonl.gz";
    private static final String REGISTERS = "frozen/regs.json";
    private static final String STOPPED_AT = "freeze_t";

    private final Path from;
    private List<CaptureRow> timeline;
    private List<CaptureRow> walks;
    private List<CaptureRow> pages;
    private String registers;

    private ChangedCapture(Path from) {
        this.from = from;
        timeline = rows(from, TIMELINE);
        walks = rows(from, WALKS);
        pages = Files.exists(from.resolve(PAGES)) ? rows(from, PAGES) : List.of();
        try {
            registers = Files.readString(from.resolve(REGISTERS));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Begins with a capture as it is. */
    public static ChangedCapture of(Path capture) {
        return new ChangedCapture(capture);
    }

    private static List<CaptureRow> rows(Path directory, String file) {
        return CaptureFiles.read(directory, file).stream().map(CaptureRow::of).toList();
    }

    /** Changes every record. */
    public void each(Consumer<CaptureRow> change) {
        timeline.forEach(change);
    }

    /** Puts records in the place of each record. */
    public void replace(Function<CaptureRow, List<CaptureRow>> change) {
        timeline = timeline.stream().flatMap(row -> change.apply(row).stream()).toList();
    }

    /** The records. */
    public List<CaptureRow> timeline() {
        return timeline;
    }

    /** Adds records at the end. */
    public void append(List<CaptureRow> more) {
        timeline = new ArrayList<>(timeline);
        timeline.addAll(more);
    }

    /**
     * Adds the records and walks of another capture, as if both had run at the same time on one machine. They are mixed one by
     * one, those before the stop of each machine first.
     */
    public void merge(ChangedCapture other) {
        long stop = stoppedAt();
        List<CaptureRow> merged = new ArrayList<>();
        for (boolean before : new boolean[] {true, false}) {
            List<CaptureRow> ours = part(before);
            List<CaptureRow> theirs = other.part(before);
            for (int i = 0; i < Math.max(ours.size(), theirs.size()); i++) {
                if (i < ours.size()) {
                    merged.add(ours.get(i).count("t", before ? 0 : stop));
                }
                if (i < theirs.size()) {
                    merged.add(theirs.get(i).count("t", before ? 0 : stop));
                }
            }
        }
        timeline = merged;
        walks = Stream.concat(walks.stream(), other.walks.stream()).toList();
        pages = Stream.concat(pages.stream(), other.pages.stream()).toList();
    }

    private List<CaptureRow> part(boolean beforeTheStop) {
        long stop = stoppedAt();
        return timeline.stream()
                .filter(row -> row.number("t") < stop == beforeTheStop)
                .toList();
    }

    private long stoppedAt() {
        return register(STOPPED_AT);
    }

    /** Changes every frozen walk. */
    public void eachWalk(Consumer<CaptureRow> change) {
        walks.forEach(change);
    }

    /** Changes every frozen page. */
    public void eachPage(Consumer<CaptureRow> change) {
        pages.forEach(change);
    }

    /** A number among the frozen registers. */
    public long register(String name) {
        return CaptureRow.of(registers.replace("\n", "").replace(" ", "")).number(name);
    }

    /** Leaves the frozen walks out. */
    public void withoutWalks() {
        walks = List.of();
    }

    /** Changes the text of the frozen registers. */
    public void registers(UnaryOperator<String> change) {
        registers = change.apply(registers);
    }

    /** Writes it to a directory of its own, with times that count from 0. */
    public Path write(Path to) {
        CaptureFiles.copy(from, to);
        long stoppedAt = stoppedAt();
        int before = 0;
        for (int i = 0; i < timeline.size(); i++) {
            before += timeline.get(i).number("t") < stoppedAt ? 1 : 0;
            timeline.get(i).count("t", i);
        }
        long frozen = before;
        CaptureFiles.text(to, REGISTERS, registers.replaceFirst("(\"" + STOPPED_AT + "\": )\\d+", "$1" + frozen));
        CaptureFiles.lines(to, TIMELINE, texts(timeline));
        CaptureFiles.lines(to, WALKS, texts(walks));
        if (!pages.isEmpty()) {
            CaptureFiles.lines(to, PAGES, texts(pages));
        }
        return to;
    }

    private static String[] texts(List<CaptureRow> rows) {
        return rows.stream().map(CaptureRow::toString).toArray(String[]::new);
    }

    /** Replays it on both paths; everything must come out as it says. */
    public void assertReplays(ReplayService replay, Path directory, int subVersion) {
        write(directory);
        long translations =
                timeline.stream().filter(row -> row.kind().equals("xlate")).count();
        for (ReplayOptions.Path path : ReplayOptions.Path.values()) {
            ReplayResult result = replay.replay(
                    directory, ReplayOptions.DEFAULT.withPath(path).withCache(CacheConfig.WORST_CASE));

            assertEquals(List.of(), result.differences());
            assertTrue(result.ok(), result::toText);
            assertEquals(subVersion, result.subVersion());
            assertEquals(new Tally(translations, translations, 0), result.translations());
            assertEquals(new Tally(walks.size(), walks.size(), 0), result.walks());
        }
    }
}
