package org.iommu4j.spapr.command;

import org.iommu4j.simulation.config.SettingRow;
import org.iommu4j.simulation.config.SettingTable;

/**
 * The settings of a platform's configuration: its capabilities, docs/spec/spapr-tce.md 6, and choices that the architecture
 * leaves to it.
 */
public final class SpaprSettings {
    /** Name of the list of windows that are there from reset on. */
    static final String WINDOWS = "windows";

    private static final int[] GENERATIONS = {
        SpaprGeneration.TCE_V1,
        SpaprGeneration.TCE_V1_MULTI,
        SpaprGeneration.IODA2,
        SpaprGeneration.IODA3,
        SpaprGeneration.IODA3_PEKILL
    };
    private static final int MIN_PE_BITS = 8;
    private static final int MAX_PE_BITS = 9;
    private static final int MAX_LEVELS = 5;
    private static final int DDW_EXTENSIONS = 3;
    private static final int DEFAULT_WINDOW_SHIFT = 30;
    private static final int PAGE_SHIFT = SpaprCapabilities.DEFAULT_PAGE_SHIFT;
    private static final long SECOND_SLOT = 1L << 59;

    /** Page sizes that RTAS or the windows of IODA3 know; a platform with registers may have any of them. */
    private static final long KNOWN_PAGE_SIZES = shifts(12, 16, 21, 24, 25, 26, 27, 28, 30, 34);

    private static final SettingTable.Builder ROWS = SettingTable.of("sPAPR", "pe", GENERATIONS);

    static final SettingRow PGSIZES = ROWS.number("pgsizes", Long.SIZE)
            .byDefault(SpaprSettings::pageSizes)
            .legal("page sizes of the platform, 4K among them", SpaprSettings::arePageSizes)
            .about("page sizes of windows, a bit 1 << shift for each");

    static final SettingRow MAX_WINDOWS = ROWS.number("max_windows", Integer.SIZE)
            .alias("max_dynamic_windows")
            .byDefault(SpaprSettings::maxWindows)
            .legal("1 to the default", (generation, value) -> value >= 1 && value <= maxWindows(generation))
            .about("windows of a partitionable endpoint");

    static final SettingRow MAX_LEVELS_OF_TABLE = ROWS.number("max_levels", Integer.SIZE)
            .alias("levels")
            .byDefault(SpaprSettings::maxLevels)
            .legal("1 to the default", (generation, value) -> value >= 1 && value <= maxLevels(generation))
            .about("levels of a table");

    static final SettingRow MULTI_TCE = ROWS.number("multi_tce", Integer.SIZE)
            .word("true", 1)
            .word("false", 0)
            .byDefault(SpaprSettings::multiTce)
            .legal("0 to the default", (generation, value) -> value <= multiTce(generation))
            .about("H_PUT_TCE_INDIRECT and H_STUFF_TCE exist");

    static final SettingRow PE_BITS = ROWS.number("pe_bits", Integer.SIZE)
            .byDefault(SpaprSettings::peBits)
            .legal("the default; from generation 3 on 8 or 9", SpaprSettings::isPeBits)
            .about("width of a PE number that software sees");

    static final SettingRow PE = ROWS.number("pe", Integer.SIZE)
            .byDefault(SpaprSettings::pe)
            .legal("less than 2^pe_bits", (generation, value) -> value < 1 << MAX_PE_BITS)
            .about("the PE that every requester belongs to unless the host moves it");

    static final SettingRow DMA32_START = ROWS.number("dma32_start", Long.SIZE)
            .legal(
                    "a multiple of 4096 below 4 GiB; from generation 3 on 0",
                    (generation, value) -> (value & (1L << PAGE_SHIFT) - 1) == 0)
            .about("first bus address of the default window");

    static final SettingRow DMA32_SIZE = ROWS.number("dma32_size", Long.SIZE)
            .byDefault(1L << DEFAULT_WINDOW_SHIFT)
            .legal(
                    "a power of two from 4096 on, up to 4 GiB from dma32_start on",
                    (generation, value) -> Long.bitCount(value) == 1 && Long.numberOfTrailingZeros(value) >= PAGE_SHIFT)
            .about("size of the default window in bytes");

    static final SettingRow PHB = ROWS.number("phb", Integer.SIZE)
            .legal("0..0xff", (generation, value) -> value <= SpaprCapabilities.PHB_MASK)
            .about("index of the host bridge: bits 16 to 23 of its LIOBNs");

    static final SettingRow BUID =
            ROWS.number("buid", Long.SIZE).about("unit id of the host bridge in RTAS calls; 0: every unit id names it");

    static final SettingRow DDW = ROWS.number("ddw_extensions", Integer.SIZE)
            .byDefault(SpaprSettings::ddwExtensions)
            .legal("0 to the default", (generation, value) -> value <= ddwExtensions(generation))
            .about("how many of: reset, six cells of query, limited addressing");

    public static final SettingRow MSI32 = ROWS.choice("msi32", "off", "on")
            .about("addresses FFFF0000 to FFFFFFFF are messages, docs/spec/spapr-tce.md 3.5 step 3");

    public static final SettingRow THIRD_WINDOW = ROWS.choice("third-window", "parameter-error", "hardware-error")
            .about("status of create for a window too many: -3 as PAPR says, or -1 as QEMU answers");

    public static final SettingRow PAGE_KILLS = ROWS.choice("page-kills", "kept", "lost")
            .about("what a kill of one page does while the queue is full, HW560152: its work, or nothing");

    public static final SettingRow EEH = ROWS.choice("eeh", "on", "off")
            .about("a fault stops the endpoint; or, as QEMU's bridge does it, the access alone is refused");

    private static final SettingTable.Builder WINDOW = SettingTable.of("sPAPR", WINDOWS, GENERATIONS);

    static final SettingRow WINDOW_LIOBN = WINDOW.number("liobn", Integer.SIZE)
            .about("LIOBN with its highest bit set; by default the next one of the host bridge");

    static final SettingRow WINDOW_BASE = WINDOW.number("base", Long.SIZE)
            .byDefault(SECOND_SLOT)
            .about("first bus address; 0 or 2^59 besides the default window");

    static final SettingRow WINDOW_PAGE_SHIFT =
            WINDOW.number("page_shift", Byte.SIZE).byDefault(PAGE_SHIFT).about("log2 of the page size in bytes");

    static final SettingRow WINDOW_SIZE = WINDOW.number("size", Long.SIZE)
            .byDefault(1L << DEFAULT_WINDOW_SHIFT)
            .about("in bytes, a power of two");

    static final SettingRow WINDOW_LEVELS =
            WINDOW.number("levels", Byte.SIZE).byDefault(1).about("levels of its table");

    static final SettingRow WINDOW_DEFAULT =
            WINDOW.number("default", 1).about("1: the default window; if none is marked, the first is");

    static {
        ROWS.number("max_batch", Integer.SIZE)
                .byDefault(SpaprCall.MAX_BATCH)
                .legal("512", (generation, value) -> value == SpaprCall.MAX_BATCH)
                .about("most entries of the calls for many entries; no other value is known");
        ROWS.number("precision", Integer.SIZE)
                .word("page", 1)
                .word("PE", 0)
                .byDefault(SpaprSettings::precision)
                .legal("the default", (generation, value) -> value == precision(generation))
                .about("1, page: kills of pages can be trusted; 0, PE: they cannot");
        ROWS.number("sync_required", Integer.SIZE)
                .word("true", 1)
                .word("false", 0)
                .byDefault(SpaprSettings::syncRequired)
                .legal("the default", (generation, value) -> value == syncRequired(generation))
                .about("a DMA read sync follows kills");
        ROWS.list(WINDOWS, WINDOW.build());
        vary();
    }

    /** All that can be chosen. */
    public static final SettingTable TABLE = ROWS.build();

    private SpaprSettings() {}

    /**
     * Settings that the fuzzer varies: small windows, since a driver without registers stores every entry of a window again.
     */
    private static void vary() {
        int smallest = 21;
        ROWS.vary(DMA32_SIZE, (generation, random) -> {
            if (random.nextInt(4) == 0) {
                return 1L << (smallest + random.nextInt(10));
            }
            return SpaprGeneration.hasRegisters(generation) ? null : (Long) (1L << (smallest + random.nextInt(3)));
        });
        ROWS.vary(
                MULTI_TCE,
                (generation, random) ->
                        random.nextInt(4) == 0 && multiTce(generation) == 1 ? (Long) (long) random.nextInt(2) : null);
        ROWS.vary(
                PGSIZES,
                (generation, random) -> random.nextInt(4) == 0 && SpaprGeneration.hasRegisters(generation)
                        ? (Long) shifts(12, 16, 21, 24)
                        : null);
    }

    private static long pageSizes(int generation) {
        return switch (generation) {
            case SpaprGeneration.IODA2 -> shifts(12, 16, 24, 28);
            case SpaprGeneration.IODA3, SpaprGeneration.IODA3_PEKILL -> shifts(12, 16, 21, 30);
            default -> shifts(PAGE_SHIFT);
        };
    }

    private static boolean arePageSizes(int generation, long value) {
        long possible = SpaprGeneration.hasRegisters(generation) ? KNOWN_PAGE_SIZES : pageSizes(generation);
        return (value & ~possible) == 0 && (value >>> PAGE_SHIFT & 1) != 0;
    }

    private static long shifts(int... pageShifts) {
        long bits = 0;
        for (int shift : pageShifts) {
            bits |= 1L << shift;
        }
        return bits;
    }

    private static long maxWindows(int generation) {
        return SpaprGeneration.hasRegisters(generation) ? 2 : 1;
    }

    private static long maxLevels(int generation) {
        return SpaprGeneration.hasRegisters(generation) ? MAX_LEVELS : 1;
    }

    private static long multiTce(int generation) {
        return generation == SpaprGeneration.TCE_V1 ? 0 : 1;
    }

    private static long peBits(int generation) {
        return SpaprGeneration.isIoda3(generation)
                ? MAX_PE_BITS
                : SpaprGeneration.hasRegisters(generation) ? MIN_PE_BITS : 0;
    }

    private static boolean isPeBits(int generation, long value) {
        return value == peBits(generation)
                || (SpaprGeneration.hasRegisters(generation) && (value == MIN_PE_BITS || value == MAX_PE_BITS));
    }

    private static long pe(int generation) {
        return SpaprGeneration.isIoda3(generation) ? 0x1ab : SpaprGeneration.hasRegisters(generation) ? 0x2a : 0;
    }

    private static long ddwExtensions(int generation) {
        return SpaprGeneration.hasRegisters(generation) ? DDW_EXTENSIONS : 0;
    }

    private static long precision(int generation) {
        return generation == SpaprGeneration.IODA3_PEKILL ? 0 : 1;
    }

    private static long syncRequired(int generation) {
        return SpaprGeneration.isIoda3(generation) ? 1 : 0;
    }
}
