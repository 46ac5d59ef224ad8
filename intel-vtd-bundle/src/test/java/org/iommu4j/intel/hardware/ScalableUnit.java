package org.iommu4j.intel.hardware;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformConfig.Range;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.simulation.platform.SimulatedPlatform;

/** A unit of scalable mode on the machine of docs/spec/intel-vtd.md 8.3. */
final class ScalableUnit {
    static final int HOST_ADDRESS_WIDTH = 46;
    static final long CAP = 0xd1de078c22780e06L;
    static final long ECAP = 0x0033ef9ea4f00fdfL;
    static final long ECAP_5 = 0x0fb3ef9ea4f00fdfL;
    static final long ROOT = 0x1000;

    private static final long PAGE = 4096;
    private static final long QUEUE = 0x0100_0000_0000L;
    private static final int DESCRIPTORS = 128;

    /** What a unit is made of. */
    static final class Recipe {
        int subVersion = VtdGeneration.WIDE_TYPE;
        long ver = 0x40;
        long cap = CAP;
        long ecap = ECAP;
        CacheConfig cache = CacheConfig.DEFAULT;
        Sanitizer.Mode sanitizer = Sanitizer.Mode.OFF;
        final List<Long> unreadable = new ArrayList<>();
        boolean devicesAnswer = true;

        /** Entries of tables of both stages can be read, and not written. */
        boolean tablesAreReadOnly;
    }

    /** What was delivered: address, data. */
    final List<long[]> interrupts = new ArrayList<>();

    /** What devices were asked to drop: source id, PASID, first address, length. */
    final List<String> deviceInvalidations = new ArrayList<>();

    final SimulatedPlatform platform;
    final PhysicalMemory memory;
    final SimulatedVtd chip;
    final DmaAccess access = new DmaAccess();
    TranslationCaches caches;
    private long tail;
    private int descriptorBytes;
    private long enabled;

    ScalableUnit(Recipe recipe) {
        platform = new SimulatedPlatform(new PlatformConfig(
                HOST_ADDRESS_WIDTH,
                readable(recipe.unreadable),
                (address, data) -> interrupts.add(new long[] {address, data}),
                (requester, pasid, iova, bytes) -> {
                    deviceInvalidations.add(String.format("%x %x %x %x", requester, pasid, iova, bytes));
                    return recipe.devicesAnswer;
                },
                recipe.sanitizer));
        memory = platform.memory();
        HardwareConfig config = new HardwareConfig(
                recipe.subVersion,
                Map.of(),
                Map.of("VER", recipe.ver, "CAP", recipe.cap, "ECAP", recipe.ecap),
                recipe.cache,
                Map.of());
        Platform machine = recipe.tablesAreReadOnly ? withReadOnlyTables(platform) : platform;
        chip = SimulatedVtd.create(config, machine, (cache, walker) -> caches = new TranslationCaches(cache, walker));
    }

    /** The same machine, but that nothing can be written into tables of guests. */
    private static Platform withReadOnlyTables(Platform platform) {
        PhysicalMemory tables = forward(PhysicalMemory.class, platform.guestTables(), "write", arguments -> {
            throw new BusErrorException((long) arguments[0]);
        });
        return forward(Platform.class, platform, "guestTables", arguments -> tables);
    }

    /** An object whose methods with a name that begins so are others. */
    private static <T> T forward(Class<T> type, T to, String prefix, Function<Object[], Object> other) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    if (method.getName().startsWith(prefix)) {
                        return other.apply(arguments);
                    }
                    try {
                        return method.invoke(to, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    private static List<Range> readable(List<Long> unreadable) {
        if (unreadable.isEmpty()) {
            return List.of();
        }
        List<Range> ranges = new ArrayList<>();
        long from = 0;
        for (long page : unreadable.stream().sorted().toList()) {
            ranges.add(new Range(from, page - from));
            from = page + PAGE;
        }
        ranges.add(new Range(from, (1L << HOST_ADDRESS_WIDTH) - from));
        return ranges;
    }

    ScalableUnit store(Map<Long, Long> words) {
        words.forEach(memory::writeLongLe);
        return this;
    }

    /** Sets the root table in a mode, with or without SSIRWE. */
    void root(int mode, boolean separateRights) {
        chip.writeRegister(VtdUnit.RTADDR, 8, ROOT | (long) mode << 10 | (separateRights ? 1 << 7 : 0));
        chip.writeRegister(VtdUnit.GCMD, 4, enabled | VtdUnit.SRTP);
    }

    ScalableUnit translating() {
        enabled |= VtdUnit.TE;
        chip.writeRegister(VtdUnit.GCMD, 4, enabled);
        return this;
    }

    /** Turns on a queue of one page or two, with descriptors of 128 or 256 bits. */
    ScalableUnit queueing(boolean wide) {
        descriptorBytes = wide ? 32 : 16;
        chip.writeRegister(VtdUnit.IQA, 8, QUEUE | (wide ? 1 << 11 : 0));
        enabled |= VtdUnit.QIE;
        chip.writeRegister(VtdUnit.GCMD, 4, enabled);
        return this;
    }

    /** Puts a descriptor into the queue and writes the tail. */
    void submit(long word0, long word1, long word2) {
        memory.writeLongLe(QUEUE + tail, word0);
        memory.writeLongLe(QUEUE + tail + 8, word1);
        if (descriptorBytes == 32) {
            memory.writeLongLe(QUEUE + tail + 16, word2);
        }
        tail = (tail + descriptorBytes) % (DESCRIPTORS * 32L);
        chip.writeRegister(VtdUnit.IQT, 8, tail);
    }

    void submit(long word0, long word1) {
        submit(word0, word1, 0);
    }

    /** IQEI, or -1 if the queue has not stopped. */
    int queueError() {
        return (chip.readRegister(VtdUnit.FSTS, 4) & 1 << 4) == 0
                ? -1
                : (int) chip.readRegister(VtdUnit.IQERCD, 8) & 0xf;
    }

    DmaAccess dma(int sourceId, int pasid, long address, int rights) {
        access.begin(sourceId, address, rights).withPasid(pasid);
        chip.translate(access);
        return access;
    }

    /** The fault records, each as its high and its low word. */
    List<String> faults() {
        List<String> records = new ArrayList<>();
        chip.takeEvents(bytes -> {
            StringBuilder words = new StringBuilder();
            for (int at = bytes.length - 1; at >= 0; at--) {
                words.append(HexFormat.of().toHexDigits(bytes[at]));
            }
            records.add(words.substring(0, 16) + " " + words.substring(16));
        });
        return records;
    }
}
