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
 * One container's device uses a page, then its whole domain is invalidated, while another domain keeps its entries. Goal
 * P5: growth from 1,000 to 64,000 entries at most 1.2: whole domains are dropped by name, nothing is scanned.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class DomainInvalidationBenchmark {
    private static final int REQUESTER = Bench.REQUESTER + 1;

    /** Pages that the other domain keeps in the cache. */
    @Param({"1000", "64000"})
    public int entries;

    private final Completion completion = new Completion();
    private final DmaAccess access = new DmaAccess();
    private Bench bench;
    private Container container;
    private byte[] domain;

    /** Fills the cache with the other domain. */
    @Setup
    public void fill() {
        bench = new Bench(entries, CacheConfig.WORST_CASE);
        bench.touchAll();
        container = bench.unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, Bench.GENERATION)));
        Bench.attach(container, REQUESTER);
        domain = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, Bench.GENERATION)
                .invalidate(0, 0, 0, 0, 0, new byte[0]);
    }

    /** Closes the unit. */
    @TearDown
    public void close() {
        bench.close();
    }

    /** A miss with its walk, then the invalidation of the domain. */
    @Benchmark
    public int missAndDropDomain() {
        bench.unit.dma(access.begin(REQUESTER, Bench.IOVA, DmaAccess.READ));
        return container.ioctl(Uapi.VFIO_IOMMU_OP, domain, 0, domain.length, completion);
    }
}
