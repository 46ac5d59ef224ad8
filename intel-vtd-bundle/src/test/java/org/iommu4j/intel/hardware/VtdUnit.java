package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.TableBuilder;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.platform.SimulatedPlatform;

/** A unit on a machine of its own, with the little software that tests need. */
final class VtdUnit {
    static final int HOST_ADDRESS_WIDTH = 48;
    static final int DEVICE = 0x0310;
    static final int DOMAIN = 0x12;
    static final int READ = DmaAccess.READ;
    static final int WRITE = DmaAccess.WRITE;
    static final int BOTH = READ | WRITE;

    static final int GCMD = 0x18;
    static final int GSTS = 0x1c;
    static final int RTADDR = 0x20;
    static final int CCMD = 0x28;
    static final int FSTS = 0x34;
    static final int FECTL = 0x38;
    static final int IQH = 0x80;
    static final int IQT = 0x88;
    static final int IQA = 0x90;
    static final int ICS = 0x9c;
    static final int IECTL = 0xa0;
    static final int IQERCD = 0xb0;
    static final long TE = 0x8000_0000L;
    static final long SRTP = 0x4000_0000L;
    static final long QIE = 0x0400_0000L;

    /** Delivered messages: address, data. */
    final List<long[]> interrupts = new ArrayList<>();

    /** Invalidations that devices received: source id, first address, length. */
    final List<long[]> deviceInvalidations = new ArrayList<>();

    boolean devicesAnswer = true;

    final SimulatedPlatform platform;
    final PhysicalMemory memory;
    final TableBuilder tables;
    final DmaAccess access = new DmaAccess();
    SimulatedVtd chip;
    long root;
    long queue;
    int entries;
    private long tail;
    private long enabled;

    /** The settings of a unit, with the defaults of the queue generation. */
    static final class Recipe {
        private int subVersion = VtdGeneration.LEGACY_QI;
        private int hostAddressWidth = HOST_ADDRESS_WIDTH;
        private List<Range> ram = List.of();
        private CacheConfig cache = CacheConfig.DEFAULT;
        private Sanitizer.Mode sanitizer = Sanitizer.Mode.OFF;
        private BiFunction<CacheConfig, TableWalker, TranslationCaches> caches = TranslationCaches::new;
        private final Map<String, Long> cap = new HashMap<>();
        private final Map<String, Long> ecap = new HashMap<>();
        private final Map<String, Long> registers = new HashMap<>();
        private final Map<String, String> options = new HashMap<>();

        Recipe generation(int value) {
            subVersion = value;
            return this;
        }

        Recipe host(int bits) {
            hostAddressWidth = bits;
            return this;
        }

        Recipe ram(long bytes) {
            ram = List.of(new Range(0, bytes));
            return this;
        }

        Recipe cache(CacheConfig value) {
            cache = value;
            return this;
        }

        Recipe cap(String name, long value) {
            cap.put(name, value);
            return this;
        }

        Recipe ecap(String name, long value) {
            ecap.put(name, value);
            return this;
        }

        Recipe register(String name, long value) {
            registers.put(name, value);
            return this;
        }

        Recipe sanitized() {
            sanitizer = Sanitizer.Mode.ON;
            return this;
        }

        Recipe caches(BiFunction<CacheConfig, TableWalker, TranslationCaches> value) {
            caches = value;
            return this;
        }

        Recipe option(String name, String value) {
            options.put(name, value);
            return this;
        }

        HardwareConfig config() {
            return new HardwareConfig(subVersion, Map.of("cap", cap, "ecap", ecap), registers, cache, options);
        }

        VtdUnit make() {
            return new VtdUnit(this);
        }
    }

    static Recipe recipe() {
        return new Recipe();
    }

    private VtdUnit(Recipe recipe) {
        platform = new SimulatedPlatform(new PlatformConfig(
                recipe.hostAddressWidth,
                recipe.ram,
                (address, data) -> interrupts.add(new long[] {address, data}),
                (requester, pasid, iova, bytes) -> {
                    assertEquals(-1, pasid);
                    deviceInvalidations.add(new long[] {requester, iova, bytes});
                    return devicesAnswer;
                },
                recipe.sanitizer));
        memory = platform.memory();
        tables = new TableBuilder(platform);
        chip = SimulatedVtd.create(recipe.config(), platform, recipe.caches);
        root = tables.newTable();
    }

    long read(int offset) {
        return chip.readRegister(offset, 4);
    }

    long read8(int offset) {
        return chip.readRegister(offset, 8);
    }

    void write(int offset, long value) {
        chip.writeRegister(offset, 4, value);
    }

    void write8(int offset, long value) {
        chip.writeRegister(offset, 8, value);
    }

    /** Sets the root table and turns translation on. */
    VtdUnit translating() {
        write8(RTADDR, root);
        write(GCMD, enabled | SRTP);
        enabled |= TE;
        write(GCMD, enabled);
        return this;
    }

    /** Turns on a queue of 2^size pages. */
    VtdUnit queueing(int size) {
        queue = platform.allocatePages(1 << size);
        entries = 256 << size;
        tail = 0;
        write8(IQA, queue | size);
        enabled |= QIE;
        write(GCMD, enabled);
        return this;
    }

    /** Puts a descriptor into the queue, without writing the tail. */
    void put(long word0, long word1) {
        memory.writeLongLe(queue + tail, word0);
        memory.writeLongLe(queue + tail + 8, word1);
        tail = (tail + 16) % (entries * 16L);
    }

    /** Writes the tail. */
    void ring() {
        write(IQT, tail);
    }

    /** Puts one descriptor and writes the tail. */
    void submit(long word0, long word1) {
        put(word0, word1);
        ring();
    }

    /** A device with a table of its own; returns the table. */
    long attach(int sourceId, int domain, int aw) {
        long table = tables.newTable();
        attach(sourceId, domain, aw, ContextEntry.UNTRANSLATED_ONLY, table);
        return table;
    }

    void attach(int sourceId, int domain, int aw, int translationType, long table) {
        tables.setContext(
                root, sourceId, TableBuilder.context0(translationType, table), TableBuilder.context1(aw, domain));
    }

    DmaAccess dma(int sourceId, long iova, int rights) {
        access.begin(sourceId, iova, rights);
        chip.translate(access);
        return access;
    }

    void assertTranslates(int sourceId, long iova, int rights, long spa) {
        dma(sourceId, iova, rights);
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome(), this::describe);
        assertEquals(Long.toHexString(spa), Long.toHexString(access.spa()));
    }

    void assertFaults(int sourceId, long iova, int rights, FaultReason reason) {
        dma(sourceId, iova, rights);
        assertFault(reason);
    }

    void assertFault(FaultReason reason) {
        assertEquals(DmaAccess.Outcome.FAULT, access.outcome());
        assertEquals(reason.name(), FaultReason.nameOf(access.faultCode()));
    }

    int iqei() {
        return (int) read8(IQERCD) & 0xf;
    }

    /** Number of entries of a cache. */
    int cached(String cache) {
        int[] count = new int[1];
        chip.visitCache((name, tag, pasid, iova, bytes, pa) -> {
            if (name.equals(cache)) {
                count[0]++;
            }
        });
        return count[0];
    }

    private String describe() {
        return "fault " + FaultReason.nameOf(access.faultCode());
    }
}
