package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatform;
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
import org.openjdk.jmh.annotations.Warmup;

/** Requests and accesses with PASIDs in VT-d's scalable mode, beside the same without PASIDs in legacy mode. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class VtdPasidBenchmark {
    private static final int SCALABLE = 0x0400;
    private static final int LEGACY = 0x0110;
    private static final int BATCH = 16;
    private static final int DOMAIN = 0;
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x45;
    private static final int FIRST_STAGE = 1 << 18;
    private static final int PAGES = 1024;
    private static final long PAGE = 4096;
    private static final long IOVA = 0x8_0000_0000L;
    private static final long FRAMES = 0x10_0000_0000L;
    private static final long ROOT = 0x4000_0000L;
    private static final long TABLE_ENTRY = 7;
    private static final byte[] NONE = {};

    private final DmaAccess access = new DmaAccess();
    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private Machine scalable;
    private Machine legacy;
    private Machine scalableUncached;
    private Machine legacyUncached;
    private int at;

    /** A chip with its driver, and tables of the first or the second stage. */
    private static final class Machine implements NativePort {
        private final SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        private final Hardware chip;
        private final Translator translator;

        Machine(int subVersion, CacheConfig cache) {
            map(subVersion == SCALABLE ? TABLE_ENTRY : TABLE_ENTRY >> 1);
            VtdBackend backend = new VtdBackend();
            chip = backend.createHardware(
                    new HardwareConfig(subVersion, Map.of(), Map.of(), cache, Map.of()), platform);
            translator = backend.createTranslator(subVersion, this);
            Completion completion = new Completion();
            translator.openDomain(DOMAIN, completion);
            if (subVersion == LEGACY) {
                translator.attach(DOMAIN, DEVICE, ROOT, 4, completion.begin());
            } else {
                translator.attach(DOMAIN, DEVICE, -1, 0, completion.begin());
                byte[] payload = new byte[32];
                put(payload, 0, ROOT);
                put(payload, 8, 48L << 32 | DEVICE);
                put(payload, 24, PASID);
                BindRequest bind = new BindRequest();
                bind.set(Uapi.BIND_PASID, subVersion, FIRST_STAGE, payload, 0, payload.length);
                translator.bind(DOMAIN, bind, completion.begin());
            }
            if (completion.errno().number() != 0) {
                throw new IllegalStateException(completion.toString());
            }
        }

        private static void put(byte[] into, int offset, long value) {
            for (int i = 0; i < Long.BYTES; i++) {
                into[offset + i] = (byte) (value >>> (Byte.SIZE * i));
            }
        }

        private void map(long rights) {
            PhysicalMemory memory = platform.memory();
            long next = ROOT + PAGE;
            for (int page = 0; page < PAGES; page++) {
                long iova = IOVA + page * PAGE;
                long table = ROOT;
                for (int level = 3; level > 0; level--) {
                    long entry = table + ((iova >>> (12 + 9 * level)) & 511) * Long.BYTES;
                    if (memory.readLongLe(entry) == 0) {
                        memory.writeLongLe(entry, next | rights);
                        next += PAGE;
                    }
                    table = memory.readLongLe(entry) & 0xf_ffff_ffff_f000L;
                }
                memory.writeLongLe(table + ((iova >>> 12) & 511) * Long.BYTES, (FRAMES + page * PAGE) | rights);
            }
        }

        @Override
        public Platform platform() {
            return platform;
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return chip.readRegister(offset, sizeBytes);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            chip.writeRegister(offset, sizeBytes, value);
        }

        @Override
        public void call(NativeCall call) {
            chip.call(call);
        }
    }

    /** Machines that have every page cached, and machines that cache nothing. */
    @Setup
    public void open() {
        scalable = new Machine(SCALABLE, CacheConfig.WORST_CASE);
        legacy = new Machine(LEGACY, CacheConfig.WORST_CASE);
        scalableUncached = new Machine(SCALABLE, CacheConfig.NONE);
        legacyUncached = new Machine(LEGACY, CacheConfig.NONE);
        for (int page = 0; page < PAGES; page++) {
            long frame = FRAMES + page * PAGE;
            long iova = IOVA + page * PAGE;
            if (read(scalable, iova, PASID) != frame
                    || read(legacy, iova, DmaAccess.NO_PASID) != frame
                    || read(scalableUncached, iova, PASID) != frame
                    || read(legacyUncached, iova, DmaAccess.NO_PASID) != frame) {
                throw new IllegalStateException(access.outcome() + " " + access.faultCode());
            }
        }
    }

    private long next() {
        at += 37;
        if (at >= PAGES) {
            // Rarely, since a division costs more than some of what is measured.
            at %= PAGES;
        }
        return IOVA + at * PAGE;
    }

    private long read(Machine machine, long iova, int pasid) {
        machine.chip.translate(access.begin(DEVICE, iova, DmaAccess.READ).withPasid(pasid));
        return access.spa();
    }

    private int invalidate(Machine machine, int subVersion, int scope, int flags, int pasid) {
        int outcome = 0;
        boolean range = (scope & Uapi.SCOPE_VADDR) != 0;
        for (int i = 0; i < BATCH; i++) {
            long iova = range ? PAGES * PAGE + next() : 0;
            request.set(scope, flags, pasid, iova, range ? PAGE : 0, subVersion, NONE, 0, 0);
            outcome |= machine.translator.invalidate(DOMAIN, request, completion.begin());
        }
        return outcome | machine.translator.finish(completion.begin());
    }

    /** Sixteen requests for a page of a PASID that is not cached, and one wait; a request. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int pasidPage() {
        return invalidate(scalable, SCALABLE, Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, 0, PASID);
    }

    /** The same without PASID in legacy mode. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int legacyPage() {
        return invalidate(legacy, LEGACY, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0);
    }

    /** Sixteen requests for a whole PASID, and one wait; a request. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int pasid() {
        return invalidate(scalable, SCALABLE, Uapi.SCOPE_PASID, 0, PASID);
    }

    /** Sixteen requests for the whole domain in legacy mode, and one wait; a request. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int legacyDomain() {
        return invalidate(legacy, LEGACY, 0, Uapi.FLAGS_NO_PASID, 0);
    }

    /** An access with PASID that walks everything: context, PASID and four levels of the first stage. */
    @Benchmark
    public long firstStageMiss() {
        return read(scalableUncached, next(), PASID);
    }

    /** An access without PASID in legacy mode that walks everything: context and four levels of the second stage. */
    @Benchmark
    public long legacyMiss() {
        return read(legacyUncached, next(), DmaAccess.NO_PASID);
    }

    /** An access with PASID that a cache answers, if none of its pages has been dropped. */
    @Benchmark
    public long firstStageHit() {
        return read(scalable, next(), PASID);
    }

    /** The same without PASID in legacy mode. */
    @Benchmark
    public long legacyHit() {
        return read(legacy, next(), DmaAccess.NO_PASID);
    }
}
