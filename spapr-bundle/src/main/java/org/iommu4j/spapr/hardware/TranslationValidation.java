package org.iommu4j.spapr.hardware;

import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.hypervisor.DmaWindow;
import org.iommu4j.spapr.table.TceTable;
import org.iommu4j.spapr.table.Tve;

/**
 * The translation validation table, sheet 3.3: an entry for each endpoint and slot. The hypervisor sets an entry with each
 * window; software of the host may set it through the IODA registers too, and then that holds.
 */
final class TranslationValidation {
    private final long[] words;
    private final TceTable[] tables;
    private final long[] bases;

    /** Nothing is translated. */
    TranslationValidation(int endpoints) {
        words = new long[endpoints * DmaWindow.SLOTS];
        tables = new TceTable[words.length];
        bases = new long[words.length];
    }

    /** Index of the entry for an address of an endpoint. */
    static int index(int pe, int slot) {
        return pe * DmaWindow.SLOTS + slot;
    }

    /** Number of entries. */
    int size() {
        return words.length;
    }

    /** An entry as software sees it. */
    long word(int index) {
        return words[index];
    }

    /** The table of an entry; null if it is invalid, or lets addresses pass. */
    TceTable table(int index) {
        return tables[index];
    }

    /** Bus address of the first page of an entry's table. */
    long base(int index) {
        return bases[index];
    }

    /** A window was added. */
    void set(DmaWindow window) {
        int index = index(window.pe(), window.slot());
        words[index] = Tve.of(window.table());
        tables[index] = window.table();
        bases[index] = window.base();
    }

    /** A window was removed. */
    void clear(DmaWindow window) {
        write(index(window.pe(), window.slot()), 0);
    }

    /** Software sets an entry. */
    void write(int index, long word) {
        words[index] = word;
        tables[index] = Tve.table(word);
        bases[index] = (long) (index % DmaWindow.SLOTS) << DmaWindow.SLOT_SHIFT;
    }

    /** Writes the entries that software set: those that are not as the windows say. */
    void save(Iterable<DmaWindow> windows, SnapshotWriter out) {
        TranslationValidation asWindows = new TranslationValidation(words.length / DmaWindow.SLOTS);
        windows.forEach(asWindows::set);
        int count = 0;
        for (int i = 0; i < words.length; i++) {
            count += words[i] == asWindows.words[i] ? 0 : 1;
        }
        out.putInt(count);
        for (int i = 0; i < words.length; i++) {
            if (words[i] != asWindows.words[i]) {
                out.putInt(i).putLong(words[i]);
            }
        }
    }

    /** Takes what {@link #save} wrote, over what the windows say. */
    void load(SnapshotReader in) {
        int count = in.getCount(words.length);
        for (int i = 0; i < count; i++) {
            int index = in.getInt();
            if (index < 0 || index >= words.length) {
                throw in.invalid("TVE " + index);
            }
            write(index, in.getLong());
        }
    }
}
