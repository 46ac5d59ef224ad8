package org.iommu4j.simulation.sanitizer;

import java.nio.ByteOrder;
import org.iommu4j.backend.Finding;
import org.iommu4j.layout.Layout;

/**
 * A word of a table as a chip has read it: what it said, when, and of which entry it is a part. What it means is decided by
 * the entry's layout: bits that hardware ignores mean nothing, and entries that lead nowhere all mean the same.
 */
final class Reading {
    final TableWord word;
    final long at;
    private final long value;

    /** Byte order in which it was read; of an entry with a layout its order counts. */
    private final ByteOrder order;

    /** The format of the entry; null if the chip did not tell it. */
    private Layout layout;

    /** The first word of the same entry: it says whether the entry leads anywhere. */
    private Reading head = this;

    /** Position in the entry. */
    private int index;

    /** Physical address at which the entry's part in this word begins. */
    private long pa;

    Reading(TableWord word, long at, ByteOrder order) {
        this.word = word;
        this.at = at;
        this.order = order;
        value = word.value();
        pa = word.pa;
    }

    /**
     * It is a part of an entry.
     *
     * @param entry format of the entry
     * @param entryPa where the entry begins
     * @param first the entry's first word
     */
    void isPartOf(Layout entry, long entryPa, Reading first) {
        layout = entry;
        head = first;
        index = (int) ((word.pa - first.word.pa) / Long.BYTES);
        pa = Math.max(entryPa, word.pa);
    }

    /** True if the word's meaning has changed since it was read. */
    boolean differs() {
        return means(value, head.value) != means(word.value(), head.word.value());
    }

    /** True if both read the same value of the same word. */
    boolean isSame(Reading other) {
        return word == other.word && value == other.value;
    }

    /** The first change that gave it another meaning, or else the last one; null if it was never changed. */
    Finding.Edit edit() {
        TableWord.Change first = word.firstAfter(at, this::matters);
        return describe(first != null ? first : word.last());
    }

    /** The last change of any kind, or null. */
    Finding.Edit lastEdit() {
        return describe(word.last());
    }

    /** True if the entry was made to lead nowhere since, and leads somewhere again. */
    boolean isReused() {
        return head.leadsSomewhere(head.word.value())
                && head.word.firstAfter(
                                head.at,
                                change -> head.leadsSomewhere(change.before()) && !head.leadsSomewhere(change.after()))
                        != null;
    }

    private boolean matters(TableWord.Change change) {
        long first = head == this ? 0 : head.word.value();
        return means(change.before(), head == this ? change.before() : first)
                != means(change.after(), head == this ? change.after() : first);
    }

    /** The word without the bits that have no meaning. */
    private long means(long raw, long headRaw) {
        if (layout == null) {
            return word.bySoftware(raw);
        }
        return head.leadsSomewhere(headRaw) ? entryWord(word.bySoftware(raw)) & layout.significantMask(index) : 0;
    }

    private boolean leadsSomewhere(long raw) {
        return layout == null ? raw != 0 : layout.isPresent(entryWord(raw));
    }

    /** The entry's part of a word of memory, in the entry's byte order. */
    private long entryWord(long raw) {
        ByteOrder byteOrder = layout == null ? order : layout.byteOrder();
        long ordered = byteOrder == ByteOrder.BIG_ENDIAN ? Long.reverseBytes(raw) : raw;
        int bits = layout == null ? Long.SIZE : Math.min(Long.SIZE, layout.sizeBits() - index * Long.SIZE);
        int skipped = (int) (pa - word.pa) * Byte.SIZE;
        int shift = byteOrder == ByteOrder.BIG_ENDIAN ? Long.SIZE - bits - skipped : skipped;
        return (ordered >>> shift) & (-1L >>> (Long.SIZE - bits));
    }

    private Finding.Edit describe(TableWord.Change change) {
        return change == null
                ? null
                : new Finding.Edit(
                        change.at(),
                        pa,
                        entryWord(change.before()),
                        entryWord(change.after()),
                        layout == null ? "" : layout.name(),
                        change.place());
    }
}
