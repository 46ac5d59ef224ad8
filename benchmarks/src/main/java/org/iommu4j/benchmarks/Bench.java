package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;

/** One unit behind the core's services, with a container, a device, a table, and as many cached pages as asked. */
final class Bench implements AutoCloseable {
    static final int GENERATION = 0x0110;
    static final int REQUESTER = 0x0310;
    static final long PAGE = 4096;

    /** The mapped pages begin here; as many unmapped ones follow them. */
    static final long IOVA = 0x8_0000_0000L;

    private static final long ROOT = 0x4000_0000L;
    private static final long FRAMES = 0x10_0000_0000L;
    private static final long PRESENT = 3;

    final IommuCore core;
    final Unit unit;
    final Container container;
    final long[] iovas;
    private final DmaAccess access = new DmaAccess();
    private long nextTable = ROOT + PAGE;

    Bench(int pages, CacheConfig cache) {
        core = core();
        HardwareConfig chip = new HardwareConfig(GENERATION, Map.of(), Map.of(), cache, Map.of());
        unit = core.openUnit(new UnitConfig(
                IommuModel.INTEL, chip, false, 0, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        container = unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, GENERATION)));
        iovas = new long[pages];
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < pages; i++) {
            iovas[i] = IOVA + i * PAGE;
            map(iovas[i], FRAMES + i * PAGE);
        }
        for (int i = pages - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            long swapped = iovas[i];
            iovas[i] = iovas[j];
            iovas[j] = swapped;
        }
        attach(container, REQUESTER);
    }

    static IommuCore core() {
        IommuCore core = new IommuCore(new SimulatedPlatformFactory());
        core.arrived(new VtdBackend());
        return core;
    }

    static void attach(Container container, int requester) {
        Completion completion = new Completion();
        if (container.attach(requester, ROOT, 4, completion) != 0) {
            throw new IllegalStateException(completion.toString());
        }
    }

    /** Lets the device touch every page once, so that the chip may cache it. */
    void touchAll() {
        for (long iova : iovas) {
            unit.dma(access.begin(REQUESTER, iova, DmaAccess.READ));
            if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
                throw new IllegalStateException("0x" + Long.toHexString(iova) + ": " + access.outcome() + " "
                        + Integer.toHexString(access.faultCode()));
            }
        }
    }

    /** Lets the device touch one page. */
    void touchOne() {
        touchOne(REQUESTER);
    }

    /** Lets a device touch one page. */
    void touchOne(int requester) {
        unit.dma(access.begin(requester, iovas[0], DmaAccess.READ));
    }

    /** Requests for one page each: every one of {@code count} pages, in the given order. */
    static byte[][] pageRequests(int count, java.util.function.IntToLongFunction iova) {
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, GENERATION);
        byte[][] requests = new byte[count][];
        for (int i = 0; i < count; i++) {
            requests[i] =
                    writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, iova.applyAsLong(i), PAGE, new byte[0]);
        }
        return requests;
    }

    /** Writes the same tables into another unit's memory. */
    long copyTables(PhysicalMemory target) {
        PhysicalMemory memory = unit.platform().memory();
        byte[] table = new byte[(int) PAGE];
        for (long pa = ROOT; pa < nextTable; pa += PAGE) {
            memory.read(pa, table, 0, table.length);
            target.write(pa, table, 0, table.length);
        }
        return ROOT;
    }

    private void map(long iova, long frame) {
        PhysicalMemory memory = unit.platform().memory();
        long table = ROOT;
        for (int level = 3; level > 0; level--) {
            long entry = table + (iova >>> (12 + 9 * level) & 511) * Long.BYTES;
            long word = memory.readLongLe(entry);
            if (word == 0) {
                word = nextTable | PRESENT;
                nextTable += PAGE;
                memory.writeLongLe(entry, word);
            }
            table = word & -PAGE;
        }
        memory.writeLongLe(table + (iova >>> 12 & 511) * Long.BYTES, frame | PRESENT);
    }

    @Override
    public void close() {
        core.close();
    }
}
