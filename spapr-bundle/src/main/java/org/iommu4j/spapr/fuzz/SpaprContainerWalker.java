package org.iommu4j.spapr.fuzz;

import java.util.HashSet;
import java.util.Set;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.spapr.command.FaultReason;

/**
 * The outcome of accesses behind a driver, from what docs/contract.md says of requests on sPAPR: the first container with its
 * default window, the windows bound in it, its devices, and the endpoint that a fault stops until a binding begins. It cannot
 * say which window a LIOBN reaches that the driver may have chosen for a requester id.
 */
final class SpaprContainerWalker implements ReferenceWalker {
    private static final int SLOTS = 2;
    private static final int UNBIND = 1;
    private static final int DEFAULT_PAGE_SHIFT = 12;

    private final PhysicalMemory guestTables;
    private final int defaultLiobn;
    private final long defaultBase;
    private final int defaultShift;
    private final Bound[] windows = new Bound[SLOTS];
    private final Set<Integer> devices = new HashSet<>();

    /** The default window is there as long as nothing has taken its place or its LIOBN; it is empty. */
    private boolean hasDefault = true;

    /** A fault has stopped the endpoint. */
    private boolean stopped;

    /** True if software did something that is not followed here; then no translation is predicted any more. */
    private boolean lost;

    /**
     * A window, and the devices under whose names it is bound.
     *
     * @param liobn its LIOBN if a device with one has bound it, else 0
     */
    private record Bound(ReferenceWindow window, int liobn, Set<Integer> names) {}

    /**
     * The first container of a platform.
     *
     * @param defaultLiobn LIOBN of its default window
     * @param defaultBase first address of that
     * @param defaultShift log2 of its size in bytes
     */
    SpaprContainerWalker(PhysicalMemory guestTables, int defaultLiobn, long defaultBase, int defaultShift) {
        this.guestTables = guestTables;
        this.defaultLiobn = defaultLiobn;
        this.defaultBase = defaultBase;
        this.defaultShift = defaultShift;
    }

    @Override
    public void attached(int requester, long table, int levels) {
        devices.add(requester);
        if (table == -1) {
            return;
        }
        ReferenceWindow window = ReferenceWindow.of(defaultBase, DEFAULT_PAGE_SHIFT, defaultShift, levels, 0, table);
        Bound bound = windows[window.slot()];
        if (bound == null) {
            put(requester, window);
        } else {
            bound.names().add(requester);
        }
    }

    @Override
    public void detached(int requester) {
        devices.remove(requester);
        forget(requester);
    }

    @Override
    public void bound(BindRequest request) {
        int requester = (int) ReferenceWalker.bigEndian(request, 8, 4);
        if ((request.flags() & UNBIND) != 0) {
            forget(requester);
            return;
        }
        ReferenceWindow window = ReferenceWindow.of(
                ReferenceWalker.bigEndian(request, 16, 8),
                (int) ReferenceWalker.bigEndian(request, 12, 1),
                (int) ReferenceWalker.bigEndian(request, 13, 1),
                (int) ReferenceWalker.bigEndian(request, 14, 1),
                (int) ReferenceWalker.bigEndian(request, 15, 1),
                ReferenceWalker.bigEndian(request, 0, 8));
        int slotBefore = slotNamed(requester);
        Bound before = slotBefore < 0 ? null : windows[slotBefore];
        boolean alone = before != null && before.names().size() == 1;
        // The LIOBN of a window that the driver chose is not known, so neither is whether the window was set up anew.
        lost |= requester < 0 && alone && before.liobn() == 0;
        boolean stays = before != null
                && slotBefore == window.slot()
                && before.window().equals(window)
                && (!alone || (requester < 0 && before.liobn() != requester));
        if (!stays) {
            put(requester, window);
        }
    }

    /** A binding begins: with a normal endpoint, and in place of what had its name. */
    private void put(int requester, ReferenceWindow window) {
        forget(requester);
        windows[window.slot()] = new Bound(window, Math.min(requester, 0), new HashSet<>(Set.of(requester)));
        hasDefault &= window.slot() != ReferenceWindow.slotOf(defaultBase) && requester != defaultLiobn;
        stopped = false;
    }

    /** The slot of the window that is bound under a name; -1 if there is none. */
    private int slotNamed(int requester) {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (windows[slot] != null && windows[slot].names().contains(requester)) {
                return slot;
            }
        }
        return -1;
    }

    private void forget(int requester) {
        for (int slot = 0; slot < SLOTS; slot++) {
            Bound bound = windows[slot];
            if (bound != null
                    && bound.names().remove(requester)
                    && bound.names().isEmpty()) {
                windows[slot] = null;
            }
        }
    }

    @Override
    public void accessed(int requester, boolean faulted) {
        stopped |= faulted;
    }

    @Override
    public boolean translate(DmaAccess access) {
        if (lost) {
            return false;
        }
        int requester = access.requester();
        int slot = ReferenceWindow.slotOf(access.iova());
        if (requester < 0) {
            slot = slotOf(requester);
            if (slot < 0 && mayBeChosen()) {
                return false;
            }
        }
        if (stopped || slot < 0 || (requester >= 0 && !devices.contains(requester))) {
            access.blocked();
        } else if (!ReferenceWindow.needsNone(access)) {
            through(slot, access);
        }
        return true;
    }

    private void through(int slot, DmaAccess access) {
        if (windows[slot] != null) {
            windows[slot].window().translate(access, guestTables);
        } else if (!hasDefault || slot != ReferenceWindow.slotOf(defaultBase)) {
            access.fault(FaultReason.NO_WINDOW.code(), true);
        } else {
            boolean inside = ReferenceWindow.slotOf(access.iova()) == slot
                    && (access.iova() - defaultBase) >>> defaultShift == 0;
            access.fault((inside ? FaultReason.TCE_PAGE_FAULT : FaultReason.TCE_EXTENT_ERROR).code(), true);
        }
    }

    /** The slot of the window of a LIOBN; -1 if none is known. */
    private int slotOf(int liobn) {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (windows[slot] != null && windows[slot].liobn() == liobn) {
                return slot;
            }
        }
        return hasDefault && liobn == defaultLiobn ? ReferenceWindow.slotOf(defaultBase) : -1;
    }

    /** True if the driver has chosen the LIOBN of a window. */
    private boolean mayBeChosen() {
        for (Bound bound : windows) {
            if (bound != null && bound.liobn() == 0) {
                return true;
            }
        }
        return false;
    }
}
