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
import org.openjdk.jmh.annotations.CompilerControl;
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
 * same cache, through the same calls and accesses: one window, whose place and size are data as they are in a machine, one
 * level, no counters, no observers, no errors with reasons.
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

    private final NativeCall call = new NativeCall();
    private final DmaAccess access = new DmaAccess();
    private final TranslationCache floorCache = new TranslationCache(1 << 16);
    private final long[] floorList = new long[BATCH];
    private Hardware chip;
    private Hardware uncached;
    private PhysicalMemory memory;
    private long floorLiobn;
    private long floorBase;
    private int floorShift;
    private long floorPages;
    private long floorTable;
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
        floorLiobn = call.word(0);
        floorBase = call.word(1);
        floorShift = (int) call.word(2);
        floorPages = 1L << (call.word(3) - call.word(2));
        floorTable = FLOOR_TABLE;
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
        call.begin(H_PUT_TCE)
                .word(0, Integer.toUnsignedLong(LIOBN))
                .word(1, iova)
                .word(2, (0x20_0000L + iova) | 3);
        call.result(store(call.word(0), call.word(1), call.word(2)));
        return call.result();
    }

    private long store(long liobn, long iova, long tce) {
        long inPage = (1L << floorShift) - 1;
        long index = (iova - floorBase) >>> floorShift;
        if (liobn != floorLiobn || index >= floorPages || (iova & inPage) != 0 || !isLegal(tce)) {
            return -4;
        }
        memory.writeLongBe(floorTable + index * 8, tce);
        floorCache.invalidatePage(0, TranslationCache.NO_PASID, iova);
        return 0;
    }

    private boolean isLegal(long tce) {
        long inPage = (1L << floorShift) - 1;
        return (tce & 3) == 0 || ((tce & inPage & ~3) == 0 && memory.contains(tce & ~inPage, inPage + 1));
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
            if (!isLegal(floorList[i])) {
                return -4;
            }
        }
        for (int i = 0; i < BATCH; i++) {
            memory.writeLongBe(floorTable + 8L * i, floorList[i]);
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
        floorTranslate(access.begin(LIOBN, page(), DmaAccess.READ));
        return access.spa();
    }

    /** Not compiled into its caller: of an access that a device makes nothing is known before it comes. */
    @CompilerControl(CompilerControl.Mode.DONT_INLINE)
    private void floorTranslate(DmaAccess access) {
        long iova = access.iova();
        long index = (iova - floorBase) >>> floorShift;
        // As the architecture has it: the window, whether its endpoint is stopped, requests that it does not have,
        // messages and other spaces, the extent.
        if (access.requester() != (int) floorLiobn
                || floorStopped
                || access.pasid() != DmaAccess.NO_PASID
                || access.addressType() != DmaAccess.AddressType.UNTRANSLATED
                || iova >>> 60 != 0
                || (iova >= MSI_FIRST && iova <= MSI_LAST)
                || index >= floorPages) {
            return;
        }
        long tce = memory.readLongBe(floorTable + index * 8);
        if ((tce & access.rights()) != access.rights()) {
            return;
        }
        long inPage = (1L << floorShift) - 1;
        access.translated((tce & ~inPage) | (iova & inPage), inPage + 1, (int) tce & 3, false);
    }
}
