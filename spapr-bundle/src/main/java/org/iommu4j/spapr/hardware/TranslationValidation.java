package org.iommu4j.spapr.hardware;

import java.util.Arrays;
import java.util.function.LongPredicate;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.TceTable;
import org.iommu4j.spapr.table.Tve;

/**
 * The translation validation table, docs/spec/spapr-tce.md 3.3: an entry for each endpoint and slot. The hypervisor
 * sets an entry with each window; software of the host may set it through the IODA registers too, and then that holds.
 */
final class TranslationValidation {
    private static final long SLOT_BYTES = 1L << DmaWindow.SLOT_SHIFT;

    private final Entry[] entries;
    private final LongPredicate isOwn;

    /** An entry: the word that software sees, and the table and addresses that it names. */
    static final class Entry {
        private long word;
        private TceTable table;
        private long base;
        private boolean own;

        /** The entry as software sees it. */
        long word() {
            return word;
        }

        /** The slot's table, as far as the slot has addresses; null if the entry is invalid, or lets addresses pass. */
        TceTable table() {
            return table;
        }

        /** Bus address of the first page of its table. */
        long base() {
            return base;
        }

        /** True if its table is the hypervisor's own. */
        boolean isOwn() {
            return own;
        }

        private void set(long newWord, TceTable newTable, long newBase, LongPredicate isOwnTable) {
            word = newWord;
            own = newTable != null && isOwnTable.test(newTable.root());
            base = newBase;
            long leftInSlot = SLOT_BYTES - (newBase & (SLOT_BYTES - 1));
            table = newTable == null ? null : newTable.ofAtMost(leftInSlot >>> newTable.pageShift());
        }
    }

    /**
     * Nothing is translated.
     *
     * @param isOwn tells of an address whether it is in a table of the hypervisor's own
     */
    TranslationValidation(int endpoints, LongPredicate isOwn) {
        this.isOwn = isOwn;
        entries = new Entry[endpoints * DmaWindow.SLOTS];
        Arrays.setAll(entries, index -> new Entry());
    }

    /** The entry for the addresses of an endpoint's slot. */
    Entry of(int pe, int slot) {
        return entries[pe * DmaWindow.SLOTS + slot];
    }

    /** Number of entries. */
    int size() {
        return entries.length;
    }

    /** An entry as software sees it. */
    long word(int index) {
        return entries[index].word;
    }

    /** A window was added. */
    void set(DmaWindow window) {
        of(window.pe(), window.slot()).set(Tve.of(window.table()), window.table(), window.base(), isOwn);
    }

    /** A window was removed. */
    void clear(DmaWindow window) {
        write(window.pe() * DmaWindow.SLOTS + window.slot(), 0);
    }

    /** Software sets an entry. */
    void write(int index, long word) {
        entries[index].set(word, Tve.table(word), index % DmaWindow.SLOTS * SLOT_BYTES, isOwn);
    }

    /** Writes the entries that software set: those that are not as the windows say. */
    void save(Iterable<DmaWindow> windows, SnapshotWriter out) {
        TranslationValidation asWindows = new TranslationValidation(entries.length / DmaWindow.SLOTS, isOwn);
        windows.forEach(asWindows::set);
        int count = 0;
        for (int i = 0; i < entries.length; i++) {
            count += word(i) == asWindows.word(i) ? 0 : 1;
        }
        out.putInt(count);
        for (int i = 0; i < entries.length; i++) {
            if (word(i) != asWindows.word(i)) {
                out.putInt(i).putLong(word(i));
            }
        }
    }

    /** Takes what {@link #save} wrote, over what the windows say. */
    void load(SnapshotReader in) {
        int count = in.getCount(entries.length);
        for (int i = 0; i < count; i++) {
            int index = in.getInt();
            if (index < 0 || index >= entries.length) {
                throw in.invalid("TVE " + index);
            }
            write(index, in.getLong());
        }
    }
}
