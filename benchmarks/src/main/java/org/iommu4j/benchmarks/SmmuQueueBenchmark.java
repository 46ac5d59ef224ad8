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

/**
 * TLBI_NH_VA with 250 cached pages, through the ring of an SMMU and by hand. Goals: within 1.6 of the loop by hand, and below 66 ns
 * a command.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class SmmuQueueBenchmark {
    private static final int PAGES = 250;
    private static final int BATCH = 16;
    private static final long LEAF = 1;

    private BareSmmu chip;
    private PlainSmmuQueue plain;
    private int page;

    /** Fills the caches. */
    @Setup
    public void fill() {
        chip = new BareSmmu(PAGES, CacheConfig.DEFAULT);
        chip.touchAll();
        plain = new PlainSmmuQueue(PAGES);
    }

    /** Closes the unit. */
    @TearDown
    public void close() {
        chip.close();
    }

    private long absent() {
        page = page + 37 & 0xffff;
        return BareSmmu.IOVA + (PAGES + page) * BareSmmu.PAGE | LEAF;
    }

    /** Fifteen commands and a CMD_SYNC, a command; the pages are not cached. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public long pagesAndSync() {
        for (int i = 1; i < BATCH; i++) {
            chip.put(BareSmmu.PAGE_OF_SPACE, absent());
        }
        chip.put(BareSmmu.SYNC, 0);
        return chip.ring();
    }

    /** The same by hand. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int plainPagesAndSync() {
        for (int i = 1; i < BATCH; i++) {
            plain.put(BareSmmu.PAGE_OF_SPACE, absent());
        }
        plain.put(BareSmmu.SYNC, 0);
        return plain.run();
    }

    /** A cached page is dropped and used again: a command with its CMD_SYNC, a walk of the last level. */
    @Benchmark
    public long dropAndMiss() {
        page = (page + 37) % PAGES;
        chip.put(BareSmmu.PAGE_OF_SPACE, BareSmmu.IOVA + page * BareSmmu.PAGE | LEAF);
        chip.put(BareSmmu.SYNC, 0);
        chip.ring();
        return chip.touch(page);
    }

    /** A cached page is used. */
    @Benchmark
    public long hit() {
        page = (page + 37) % PAGES;
        return chip.touch(page);
    }
}
