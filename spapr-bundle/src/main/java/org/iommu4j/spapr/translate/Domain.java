package org.iommu4j.spapr.translate;

import org.iommu4j.driver.domain.DomainRecord;
import org.iommu4j.driver.domain.Members;

/** A container's domain: its partitionable endpoint, the windows that are bound, and its devices, which share them. */
final class Domain implements DomainRecord<Integer> {
    private final Members<Integer> members;
    private final int pe;
    private final Window[] windows = new Window[2];

    Domain(int number, int pe) {
        members = new Members<>(number);
        this.pe = pe;
    }

    /** LIOBNs and requester ids. */
    @Override
    public Members<Integer> members() {
        return members;
    }

    @Override
    public void rebuild() {
        // Invalidations read the windows, not the devices.
    }

    /** The host's endpoint. */
    int pe() {
        return pe;
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
