package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.iommu4j.amd.AmdViBackend;
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
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Accesses with a PASID through a guest's tables over a container's memory map, beside what the same costs by hand. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class AmdViNestedBenchmark {
    private static final int GENERATION = 0x0300;
    private static final int DOMAIN = 0;
    private static final int DEVICE = 0x310;
    private static final int PASID = 0x345;
    private static final int PAGES = 1024;
    private static final long PAGE = 4096;
    private static final long IOVA = 0x7f_0000_0000L;
    private static final long FRAMES = 0x10_0000_0000L;
    private static final long ROOT = 0x4000_0000L;

    /** Host address at which the guest's memory begins: a page beside what larger pages would need. */
    private static final long HOST = PAGE;

    /** P, RW, US, A and D of a guest's entry, and its address; levels of its tables. */
    private static final long GUEST_ENTRY = 0x67;

    private static final long TABLE_ADDRESS = 0xf_ffff_ffff_f000L;
    private static final long LEVELS = 4;
    private static final int PAGE_SHIFT = 12;
    private static final int INDEX_BITS = 9;
    private static final long INDEX_MASK = (1 << INDEX_BITS) - 1;
    private static final int DEV_TAB_BASE = 0x0000;
    private static final long DEVICE_ENTRY_BYTES = 32;
    private static final long DOMAIN_MASK = 0xffff;
    private static final int NO_TABLE = -1;

    private final DmaAccess access = new DmaAccess();
    private Machine cached;
    private Machine uncached;
    private PlainAmdVi plain;
    private int at;

    /** A chip with its driver, a memory map and a guest's tables above it. */
    private static final class Machine implements NativePort {
        private final SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        private final Hardware chip;

        Machine(CacheConfig cache) {
            writeTables();
            AmdViBackend backend = new AmdViBackend();
            chip = backend.createHardware(
                    new HardwareConfig(GENERATION, Map.of(), Map.of(), cache, Map.of()), platform);
            Translator translator = backend.createTranslator(GENERATION, this);
            Completion completion = new Completion();
            translator.openDomain(DOMAIN, completion);
            translator.beginMap(DOMAIN, completion.begin());
            for (long from : new long[] {ROOT, FRAMES}) {
                Mapping mapping = new Mapping(from, from + HOST, PAGES * PAGE, Uapi.MAP_FLAGS_MASK);
                translator.map(DOMAIN, mapping, completion.begin());
            }
            translator.attach(DOMAIN, DEVICE, NO_TABLE, 0, completion.begin());
            byte[] payload = new byte[3 * Long.BYTES];
            put(payload, 0, ROOT);
            put(payload, Long.BYTES, LEVELS << Integer.SIZE | DEVICE);
            put(payload, 2 * Long.BYTES, PASID);
            BindRequest bind = new BindRequest();
            bind.set(Uapi.BIND_PASID, GENERATION, 0, payload, 0, payload.length);
            translator.bind(DOMAIN, bind, completion.begin());
            if (completion.errno().number() != 0) {
                throw new IllegalStateException(completion.toString());
            }
        }

        private static void put(byte[] into, int offset, long value) {
            for (int i = 0; i < Long.BYTES; i++) {
                into[offset + i] = (byte) (value >>> (Byte.SIZE * i));
            }
        }

        /** The guest's tables, which name guest-physical addresses. */
        private void writeTables() {
            PhysicalMemory memory = platform.memory();
            long next = ROOT + PAGE;
            for (int page = 0; page < PAGES; page++) {
                long iova = IOVA + page * PAGE;
                long table = ROOT;
                for (int below = (int) LEVELS - 1; below > 0; below--) {
                    long entry = slot(table, iova, below);
                    if (memory.readLongLe(entry) == 0) {
                        memory.writeLongLe(entry, next | GUEST_ENTRY);
                        next += PAGE;
                    }
                    table = memory.readLongLe(entry) & TABLE_ADDRESS;
                }
                memory.writeLongLe(slot(table, iova, 0), (FRAMES + page * PAGE) | GUEST_ENTRY);
            }
        }

        /** Host address of the entry for an input address in a table that has so many levels below it. */
        private static long slot(long table, long iova, int below) {
            return HOST + table + ((iova >>> (PAGE_SHIFT + INDEX_BITS * below)) & INDEX_MASK) * Long.BYTES;
        }

        /** A unit by hand that reads the tables of this one's driver. */
        PlainAmdVi plain() {
            long deviceTable = chip.readRegister(DEV_TAB_BASE, Long.BYTES) & -PAGE;
            long entry = deviceTable + DEVICE * DEVICE_ENTRY_BYTES;
            int domain = (int) (platform.memory().readLongLe(entry + Long.BYTES) & DOMAIN_MASK);
            return new PlainAmdVi(platform.memory(), platform.guestTables(), DEVICE, domain, deviceTable, 0, PAGE);
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

    /** A machine that has every page cached, one that caches nothing, and the baseline over its tables. */
    @Setup
    public void open() {
        cached = new Machine(CacheConfig.WORST_CASE);
        uncached = new Machine(CacheConfig.NONE);
        plain = uncached.plain();
        for (int page = 0; page < PAGES; page++) {
            long frame = HOST + FRAMES + page * PAGE;
            long iova = IOVA + page * PAGE;
            if (read(cached, iova) != frame
                    || read(uncached, iova) != frame
                    || plain.walkNested(wanted(iova)) != frame) {
                throw new IllegalStateException(access.outcome() + " " + access.faultCode());
            }
        }
    }

    private DmaAccess wanted(long iova) {
        return access.begin(DEVICE, iova, DmaAccess.READ).withPasid(PASID);
    }

    private long read(Machine machine, long iova) {
        machine.chip.translate(wanted(iova));
        return access.spa();
    }

    private long next() {
        at += 37;
        if (at >= PAGES) {
            // Rarely, since a division costs more than some of what is measured.
            at %= PAGES;
        }
        return IOVA + at * PAGE;
    }

    /** An access that the page cache answers. */
    @Benchmark
    public long hit() {
        return read(cached, next());
    }

    /** An access for which the device table entry, the GCR3 table and four levels over four are read. */
    @Benchmark
    public long walked() {
        return read(uncached, next());
    }

    /** The same by hand. */
    @Benchmark
    public long walkedPlain() {
        return plain.walkNested(wanted(next()));
    }
}
