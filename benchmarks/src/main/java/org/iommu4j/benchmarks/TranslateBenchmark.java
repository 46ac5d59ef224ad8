package org.iommu4j.benchmarks;

import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.Unit;
import org.iommu4j.intel.VtdBackend;
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
 * The driver alone: checked requests become descriptors in the ring. The chip behind it is brought up for real; then its
 * queue is replaced by one that stores the status of the last wait and does nothing else.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class TranslateBenchmark {
    private static final int BATCH = 16;
    private static final int DOMAIN = 0;

    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private final byte[] none = new byte[0];
    private Bench bench;
    private Unit chip;
    private Translator translator;
    private long page;

    /** Brings a chip up and exchanges its queue. */
    @Setup
    public void open() {
        bench = new Bench(1, CacheConfig.DEFAULT);
        chip = new BareQueue(bench, CacheConfig.DEFAULT).unit();
        IdleQueue port = new IdleQueue(chip);
        translator = new VtdBackend().createTranslator(Bench.GENERATION, port);
        translator.openDomain(DOMAIN, completion.begin());
        translator.attach(DOMAIN, Bench.REQUESTER, Bench.PAGE, 4, completion.begin());
        port.idle = true;
    }

    /** Closes the units. */
    @TearDown
    public void close() {
        chip.close();
        bench.close();
    }

    /** Sixteen requests for a page each and one wait, a request. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int pages() {
        int outcome = 0;
        for (int i = 0; i < BATCH; i++) {
            page = (page + 37) & 0xffff;
            request.set(
                    Uapi.SCOPE_VADDR,
                    Uapi.FLAGS_NO_PASID,
                    0,
                    Bench.IOVA + page * Bench.PAGE,
                    Bench.PAGE,
                    Bench.GENERATION,
                    none,
                    0,
                    0);
            outcome |= translator.invalidate(DOMAIN, request, completion.begin());
        }
        return outcome | translator.finish(completion.begin());
    }

    /** A chip's port, whose queue stops working when it is told to: everything put in counts as done. */
    private static final class IdleQueue implements NativePort {
        private static final int IQT = 0x88;
        private static final int IQA = 0x90;
        private static final int DESCRIPTOR = 16;
        private static final int RING_BYTES = 4096;

        private final Unit unit;
        private final PhysicalMemory memory;
        private long ring;
        private boolean idle;

        IdleQueue(Unit unit) {
            this.unit = unit;
            memory = unit.platform().memory();
        }

        @Override
        public Platform platform() {
            return unit.platform();
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return idle ? 0 : unit.readRegister(offset, sizeBytes);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            if (offset == IQA) {
                ring = value & -Bench.PAGE;
            }
            if (!idle) {
                unit.writeRegister(offset, sizeBytes, value);
            } else if (offset == IQT) {
                long wait = ring + ((value - DESCRIPTOR) & (RING_BYTES - 1));
                memory.writeIntLe(memory.readLongLe(wait + Long.BYTES), (int) (memory.readLongLe(wait) >>> 32));
            }
        }

        @Override
        public void call(NativeCall call) {
            unit.call(call);
        }
    }
}
