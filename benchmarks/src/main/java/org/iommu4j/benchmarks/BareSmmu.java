package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;

/** An SMMU without a driver, with one stream of stage 1, whose queue the benchmark fills itself: what the chip alone costs. */
final class BareSmmu implements AutoCloseable {
    static final int GENERATION = 0x0303;
    static final int STREAM = 0x1A8;
    private static final int PAGE_SHIFT = 12;
    private static final int LEVEL_BITS = 9;
    private static final int TABLE_LEVELS = 4;
    private static final long LAST_INDEX = (1 << LEVEL_BITS) - 1;

    /** Size of a page in bytes. */
    static final long PAGE = 1 << PAGE_SHIFT;

    /** The mapped pages begin here; what follows them is unmapped. */
    static final long IOVA = 0x8_0000_0000L;

    /** TLBI_NH_VA of the stream's address space. */
    static final long PAGE_OF_SPACE = 0x0007_002A_0000_0012L;

    /** CMD_SYNC that signals nothing. */
    static final long SYNC = 0x46;

    private static final long COMMANDS = 0x10_0000;
    private static final int LOG2_COMMANDS = 8;
    private static final int ENTRIES = 1 << LOG2_COMMANDS;
    private static final long STREAMS = 0x20_0000;
    private static final int LOG2_STREAMS = 9;
    private static final long CONTEXT = 0x30_0000;
    private static final long ROOT = 0x4000_0000L;
    private static final long FRAMES = 0x10_0000_0000L;
    private static final long TABLE = 3;
    private static final long NOT_GLOBAL_READ_WRITE_PAGE = 0xf47;

    /** Valid, stage 1. */
    private static final long STREAM_ENTRY = 0xB;

    private static final long VMID = 0x2A;

    /** ASID 7, 48 bits, 4 KiB granules, output of 48 bits, upper half off. */
    private static final long CONTEXT_DESCRIPTOR = 0x0007_6205_C000_3510L;

    private static final int CR0 = 0x20;
    private static final int STRTAB_BASE = 0x80;
    private static final int STRTAB_BASE_CFG = 0x88;
    private static final int CMDQ_BASE = 0x90;
    private static final int CMDQ_PROD = 0x98;

    /** CMDQEN and SMMUEN. */
    private static final int ON = 0b1001;

    private final IommuCore core = new IommuCore(new SimulatedPlatformFactory());
    private final Unit unit;
    private final PhysicalMemory memory;
    private final DmaAccess access = new DmaAccess();
    private final int pages;
    private long nextTable = ROOT + PAGE;
    private int produced;

    /** A chip that translates so many pages. */
    BareSmmu(int pages, CacheConfig cache) {
        this.pages = pages;
        core.arrived(new SmmuBackend());
        HardwareConfig chip = new HardwareConfig(GENERATION, Map.of(), Map.of(), cache, Map.of());
        unit = core.openUnit(new UnitConfig(
                IommuModel.ARM_SMMU, chip, true, 0, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        memory = unit.platform().memory();
        for (int page = 0; page < pages; page++) {
            map(IOVA + page * PAGE, FRAMES + page * PAGE);
        }
        long entry = STREAMS + STREAM * 64L;
        memory.writeLongLe(entry, CONTEXT | STREAM_ENTRY);
        memory.writeLongLe(entry + 2 * Long.BYTES, VMID);
        memory.writeLongLe(CONTEXT, CONTEXT_DESCRIPTOR);
        memory.writeLongLe(CONTEXT + Long.BYTES, ROOT);
        unit.writeRegister(STRTAB_BASE, 8, STREAMS);
        unit.writeRegister(STRTAB_BASE_CFG, 4, LOG2_STREAMS);
        unit.writeRegister(CMDQ_BASE, 8, COMMANDS | LOG2_COMMANDS);
        unit.writeRegister(CR0, 4, ON);
    }

    /** Lets the device touch every page once. */
    void touchAll() {
        for (int page = 0; page < pages; page++) {
            touch(page);
        }
    }

    /** Lets the device read a page; where it is. */
    long touch(int page) {
        unit.dma(access.begin(STREAM, IOVA + page * PAGE, DmaAccess.READ));
        if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
            throw new IllegalStateException(access.outcome() + " " + access.faultCode());
        }
        return access.spa();
    }

    /** Puts one command into the ring. */
    void put(long low, long high) {
        long at = COMMANDS + (produced & (ENTRIES - 1)) * 16L;
        memory.writeLongLe(at, low);
        memory.writeLongLe(at + 8, high);
        produced = (produced + 1) & (2 * ENTRIES - 1);
    }

    /** Tells the chip: it has consumed everything when this returns. */
    long ring() {
        unit.writeRegister(CMDQ_PROD, 4, produced);
        return produced;
    }

    private void map(long iova, long frame) {
        long table = ROOT;
        for (int above = TABLE_LEVELS - 1; above > 0; above--) {
            long slot = slot(table, iova, above);
            long word = memory.readLongLe(slot);
            if (word == 0) {
                word = nextTable | TABLE;
                nextTable += PAGE;
                memory.writeLongLe(slot, word);
            }
            table = word & -PAGE;
        }
        memory.writeLongLe(slot(table, iova, 0), frame | NOT_GLOBAL_READ_WRITE_PAGE);
    }

    /** Address of the entry for an input address in a table of 4 KiB granules, so many levels above the last. */
    private static long slot(long table, long iova, int above) {
        long index = (iova >>> (PAGE_SHIFT + LEVEL_BITS * above)) & LAST_INDEX;
        return table + index * Long.BYTES;
    }

    @Override
    public void close() {
        unit.close();
        core.close();
    }
}
