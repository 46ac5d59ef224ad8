package org.iommu4j.simulation.sanitizer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.iommu4j.layout.Layout;

/** Table words in the order in which they were read: the source of a translation. */
final class WalkPath {
    private static final long IN_WORD = Long.BYTES - 1;

    private final List<Reading> readings;

    /** Number of words that were inherited from a cache entry that was hit. */
    private int inherited;

    WalkPath() {
        this(new ArrayList<>());
    }

    private WalkPath(List<Reading> readings) {
        this.readings = readings;
    }

    void clear() {
        readings.clear();
        inherited = 0;
    }

    void add(Reading reading) {
        readings.add(reading);
    }

    /** The entry at that address, which was read last, is of that format. */
    void isEntry(Layout layout, long pa) {
        Reading head = lastOf(pa & ~IN_WORD);
        for (long at = pa & ~IN_WORD; head != null && at < pa + layout.sizeBytes(); at += Long.BYTES) {
            Reading part = lastOf(at);
            if (part != null) {
                part.isPartOf(layout, pa, head);
            }
        }
    }

    private Reading lastOf(long pa) {
        for (int i = readings.size() - 1; i >= inherited; i--) {
            if (readings.get(i).word.pa == pa) {
                return readings.get(i);
            }
        }
        return null;
    }

    /** Shows the words that this access has read itself. */
    void forEachRead(Consumer<TableWord> sink) {
        for (int i = inherited; i < readings.size(); i++) {
            sink.accept(readings.get(i).word);
        }
    }

    /** Continues with the words of a cache entry that was hit. */
    void inherit(WalkPath from) {
        readings.addAll(from.readings);
        inherited = readings.size();
    }

    /** A copy of its beginning: all inherited words and so many more. */
    WalkPath first(int read) {
        int kept = inherited + Math.min(read, readings.size() - inherited);
        return new WalkPath(List.copyOf(readings.subList(0, kept)));
    }

    List<Reading> readings() {
        return readings;
    }

    /** The first word whose meaning has changed since it was read, or null. */
    Reading firstDifference() {
        for (int i = 0; i < readings.size(); i++) {
            if (readings.get(i).differs()) {
                return readings.get(i);
            }
        }
        return null;
    }

    /** True if both paths read the same words. */
    boolean isSame(WalkPath other) {
        if (readings.size() != other.readings.size()) {
            return false;
        }
        for (int i = 0; i < readings.size(); i++) {
            if (!readings.get(i).isSame(other.readings.get(i))) {
                return false;
            }
        }
        return true;
    }
}
