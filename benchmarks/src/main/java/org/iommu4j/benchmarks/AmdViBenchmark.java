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
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
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

/** Command buffer, requests and accesses of AMD-Vi, beside what the same costs by hand. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
@State(Scope.Thread)
public class AmdViBenchmark {
    private static final int GENERATION = 0x0300;
    private static final int BATCH = 16;
    private static final int DOMAIN = 0;
    private static final int DEVICE = 0x310;
    private static final int PAGES = 1024;
    private static final long PAGE = 4096;
    private static final long IOVA = 0x8_0000_0000L;
    private static final long FRAMES = 0x10_0000_0000L;
    private static final long ROOT = 0x4000_0000L;

    /** Bits of entries: IR and IW; present; V and TV of a device table entry; levels in 11:9. */
    private static final long READ_WRITE = 3L << 61;

    private static final long PRESENT = 1;
    private static final long VALID_AND_TRANSLATING = 3;
    private static final int LEVEL_SHIFT = 9;
    private static final long LEVELS = 4;
    private static final long DEVICE_ENTRY_BYTES = 32;
    private static final long DOMAIN_ID = 1;
    private static final int PAGE_SHIFT = 12;
    private static final int INDEX_BITS = 9;
    private static final long INDEX_MASK = (1 << INDEX_BITS) - 1;
    private static final long TABLE_ADDRESS = 0xf_ffff_ffff_f000L;
    private static final long RING = 0x5000_0000L;
    private static final long RING_BYTES = 4096;
    private static final long COMMAND_BYTES = 16;
    private static final long DEVICE_TABLE = 0x5010_0000L;
    private static final long STATUS = 0x5020_0000L;
    private static final long EIGHT = 8L << 56;
    private static final int DEV_TAB_BASE = 0x0000;
    private static final int CMD_BUF_BASE = 0x0008;
    private static final int CONTROL = 0x0018;
    private static final int CMD_BUF_TAIL = 0x2008;
    private static final int COMMANDS_AND_TRANSLATION = (1 << 12) | 1;
    private static final long PAGES_OF_DOMAIN_1 = 0x3000_0001_0000_0000L;
    private static final long WAIT_AND_STORE = 0x1000_0000_0000_0001L;
    private static final byte[] NONE = {};

    private final DmaAccess access = new DmaAccess();
    private final InvalidateRequest request = new InvalidateRequest();
    private final Completion completion = new Completion();
    private Hardware cached;
    private Hardware uncached;
    private PlainAmdVi plain;
    private PhysicalMemory memory;
    private PhysicalMemory plainMemory;
    private Translator translator;
    private long tail;
    private long plainTail;
    private int at;

    /** A chip that caches, one that does not, a driver on a third, and the baseline, over the same tables. */
    @Setup
    public void open() {
        SimulatedPlatform platform = platform();
        memory = platform.memory();
        cached = chip(platform, CacheConfig.WORST_CASE);
        SimulatedPlatform uncachedPlatform = platform();
        uncached = chip(uncachedPlatform, CacheConfig.NONE);
        SimulatedPlatform plainPlatform = platform();
        plainMemory = plainPlatform.memory();
        writeDeviceEntry(plainMemory);
        plain = new PlainAmdVi(plainMemory, plainPlatform.guestTables(), DEVICE, 1, DEVICE_TABLE, RING, RING_BYTES);
        SimulatedPlatform driven = platform();
        AmdViBackend backend = new AmdViBackend();
        Hardware chip = backend.createHardware(config(CacheConfig.WORST_CASE), driven);
        translator = backend.createTranslator(GENERATION, new Port(driven, chip));
        translator.openDomain(DOMAIN, completion.begin());
        if (translator.attach(DOMAIN, DEVICE, ROOT, 4, completion.begin()) != 0) {
            throw new IllegalStateException(completion.toString());
        }
        for (int page = 0; page < PAGES; page++) {
            long iova = IOVA + page * PAGE;
            long frame = FRAMES + page * PAGE;
            cached.translate(access.begin(DEVICE, iova, DmaAccess.READ));
            boolean right = access.spa() == frame;
            if (!right || plain.translate(access.begin(DEVICE, iova, DmaAccess.READ)) != frame) {
                throw new IllegalStateException(access.outcome() + " " + access.faultCode());
            }
        }
    }

    private static HardwareConfig config(CacheConfig cache) {
        return new HardwareConfig(GENERATION, Map.of(), Map.of(), cache, Map.of());
    }

    private static SimulatedPlatform platform() {
        SimulatedPlatform platform =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        PhysicalMemory memory = platform.memory();
        long next = ROOT + PAGE;
        for (int page = 0; page < PAGES; page++) {
            long iova = IOVA + page * PAGE;
            long table = ROOT;
            for (int level = 3; level > 0; level--) {
                long entry = slot(table, iova, level);
                if (memory.readLongLe(entry) == 0) {
                    memory.writeLongLe(entry, next | READ_WRITE | PRESENT | ((long) level << LEVEL_SHIFT));
                    next += PAGE;
                }
                table = memory.readLongLe(entry) & TABLE_ADDRESS;
            }
            memory.writeLongLe(slot(table, iova, 0), (FRAMES + page * PAGE) | READ_WRITE | PRESENT);
        }
        return platform;
    }

    /** Address of the entry for an input address in a table that has so many levels below it. */
    private static long slot(long table, long iova, int below) {
        return table + ((iova >>> (PAGE_SHIFT + INDEX_BITS * below)) & INDEX_MASK) * Long.BYTES;
    }

    private static void writeDeviceEntry(PhysicalMemory memory) {
        long entry = DEVICE_TABLE + DEVICE * DEVICE_ENTRY_BYTES;
        memory.writeLongLe(entry, ROOT | (LEVELS << LEVEL_SHIFT) | READ_WRITE | VALID_AND_TRANSLATING);
        memory.writeLongLe(entry + Long.BYTES, DOMAIN_ID);
    }

    private static Hardware chip(SimulatedPlatform platform, CacheConfig cache) {
        Hardware chip = new AmdViBackend().createHardware(config(cache), platform);
        writeDeviceEntry(platform.memory());
        chip.writeRegister(DEV_TAB_BASE, Long.BYTES, DEVICE_TABLE | 0x1ff);
        chip.writeRegister(CMD_BUF_BASE, Long.BYTES, RING | EIGHT);
        chip.writeRegister(CONTROL, Long.BYTES, COMMANDS_AND_TRANSLATION);
        return chip;
    }

    /** A chip without a core. */
    private record Port(Platform platform, Hardware chip) implements NativePort {
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

    private long next() {
        at += 37;
        if (at >= PAGES) {
            // Rarely, since a division costs more than some of what is measured.
            at %= PAGES;
        }
        return IOVA + at * PAGE;
    }

    private static long put(PhysicalMemory memory, long tail, long word0, long word1) {
        memory.writeLongLe(RING + tail, word0);
        memory.writeLongLe(RING + tail + Long.BYTES, word1);
        return (tail + COMMAND_BYTES) & (RING_BYTES - 1);
    }

    private long fill(PhysicalMemory into, long from) {
        long end = from;
        for (int i = 1; i < BATCH; i++) {
            end = put(into, end, PAGES_OF_DOMAIN_1, PAGES * PAGE + next());
        }
        return put(into, end, WAIT_AND_STORE | STATUS, end);
    }

    /** Fifteen commands for a page that is not cached, and a wait; a command. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public long commands() {
        tail = fill(memory, tail);
        cached.writeRegister(CMD_BUF_TAIL, Long.BYTES, tail);
        return tail;
    }

    /** The same by hand. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public long commandsPlain() {
        plainTail = fill(plainMemory, plainTail);
        return plain.ring(plainTail);
    }

    /** Sixteen requests for a page, through the driver and the chip, and one wait; a request. */
    @Benchmark
    @OperationsPerInvocation(BATCH)
    public int requests() {
        int outcome = 0;
        for (int i = 0; i < BATCH; i++) {
            request.set(Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, PAGES * PAGE + next(), PAGE, GENERATION, NONE, 0, 0);
            outcome |= translator.invalidate(DOMAIN, request, completion.begin());
        }
        return outcome | translator.finish(completion.begin());
    }

    /** An access that the page cache answers. */
    @Benchmark
    public long hit() {
        cached.translate(access.begin(DEVICE, next(), DmaAccess.READ));
        return access.spa();
    }

    /** The same by hand. */
    @Benchmark
    public long hitPlain() {
        return plain.translate(access.begin(DEVICE, next(), DmaAccess.READ));
    }

    /** An access for which the device table entry and four levels are read. */
    @Benchmark
    public long walked() {
        uncached.translate(access.begin(DEVICE, next(), DmaAccess.READ));
        return access.spa();
    }

    /** The same by hand. */
    @Benchmark
    public long walkedPlain() {
        return plain.walk(access.begin(DEVICE, next(), DmaAccess.READ));
    }
}
