package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Reading and checking one request; floor: decode and validate of a 64-byte structure, 8 ns. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class ReadBenchmark {
    private static final int REQUESTS = 1024;

    private final RequestReader reader = new RequestReader(
            new Terms(Abi.LP64_LE, IommuModel.INTEL, Bench.GENERATION, Set.of(0, 16), 12, 0, List.of()));
    private final byte[][] requests = Bench.pageRequests(REQUESTS, i -> Bench.IOVA + i * Bench.PAGE);
    private final Completion completion = new Completion();
    private int next;

    /** One request. */
    @Benchmark
    public long read() {
        next = (next + 1) % REQUESTS;
        byte[] request = requests[next];
        return reader.read(Uapi.VFIO_IOMMU_OP, request, 0, request.length, completion)
                + reader.invalidate().vaddr();
    }
}
