package org.iommu4j.spapr.front;

import java.util.function.IntUnaryOperator;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.spapr.command.RtasStatus;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.table.DmaWindow;

/**
 * RTAS calls for dynamic DMA windows, docs/spec/spapr-tce.md 2.2. The first window of an endpoint sits at bus address
 * 0, the second at 2^59; when the last one goes and it is not the default one, the default one comes back.
 *
 * <p>QEMU answers -1 to a window too many, PAPR -3; the default is PAPR's. QEMU also keeps the mark of the default window
 * on the LIOBN, so that the default window does not come back after a dynamic one that took its LIOBN; here it does.
 */
public final class WindowCalls {
    private static final int PAGE_SIZES_SHIFTS = 9;

    /** Page shifts by their bits in the answer of query: 2 MiB came last. */
    private static final int[] PAGE_SHIFTS = {12, 16, 24, 25, 26, 27, 28, 34, 21};

    /** log2 of the largest block of TCEs; as query answers with five cells, less. */
    private static final int LARGEST_BLOCK_BITS = 37;

    private static final int LARGEST_BLOCK_BITS_ONE_CELL = 31;
    private static final int LAST_WINDOW_NUMBER = 0xff;
    private static final int NEEDS_RESET = 1;
    private static final int NEEDS_SIX_CELLS = 2;
    private static final int NEEDS_LIMITED = 3;
    private static final long LIMITED_ADDRESS = 1;

    private final SpaprCapabilities platform;
    private final DmaWindows windows;
    private final IntUnaryOperator endpointOf;
    private final WindowOwner owner;
    private final int defaultPe;
    private final int tooMany;

    /**
     * The calls of a hypervisor.
     *
     * @param endpointOf the endpoint of a requester id; negative if it has none
     * @param defaultPe the endpoint that has the default window from reset on
     * @param tooMany status for a window more than an endpoint can have
     */
    public WindowCalls(
            SpaprCapabilities platform,
            DmaWindows windows,
            IntUnaryOperator endpointOf,
            WindowOwner owner,
            int defaultPe,
            int tooMany) {
        this.platform = platform;
        this.windows = windows;
        this.endpointOf = endpointOf;
        this.owner = owner;
        this.defaultPe = defaultPe;
        this.tooMany = tooMany;
    }

    /** True if that is the token of one of these calls. */
    public static boolean isOne(int token) {
        return token >= SpaprCall.QUERY_PE_DMA_WINDOW && token <= SpaprCall.RESET_PE_DMA_WINDOW;
    }

    /** Carries out a call; the outcome stands in it. */
    public void call(NativeCall call) {
        try {
            switch (call.function()) {
                case SpaprCall.QUERY_PE_DMA_WINDOW -> query(call);
                case SpaprCall.CREATE_PE_DMA_WINDOW -> create(call);
                case SpaprCall.REMOVE_PE_DMA_WINDOW -> remove(call);
                default -> reset(call);
            }
        } catch (BackendException e) {
            Rtas.status(call, RtasStatus.HARDWARE_ERROR);
        }
    }

    private void query(NativeCall call) {
        boolean six = Rtas.has(call, 3, 6) && platform.ddwExtensions() >= NEEDS_SIX_CELLS;
        int pe = endpoint(call);
        if (!(six || Rtas.has(call, 3, 5)) || pe < 0) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        long available = Math.max(0, platform.maxWindows() - windows.count(pe));
        if (six) {
            Rtas.answer(call, available, 1L << LARGEST_BLOCK_BITS >>> Integer.SIZE, 0, pageSizes(), 0);
        } else {
            Rtas.answer(call, available, 1L << LARGEST_BLOCK_BITS_ONE_CELL, pageSizes(), 0);
        }
    }

    private void create(NativeCall call) {
        int pe = endpoint(call);
        if (!Rtas.has(call, 5, 4) || pe < 0) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        long pageShift = Rtas.argument(call, 3);
        long windowShift = Rtas.argument(call, 4);
        if (pageShift >= Long.SIZE
                || (pageSizes() & bitOf((int) pageShift)) == 0
                || windowShift < pageShift
                || windowShift > DmaWindow.SLOT_SHIFT
                || windowShift - pageShift > largestBlock()
                || !HostTables.isPossible((int) windowShift, (int) pageShift, platform.maxLevels())) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        if (windows.count(pe) >= platform.maxWindows()) {
            Rtas.status(call, tooMany);
            return;
        }
        int slot = windows.count(pe) == 0 || (windows.at(pe, 0) == null && windows.at(pe, 1) != null) ? 0 : 1;
        int liobn = freeLiobn(pe);
        if (liobn == 0) {
            Rtas.status(call, RtasStatus.HARDWARE_ERROR);
            return;
        }
        long base = (long) slot << DmaWindow.SLOT_SHIFT;
        owner.add(liobn, pe, base, (int) pageShift, (int) windowShift, false);
        Rtas.answer(call, Integer.toUnsignedLong(liobn), base >>> Integer.SIZE, base);
    }

    private void remove(NativeCall call) {
        DmaWindow window = Rtas.has(call, 1, 1) ? windows.of((int) Rtas.argument(call, 0)) : null;
        if (window == null) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        owner.remove(window);
        if (windows.count(window.pe()) == 0 && !window.isDefault()) {
            addDefault(window.pe());
        }
        Rtas.status(call, RtasStatus.SUCCESS);
    }

    private void reset(NativeCall call) {
        boolean limited = Rtas.has(call, 4, 1)
                && platform.ddwExtensions() >= NEEDS_LIMITED
                && Rtas.argument(call, 3) <= LIMITED_ADDRESS;
        int pe = endpoint(call);
        if (!(limited || Rtas.has(call, 3, 1)) || platform.ddwExtensions() < NEEDS_RESET || pe < 0) {
            Rtas.status(call, RtasStatus.PARAMETER_ERROR);
            return;
        }
        for (int slot = 0; slot < DmaWindow.SLOTS; slot++) {
            if (windows.at(pe, slot) != null) {
                owner.remove(windows.at(pe, slot));
            }
        }
        addDefault(pe);
        Rtas.status(call, RtasStatus.SUCCESS);
    }

    private void addDefault(int pe) {
        int liobn = freeLiobn(pe);
        if (liobn != 0) {
            owner.add(
                    liobn,
                    pe,
                    platform.windowBase(),
                    SpaprCapabilities.DEFAULT_PAGE_SHIFT,
                    platform.windowShift(),
                    true);
        }
    }

    private int endpoint(NativeCall call) {
        return platform.isBuid(Rtas.buid(call)) ? endpointOf.applyAsInt(Rtas.requester(call)) : -1;
    }

    /**
     * The first LIOBN of the host bridge that no window has; 0 if all are taken. Number 0 belongs to the endpoint of the
     * default window, which comes back with the LIOBN that it had.
     */
    private int freeLiobn(int pe) {
        for (int number = pe == defaultPe ? 0 : 1; number <= LAST_WINDOW_NUMBER; number++) {
            if (windows.of(platform.liobn(number)) == null) {
                return platform.liobn(number);
            }
        }
        return 0;
    }

    /** log2 of the TCEs that query promises. */
    private int largestBlock() {
        return platform.ddwExtensions() >= NEEDS_SIX_CELLS ? LARGEST_BLOCK_BITS : LARGEST_BLOCK_BITS_ONE_CELL;
    }

    private long pageSizes() {
        long sizes = 0;
        for (int bit = 0; bit < PAGE_SIZES_SHIFTS; bit++) {
            if (platform.hasPageShift(PAGE_SHIFTS[bit])) {
                sizes |= 1L << bit;
            }
        }
        return sizes;
    }

    private static long bitOf(int pageShift) {
        for (int bit = 0; bit < PAGE_SIZES_SHIFTS; bit++) {
            if (PAGE_SHIFTS[bit] == pageShift) {
                return 1L << bit;
            }
        }
        return 0;
    }
}
