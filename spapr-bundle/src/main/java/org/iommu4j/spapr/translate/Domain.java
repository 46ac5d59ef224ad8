package org.iommu4j.spapr.translate;

import java.util.Set;
import java.util.TreeSet;

/** A container's domain: its partitionable endpoint, the windows that are bound, and its devices, which share them. */
final class Domain {
    private final int number;
    private final int pe;
    private final Window[] windows = new Window[2];
    private final TreeSet<Integer> devices = new TreeSet<>();

    Domain(int number, int pe) {
        this.number = number;
        this.pe = pe;
    }

    int number() {
        return number;
    }

    /** The host's endpoint. */
    int pe() {
        return pe;
    }

    /** LIOBNs and requester ids. */
    Set<Integer> devices() {
        return devices;
    }

    /** The bound window of a slot, or null. */
    Window window(int slot) {
        return windows[slot];
    }

    /** Binds a window to a slot, or none. */
    void window(int slot, Window window) {
        windows[slot] = window;
    }

    /** The slot of the window that is bound under a name, or -1. */
    int slotOf(int requester) {
        for (int slot = 0; slot < windows.length; slot++) {
            if (windows[slot] != null && windows[slot].names().contains(requester)) {
                return slot;
            }
        }
        return -1;
    }

    /** The bound window of a LIOBN, or null. */
    Window windowOf(int liobn) {
        for (Window window : windows) {
            if (window != null && window.liobn() == liobn) {
                return window;
            }
        }
        return null;
    }
}
