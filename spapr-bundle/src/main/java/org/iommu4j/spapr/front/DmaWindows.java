package org.iommu4j.spapr.front;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.iommu4j.spapr.table.DmaWindow;

/** The windows of a hypervisor, by LIOBN and by endpoint and slot. Looking up allocates nothing. */
public final class DmaWindows {
    private static final int GOLDEN = 0x9E3779B9;

    /** The windows, by endpoint and slot. */
    private final DmaWindow[] bySlot;

    /** Open addressing by LIOBN, at most half full. */
    private DmaWindow[] byLiobn = new DmaWindow[8];

    private int size;

    /**
     * No windows.
     *
     * @param endpoints number of endpoints
     */
    public DmaWindows(int endpoints) {
        bySlot = new DmaWindow[endpoints * DmaWindow.SLOTS];
    }

    /** The window of a LIOBN as a hypercall gives it, zero-extended to 64 bits; null if there is none. */
    public DmaWindow ofArgument(long liobn) {
        return liobn >>> Integer.SIZE == 0 ? of((int) liobn) : null;
    }

    /** The window of a LIOBN, or null. */
    public DmaWindow of(int liobn) {
        DmaWindow[] table = byLiobn;
        int at = (liobn * GOLDEN) >>> 16;
        while (true) {
            DmaWindow window = table[at & (table.length - 1)];
            if (window == null || window.liobn() == liobn) {
                return window;
            }
            at++;
        }
    }

    /** The window of an endpoint's slot, or null. */
    public DmaWindow at(int pe, int slot) {
        return bySlot[pe * DmaWindow.SLOTS + slot];
    }

    /** Number of windows of an endpoint. */
    public int count(int pe) {
        return (at(pe, 0) == null ? 0 : 1) + (at(pe, 1) == null ? 0 : 1);
    }

    /**
     * Adds a window.
     *
     * @throws IllegalArgumentException if its LIOBN or its slot is taken
     */
    public void add(DmaWindow window) {
        if (of(window.liobn()) != null || at(window.pe(), window.slot()) != null) {
            throw new IllegalArgumentException("LIOBN or slot is taken: " + window);
        }
        bySlot[window.pe() * DmaWindow.SLOTS + window.slot()] = window;
        size++;
        index();
    }

    /** Removes a window that is there. */
    public void remove(DmaWindow window) {
        bySlot[window.pe() * DmaWindow.SLOTS + window.slot()] = null;
        size--;
        index();
    }

    /** All windows, by LIOBN. */
    public List<DmaWindow> all() {
        List<DmaWindow> windows = new ArrayList<>();
        for (DmaWindow window : bySlot) {
            if (window != null) {
                windows.add(window);
            }
        }
        windows.sort(Comparator.comparingLong(window -> Integer.toUnsignedLong(window.liobn())));
        return windows;
    }

    private void index() {
        int length = byLiobn.length;
        while (2 * size > length) {
            length *= 2;
        }
        DmaWindow[] table = new DmaWindow[length];
        for (DmaWindow window : bySlot) {
            if (window != null) {
                int at = (window.liobn() * GOLDEN) >>> 16;
                while (table[at & (length - 1)] != null) {
                    at++;
                }
                table[at & (length - 1)] = window;
            }
        }
        byLiobn = table;
    }
}
