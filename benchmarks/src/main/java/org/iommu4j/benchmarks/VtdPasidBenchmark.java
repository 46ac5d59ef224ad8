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
import org.iommu4j.backend.PageOwner;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Mapping;
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
    private static final long PLAIN_RING = 0x2_0000_0000L;
    private static final long PLAIN_STATUS = 0x2_0001_0000L;
    private static final byte[] NONE = {};

    private final DmaAccess access = new DmaAccess();
    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private Machine scalable;
    private Machine legacy;
    private Machine scalableUncached;
    private Machine legacyUncached;
    private Machine nestedUncached;
    private PlainVtd plain;
    private PlainVtd plainUncached;
    private PlainVtd plainNested;
    private int at;

    /** A chip with its driver, and tables of the first or the second stage. */
    private static final class Machine implements NativePort {
        private final SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        private final Hardware chip;
        private final Translator translator;

        /** Host address at which the guest's memory begins. */
        private final long host;

        Machine(int subVersion, CacheConfig cache, boolean nested) {
            // A page beside what larger pages would need, so that all of the map is pages of 4 KiB.
            host = nested ? PAGE : 0;
            map(subVersion == SCALABLE ? TABLE_ENTRY : TABLE_ENTRY >> 1);
            VtdBackend backend = new VtdBackend();
            // Addresses of 48 bits, so that the second stage of the memory map has four levels.
            Map<String, Map<String, Long>> fields = nested ? Map.of("cap", Map.of("MGAW", 47L)) : Map.of();
            chip = backend.createHardware(new HardwareConfig(subVersion, fields, Map.of(), cache, Map.of()), platform);
            translator = backend.createTranslator(subVersion, this);
            Completion completion = new Completion();
            translator.openDomain(DOMAIN, completion);
            if (subVersion == LEGACY) {
                translator.attach(DOMAIN, DEVICE, ROOT, 4, completion.begin());
            } else {
                translator.attach(DOMAIN, DEVICE, -1, 0, completion.begin());
                if (nested) {
                    translator.beginMap(DOMAIN, completion.begin());
                    for (long from : new long[] {ROOT, FRAMES}) {
                        Mapping mapping = new Mapping(from, from + host, PAGES * PAGE, Uapi.MAP_FLAGS_MASK);
                        translator.map(DOMAIN, mapping, completion.begin());
                    }
                }
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
                    long entry = host + table + ((iova >>> (12 + 9 * level)) & 511) * Long.BYTES;
                    if (memory.readLongLe(entry) == 0) {
                        memory.writeLongLe(entry, next | rights);
                        next += PAGE;
                    }
                    table = memory.readLongLe(entry) & 0xf_ffff_ffff_f000L;
                }
                memory.writeLongLe(host + table + ((iova >>> 12) & 511) * Long.BYTES, (FRAMES + page * PAGE) | rights);
            }
        }

        /** A unit by hand that reads the tables of this one's driver, and has a queue of its own. */
        PlainVtd plain() {
            long root = chip.readRegister(0x20, 8) & -PAGE;
            return new PlainVtd(platform.memory(), platform.guestTables(), root, PLAIN_RING, PLAIN_STATUS);
        }

        /** The driver's tables are in pages of its own, as behind the core. */
        @Override
        public Platform platform() {
            return platform.forOwner(PageOwner.HOST);
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
        scalable = new Machine(SCALABLE, CacheConfig.WORST_CASE, false);
        legacy = new Machine(LEGACY, CacheConfig.WORST_CASE, false);
        scalableUncached = new Machine(SCALABLE, CacheConfig.NONE, false);
        legacyUncached = new Machine(LEGACY, CacheConfig.NONE, false);
        nestedUncached = new Machine(SCALABLE, CacheConfig.NONE, true);
        plain = scalable.plain();
        plain.fill(1, PASID, IOVA, PAGES);
        plainUncached = scalableUncached.plain();
        plainNested = nestedUncached.plain();
        for (int page = 0; page < PAGES; page++) {
            long frame = FRAMES + page * PAGE;
            long iova = IOVA + page * PAGE;
            if (read(nestedUncached, iova, PASID) != frame + PAGE
                    || plainNested.walk(DEVICE, PASID, iova) != frame + PAGE
                    || plainUncached.walk(DEVICE, PASID, iova) != frame
                    || read(scalable, iova, PASID) != frame
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

    /** Sixteen commands for such pages by hand, and one wait; a command. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public boolean plainPasidPage() {
        for (int i = 0; i < BATCH; i++) {
            plain.put(0x36L | (1 << 16) | ((long) PASID << 32), PAGES * PAGE + next());
        }
        return plain.finish();
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

    /** Sixteen commands for a whole PASID by hand, and one wait; a command. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public boolean plainPasid() {
        for (int i = 0; i < BATCH; i++) {
            plain.put(0x26L | (1 << 16) | ((long) PASID << 32), 0);
        }
        return plain.finish();
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

    /** The same walk by hand. */
    @Benchmark
    public long plainFirstStageMiss() {
        return plainUncached.walk(DEVICE, PASID, next());
    }

    /** An access with PASID that walks everything: four levels of the guest over four of its container's memory, 24 entries. */
    @Benchmark
    public long nestedMiss() {
        return read(nestedUncached, next(), PASID);
    }

    /** The same walk by hand. */
    @Benchmark
    public long plainNestedMiss() {
        return plainNested.walk(DEVICE, PASID, next());
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
