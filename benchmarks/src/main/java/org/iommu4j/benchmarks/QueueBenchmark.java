package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Native descriptors written into the ring and executed by the chip, without the contract. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class QueueBenchmark {
    private static final int ENTRIES = 1000;
    private static final int BATCH = 16;

    private Bench bench;
    private BareQueue queue;
    private long page;

    /** Fills the cache. */
    @Setup
    public void fill() {
        bench = new Bench(ENTRIES, CacheConfig.WORST_CASE);
        queue = new BareQueue(bench, CacheConfig.WORST_CASE);
        queue.touchAll();
    }

    /** Closes the units. */
    @TearDown
    public void close() {
        queue.close();
        bench.close();
    }

    /** Fifteen page-selective descriptors and a wait, a descriptor. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public long pagesAndWait() {
        for (int i = 1; i < BATCH; i++) {
            page = page + 37 & 0xffff;
            queue.put(BareQueue.IOTLB_PAGE_DOMAIN_1, Bench.IOVA + (ENTRIES + page) * Bench.PAGE);
        }
        queue.put(BareQueue.WAIT, BareQueue.STATUS);
        return queue.ring();
    }
}
