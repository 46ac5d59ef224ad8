package org.iommu4j.s390.command;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;

/**
 * What the functions of a chip can do, docs/spec/s390-zpci.md 6, and how many there are. A configuration names a
 * capability in a group of any name ({@code clp}, {@code function}, {@code group}), or alone as an option:
 *
 * <table>
 * <caption>Capabilities</caption>
 * <tr><th>name, and other names</th><th>default</th><th>meaning</th></tr>
 * <tr><td>{@code sdma}, {@code edma}</td><td>100000000, 1FFFFFFFFFFFFFF</td><td>first and last DMA address</td></tr>
 * <tr><td>{@code refresh}, {@code fr}</td><td>0 in generation 1, else 1</td><td>the host shadows the tables</td></tr>
 * <tr><td>{@code frame}</td><td>0</td><td>reported; its meaning is not public</td></tr>
 * <tr><td>{@code rtr}, {@code relaxed}, {@code relaxed_translation}</td><td>0, in generation 5 1</td><td>relaxed translation: T may be 0</td></tr>
 * <tr><td>{@code dtsm}</td><td>40, from generation 4 on F0</td><td>table types: mask 80 &gt;&gt; DT; of the two readings that
 * contradict each other the one that fits QEMU</td></tr>
 * <tr><td>{@code mask}, {@code dasm}, {@code dma_mask}</td><td>0</td><td>DMA address mask, reported</td></tr>
 * <tr><td>{@code msia}, {@code msi}, {@code msi_address}</td><td>FE00000000000000</td><td>MSI address, reported</td></tr>
 * <tr><td>{@code noi}, {@code interrupts}</td><td>128</td><td>interrupts, reported</td></tr>
 * <tr><td>{@code mui}, {@code interval}, {@code measurement_interval}</td><td>4000</td><td>measurement interval in ms, reported</td></tr>
 * <tr><td>{@code maxstbl}, {@code block}, {@code max_store_block}</td><td>128</td><td>longest store block in bytes</td></tr>
 * <tr><td>{@code version}</td><td>0</td><td>reported</td></tr>
 * <tr><td>{@code pfgid}, {@code group}, {@code group_id}</td><td>FF</td><td>group of all functions</td></tr>
 * <tr><td>{@code vfn}, {@code pchid}, {@code port}, {@code pft} or {@code type}</td><td>0</td><td>virtual function number,
 * channel, port and type of all functions, reported</td></tr>
 * <tr><td>{@code dma_avail}</td><td>65535</td><td>mappings that the host holds for all functions together; a frame of
 * 1 MiB is one</td></tr>
 * <tr><td>{@code functions}</td><td>16</td><td>function i has id i, and handle 00020000 + i while it is disabled</td></tr>
 * <tr><td>{@code lives}</td><td>1</td><td>1: disabling a function ends a life, which its handles count; 0: they do not, as
 * QEMU's</td></tr>
 * </table>
 */
public final class ZpciCapabilities {
    /** Capability that tells that relaxed translation is offered. */
    private static final String RTR = "rtr";

    private static final Pattern SEPARATORS = Pattern.compile("[ _-]");
    private static final String DTSM = "dtsm";
    private static final String DMA_AVAIL = "dma_avail";
    private static final String FUNCTIONS = "functions";
    private static final String LIVES = "lives";
    private static final int DTSM_FIRST = 0x80;
    private static final int DTSM_REGION_THIRD = 0x40;
    private static final int DTSM_TABLES = 0xf0;

    /** Other names, without what separates words. */
    private static final Map<String, String> ALIASES = Map.ofEntries(
            Map.entry("fr", "refresh"),
            Map.entry("relaxed", RTR),
            Map.entry("relaxedtranslation", RTR),
            Map.entry("dasm", "mask"),
            Map.entry("dmamask", "mask"),
            Map.entry("msi", "msia"),
            Map.entry("msiaddress", "msia"),
            Map.entry("interrupts", "noi"),
            Map.entry("interval", "mui"),
            Map.entry("measurementinterval", "mui"),
            Map.entry("block", "maxstbl"),
            Map.entry("maxstoreblock", "maxstbl"),
            Map.entry("group", "pfgid"),
            Map.entry("groupid", "pfgid"),
            Map.entry("type", "pft"),
            Map.entry("dmaavail", DMA_AVAIL));

    /** By name: default value and width in bits. */
    private static final Map<String, long[]> KNOWN = Map.ofEntries(
            Map.entry("sdma", new long[] {0x1_0000_0000L, 64}),
            Map.entry("edma", new long[] {0x01ff_ffff_ffff_ffffL, 64}),
            Map.entry("refresh", new long[] {1, 1}),
            Map.entry("frame", new long[] {0, 1}),
            Map.entry(RTR, new long[] {0, 1}),
            Map.entry(DTSM, new long[] {DTSM_REGION_THIRD, 8}),
            Map.entry("mask", new long[] {0, 64}),
            Map.entry("msia", new long[] {0xfe00_0000_0000_0000L, 64}),
            Map.entry("noi", new long[] {128, 12}),
            Map.entry("mui", new long[] {4000, 16}),
            Map.entry("maxstbl", new long[] {128, 13}),
            Map.entry("version", new long[] {0, 8}),
            Map.entry("pfgid", new long[] {0xff, 8}),
            Map.entry("vfn", new long[] {0, 16}),
            Map.entry("pchid", new long[] {0, 16}),
            Map.entry("port", new long[] {0, 4}),
            Map.entry("pft", new long[] {0, 8}),
            Map.entry(DMA_AVAIL, new long[] {65535, 20}),
            Map.entry(FUNCTIONS, new long[] {16, 16}),
            Map.entry(LIVES, new long[] {1, 1}));

    private final int subVersion;
    private final Map<String, Long> values;
    private final long sdma;
    private final long edma;
    private final boolean refresh;
    private final boolean relaxed;
    private final int tableTypes;

    private ZpciCapabilities(int subVersion, Map<String, Long> values) {
        this.subVersion = subVersion;
        this.values = values;
        sdma = values.get("sdma");
        edma = values.get("edma");
        refresh = values.get("refresh") != 0;
        relaxed = values.get(RTR) != 0;
        tableTypes = values.get(DTSM).intValue();
    }

    /**
     * The capabilities that a configuration asks for.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or an ability that the generation does not
     *     have, {@code EINVAL} for an unknown name or a value that does not fit
     */
    public static ZpciCapabilities of(HardwareConfig config) {
        if (!config.registers().isEmpty()) {
            throw new BackendException(
                    Errno.EINVAL,
                    "zPCI has no capability registers: "
                            + new TreeSet<>(config.registers().keySet()));
        }
        Map<String, Long> values = defaults(config.subVersion());
        for (Map.Entry<String, Map<String, Long>> group : new TreeMap<>(config.fields()).entrySet()) {
            for (Map.Entry<String, Long> wanted : new TreeMap<>(group.getValue()).entrySet()) {
                put(values, group.getKey() + "." + wanted.getKey(), wanted.getKey(), wanted.getValue());
            }
        }
        for (Map.Entry<String, String> option : new TreeMap<>(config.options()).entrySet()) {
            if (isCapability(option.getKey())) {
                put(values, option.getKey(), option.getKey(), parse(option.getKey(), option.getValue()));
            }
        }
        ZpciCapabilities unit = new ZpciCapabilities(config.subVersion(), values);
        unit.check();
        return unit;
    }

    /**
     * The capabilities of a generation's default chip.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static ZpciCapabilities defaultOf(int subVersion) {
        return new ZpciCapabilities(subVersion, defaults(subVersion));
    }

    /** True if a capability goes by that name. */
    public static boolean isCapability(String name) {
        return KNOWN.containsKey(canonical(name));
    }

    private static Map<String, Long> defaults(int subVersion) {
        if (!ZpciGeneration.isKnown(subVersion)) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "zPCI generation " + Integer.toUnsignedString(subVersion) + " is unknown");
        }
        Map<String, Long> values = new TreeMap<>();
        KNOWN.forEach((name, facts) -> values.put(name, facts[0]));
        if (subVersion == ZpciGeneration.BASE) {
            values.put("refresh", 0L);
        }
        if (subVersion >= ZpciGeneration.TABLES) {
            values.put(DTSM, (long) DTSM_TABLES);
        }
        if (subVersion >= ZpciGeneration.RELAXED) {
            values.put(RTR, 1L);
        }
        return values;
    }

    private static String canonical(String name) {
        String plain = SEPARATORS.matcher(name.toLowerCase(Locale.ROOT)).replaceAll("");
        return ALIASES.getOrDefault(plain, plain);
    }

    private static void put(Map<String, Long> values, String given, String name, long value) {
        long[] facts = KNOWN.get(canonical(name));
        if (facts == null) {
            throw new BackendException(
                    Errno.EINVAL, "unknown capability " + given + "; known: " + new TreeSet<>(KNOWN.keySet()));
        }
        int width = (int) facts[1];
        if (width < Long.SIZE && value >>> width != 0) {
            throw new BackendException(
                    Errno.EINVAL,
                    "capability " + given + "=0x" + Long.toHexString(value) + " exceeds " + width + " bits");
        }
        values.put(canonical(name), value);
    }

    private static long parse(String name, String text) {
        try {
            boolean hex = text.regionMatches(true, 0, "0x", 0, 2);
            return hex ? Long.parseUnsignedLong(text.substring(2), 16) : Long.parseUnsignedLong(text);
        } catch (NumberFormatException e) {
            throw new BackendException(Errno.EINVAL, "capability " + name + "=" + text + " is no number", e);
        }
    }

    private void check() {
        if (relaxed && subVersion < ZpciGeneration.RELAXED) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "generation " + subVersion + " has no relaxed translation (rtr)");
        }
        int known = subVersion < ZpciGeneration.TABLES ? DTSM_REGION_THIRD : DTSM_TABLES;
        if ((tableTypes & ~known) != 0) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT,
                    "generation " + subVersion + " has table types 0x" + Integer.toHexString(known) + " only: dtsm=0x"
                            + Integer.toHexString(tableTypes));
        }
        if (tableTypes == 0 && !relaxed) {
            throw new BackendException(Errno.EINVAL, "dtsm=0: nothing could be registered");
        }
        if (Long.compareUnsigned(sdma, edma) > 0) {
            throw new BackendException(
                    Errno.EINVAL, "sdma=0x" + Long.toHexString(sdma) + " is above edma=0x" + Long.toHexString(edma));
        }
        if (functions() == 0) {
            throw new BackendException(Errno.EINVAL, "functions=0: a chip has at least one");
        }
    }

    /** The generation. */
    public int subVersion() {
        return subVersion;
    }

    /** Value of a capability by its name. */
    public long value(String name) {
        return values.get(name);
    }

    /** Names and values that differ from the generation's defaults. */
    public Map<String, Long> changed() {
        Map<String, Long> byDefault = defaults(subVersion);
        Map<String, Long> changed = new TreeMap<>(values);
        changed.entrySet().removeIf(entry -> byDefault.get(entry.getKey()).equals(entry.getValue()));
        return changed;
    }

    /** First DMA address. */
    public long sdma() {
        return sdma;
    }

    /** Last DMA address, inclusive. */
    public long edma() {
        return edma;
    }

    /** True if the host shadows the tables, so that a new mapping needs RPCIT too. */
    public boolean refresh() {
        return refresh;
    }

    /** True if a segment table entry may name a frame of 1 MiB. */
    public boolean largeFrames() {
        return subVersion >= ZpciGeneration.LARGE;
    }

    /** True if interrupts may go to a guest directly, so that FIBs designate a GISA. */
    public boolean interpretation() {
        return subVersion >= ZpciGeneration.RELAXED;
    }

    /** True if T may be 0. */
    public boolean relaxed() {
        return relaxed;
    }

    /** Table types, mask 80 &gt;&gt; DT. */
    public int dtsm() {
        return tableTypes;
    }

    /** True if tables of that type can be registered. */
    public boolean supportsType(int dt) {
        return (tableTypes & DTSM_FIRST >> dt) != 0;
    }

    /** Group of all functions. */
    public int group() {
        return values.get("pfgid").intValue();
    }

    /** Mappings that the host can hold. */
    public int dmaAvail() {
        return values.get(DMA_AVAIL).intValue();
    }

    /** True if the handles of a function count its lives. */
    public boolean countsLives() {
        return values.get(LIVES) != 0;
    }

    /** How many functions there are. */
    public int functions() {
        return values.get(FUNCTIONS).intValue();
    }
}
