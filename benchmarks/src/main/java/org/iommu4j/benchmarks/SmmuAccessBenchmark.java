package org.iommu4j.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
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

/** Accesses through an SMMU, beside what the same costs by hand. Goal: within 1.6 of it. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class SmmuAccessBenchmark {
    private static final int GENERATION = 0x0303;
    private static final int STREAM = 0x1A8;
    private static final int NESTED_STREAM = 0x1B0;
    private static final int PAGES = 1024;
    private static final long PAGE = 4096;
    private static final long IOVA = 0x8_0000_0000L;
    private static final long FRAMES = 0x4_0000_0000L;
    private static final long STREAMS = 0x20_0000;
    private static final int LOG2_STREAMS = 9;
    private static final long CONTEXT = 0x30_0000;
    private static final long ROOT = 0x4000_0000L;
    private static final long SECOND_ROOT = 0x5000_0000L;
    private static final long LAST_OF_TABLES = 0x4010_0000L;
    private static final long LEAF_1 = 0xf47;
    private static final long LEAF_2 = 0x7ff;
    private static final long TABLE = 3;
    private static final int LAST_LEVEL = 3;
    private static final int PAGE_SHIFT = 12;
    private static final int LEVEL_BITS = 9;
    private static final long INDEX_MASK = (1 << LEVEL_BITS) - 1;

    /** V and Config: stage 1; both stages. */
    private static final long STAGE_1 = 0xB;

    private static final long NESTED = 0xF;

    /** VMID 0x2A; S2T0SZ 16, S2SL0 2, S2PS 5, S2AA64, S2R. */
    private static final long VMID = 0x2A;

    private static final long SECOND_STAGE = 0x040D_0090_0000_0000L;

    /** ASID 7, 48 bits, 4 KiB granules, output of 48 bits, upper half off. */
    private static final long CONTEXT_DESCRIPTOR = 0x0007_6205_C000_3510L;

    private static final int CR0 = 0x20;
    private static final int STRTAB_BASE = 0x80;
    private static final int STRTAB_BASE_CFG = 0x88;

    private final DmaAccess access = new DmaAccess();
    private Hardware cached;
    private Hardware uncached;
    private PlainSmmu plain;
    private PlainSmmu plainUncached;
    private long nextTable;
    private int at;

    /** A chip that caches, one that does not, and the baselines, over the same tables. */
    @Setup
    public void open() {
        cached = chip(platform(), CacheConfig.WORST_CASE);
        uncached = chip(platform(), CacheConfig.NONE);
        plain = plain(true);
        plainUncached = plain(false);
        for (int page = 0; page < PAGES; page++) {
            long iova = IOVA + page * PAGE;
            long frame = FRAMES + page * PAGE;
            for (int stream : new int[] {STREAM, NESTED_STREAM}) {
                cached.translate(access.begin(stream, iova, DmaAccess.READ));
                expect(frame, access.spa());
                uncached.translate(access.begin(stream, iova, DmaAccess.READ));
                expect(frame, access.spa());
                expect(frame, plain.translate(access.begin(stream, iova, DmaAccess.READ)));
                expect(frame, plainUncached.translate(access.begin(stream, iova, DmaAccess.READ)));
            }
        }
    }

    private static void expect(long frame, long found) {
        if (frame != found) {
            throw new IllegalStateException("0x" + Long.toHexString(found) + " is not 0x" + Long.toHexString(frame));
        }
    }

    private PlainSmmu plain(boolean caches) {
        SimulatedPlatform platform = platform();
        return new PlainSmmu(platform.memory(), platform.guestTables(), STREAMS, LOG2_STREAMS, caches);
    }

    private SimulatedPlatform platform() {
        SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        PhysicalMemory memory = platform.memory();
        nextTable = ROOT + PAGE;
        for (int page = 0; page < PAGES; page++) {
            map(memory, ROOT, IOVA + page * PAGE, (FRAMES + page * PAGE) | LEAF_1);
        }
        nextTable = SECOND_ROOT + PAGE;
        for (int page = 0; page < PAGES; page++) {
            map(memory, SECOND_ROOT, FRAMES + page * PAGE, (FRAMES + page * PAGE) | LEAF_2);
        }
        for (long table = ROOT; table < LAST_OF_TABLES; table += PAGE) {
            map(memory, SECOND_ROOT, table, table | LEAF_2);
        }
        map(memory, SECOND_ROOT, CONTEXT, CONTEXT | LEAF_2);
        stream(memory, STREAM, CONTEXT | STAGE_1, 0, VMID, 0);
        stream(memory, NESTED_STREAM, CONTEXT | NESTED, 0, SECOND_STAGE | (VMID + 1), SECOND_ROOT);
        memory.writeLongLe(CONTEXT, CONTEXT_DESCRIPTOR);
        memory.writeLongLe(CONTEXT + Long.BYTES, ROOT);
        return platform;
    }

    private static void stream(PhysicalMemory memory, int stream, long... words) {
        for (int word = 0; word < words.length; word++) {
            memory.writeLongLe(STREAMS + stream * 64L + (long) word * Long.BYTES, words[word]);
        }
    }

    private void map(PhysicalMemory memory, long root, long address, long leaf) {
        long table = root;
        for (int level = 0; level < LAST_LEVEL; level++) {
            long slot = slot(table, address, level);
            if (memory.readLongLe(slot) == 0) {
                memory.writeLongLe(slot, nextTable | TABLE);
                nextTable += PAGE;
            }
            table = memory.readLongLe(slot) & -PAGE;
        }
        memory.writeLongLe(slot(table, address, LAST_LEVEL), leaf);
    }

    private static long slot(long table, long address, int level) {
        long index = (address >>> (PAGE_SHIFT + LEVEL_BITS * (LAST_LEVEL - level))) & INDEX_MASK;
        return table + index * Long.BYTES;
    }

    private static Hardware chip(SimulatedPlatform platform, CacheConfig cache) {
        Hardware chip = new SmmuBackend()
                .createHardware(new HardwareConfig(GENERATION, Map.of(), Map.of(), cache, Map.of()), platform);
        chip.writeRegister(STRTAB_BASE, 8, STREAMS);
        chip.writeRegister(STRTAB_BASE_CFG, 4, LOG2_STREAMS);
        chip.writeRegister(CR0, 4, 1);
        return chip;
    }

    private DmaAccess next(int stream) {
        at += 37;
        if (at >= PAGES) {
            // Rarely, since a division costs more than some of what is measured.
            at %= PAGES;
        }
        return access.begin(stream, IOVA + at * PAGE, DmaAccess.READ);
    }

    private long translated(Hardware chip, int stream) {
        chip.translate(next(stream));
        return access.spa();
    }

    /** An access that the TLB answers. */
    @Benchmark
    public long hit() {
        return translated(cached, STREAM);
    }

    /** The same by hand. */
    @Benchmark
    public long hitPlain() {
        return plain.translate(next(STREAM));
    }

    /** An access for which the stream table entry, the context descriptor and four levels are read. */
    @Benchmark
    public long walked() {
        return translated(uncached, STREAM);
    }

    /** The same by hand. */
    @Benchmark
    public long walkedPlain() {
        return plainUncached.translate(next(STREAM));
    }

    /** The same with both stages: 28 reads of tables beside the two structures. */
    @Benchmark
    public long nestedWalk() {
        return translated(uncached, NESTED_STREAM);
    }

    /** The same by hand. */
    @Benchmark
    public long nestedWalkPlain() {
        return plainUncached.translate(next(NESTED_STREAM));
    }
}
