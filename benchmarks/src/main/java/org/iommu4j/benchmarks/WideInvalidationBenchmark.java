package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
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
@Warmup(iterations = 60)
@Measurement(iterations = 100)
@Fork(1)
@State(Scope.Thread)
public class WideInvalidationBenchmark {
    private static final int REHEARSALS = 200;

    /** Pages that the chip has cached. */
    @Param({"1000", "64000"})
    public int entries;

    private final Completion completion = new Completion();
    private final DmaAccess access = new DmaAccess();
    private Bench bench;
    private Container other;
    private BareQueue bare;
    private byte[] domain;

    /** Makes the unit. */
    @Setup
    public void open() {
        bench = new Bench(entries, CacheConfig.WORST_CASE);
        domain = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, Bench.GENERATION)
                .invalidate(0, 0, 0, 0, 0, new byte[0]);
        bare = new BareQueue(bench, CacheConfig.WORST_CASE);
        other = bench.unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, Bench.GENERATION)));
        Bench.attach(other, Bench.REQUESTER + 1);
    }

    /**
     * Runs both paths on a cache that holds next to nothing, so that they are compiled for what they are measured on; then
     * fills the caches; then runs what leaves them full, so that the code is near again.
     */
    @Setup(Level.Invocation)
    public void fill() {
        for (int i = 0; i < REHEARSALS; i++) {
            dropOther();
            bare.touchOne();
            global();
        }
        bench.touchAll();
        bare.touchAll();
        for (int i = 0; i < REHEARSALS; i++) {
            dropOther();
            bare.put(BareQueue.IOTLB_PAGE_DOMAIN_1, 0);
            bare.put(BareQueue.WAIT, BareQueue.STATUS);
            bare.ring();
        }
    }

    private void dropOther() {
        bench.unit.dma(access.begin(Bench.REQUESTER + 1, Bench.IOVA, DmaAccess.READ));
        other.ioctl(Uapi.VFIO_IOMMU_OP, domain, 0, domain.length, completion);
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
