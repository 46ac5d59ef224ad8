package org.iommu4j.spapr.command;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.config.SettingValues;

/**
 * The capabilities of one platform; {@link SpaprSettings} has the names, defaults and meanings. A list {@code windows} says which
 * windows are there from reset on; the one that is marked {@code default}, or else the first, is the default window.
 *
 * @param subVersion the generation
 * @param pgsizes a bit for each page shift
 * @param maxWindows windows of a PE
 * @param maxLevels levels of a table
 * @param multiTce true if the calls for many entries exist
 * @param peBits width of a PE number that software sees
 * @param pe the default PE
 * @param windowBase first bus address of the default window
 * @param windowShift log2 of its size in bytes
 * @param phb index of the host bridge
 * @param buid unit id of the host bridge; 0 for any
 * @param windows what is there from reset on besides the default window
 * @param ddwExtensions 1 with reset, 2 also with six cells of query, 3 also with limited addressing
 */
public record SpaprCapabilities(
        int subVersion,
        long pgsizes,
        int maxWindows,
        int maxLevels,
        boolean multiTce,
        int peBits,
        int pe,
        long windowBase,
        int windowShift,
        int phb,
        long buid,
        List<ResetWindow> windows,
        int ddwExtensions) {
    /** log2 of the page size of the default window. */
    public static final int DEFAULT_PAGE_SHIFT = 12;

    /** LIOBN of window 0 of host bridge 0. */
    public static final int FIRST_LIOBN = 0x8000_0000;

    /** Width of the PE numbers inside a platform that shows none. */
    private static final int HIDDEN_PE_BITS = 8;

    private static final int PHB_SHIFT = 8;
    static final int PHB_MASK = 0xff;
    /**
     * A window that is there from reset on, besides the default one.
     *
     * @param liobn its LIOBN; 0: the next one of the host bridge
     * @param base first bus address
     * @param pageShift log2 of its page size in bytes
     * @param windowShift log2 of its size in bytes
     * @param levels of its table
     */
    public record ResetWindow(int liobn, long base, int pageShift, int windowShift, int levels) {}

    private static final long DMA32_LIMIT = 1L << 32;
    private static final long SECOND_SLOT = 1L << 59;

    /**
     * The capabilities that a configuration asks for.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, or for a value that the generation cannot
     *     have, {@code EINVAL} for an unknown name or for values that make no sense together
     */
    public static SpaprCapabilities of(HardwareConfig config) {
        return of(SpaprSettings.TABLE.read(config));
    }

    /** The capabilities that have been chosen; throws as {@link #of(HardwareConfig)}. */
    public static SpaprCapabilities of(SettingValues chosen) {
        SettingValues first = null;
        List<SettingValues> further = new ArrayList<>();
        for (SettingValues window : chosen.list(SpaprSettings.WINDOWS)) {
            if (first == null) {
                first = window;
            } else if (!window.isSet(SpaprSettings.WINDOW_DEFAULT)) {
                further.add(window);
            } else if (first.isSet(SpaprSettings.WINDOW_DEFAULT)) {
                throw new BackendException(Errno.EINVAL, "windows: two are the default one");
            } else {
                further.add(0, first);
                first = window;
            }
        }
        SpaprCapabilities placed = (first == null ? withoutWindows(chosen) : withDefault(chosen, first)).checked();
        List<ResetWindow> others = new ArrayList<>();
        for (SettingValues window : further) {
            others.add(placed.resetWindow(window));
        }
        if (others.size() >= placed.maxWindows) {
            throw new BackendException(Errno.EINVAL, "windows: an endpoint has " + placed.maxWindows + " at most");
        }
        return of(chosen, placed.windowBase, placed.windowShift, placed.phb, others);
    }

    private static SpaprCapabilities withoutWindows(SettingValues chosen) {
        int shift = Long.numberOfTrailingZeros(chosen.get(SpaprSettings.DMA32_SIZE));
        return of(chosen, chosen.get(SpaprSettings.DMA32_START), shift, chosen.getInt(SpaprSettings.PHB), List.of());
    }

    private static SpaprCapabilities of(
            SettingValues chosen, long windowBase, int windowShift, int phb, List<ResetWindow> windows) {
        return new SpaprCapabilities(
                chosen.subVersion(),
                chosen.get(SpaprSettings.PGSIZES),
                chosen.getInt(SpaprSettings.MAX_WINDOWS),
                chosen.getInt(SpaprSettings.MAX_LEVELS_OF_TABLE),
                chosen.isSet(SpaprSettings.MULTI_TCE),
                chosen.getInt(SpaprSettings.PE_BITS),
                chosen.getInt(SpaprSettings.PE),
                windowBase,
                windowShift,
                phb,
                chosen.get(SpaprSettings.BUID),
                windows,
                chosen.getInt(SpaprSettings.DDW));
    }

    /** With the default window as a list has it: its form is fixed. */
    private static SpaprCapabilities withDefault(SettingValues chosen, SettingValues window) {
        SpaprCapabilities plain = withoutWindows(chosen);
        long start =
                window.isChosen(SpaprSettings.WINDOW_BASE) ? window.get(SpaprSettings.WINDOW_BASE) : plain.windowBase;
        long bytes = window.isChosen(SpaprSettings.WINDOW_SIZE)
                ? window.get(SpaprSettings.WINDOW_SIZE)
                : 1L << plain.windowShift;
        long liobn = window.isChosen(SpaprSettings.WINDOW_LIOBN)
                ? window.get(SpaprSettings.WINDOW_LIOBN)
                : Integer.toUnsignedLong(plain.liobn(0));
        SpaprSettings.DMA32_START.accept("windows.base", plain.subVersion, start);
        SpaprSettings.DMA32_SIZE.accept("windows.size", plain.subVersion, bytes);
        long fixed = liobn & ~((long) PHB_MASK << PHB_SHIFT);
        plain.legal("liobn", liobn, fixed == Integer.toUnsignedLong(FIRST_LIOBN));
        long pageShift = window.get(SpaprSettings.WINDOW_PAGE_SHIFT);
        plain.legal("page_shift", pageShift, pageShift == DEFAULT_PAGE_SHIFT);
        long levels = window.get(SpaprSettings.WINDOW_LEVELS);
        plain.legal("levels", levels, levels == 1);
        int phb = (int) (liobn >>> PHB_SHIFT) & PHB_MASK;
        return of(chosen, start, Long.numberOfTrailingZeros(bytes), phb, List.of());
    }

    private ResetWindow resetWindow(SettingValues window) {
        long liobn = window.get(SpaprSettings.WINDOW_LIOBN);
        long start = window.get(SpaprSettings.WINDOW_BASE);
        long shift = window.get(SpaprSettings.WINDOW_PAGE_SHIFT);
        long bytes = window.get(SpaprSettings.WINDOW_SIZE);
        long levels = window.get(SpaprSettings.WINDOW_LEVELS);
        legal("liobn", liobn, liobn == 0 || liobn >>> (Integer.SIZE - 1) == 1);
        legal("base", start, start == 0 || start == SECOND_SLOT);
        legal("page_shift", shift, hasPageShift((int) shift));
        legal("size", bytes, Long.bitCount(bytes) == 1 && Long.numberOfTrailingZeros(bytes) >= shift);
        legal("levels", levels, levels >= 1 && levels <= maxLevels);
        return new ResetWindow((int) liobn, start, (int) shift, Long.numberOfTrailingZeros(bytes), (int) levels);
    }

    private void legal(String name, long value, boolean isLegal) {
        if (!isLegal) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT,
                    "windows." + name + "=0x" + Long.toHexString(value) + " cannot be on generation "
                            + Generation.text(subVersion));
        }
    }

    private SpaprCapabilities checked() {
        long bytes = 1L << windowShift;
        boolean below4Gib =
                windowBase >= 0 && windowBase < DMA32_LIMIT && bytes > 0 && windowBase + bytes <= DMA32_LIMIT;
        if (!below4Gib) {
            throw new BackendException(
                    Errno.EINVAL,
                    "dma32_start=0x" + Long.toHexString(windowBase) + ", dma32_size=0x" + Long.toHexString(bytes)
                            + " is not below 4 GiB");
        }
        if (SpaprGeneration.hasRegisters(subVersion) && windowBase != 0) {
            throw new BackendException(
                    Errno.EINVAL,
                    "dma32_start=0x" + Long.toHexString(windowBase) + ": the slots of an endpoint start at 0 and 2^59");
        }
        if (pe >= pes()) {
            throw new BackendException(Errno.EINVAL, "pe=0x" + Integer.toHexString(pe) + " exceeds pe_bits=" + peBits);
        }
        return this;
    }

    /**
     * The capabilities of a generation's default platform.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static SpaprCapabilities defaultOf(int subVersion) {
        return withoutWindows(SpaprSettings.TABLE.defaults(subVersion));
    }

    /** Number of PEs. */
    public int pes() {
        return 1 << (peBits == 0 ? HIDDEN_PE_BITS : peBits);
    }

    /** True if windows may have that page size. */
    public boolean hasPageShift(int shift) {
        return shift >= 0 && shift < Long.SIZE && (pgsizes >>> shift & 1) != 0;
    }

    /** LIOBN of a window of this host bridge. */
    public int liobn(int windowNumber) {
        return FIRST_LIOBN | phb << PHB_SHIFT | windowNumber;
    }

    /** True if an RTAS call with that unit id means this host bridge. */
    public boolean isBuid(long unitId) {
        return buid == 0 || buid == unitId;
    }
}
