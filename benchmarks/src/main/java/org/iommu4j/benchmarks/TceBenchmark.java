package org.iommu4j.benchmarks;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.SpaprBackend;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The sPAPR platform alone: hypercalls and walks, each beside a hand-written floor of the same work on the same memory and the
 * same cache: no windows, no codes, no counters, one page size.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class TceBenchmark {
    private static final int LIOBN = 0x8000_0000;
    private static final int H_PUT_TCE = 0x20;
    private static final int H_PUT_TCE_INDIRECT = 0x13c;
    private static final int H_QUERY_TCE_TABLE = 0xf101;
    private static final int BATCH = 512;
    private static final int PAGES = 1 << 10;
    private static final long PAGE = 4096;
    private static final long LIST = 0x10_0000;
    private static final long FLOOR_TABLE = 0x800_0000;
    private static final long MSI_FIRST = 0xffff_0000L;
    private static final long MSI_LAST = 0xffff_ffffL;
    private static final long WINDOW_PAGES = 1 << 18;

    private final NativeCall call = new NativeCall();
    private final DmaAccess access = new DmaAccess();
    private final TranslationCache floorCache = new TranslationCache(1 << 16);
    private final long[] floorList = new long[BATCH];
    private Hardware chip;
    private Hardware uncached;
    private PhysicalMemory memory;
    private boolean floorStopped;
    private long next;

    /** Two platforms, one of which caches nothing, and a table for the floor. */
    @Setup
    public void open() {
        SimulatedPlatform machine =
                new SimulatedPlatform(new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        memory = machine.memory();
        chip = new SpaprBackend().createHardware(HardwareConfig.of(2), machine);
        uncached = new SpaprBackend().createHardware(HardwareConfig.of(2).with(CacheConfig.NONE), machine);
        for (int i = 0; i < BATCH; i++) {
            memory.writeLongBe(LIST + 8L * i, (0x20_0000L + PAGE * i) | 3);
        }
        call.begin(H_QUERY_TCE_TABLE).word(0, -1).word(1, 0);
        uncached.call(call);
        long table = call.word(5);
        for (int i = 0; i < PAGES; i++) {
            memory.writeLongBe(table + 8L * i, (0x20_0000L + PAGE * i) | 3);
            memory.writeLongBe(FLOOR_TABLE + 8L * i, (0x20_0000L + PAGE * i) | 3);
        }
    }

    private long page() {
        next = (next + 37) & (PAGES - 1);
        return next * PAGE;
    }

    /** H_PUT_TCE. */
    @Benchmark
    public long put() {
        long iova = page();
        call.begin(H_PUT_TCE)
                .word(0, Integer.toUnsignedLong(LIOBN))
                .word(1, iova)
                .word(2, (0x20_0000L + iova) | 3);
        chip.call(call);
        return call.result();
    }

    /** The same by hand: check, store, drop. */
    @Benchmark
    public long putFloor() {
        long iova = page();
        return store(iova, (0x20_0000L + iova) | 3);
    }

    private long store(long iova, long tce) {
        long index = iova >>> 12;
        if (index >= WINDOW_PAGES || (iova & 0xfff) != 0 || (tce & 0xffc) != 0 || !memory.contains(tce & -PAGE, PAGE)) {
            return -4;
        }
        memory.writeLongBe(FLOOR_TABLE + index * 8, tce);
        floorCache.invalidatePage(0, TranslationCache.NO_PASID, iova);
        return 0;
    }

    /** H_PUT_TCE_INDIRECT of 512 entries. */
    @Benchmark
    public long indirect() {
        call.begin(H_PUT_TCE_INDIRECT)
                .word(0, Integer.toUnsignedLong(LIOBN))
                .word(1, 0)
                .word(2, LIST)
                .word(3, BATCH);
        chip.call(call);
        return call.result();
    }

    /** The same by hand: copy, check all, store all, drop the range. */
    @Benchmark
    public long indirectFloor() {
        for (int i = 0; i < BATCH; i++) {
            floorList[i] = memory.readLongBe(LIST + 8L * i);
        }
        for (int i = 0; i < BATCH; i++) {
            if ((floorList[i] & 0xffc) != 0 || !memory.contains(floorList[i] & -PAGE, PAGE)) {
                return -4;
            }
        }
        for (int i = 0; i < BATCH; i++) {
            memory.writeLongBe(FLOOR_TABLE + 8L * i, floorList[i]);
        }
        floorCache.invalidateRange(0, TranslationCache.NO_PASID, 0, BATCH * PAGE - 1);
        return 0;
    }

    /** An access that walks: one level, nothing cached. */
    @Benchmark
    public long walk() {
        uncached.translate(access.begin(LIOBN, page(), DmaAccess.READ));
        return access.spa();
    }

    /** The same by hand. */
    @Benchmark
    public long walkFloor() {
        access.begin(LIOBN, page(), DmaAccess.READ);
        long iova = access.iova();
        long index = iova >>> 12;
        // As the architecture has it: the window, whether its endpoint is stopped, messages and other spaces, the extent.
        if (access.requester() != LIOBN
                || floorStopped
                || iova >>> 60 != 0
                || (iova >= MSI_FIRST && iova <= MSI_LAST)
                || index >= WINDOW_PAGES) {
            return -1;
        }
        long tce = memory.readLongBe(FLOOR_TABLE + index * 8);
        if ((tce & access.rights()) != access.rights()) {
            return -1;
        }
        access.translated((tce & -PAGE) | (iova & (PAGE - 1)), PAGE, (int) tce & 3, false);
        return access.spa();
    }
}
