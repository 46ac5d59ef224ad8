package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.RequestBatch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A page-selective request from bytes to dropped entry: read, check, translate, queue, execute, wait. Goals P1 to P4: 16 to
 * a wait within 1.8 of the floor, growth from 1,000 to 64,000 entries at most 1.5.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class RequestBenchmark {
    private static final int BATCH = 16;
    private static final int REQUESTS = 1024;

    /** Pages that the chip has cached. */
    @Param({"1000", "64000"})
    public int entries;

    private final Completion completion = new Completion();
    private final RequestBatch batch = new RequestBatch(BATCH);
    private final DmaAccess access = new DmaAccess();
    private Bench bench;
    private byte[][] absent;
    private byte[][] present;
    private int next;

    /** Fills the cache; half of the requests name pages that are not in it, as in the floor's prototype. */
    @Setup
    public void fill() {
        bench = new Bench(entries, CacheConfig.WORST_CASE);
        bench.touchAll();
        long beyond = Bench.IOVA + entries * Bench.PAGE;
        absent = Bench.pageRequests(REQUESTS, i -> beyond + i * 37L % REQUESTS * Bench.PAGE);
        present = Bench.pageRequests(entries, i -> bench.iovas[i]);
    }

    /** Closes the unit. */
    @TearDown
    public void close() {
        bench.close();
    }

    /** One request and its wait; the page is not cached. */
    @Benchmark
    public int one() {
        next = (next + 1) % REQUESTS;
        byte[] request = absent[next];
        return bench.container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
    }

    /** Sixteen requests and one wait, a request; the pages are not cached. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int sixteen() {
        batch.clear();
        for (int i = 0; i < BATCH; i++) {
            next = (next + 1) % REQUESTS;
            byte[] request = absent[next];
            batch.add(request, 0, request.length);
        }
        return bench.container.submit(batch);
    }

    /** A cached page is dropped, then used twice: request, wait, miss, hit. */
    @Benchmark
    public long dropMissHit() {
        next = (next + 1) % entries;
        int page = next;
        byte[] request = present[page];
        bench.container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
        bench.unit.dma(access.begin(Bench.REQUESTER, bench.iovas[page], DmaAccess.WRITE));
        long spa = access.spa();
        bench.unit.dma(access.begin(Bench.REQUESTER, bench.iovas[page] + 64, DmaAccess.READ));
        return spa + access.spa();
    }
}
