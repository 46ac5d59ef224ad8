package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
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
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The way to a chip and back: route and in-flight tracking, against a direct call of the same chip. Goal P9: at most 8 ns
 * over the direct call, with two threads at most 1.2 of that.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class DispatchBenchmark {

    /** One core for all threads. */
    @State(Scope.Benchmark)
    public static class Shared {
        private final IommuCore core = new IommuCore(new SimulatedPlatformFactory());

        /** Registers the backend. */
        @Setup
        public void open() {
            core.arrived(new NullBackend());
        }

        /** Closes all units. */
        @TearDown
        public void close() {
            core.close();
        }
    }

    /** A unit for each thread. */
    @State(Scope.Thread)
    public static class Client {
        private final DmaAccess access = new DmaAccess();
        private final NullBackend.NullChip direct = new NullBackend.NullChip(HardwareConfig.of(NullBackend.GENERATION));
        private Unit unit;
        private long iova;

        /** Opens the unit. */
        @Setup
        public void open(Shared shared) {
            unit = shared.core.openUnit(UnitConfig.of(IommuModel.AMD, HardwareConfig.of(NullBackend.GENERATION))
                    .withoutDriver());
        }

        private int direct() {
            direct.translate(access.begin(1, iova++, DmaAccess.READ));
            return access.faultCode();
        }

        private int dispatched() {
            unit.dma(access.begin(1, iova++, DmaAccess.READ));
            return access.faultCode();
        }
    }

    /** Direct call, one thread. */
    @Benchmark
    @Threads(1)
    public int direct1(Client client) {
        return client.direct();
    }

    /** Through the core, one thread. */
    @Benchmark
    @Threads(1)
    public int dispatched1(Client client) {
        return client.dispatched();
    }

    /** Direct call, two threads. */
    @Benchmark
    @Threads(2)
    public int direct2(Client client) {
        return client.direct();
    }

    /** Through the core, two threads with a unit each. */
    @Benchmark
    @Threads(2)
    public int dispatched2(Client client) {
        return client.dispatched();
    }
}
