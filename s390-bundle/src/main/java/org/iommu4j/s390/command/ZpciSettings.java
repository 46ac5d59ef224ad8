package org.iommu4j.s390.command;

import org.iommu4j.simulation.config.SettingRow;
import org.iommu4j.simulation.config.SettingTable;

/**
 * The settings of a chip's configuration: what its functions report and can do, docs/spec/s390-zpci.md 6, how many there
 * are, and choices that the architecture leaves to a machine. Case, hyphens and underscores of names do not matter.
 */
public final class ZpciSettings {
    private static final int TABLE_TYPE_REGION_THIRD = 0x40;
    private static final int TABLE_TYPES = 0xf0;
    private static final SettingTable.Builder ROWS = SettingTable.of(
                    "zPCI",
                    "clp",
                    ZpciGeneration.BASE,
                    ZpciGeneration.REFRESH,
                    ZpciGeneration.LARGE,
                    ZpciGeneration.TABLES,
                    ZpciGeneration.RELAXED)
            .looseNames();

    static final SettingRow SDMA =
            ROWS.number("sdma", Long.SIZE).byDefault(0x1_0000_0000L).about("first DMA address");

    static final SettingRow EDMA =
            ROWS.number("edma", Long.SIZE).byDefault(0x01ff_ffff_ffff_ffffL).about("last DMA address");

    static final SettingRow REFRESH = ROWS.number("refresh", 1)
            .alias("fr")
            .byDefault(generation -> generation == ZpciGeneration.BASE ? 0 : 1)
            .about("the host shadows the tables");

    public static final SettingRow FRAME = ROWS.number("frame", 1).about("reported; its meaning is not public");

    static final SettingRow RTR = ROWS.number("rtr", 1)
            .alias("relaxed", "relaxed_translation")
            .byDefault(ZpciSettings::relaxed)
            .legal("0; in generation 5 also 1", (generation, value) -> value <= relaxed(generation))
            .about("relaxed translation: T may be 0");

    static final SettingRow DTSM = ROWS.number("dtsm", Byte.SIZE)
            .byDefault(ZpciSettings::tableTypes)
            .legal("some of the default's bits", (generation, value) -> (value & ~tableTypes(generation)) == 0)
            .about("table types: mask 80 >> DT; of the two readings that contradict each other the one that fits QEMU");

    public static final SettingRow MASK =
            ROWS.number("mask", Long.SIZE).alias("dasm", "dma_mask").about("DMA address mask, reported");

    public static final SettingRow MSIA = ROWS.number("msia", Long.SIZE)
            .alias("msi", "msi_address")
            .byDefault(0xfe00_0000_0000_0000L)
            .about("MSI address, reported");

    public static final SettingRow NOI =
            ROWS.number("noi", 12).alias("interrupts").byDefault(128).about("interrupts, reported");

    public static final SettingRow MUI = ROWS.number("mui", 16)
            .alias("interval", "measurement_interval")
            .byDefault(4000)
            .about("measurement interval in ms, reported");

    public static final SettingRow MAXSTBL = ROWS.number("maxstbl", 13)
            .alias("block", "max_store_block")
            .byDefault(128)
            .about("longest store block in bytes");

    public static final SettingRow VERSION = ROWS.number("version", 8).about("reported");

    static final SettingRow PFGID =
            ROWS.number("pfgid", 8).alias("group", "group_id").byDefault(0xff).about("group of all functions");

    public static final SettingRow VFN =
            ROWS.number("vfn", 16).about("virtual function number of all functions, reported");

    public static final SettingRow PCHID = ROWS.number("pchid", 16).about("channel of all functions, reported");

    public static final SettingRow PORT = ROWS.number("port", 4).about("port of all functions, reported");

    public static final SettingRow PFT = ROWS.number("pft", 8).alias("type").about("type of all functions, reported");

    static final SettingRow DMA_AVAIL = ROWS.number("dma_avail", 20)
            .byDefault(65535)
            .about("mappings that the host holds for all functions together; a frame of 1 MiB is one");

    static final SettingRow FUNCTIONS = ROWS.number("functions", 16)
            .byDefault(16)
            .about("function i has id i, and handle 00020000 + i while it is disabled");

    static final SettingRow LIVES = ROWS.number("lives", 1)
            .byDefault(1)
            .about("1: disabling a function ends a life, which its handles count; 0: they do not, as QEMU's");

    public static final SettingRow FUNCTION_STATES = ROWS.text("function-states")
            .about(
                    "a list as 2=standby,3=reserved: functions that are in another state than configured and disabled from "
                            + "reset: standby, reserved, permanent-error");

    public static final SettingRow RPCIT_BUSY = ROWS.numberOption("rpcit-busy", 20)
            .most(1_000_000)
            .about("how often each RPCIT that is in order is answered with condition code 2 before it is carried out");

    static {
        ROWS.choice("profile", "sim", "qemu")
                .legal("sim", (generation, value) -> value == 0)
                .about(
                        "where QEMU differs from docs/spec/s390-zpci.md 7, the chip follows the document; qemu is known, and "
                                + "not modelled");
        vary();
    }

    /** All that can be chosen. */
    public static final SettingTable TABLE = ROWS.build();

    private ZpciSettings() {}

    /** Settings that the fuzzer varies: few functions, apertures, and now and then hardly any room for mappings. */
    private static void vary() {
        ROWS.vary(FUNCTIONS, (generation, random) -> 4L + random.nextInt(4));
        ROWS.vary(
                SDMA,
                (generation, random) -> random.nextInt(4) == 0 ? (Long) (random.nextInt(4) * 0x1000_0000L) : null);
        ROWS.vary(EDMA, (generation, random) -> random.nextInt(4) == 0 ? (Long) (-1L >>> random.nextInt(22)) : null);
        ROWS.vary(DMA_AVAIL, (generation, random) -> random.nextInt(16) == 0 ? (Long) (1L + random.nextInt(24)) : null);
        ROWS.vary(
                DTSM,
                (generation, random) -> generation >= ZpciGeneration.TABLES && random.nextInt(4) == 0
                        ? (Long) (TABLE_TYPE_REGION_THIRD | (long) random.nextInt(16) << 4)
                        : null);
    }

    private static long relaxed(int generation) {
        return generation >= ZpciGeneration.RELAXED ? 1 : 0;
    }

    private static long tableTypes(int generation) {
        return generation >= ZpciGeneration.TABLES ? TABLE_TYPES : TABLE_TYPE_REGION_THIRD;
    }
}
