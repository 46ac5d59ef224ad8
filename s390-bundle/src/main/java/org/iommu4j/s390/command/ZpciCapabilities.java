package org.iommu4j.s390.command;

import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.simulation.config.SettingRow;
import org.iommu4j.simulation.config.SettingValues;

/** Capabilities of the functions of a chip, and their number; {@link ZpciSettings} has the names, defaults and meanings. */
public final class ZpciCapabilities {
    private static final int DTSM_FIRST = 0x80;

    private final SettingValues values;
    private final long sdma;
    private final long edma;
    private final boolean refresh;
    private final boolean relaxed;
    private final int tableTypes;

    private ZpciCapabilities(SettingValues values) {
        this.values = values;
        sdma = values.get(ZpciSettings.SDMA);
        edma = values.get(ZpciSettings.EDMA);
        refresh = values.isSet(ZpciSettings.REFRESH);
        relaxed = values.isSet(ZpciSettings.RTR);
        tableTypes = values.getInt(ZpciSettings.DTSM);
    }

    /**
     * The capabilities that a configuration asks for.
     *
     * @throws BackendException as {@link org.iommu4j.simulation.config.SettingTable#read}; {@code EINVAL} for values that make no sense together
     */
    public static ZpciCapabilities of(HardwareConfig config) {
        return of(ZpciSettings.TABLE.read(config));
    }

    /** The capabilities that have been chosen; throws as {@link #of(HardwareConfig)}. */
    public static ZpciCapabilities of(SettingValues chosen) {
        ZpciCapabilities unit = new ZpciCapabilities(chosen);
        unit.check();
        return unit;
    }

    /**
     * The capabilities of a generation's default chip.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static ZpciCapabilities defaultOf(int subVersion) {
        return new ZpciCapabilities(ZpciSettings.TABLE.defaults(subVersion));
    }

    private void check() {
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
        return values.subVersion();
    }

    /** Value of a capability. */
    public long value(SettingRow capability) {
        return values.get(capability);
    }

    /** Names and values that differ from the generation's defaults. */
    public Map<String, Long> changed() {
        return values.changed();
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
        return subVersion() >= ZpciGeneration.LARGE;
    }

    /** True if interrupts may go to a guest directly, so that FIBs designate a GISA. */
    public boolean interpretation() {
        return subVersion() >= ZpciGeneration.RELAXED;
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
        return values.getInt(ZpciSettings.PFGID);
    }

    /** Mappings that the host can hold. */
    public int dmaAvail() {
        return values.getInt(ZpciSettings.DMA_AVAIL);
    }

    /** True if the handles of a function count its lives. */
    public boolean countsLives() {
        return values.isSet(ZpciSettings.LIVES);
    }

    /** Number of functions. */
    public int functions() {
        return values.getInt(ZpciSettings.FUNCTIONS);
    }
}
