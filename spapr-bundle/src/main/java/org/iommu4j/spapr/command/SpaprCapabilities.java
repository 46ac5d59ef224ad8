package org.iommu4j.spapr.command;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;

/**
 * What one platform can do, docs/spec/spapr-tce.md 6. A configuration sets fields by these names, as they are or in
 * groups of any name:
 *
 * <table>
 * <caption>Fields</caption>
 * <tr><th>name</th><th>default</th><th>meaning</th></tr>
 * <tr><td>{@code pgsizes}</td><td>4K; generation 3 also 64K, 16M, 256M; 4 and 5 also 64K, 2M, 1G</td><td>page sizes of windows, a bit 1 &lt;&lt; shift for each</td></tr>
 * <tr><td>{@code max_windows}</td><td>1; from generation 3 on 2</td><td>windows of a partitionable endpoint</td></tr>
 * <tr><td>{@code max_levels}</td><td>1; from generation 3 on 5</td><td>levels of a table</td></tr>
 * <tr><td>{@code multi_tce}</td><td>1 from generation 2 on</td><td>H_PUT_TCE_INDIRECT and H_STUFF_TCE exist</td></tr>
 * <tr><td>{@code max_batch}</td><td>512</td><td>most entries of these two; no other value is known</td></tr>
 * <tr><td>{@code pe_bits}</td><td>0; 8 on generation 3, 9 on 4 and 5</td><td>width of a PE number that software sees, 8 or 9</td></tr>
 * <tr><td>{@code pe}</td><td>0; 0x2a on generation 3, 0x1ab on 4 and 5</td><td>the PE that every requester belongs to unless the host moves it</td></tr>
 * <tr><td>{@code dma32_start}</td><td>0</td><td>first bus address of the default window</td></tr>
 * <tr><td>{@code dma32_size}</td><td>0x40000000</td><td>its size in bytes, a power of two</td></tr>
 * <tr><td>{@code phb}</td><td>0</td><td>index of the host bridge: bits 16 to 23 of its LIOBNs</td></tr>
 * <tr><td>{@code buid}</td><td>0</td><td>its unit id in RTAS calls; 0: every unit id names it</td></tr>
 * <tr><td>{@code ddw_extensions}</td><td>3 from generation 3 on</td><td>how many of: reset, six cells of query, limited
 * addressing</td></tr>
 * <tr><td>{@code precision}</td><td>1; 0 on generation 5</td><td>1: kills of pages can be trusted; no other value of a
 * generation is known</td></tr>
 * <tr><td>{@code sync_required}</td><td>1 from generation 4 on</td><td>a DMA read sync follows kills; no other value of a
 * generation is known</td></tr>
 * </table>
 *
 * <p>The {@code precision} of docs/spec/spapr-tce.md 6 may also be {@code page} or {@code PE}, and the names of VFIO's
 * information structure,
 * {@code max_dynamic_windows} and {@code levels}, are known, too. A list {@code windows} says which windows are there from reset
 * on, each by {@code liobn} (by default the next one of the host bridge), {@code base}, {@code page_shift}, {@code size} in
 * bytes, {@code levels} and {@code default}; the one that is marked, or else the first, is the default window.
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

    /** PEs that a platform without PE numbers has inside. */
    private static final int HIDDEN_PE_BITS = 8;

    private static final int PHB_SHIFT = 8;
    private static final int PHB_MASK = 0xff;
    private static final String WINDOWS = "windows[";
    private static final Map<String, String> FURTHER_NAMES =
            Map.of("max_dynamic_windows", "max_windows", "levels", "max_levels");

    /** Names of fields that may stand outside a group. */
    private static final Set<String> NAMES = Set.of(
            "pgsizes",
            "max_windows",
            "max_levels",
            "multi_tce",
            "max_batch",
            "pe_bits",
            "pe",
            "dma32_start",
            "dma32_size",
            "phb",
            "buid",
            "ddw_extensions",
            "precision",
            "sync_required");

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
    private static final int DEFAULT_WINDOW_SHIFT = 30;
    private static final int MAX_LEVELS = 5;
    private static final int DDW_EXTENSIONS = 3;
    private static final int MIN_PE_BITS = 8;
    private static final int MAX_PE_BITS = 9;
    private static final int SLOT_SHIFT = 59;
    private static final Set<String> WINDOW_NAMES = Set.of("liobn", "base", "page_shift", "size", "levels", "default");

    /** Page sizes that RTAS or the windows of IODA3 know; a platform with registers may have any of them. */
    private static final long KNOWN_PAGE_SIZES = shifts(12, 16, 21, 24, 25, 26, 27, 28, 30, 34);

    /**
     * The capabilities that a configuration asks for.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, or for a value that the generation cannot
     *     have, {@code EINVAL} for an unknown name or for values that make no sense together
     */
    public static SpaprCapabilities of(HardwareConfig config) {
        SpaprCapabilities base = defaultOf(config.subVersion());
        if (!config.registers().isEmpty()) {
            throw new BackendException(
                    Errno.EINVAL,
                    "no capability registers on this model: "
                            + config.registers().keySet());
        }
        Editor editor = new Editor(base);
        new TreeMap<>(config.options()).forEach((name, text) -> {
            if (isName(name)) {
                editor.set(name, number(name, text));
            }
        });
        new TreeMap<>(config.fields()).forEach((name, group) -> {
            if (!name.startsWith(WINDOWS)) {
                new TreeMap<>(group).forEach(editor::set);
            }
        });
        Map<String, Long> window = config.fields().get(WINDOWS + 0 + "]");
        for (int i = 0; window != null; i++) {
            editor.window(window);
            window = config.fields().get(WINDOWS + (i + 1) + "]");
        }
        return editor.finish();
    }

    /** True for the name of a field, not of an option. */
    public static boolean isName(String name) {
        return NAMES.contains(name) || FURTHER_NAMES.containsKey(name);
    }

    private static long number(String name, String text) {
        try {
            return switch (text) {
                case "true", "page" -> 1;
                case "false", "PE" -> 0;
                default -> text.startsWith("0x") ? Long.parseUnsignedLong(text.substring(2), 16) : Long.parseLong(text);
            };
        } catch (NumberFormatException e) {
            throw new BackendException(Errno.EINVAL, "capability " + name + "=" + text + " is no number", e);
        }
    }

    /**
     * The capabilities of a generation's default platform.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static SpaprCapabilities defaultOf(int subVersion) {
        return switch (subVersion) {
            case SpaprGeneration.TCE_V1, SpaprGeneration.TCE_V1_MULTI ->
                new SpaprCapabilities(
                        subVersion,
                        1L << DEFAULT_PAGE_SHIFT,
                        1,
                        1,
                        subVersion != SpaprGeneration.TCE_V1,
                        0,
                        0,
                        0,
                        DEFAULT_WINDOW_SHIFT,
                        0,
                        0,
                        List.of(),
                        0);
            case SpaprGeneration.IODA2 -> ioda(subVersion, shifts(12, 16, 24, 28), 8, 0x2a);
            case SpaprGeneration.IODA3, SpaprGeneration.IODA3_PEKILL ->
                ioda(subVersion, shifts(12, 16, 21, 30), 9, 0x1ab);
            default ->
                throw new BackendException(
                        Errno.EPROTONOSUPPORT,
                        "sPAPR generation " + Integer.toUnsignedString(subVersion) + " is unknown");
        };
    }

    private static SpaprCapabilities ioda(int subVersion, long pgsizes, int peBits, int pe) {
        return new SpaprCapabilities(
                subVersion,
                pgsizes,
                2,
                MAX_LEVELS,
                true,
                peBits,
                pe,
                0,
                DEFAULT_WINDOW_SHIFT,
                0,
                0,
                List.of(),
                DDW_EXTENSIONS);
    }

    private static long shifts(int... pageShifts) {
        long bits = 0;
        for (int shift : pageShifts) {
            bits |= 1L << shift;
        }
        return bits;
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

    /** Sets fields by name. */
    private static final class Editor {
        private final SpaprCapabilities base;
        private long pgsizes;
        private int maxWindows;
        private int maxLevels;
        private boolean multiTce;
        private int peBits;
        private int pe;
        private long windowBase;
        private long windowSize;
        private int phb;
        private long buid;
        private int ddwExtensions;
        private Map<String, Long> defaultWindow;
        private final List<Map<String, Long>> windows = new ArrayList<>();

        Editor(SpaprCapabilities base) {
            this.base = base;
            pgsizes = base.pgsizes;
            maxWindows = base.maxWindows;
            maxLevels = base.maxLevels;
            multiTce = base.multiTce;
            peBits = base.peBits;
            pe = base.pe;
            windowBase = base.windowBase;
            windowSize = 1L << base.windowShift;
            phb = base.phb;
            buid = base.buid;
            ddwExtensions = base.ddwExtensions;
        }

        /** A window of the list: the first counts as the default one until one is marked. */
        void window(Map<String, Long> window) {
            if (defaultWindow == null) {
                defaultWindow = window;
            } else if (isMarked(window)) {
                if (isMarked(defaultWindow)) {
                    throw new BackendException(Errno.EINVAL, "windows: two are the default one");
                }
                windows.add(0, defaultWindow);
                defaultWindow = window;
            } else {
                windows.add(window);
            }
        }

        private static boolean isMarked(Map<String, Long> window) {
            return window.getOrDefault("default", 0L) != 0;
        }

        void set(String name, long value) {
            switch (FURTHER_NAMES.getOrDefault(name, name)) {
                case "pgsizes" -> pgsizes = legal(name, value, (value & ~pageSizes()) == 0 && hasDefaultPage(value));
                case "max_windows" -> maxWindows = (int) legal(name, value, value >= 1 && value <= base.maxWindows);
                case "max_levels" -> maxLevels = (int) legal(name, value, value >= 1 && value <= base.maxLevels);
                case "multi_tce" -> multiTce = legal(name, value, value == 0 || (value == 1 && base.multiTce)) == 1;
                case "max_batch" -> legal(name, value, value == SpaprCall.MAX_BATCH);
                case "pe_bits" -> peBits = (int) legal(name, value, isPeBits(value));
                case "pe" -> pe = (int) legal(name, value, value >= 0 && value < 1 << MAX_PE_BITS);
                case "dma32_start" -> windowBase = legal(name, value, (value & 0xfff) == 0);
                case "dma32_size" -> windowSize = legal(name, value, Long.bitCount(value) == 1 && value >= 1 << 12);
                case "phb" -> phb = (int) legal(name, value, value >= 0 && value <= 0xff);
                case "buid" -> buid = value;
                case "ddw_extensions" ->
                    ddwExtensions = (int) legal(name, value, value >= 0 && value <= base.ddwExtensions);
                case "precision" ->
                    legal(name, value, value == (base.subVersion == SpaprGeneration.IODA3_PEKILL ? 0 : 1));
                case "sync_required" -> legal(name, value, value == (SpaprGeneration.isIoda3(base.subVersion) ? 1 : 0));
                default -> throw new BackendException(Errno.EINVAL, "unknown capability " + name);
            }
        }

        /** The default window as the list has it: its form is fixed. */
        private void placeDefault() {
            Map<String, Long> window = defaultWindow;
            check(window);
            windowBase =
                    legal("base", value(window, "base", windowBase), (value(window, "base", windowBase) & 0xfff) == 0);
            set("dma32_size", value(window, "size", windowSize));
            long liobn = value(window, "liobn", Integer.toUnsignedLong(FIRST_LIOBN | phb << PHB_SHIFT));
            legal("liobn", liobn, (liobn & ~((long) PHB_MASK << PHB_SHIFT)) == Integer.toUnsignedLong(FIRST_LIOBN));
            phb = (int) (liobn >>> PHB_SHIFT) & PHB_MASK;
            legal("page_shift", value(window, "page_shift", DEFAULT_PAGE_SHIFT), value(window, "page_shift", 12) == 12);
            legal("levels", value(window, "levels", 1), value(window, "levels", 1) == 1);
        }

        private ResetWindow resetWindow(Map<String, Long> window) {
            check(window);
            long liobn = value(window, "liobn", 0);
            long start = value(window, "base", 1L << SLOT_SHIFT);
            long shift = value(window, "page_shift", DEFAULT_PAGE_SHIFT);
            long size = value(window, "size", 1L << DEFAULT_WINDOW_SHIFT);
            long levels = value(window, "levels", 1);
            legal("liobn", liobn, liobn == 0 || liobn >>> (Integer.SIZE - 1) == 1);
            legal("base", start, start == 0 || start == 1L << SLOT_SHIFT);
            legal("page_shift", shift, shift < Long.SIZE && (pgsizes >>> shift & 1) != 0);
            legal("size", size, Long.bitCount(size) == 1 && Long.numberOfTrailingZeros(size) >= shift);
            legal("levels", levels, levels >= 1 && levels <= maxLevels);
            return new ResetWindow((int) liobn, start, (int) shift, Long.numberOfTrailingZeros(size), (int) levels);
        }

        private static void check(Map<String, Long> window) {
            for (String name : new TreeMap<>(window).keySet()) {
                if (!WINDOW_NAMES.contains(name)) {
                    throw new BackendException(Errno.EINVAL, "unknown field of a window " + name);
                }
            }
        }

        private static long value(Map<String, Long> window, String name, long otherwise) {
            return window.getOrDefault(name, otherwise);
        }

        SpaprCapabilities finish() {
            if (defaultWindow != null) {
                placeDefault();
            }
            List<ResetWindow> others = windows.stream().map(this::resetWindow).toList();
            if (others.size() >= maxWindows) {
                throw new BackendException(Errno.EINVAL, "windows: an endpoint has " + maxWindows + " at most");
            }
            boolean below4Gib = windowBase >= 0
                    && windowBase < DMA32_LIMIT
                    && windowSize > 0
                    && windowBase + windowSize <= DMA32_LIMIT;
            if (!below4Gib) {
                throw new BackendException(
                        Errno.EINVAL,
                        "dma32_start=0x" + Long.toHexString(windowBase) + ", dma32_size=0x"
                                + Long.toHexString(windowSize) + " is not below 4 GiB");
            }
            if (SpaprGeneration.hasRegisters(base.subVersion) && windowBase != 0) {
                throw new BackendException(
                        Errno.EINVAL,
                        "dma32_start=0x" + Long.toHexString(windowBase)
                                + ": the slots of an endpoint start at 0 and 2^59");
            }
            if (pe >= 1 << (peBits == 0 ? HIDDEN_PE_BITS : peBits)) {
                throw new BackendException(
                        Errno.EINVAL, "pe=0x" + Integer.toHexString(pe) + " exceeds pe_bits=" + peBits);
            }
            return new SpaprCapabilities(
                    base.subVersion,
                    pgsizes,
                    maxWindows,
                    maxLevels,
                    multiTce,
                    peBits,
                    pe,
                    windowBase,
                    Long.numberOfTrailingZeros(windowSize),
                    phb,
                    buid,
                    others,
                    ddwExtensions);
        }

        private long pageSizes() {
            return SpaprGeneration.hasRegisters(base.subVersion) ? KNOWN_PAGE_SIZES : base.pgsizes;
        }

        private boolean isPeBits(long value) {
            return value == base.peBits || (base.peBits != 0 && (value == MIN_PE_BITS || value == MAX_PE_BITS));
        }

        private static boolean hasDefaultPage(long pgsizes) {
            return (pgsizes >>> DEFAULT_PAGE_SHIFT & 1) != 0;
        }

        private long legal(String name, long value, boolean isLegal) {
            if (!isLegal) {
                throw new BackendException(
                        Errno.EPROTONOSUPPORT,
                        "capability " + name + "=0x" + Long.toHexString(value) + " cannot be on generation "
                                + base.subVersion);
            }
            return value;
        }
    }
}
