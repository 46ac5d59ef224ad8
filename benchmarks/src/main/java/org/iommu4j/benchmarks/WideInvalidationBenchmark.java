package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Invalidation of a full cache as a whole, filled anew before each one. Goal P5: growth from 1,000 to 64,000 entries at
 * most 1.2, by generations and without a scan.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 400)
@Measurement(iterations = 200)
@Fork(1)
@State(Scope.Thread)
public class WideInvalidationBenchmark {
    /** Pages that the chip has cached. */
    @Param({"1000", "64000"})
    public int entries;

    private final Completion completion = new Completion();
    private Bench bench;
    private BareQueue bare;
    private byte[] domain;

    /** Makes the unit. */
    @Setup
    public void open() {
        bench = new Bench(entries, CacheConfig.WORST_CASE);
        domain = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, Bench.GENERATION)
                .invalidate(0, 0, 0, 0, 0, new byte[0]);
        bare = new BareQueue(bench, CacheConfig.WORST_CASE);
    }

    /** Fills the cache, and lets the path be warm. */
    @Setup(Level.Invocation)
    public void fill() {
        bench.touchAll();
        bare.touchAll();
    }

    /** Closes the units. */
    @TearDown
    public void close() {
        bare.close();
        bench.close();
    }

    /** Everything of one container. */
    @Benchmark
    public int wholeDomain() {
        return bench.container.ioctl(Uapi.VFIO_IOMMU_OP, domain, 0, domain.length, completion);
    }

    /** Everything of the chip, as a descriptor in its queue, with a wait. */
    @Benchmark
    public long global() {
        bare.put(BareQueue.IOTLB_GLOBAL, 0);
        bare.put(BareQueue.WAIT, BareQueue.STATUS);
        return bare.ring();
    }
}
