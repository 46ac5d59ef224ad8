package org.iommu4j.simulation.sanitizer;

import java.util.Arrays;
import java.util.Map;

/** Table words in the order in which they were read, with what they said and when: what a translation comes from. */
final class WalkPath {
    private static final int FIRST = 16;

    private TableWord[] words = new TableWord[FIRST];
    private long[] values = new long[FIRST];
    private long[] times = new long[FIRST];
    private int length;

    /** Words that came with an entry that was hit. */
    private int inherited;

    void clear() {
        length = 0;
        inherited = 0;
    }

    void add(TableWord word, long value, long at) {
        if (length == words.length) {
            words = Arrays.copyOf(words, 2 * length);
            values = Arrays.copyOf(values, 2 * length);
            times = Arrays.copyOf(times, 2 * length);
        }
        words[length] = word;
        values[length] = value;
        times[length++] = at;
    }

    /** Lets writes to its words be noticed. */
    void register(Map<Long, TableWord> watched) {
        for (int i = inherited; i < length; i++) {
            watched.putIfAbsent(words[i].pa, words[i]);
        }
    }

    /** Goes on where an entry leads. */
    void inherit(WalkPath from) {
        for (int i = 0; i < from.length; i++) {
            add(from.words[i], from.values[i], from.times[i]);
        }
        inherited = length;
    }

    /** A copy of its beginning: all inherited words and so many more. */
    WalkPath first(int read) {
        int kept = inherited + Math.min(read, length - inherited);
        WalkPath copy = new WalkPath();
        copy.words = Arrays.copyOf(words, kept);
        copy.values = Arrays.copyOf(values, kept);
        copy.times = Arrays.copyOf(times, kept);
        copy.length = kept;
        return copy;
    }

    int length() {
        return length;
    }

    TableWord word(int i) {
        return words[i];
    }

    long time(int i) {
        return times[i];
    }

    /** The first word that no longer says what it said, or -1. */
    int firstDifference() {
        for (int i = 0; i < length; i++) {
            if (words[i].differs(values[i])) {
                return i;
            }
        }
        return -1;
    }

    /** True if the other one read the same. */
    boolean isSame(WalkPath other) {
        return length == other.length
                && Arrays.equals(words, 0, length, other.words, 0, length)
                && Arrays.equals(values, 0, length, other.values, 0, length);
    }
}
