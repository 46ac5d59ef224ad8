package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A device's access through the unit. Goals P6 and P7: a hit about 32 ns, a warm miss of four levels about 100 ns. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class DmaBenchmark {
    private static final int PAGES = 64_000;
    private static final int WARM_PAGES = 64;

    private final DmaAccess access = new DmaAccess();
    private Bench cached;
    private Bench uncached;
    private int next;

    /** One chip that has cached everything, one that caches nothing. */
    @Setup
    public void fill() {
        cached = new Bench(PAGES, CacheConfig.WORST_CASE);
        cached.touchAll();
        uncached = new Bench(WARM_PAGES, CacheConfig.NONE);
        uncached.touchAll();
    }

    /** Closes the units. */
    @TearDown
    public void close() {
        cached.close();
        uncached.close();
    }

    /** Random pages out of 64,000, all cached. */
    @Benchmark
    public long hit() {
        next = (next + 1) % PAGES;
        cached.unit.dma(access.begin(Bench.REQUESTER, cached.iovas[next], DmaAccess.READ));
        return access.spa();
    }

    /** Context entry and four levels of tables, nothing cached. */
    @Benchmark
    public long walk() {
        next = (next + 1) % WARM_PAGES;
        uncached.unit.dma(access.begin(Bench.REQUESTER, uncached.iovas[next], DmaAccess.READ));
        return access.spa();
    }
}
