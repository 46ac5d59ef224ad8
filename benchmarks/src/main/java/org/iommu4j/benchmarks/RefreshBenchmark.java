package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** RPCIT by the pages of its range, and accesses of functions, beside what the same costs by hand. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class RefreshBenchmark {
    private static final int RPCIT = 0xB9D3;
    private static final int MPCIFC = 0xE3D0;
    private static final int CLP = 0xB9A0;
    private static final int DISABLED = 0x0002_0001;
    private static final int FUNCTION = 0x8002_0001;
    private static final long PBA = 0x1_0000_0000L;
    private static final long PAL = 0x1_ffff_ffffL;
    private static final long RT = 0x1000_0000L;
    private static final long ST = 0x1000_4000L;
    private static final long PT = 0x1010_0000L;
    private static final long BLOCK = 0x5000_0000L;
    private static final int SEGMENTS = 16;
    private static final int SEGMENT_PAGES = 256;
    private static final long PAGE = 4096;

    /** The range of a refresh. */
    @State(Scope.Thread)
    public static class Range {
        /** Pages of a range. */
        @Param({"1", "16", "256", "4096"})
        public int pages;
    }

    private final NativeCall call = new NativeCall();
    private final DmaAccess access = new DmaAccess();
    private Hardware shadowing;
    private Hardware reading;
    private PlainShadow plain;
    private int at;

    /** A unit that shadows, one that reads tables at every access, and the baseline, over the same tables. */
    @Setup
    public void open() {
        shadowing = unit(2, CacheConfig.DEFAULT);
        reading = unit(1, CacheConfig.NONE);
        plain.refresh(PBA, SEGMENTS * SEGMENT_PAGES * PAGE);
        refresh(shadowing, PBA, SEGMENTS * SEGMENT_PAGES * PAGE);
    }

    private Hardware unit(int generation, CacheConfig cache) {
        SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        PhysicalMemory memory = platform.memory();
        Hardware unit = new ZpciBackend()
                .createHardware(new HardwareConfig(generation, Map.of(), Map.of(), cache, Map.of()), platform);
        memory.writeLongBe(RT + 2 * 8, ST | 7);
        for (int segment = 0; segment < SEGMENTS; segment++) {
            memory.writeLongBe(ST + segment * 8L, PT + segment * 0x800L);
        }
        for (int page = 0; page < SEGMENTS * SEGMENT_PAGES; page++) {
            memory.writeLongBe(PT + page * 8L, 0x10_0000_0000L + page * PAGE);
        }
        byte[] request = Clp.setFunction(DISABLED, Clp.ENABLE);
        memory.write(BLOCK, request, 0, request.length);
        memory.writeLongBe(BLOCK + request.length, 32L << 48);
        unit.call(call.begin(CLP).word(0, BLOCK));
        long[] fib = {0, 0, PBA, PAL, RT | 0x804, 0, 0, 0, 0, 0};
        for (int word = 0; word < fib.length; word++) {
            memory.writeLongBe(BLOCK + word * 8L, fib[word]);
        }
        unit.call(call.begin(MPCIFC).word(0, (long) FUNCTION << 32 | 4).word(1, BLOCK));
        if (call.result() != 0) {
            throw new IllegalStateException("registration: " + call.result());
        }
        plain = new PlainShadow(memory, RT, PBA, PAL);
        return unit;
    }

    private long refresh(Hardware unit, long start, long length) {
        unit.call(
                call.begin(RPCIT).word(0, (long) FUNCTION << 32).word(1, start).word(2, length));
        if (call.result() != 0) {
            throw new IllegalStateException("RPCIT: " + call.result());
        }
        return call.result();
    }

    private long next(int pages) {
        int places = SEGMENTS * SEGMENT_PAGES - pages + 1;
        at += 37;
        if (at >= places) {
            // Rarely, since a division costs more than some of what is measured.
            at %= places;
        }
        return PBA + at * PAGE;
    }

    /** RPCIT of the range. */
    @Benchmark
    public long refresh(Range range) {
        return refresh(shadowing, next(range.pages), range.pages * PAGE);
    }

    /** The same by hand. */
    @Benchmark
    public int refreshPlain(Range range) {
        return plain.refresh(next(range.pages), range.pages * PAGE);
    }

    /** An access that the shadow table answers. */
    @Benchmark
    public long shadowed() {
        shadowing.translate(access.begin(FUNCTION, next(1), DmaAccess.READ));
        return access.spa();
    }

    /** The same by hand. */
    @Benchmark
    public long shadowedPlain() {
        return plain.lookup(access.begin(FUNCTION, next(1), DmaAccess.READ));
    }

    /** An access for which three levels are walked. */
    @Benchmark
    public long walked() {
        reading.translate(access.begin(FUNCTION, next(1), DmaAccess.READ));
        return access.spa();
    }

    /** The same by hand. */
    @Benchmark
    public long walkedPlain() {
        return plain.walk(access.begin(FUNCTION, next(1), DmaAccess.READ));
    }
}
