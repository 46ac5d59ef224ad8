package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerConfig;
import org.iommu4j.core.service.Offer;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
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
 * {@link BridgedRequestBenchmark} for VT-d: a page with its vendor part, on a chip with an invalidation queue in legacy mode. Goals: at
 * most 1.3 times the exact request, no byte allocated.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class BridgedVtdRequestBenchmark {
    private static final int REQUESTS = 1024;
    private static final int OTHER_REQUESTER = Bench.REQUESTER + 1;

    /** The client: of the chip's generation, of scalable mode with the same descriptors, of registers in place of a queue. */
    @Param({"exact", "kept", "rewritten"})
    public String client;

    private final Completion completion = new Completion();
    private Bench bench;
    private Container container;
    private byte[][] requests;
    private int next;

    /** Opens the unit, and attaches a device. */
    @Setup
    public void open() {
        bench = new Bench(1, CacheConfig.WORST_CASE);
        int generation = switch (client) {
            case "exact" -> Bench.GENERATION;
            case "kept" -> VtdGeneration.SCALABLE;
            default -> VtdGeneration.LEGACY_REG;
        };
        container = bench.unit.openContainer(ContainerConfig.of(Offer.exactly(IommuModel.INTEL, generation)));
        if (container.agreement().kind() == Agreement.Kind.EXACT != client.equals("exact")) {
            throw new IllegalStateException(container.agreement().reason());
        }
        Bench.attach(container, OTHER_REQUESTER);
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, generation);
        requests = new byte[REQUESTS][];
        for (int i = 0; i < REQUESTS; i++) {
            long iova = Bench.IOVA + i * Bench.PAGE;
            byte[] part = generation == VtdGeneration.LEGACY_REG ? image(iova) : descriptor(iova);
            requests[i] = writer.invalidate(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, iova, Bench.PAGE, part);
            next = i;
            if (one() != 0 || completion.errno() != Errno.OK) {
                throw new IllegalStateException(completion.toString());
            }
        }
    }

    private static byte[] descriptor(long iova) {
        return IotlbInvalidate.LAYOUT.encode(
                VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(IotlbInvalidate.PAGE), IotlbInvalidate.ADDR.of(iova));
    }

    private static byte[] image(long iova) {
        return RegisterImage.LAYOUT.encode(RegisterImage.IIRG.of(IotlbInvalidate.PAGE), RegisterImage.ADDR.of(iova));
    }

    /** Closes the unit. */
    @TearDown
    public void close() {
        container.close();
        bench.close();
    }

    /** One request and its wait. */
    @Benchmark
    public int one() {
        byte[] request = requests[next];
        next = (next + 1) % REQUESTS;
        return container.ioctl(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion);
    }
}
