package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;

/** A chip without a driver, whose queue the benchmark fills itself: what the chip alone costs. */
final class BareQueue implements AutoCloseable {
    static final long IOTLB_GLOBAL = 0x12;
    static final long IOTLB_PAGE_DOMAIN_1 = 0x1_0032;
    static final long WAIT = 0x2_0000_0025L;
    static final long STATUS = 0x7000;

    private static final long ROOT_TABLE = 0x1000;
    private static final long CONTEXT_TABLE = 0x2000;
    private static final long RING = 0x10_0000;
    private static final int RING_SIZE_CODE = 4;
    private static final long RING_BYTES = 4096L << RING_SIZE_CODE;
    private static final int GCMD = 0x18;
    private static final int RTADDR = 0x20;
    private static final int IQT = 0x88;
    private static final int IQA = 0x90;
    private static final int QUEUE_ENABLE = 1 << 26;
    private static final int SET_ROOT = 1 << 30;
    private static final int TRANSLATION_ENABLE = 1 << 31;
    private static final long FOUR_LEVELS_DOMAIN_1 = 1 << 8 | 2;

    private final Unit unit;
    private final PhysicalMemory memory;
    private final Bench source;
    private final DmaAccess access = new DmaAccess();
    private long tail;

    /** A chip that walks a copy of the benchmark's tables. */
    BareQueue(Bench source, CacheConfig cache) {
        this.source = source;
        HardwareConfig chip = new HardwareConfig(Bench.GENERATION, Map.of(), Map.of(), cache, Map.of());
        unit = source.core.openUnit(new UnitConfig(
                IommuModel.INTEL, chip, true, 0, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        memory = unit.platform().memory();
        long root = source.copyTables(memory);
        memory.writeLongLe(ROOT_TABLE + (Bench.REQUESTER >>> 8) * 16L, CONTEXT_TABLE | 1);
        memory.writeLongLe(CONTEXT_TABLE + (Bench.REQUESTER & 0xff) * 16L, root | 1);
        memory.writeLongLe(CONTEXT_TABLE + (Bench.REQUESTER & 0xff) * 16L + 8, FOUR_LEVELS_DOMAIN_1);
        unit.writeRegister(IQT, 8, 0);
        unit.writeRegister(IQA, 8, RING | RING_SIZE_CODE);
        unit.writeRegister(GCMD, 4, QUEUE_ENABLE);
        unit.writeRegister(RTADDR, 8, ROOT_TABLE);
        unit.writeRegister(GCMD, 4, QUEUE_ENABLE | SET_ROOT);
        unit.writeRegister(GCMD, 4, Integer.toUnsignedLong(QUEUE_ENABLE | TRANSLATION_ENABLE));
    }

    /** The chip. */
    Unit unit() {
        return unit;
    }

    /** Lets the device touch every page once. */
    void touchAll() {
        for (long iova : source.iovas) {
            unit.dma(access.begin(Bench.REQUESTER, iova, DmaAccess.READ));
            if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
                throw new IllegalStateException(access.outcome() + " " + access.faultCode());
            }
        }
    }

    /** Lets the device touch one page. */
    void touchOne() {
        unit.dma(access.begin(Bench.REQUESTER, source.iovas[0], DmaAccess.READ));
    }

    /** Puts one descriptor into the ring. */
    void put(long low, long high) {
        memory.writeLongLe(RING + tail, low);
        memory.writeLongLe(RING + tail + 8, high);
        tail = (tail + 16) % RING_BYTES;
    }

    /** Rings the doorbell: the chip has consumed everything when this returns. */
    long ring() {
        unit.writeRegister(IQT, 8, tail);
        return tail;
    }

    @Override
    public void close() {
        unit.close();
    }
}
