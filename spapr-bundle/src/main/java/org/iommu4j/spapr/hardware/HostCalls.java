package org.iommu4j.spapr.hardware;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.front.DmaWindows;
import org.iommu4j.spapr.front.EndpointStates;
import org.iommu4j.spapr.front.HostTables;
import org.iommu4j.spapr.front.WindowOwner;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;
import org.iommu4j.spapr.table.Tve;

/**
 * The platform-private calls of the host's driver: what KVM_CREATE_SPAPR_TCE and the table group operations of VFIO are on a
 * real host. A guest cannot make them: its hypercalls go to its virtual hypervisor. The TCEs of an endpoint whose windows
 * change are no longer cached when a call returns.
 */
final class HostCalls implements WindowOwner {
    private static final long PAGE_MASK = 0xfff;

    private final SpaprCapabilities platform;
    private final HostTables tables;
    private final DmaWindows windows;
    private final TranslationValidation validation;
    private final Requesters requesters;
    private final EndpointStates states;
    private final EndpointListener changed;

    /** Listener for changes of an endpoint's windows. */
    @FunctionalInterface
    interface EndpointListener {
        /** The endpoint's windows have changed. */
        void windowsChanged(String cause, int pe);
    }

    HostCalls(
            SpaprCapabilities platform,
            HostTables tables,
            DmaWindows windows,
            TranslationValidation validation,
            Requesters requesters,
            EndpointStates states,
            EndpointListener changed) {
        this.platform = platform;
        this.tables = tables;
        this.windows = windows;
        this.validation = validation;
        this.requesters = requesters;
        this.states = states;
        this.changed = changed;
    }

    /** Carries out a call; the outcome stands in it. */
    void call(NativeCall call) {
        call.result(
                switch (call.function()) {
                    case SpaprCall.H_SET_TCE_TABLE -> setTable(call);
                    case SpaprCall.H_QUERY_TCE_TABLE -> queryTable(call);
                    case SpaprCall.H_SET_REQUESTER_PE -> setRequester(call);
                    default -> HypercallCode.FUNCTION;
                });
    }

    /**
     * Adds a window with an empty table of the hypervisor's own.
     *
     * @throws BackendException {@code ENOMEM} if there is no room for the table
     */
    DmaWindow addHostWindow(
            int liobn, int pe, long base, int pageShift, int windowShift, int levels, boolean isDefault) {
        TceTable table = tables.allocate(windowShift, pageShift, levels);
        DmaWindow window = new DmaWindow(liobn, pe, base, windowShift, table, isDefault, true);
        put(window);
        return window;
    }

    private void put(DmaWindow window) {
        windows.add(window);
        validation.set(window);
    }

    /** Removes a window; a table of the hypervisor's own is given back, cleared. */
    private void takeAway(DmaWindow window) {
        leave(window);
        if (window.ownsTable()) {
            tables.free(window.table());
        }
    }

    /** Removes a window, not its table. */
    private void leave(DmaWindow window) {
        windows.remove(window);
        validation.clear(window);
    }

    @Override
    public DmaWindow add(int liobn, int pe, long base, int pageShift, int windowShift, boolean isDefault) {
        int levels = HostTables.levels(windowShift, pageShift, platform.maxLevels());
        DmaWindow window = addHostWindow(liobn, pe, base, pageShift, windowShift, levels, isDefault);
        changed.windowsChanged("ibm,create-pe-dma-window", pe);
        return window;
    }

    @Override
    public void remove(DmaWindow window) {
        takeAway(window);
        changed.windowsChanged("ibm,remove-pe-dma-window", window.pe());
    }

    /** H_SET_TCE_TABLE. Everything is checked, and memory for the table allocated, before anything changes. */
    private long setTable(NativeCall call) {
        long liobn = call.word(0);
        long pe = call.word(1);
        if (liobn >>> 31 != 1 || pe < 0 || pe >= platform.pes()) {
            return HypercallCode.PARAMETER;
        }
        DmaWindow before = windows.of((int) liobn);
        if (call.word(4) == 0) {
            if (before == null || before.pe() != pe) {
                return HypercallCode.PARAMETER;
            }
            takeAway(before);
            changed.windowsChanged("H_SET_TCE_TABLE", (int) pe);
            return HypercallCode.SUCCESS;
        }
        DmaWindow inSlot = windows.at((int) pe, DmaWindow.slotOf(call.word(2)));
        if (!isBase(call.word(2))
                || (before != null && before.pe() != pe && !before.ownsTable())
                || (inSlot != null && !inSlot.equals(before) && !inSlot.ownsTable())
                || !isWindow(call)) {
            return HypercallCode.PARAMETER;
        }
        DmaWindow wanted;
        try {
            wanted = window(call, before, inSlot);
        } catch (BackendException e) {
            return HypercallCode.NOT_ENOUGH_RESOURCES;
        }
        replace(before, wanted);
        replace(inSlot != null && inSlot.equals(before) ? null : inSlot, wanted);
        put(wanted);
        states.release((int) pe);
        changed.windowsChanged("H_SET_TCE_TABLE", (int) pe);
        return HypercallCode.SUCCESS;
    }

    /**
     * The window that a call asks for.
     *
     * @param before the window of that LIOBN, or null
     * @param inSlot the window in that slot, or null
     */
    private DmaWindow window(NativeCall call, DmaWindow before, DmaWindow inSlot) {
        int liobn = (int) call.word(0);
        int pe = (int) call.word(1);
        long base = call.word(2);
        int pageShift = (int) call.word(3);
        int windowShift = (int) call.word(4);
        boolean hosts = call.word(7) == SpaprCall.HOST_TABLE;
        TceTable table = hosts
                ? tables.allocate(windowShift, pageShift, (int) call.word(5))
                : new TceTable(
                        call.word(7), pageShift, (int) call.word(5), levelBits(call), 1L << (windowShift - pageShift));
        boolean keepsTable = isOwn(before, table) || isOwn(inSlot, table);
        boolean wasDefault = before != null && before.isDefault() && before.pe() == pe;
        boolean isDefault = wasDefault || (hosts && isDefault(liobn, pe, base, table));
        return new DmaWindow(liobn, pe, base, windowShift, table, isDefault, hosts || keepsTable);
    }

    private static boolean isOwn(DmaWindow window, TceTable table) {
        return window != null && window.ownsTable() && window.table().equals(table);
    }

    /** True if that is the window that is there from reset on. */
    private boolean isDefault(int liobn, int pe, long base, TceTable table) {
        return liobn == platform.liobn(0)
                && pe == platform.pe()
                && base == platform.windowBase()
                && table.pageShift() == SpaprCapabilities.DEFAULT_PAGE_SHIFT
                && table.entries() == 1L << (platform.windowShift() - SpaprCapabilities.DEFAULT_PAGE_SHIFT);
    }

    /** A window gives way to another, which may go on with its table. */
    private void replace(DmaWindow window, DmaWindow by) {
        if (window == null) {
            return;
        }
        if (window.table().equals(by.table())) {
            leave(window);
        } else {
            takeAway(window);
        }
        if (window.pe() != by.pe()) {
            changed.windowsChanged("H_SET_TCE_TABLE", window.pe());
        }
    }

    /** With registers to select a slot by, a slot has no other base than its first address. */
    private boolean isBase(long base) {
        return !SpaprGeneration.hasRegisters(platform.subVersion()) || base == 0 || base == 1L << DmaWindow.SLOT_SHIFT;
    }

    private static int levelBits(NativeCall call) {
        long levelShift = call.word(6);
        return levelShift == 0
                ? TceTable.defaultLevelBits((int) call.word(4), (int) call.word(3), (int) call.word(5))
                : (int) levelShift - Tce.SHIFT;
    }

    private boolean isWindow(NativeCall call) {
        long pageShift = call.word(3);
        long windowShift = call.word(4);
        long levels = call.word(5);
        long levelShift = call.word(6);
        long root = call.word(7);
        if (pageShift < 0
                || pageShift >= Long.SIZE
                || !platform.hasPageShift((int) pageShift)
                || windowShift < pageShift
                || windowShift >= Long.SIZE
                || levels < 1
                || levels > platform.maxLevels()
                || levelShift < 0
                || levelShift >= Long.SIZE) {
            return false;
        }
        int levelBits = levelBits(call);
        return TceTable.isPossible((int) windowShift, (int) pageShift, (int) levels, levelBits)
                && (call.word(2) & ((1L << pageShift) - 1)) == 0
                && (root == SpaprCall.HOST_TABLE
                        ? levels == 1
                        : root >>> Tve.ROOT_BITS == 0 && (root & PAGE_MASK) == 0);
    }

    private long queryTable(NativeCall call) {
        long pe = call.word(0) == SpaprCall.DEFAULT_PE ? platform.pe() : call.word(0);
        long slot = call.word(1);
        DmaWindow window = pe < 0 || pe >= platform.pes() || slot < 0 || slot >= DmaWindow.SLOTS
                ? null
                : windows.at((int) pe, (int) slot);
        if (window == null) {
            return HypercallCode.PARAMETER;
        }
        call.word(0, Integer.toUnsignedLong(window.liobn()));
        call.word(1, window.base());
        call.word(2, window.table().pageShift());
        call.word(3, window.windowShift());
        call.word(4, window.table().levels());
        call.word(5, window.table().root());
        call.word(6, window.pe());
        call.word(7, window.table().levelBits() + Tce.SHIFT);
        return HypercallCode.SUCCESS;
    }

    private long setRequester(NativeCall call) {
        long requester = call.word(0);
        long pe = call.word(1);
        if (pe != SpaprCall.NO_PE && (pe < 0 || pe >= platform.pes())) {
            return HypercallCode.PARAMETER;
        }
        if (requester == SpaprCall.ALL_REQUESTERS) {
            requesters.moveAll((int) pe);
        } else if (Requesters.isRequester(requester)) {
            requesters.move((int) requester, (int) pe);
        } else {
            return HypercallCode.PARAMETER;
        }
        return HypercallCode.SUCCESS;
    }
}
