package org.iommu4j.testbench.fuzz;

import java.util.List;
import java.util.random.RandomGenerator;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Random values for a purpose: mostly those of the scene or the layout, sometimes a boundary, sometimes anything. */
final class Values {
    private static final int PAGE_SHIFT = 12;
    private static final int REQUESTER_BITS = 16;

    private final RandomGenerator random;
    private final FuzzScene scene;
    private final int subVersion;

    /** Values for a scene and a generation. */
    Values(RandomGenerator random, FuzzScene scene, int subVersion) {
        this.random = random;
        this.scene = scene;
        this.subVersion = subVersion;
    }

    /** True once in {@code n} times. */
    boolean oneIn(int n) {
        return random.nextInt(n) == 0;
    }

    /** A number below {@code bound}. */
    int below(int bound) {
        return random.nextInt(bound);
    }

    /** A random element of a list that is not empty. */
    <T> T any(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    /** A number for a place of that name. */
    long number(String name, int width) {
        long mask = -1L >>> (Long.SIZE - width);
        List<Long> named = scene.valuesOf(name);
        if (!named.isEmpty() && !oneIn(4)) {
            return near(any(named)) & mask;
        }
        List<Long> anywhere = scene.valuesOf("");
        if (!anywhere.isEmpty() && oneIn(5)) {
            return near(any(anywhere)) & mask;
        }
        return edge(width) & mask;
    }

    private long near(long value) {
        return oneIn(10) ? value + random.nextInt(-1, 2) * (oneIn(2) ? 1L : 1L << random.nextInt(Long.SIZE)) : value;
    }

    private long edge(int width) {
        return switch (random.nextInt(8)) {
            case 0, 1 -> 0;
            case 2 -> -1;
            case 3 -> 1L << random.nextInt(width);
            case 4 -> (1L << random.nextInt(width)) - 1;
            case 5 -> random.nextInt(256);
            case 6 -> random.nextLong() >>> random.nextInt(Long.SIZE);
            default -> random.nextLong();
        };
    }

    /** Words of a structure; rarely with a reserved code or a reserved bit. */
    long[] words(Layout layout) {
        long[] words = new long[layout.words()];
        boolean plausible = !oneIn(4);
        for (BitField field : layout.fields()) {
            if (field.isIn(subVersion, capability -> true) || oneIn(8)) {
                words[field.word()] = field.set(words[field.word()], value(field, plausible));
            }
        }
        if (!plausible && oneIn(2)) {
            int bit = random.nextInt(layout.sizeBits());
            words[bit / Long.SIZE] |= 1L << bit % Long.SIZE;
        }
        return words;
    }

    /** A structure with one or two of its fields changed. */
    long[] changed(Layout layout, long[] before) {
        long[] words = before.clone();
        if (layout.fields().isEmpty() || oneIn(12)) {
            int bit = random.nextInt(layout.sizeBits());
            words[bit / Long.SIZE] ^= 1L << bit % Long.SIZE;
            return words;
        }
        for (int i = random.nextInt(2); i >= 0; i--) {
            BitField field = any(layout.fields());
            words[field.word()] = field.set(words[field.word()], value(field, true));
        }
        return words;
    }

    private long value(BitField field, boolean plausible) {
        long legal = field.inPlace() ? field.mask() : field.mask() >>> field.shift();
        if (!field.codes().isEmpty() && (plausible || !oneIn(4))) {
            return any(field.codes()).value();
        }
        int width = field.inPlace() ? field.shift() + field.width() : field.width();
        return number(field.name(), width) & legal;
    }

    /** A device: mostly one for which something is set up. */
    int requester() {
        if (scene.requesters().isEmpty() || oneIn(8)) {
            return random.nextInt(1 << REQUESTER_BITS);
        }
        return any(scene.requesters());
    }

    /** A PASID, or {@link DmaAccess#NO_PASID}. */
    int pasid() {
        if (!scene.pasids().isEmpty() && oneIn(2)) {
            return any(scene.pasids());
        }
        return oneIn(24) ? random.nextInt(1 << 20) : DmaAccess.NO_PASID;
    }

    /** A device address: mostly in a range that is set up. */
    long iova() {
        if (scene.addresses().isEmpty() || oneIn(12)) {
            return number("iova", Long.SIZE);
        }
        PlatformConfig.Range range = any(scene.addresses());
        long pages = Math.max(1, range.lengthBytes() >>> PAGE_SHIFT);
        long page = oneIn(8) ? random.nextLong(-1, pages + 1) : random.nextLong(pages);
        return range.base() + (page << PAGE_SHIFT) + (oneIn(2) ? 0 : random.nextInt(1 << PAGE_SHIFT));
    }

    /** Random bytes. */
    byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** The random numbers behind all values. */
    RandomGenerator random() {
        return random;
    }
}
