package org.iommu4j.spapr.translate;

import org.iommu4j.spapr.table.DmaWindow;

/**
 * The windows of domains: those that are bound, and in the endpoint that is there from reset on those that the platform has
 * made by itself, as the default window. Reused by its owner; allocates nothing.
 */
final class DomainWindows {
    /** Windows of a domain. */
    static final int SLOTS = DmaWindow.SLOTS;

    private final ChipPort chip;
    private final Window[] made = {new Window(), new Window()};

    DomainWindows(ChipPort chip) {
        this.chip = chip;
    }

    /** The window in a slot of a domain, or null; good until the slot is asked for again. */
    Window at(Domain domain, int slot) {
        Window bound = domain.window(slot);
        if (bound != null || domain.pe() != chip.defaultPe()) {
            return bound;
        }
        return chip.queryTable(domain.pe(), slot, made[slot]) ? made[slot] : null;
    }

    /** The window that holds an address, or null. */
    Window holding(Domain domain, long iova) {
        for (int slot = 0; slot < SLOTS; slot++) {
            Window window = at(domain, slot);
            if (window != null && window.contains(iova)) {
                return window;
            }
        }
        return null;
    }

    /** The window of a LIOBN, or null. */
    Window of(Domain domain, int liobn) {
        for (int slot = 0; slot < SLOTS; slot++) {
            Window window = at(domain, slot);
            if (window != null && window.liobn() == liobn) {
                return window;
            }
        }
        return null;
    }

    /** Number of windows. */
    int count(Domain domain) {
        int count = 0;
        for (int slot = 0; slot < SLOTS; slot++) {
            count += at(domain, slot) == null ? 0 : 1;
        }
        return count;
    }
}
