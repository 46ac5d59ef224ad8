package org.iommu4j.intel.hardware;

import static org.iommu4j.intel.hardware.VtdUnit.BOTH;
import static org.iommu4j.intel.hardware.VtdUnit.READ;
import static org.iommu4j.intel.hardware.VtdUnit.recipe;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.testing.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The removal table against a plain set of entries: random accesses fill the chip's caches, random commands are given to
 * the chip and carried out on a copy of its contents by filtering with the table's words; both must be left with the same.
 */
class RemovalModelPropertyTest {
    private static final int[] DEVICES = {0x0310, 0x0311, 0x0314, 0x0400};

    /** Two devices share a domain. */
    private static final int[] DOMAINS = {1, 1, 2, 0x12};

    private static final long SUPERPAGE = 0x4000_0000L;
    private static final long FIRST = 0x10_0000L;
    private static final int PAGES = 48;

    /** One entry of one cache, as the chip shows it. */
    private record Entry(String cache, long tag, long iova, long bytes, long pa) {
        boolean overlaps(long first, long last) {
            return Long.compareUnsigned(iova, last) <= 0 && Long.compareUnsigned(iova + bytes - 1, first) >= 0;
        }
    }

    /** A command and what it leaves of a plain set. */
    private record Command(long word0, long word1, Predicate<Entry> drops) {}

    @ParameterizedTest
    @EnumSource(CacheConfig.class)
    void shouldDropExactlyWhatTheRemovalTableSays(CacheConfig cache) {
        Property.check(60, random -> run(cache, random));
    }

    private static void run(CacheConfig cache, SplittableRandom random) {
        VtdUnit unit = recipe().cache(cache).make();
        long[] tables = {unit.tables.newTable(), unit.tables.newTable(), unit.tables.newTable()};
        for (int i = 0; i < DEVICES.length; i++) {
            unit.attach(DEVICES[i], DOMAINS[i], 1, ContextEntry.DEVICE_TLB, tables[Math.max(0, i - 1)]);
        }
        for (long table : tables) {
            for (int page = 0; page < PAGES; page++) {
                unit.tables.map(table, 3, FIRST + page * 4096L, table + page * 4096L, 1, BOTH);
            }
            unit.tables.map(table, 3, SUPERPAGE, 0x8000_0000L, 2, BOTH);
            unit.tables.map(table, 3, 0x8000_0000L, 0x4000_0000L, 3, READ);
        }
        unit.translating().queueing(0);
        for (int round = 0; round < 30; round++) {
            for (int i = random.nextInt(20); i > 0; i--) {
                access(unit, random);
            }
            Set<Entry> expected = contents(unit);
            Command command = command(random);
            long dropped = unit.chip.counters().dropped();
            int before = expected.size();
            expected.removeIf(command.drops);
            unit.submit(command.word0, command.word1);
            assertEquals(0, unit.read(VtdUnit.FSTS));
            assertEquals(
                    expected,
                    contents(unit),
                    () -> "after " + Long.toHexString(command.word0) + " " + Long.toHexString(command.word1));
            assertEquals(before - expected.size(), unit.chip.counters().dropped() - dropped);
            if (cache == CacheConfig.NONE) {
                assertEquals(0, before);
            }
        }
    }

    private static void access(VtdUnit unit, SplittableRandom random) {
        int device = DEVICES[random.nextInt(DEVICES.length)];
        long iova = random.nextInt(8) == 0
                ? (random.nextBoolean()
                        ? SUPERPAGE + random.nextInt(0x20_0000)
                        : 0x8000_0000L + random.nextInt(0x4000_0000))
                : FIRST + random.nextInt(PAGES) * 4096L;
        unit.access.begin(device, iova, READ);
        if (random.nextInt(4) == 0) {
            unit.access.as(AddressType.TRANSLATION_REQUEST);
        }
        unit.chip.translate(unit.access);
    }

    private static Set<Entry> contents(VtdUnit unit) {
        List<Entry> entries = new ArrayList<>();
        unit.chip.visitCache(
                (cache, tag, pasid, iova, bytes, pa) -> entries.add(new Entry(cache, tag, iova, bytes, pa)));
        Set<Entry> set = new HashSet<>(entries);
        assertEquals(entries.size(), set.size(), "an entry is there twice");
        return set;
    }

    private static Command command(SplittableRandom random) {
        int which = random.nextInt(DEVICES.length);
        int device = DEVICES[which];
        int domain = random.nextInt(4) == 0 ? 7 : DOMAINS[random.nextInt(DOMAINS.length)];
        return switch (random.nextInt(9)) {
            case 0 -> new Command(0x11, 0, isIn("context"));
            case 1 -> new Command(0x21 | (long) domain << 16, 0, isIn("context").and(e -> domainOf(e) == domain));
            case 2 -> {
                int mask = random.nextInt(4);
                int ignored = new int[] {0, 4, 6, 7}[mask];
                yield new Command(
                        0x31 | (long) domain << 16 | (long) device << 32 | (long) mask << 48,
                        0,
                        isIn("context")
                                .and(e -> (e.tag & ~ignored) == (device & ~ignored))
                                .and(e -> domainOf(e) == domain));
            }
            case 3 -> new Command(0xd2, 0x1fff_f045L, isIn("iotlb").or(isIn("paging-structure")));
            case 4 ->
                new Command(
                        0x22 | (long) domain << 16,
                        0,
                        isIn("iotlb").or(isIn("paging-structure")).and(e -> e.tag == domain));
            case 5, 6 -> pages(random, domain);
            case 7 -> {
                int shift = random.nextInt(4) == 0 ? 52 : random.nextInt(12);
                long address = shift == 0 ? target(random) : target(random) & (-1L << (shift + 12));
                long word1 = shift == 0 ? address : address | ((1L << (shift + 11)) - 4096) | 1;
                if (shift == 52) {
                    word1 = 0x7fff_ffff_ffff_f001L;
                }
                long first = shift == 52 ? 0 : address;
                long last = shift == 52 ? -1L : address | ((1L << (shift + 12)) - 1);
                yield new Command(
                        3 | (long) device << 32,
                        word1,
                        isIn("device-tlb").and(e -> e.tag == device && e.overlaps(first, last)));
            }
            default -> new Command(4, 0, e -> false);
        };
    }

    private static Command pages(SplittableRandom random, int domain) {
        int mask = random.nextInt(3) == 0 ? random.nextInt(19) : random.nextInt(4);
        boolean leafOnly = random.nextBoolean();
        long address = target(random);
        long first = address & (-1L << (12 + mask));
        long last = address | ((1L << (12 + mask)) - 1);
        return new Command(
                0xf2 | (long) domain << 16,
                address | mask | (leafOnly ? 0x40 : 0),
                isIn("iotlb")
                        .or(e -> !leafOnly && e.cache.equals("paging-structure"))
                        .and(e -> e.tag == domain && e.overlaps(first, last)));
    }

    private static long target(SplittableRandom random) {
        return switch (random.nextInt(4)) {
            case 0 -> SUPERPAGE + random.nextInt(1024) * 4096L;
            case 1 -> 0x8000_0000L + random.nextInt(1 << 18) * 4096L;
            default -> FIRST + random.nextInt(PAGES) * 4096L;
        };
    }

    private static Predicate<Entry> isIn(String cache) {
        return entry -> entry.cache.equals(cache);
    }

    /** The domain id in the context entry of a cached device. */
    private static int domainOf(Entry context) {
        for (int i = 0; i < DEVICES.length; i++) {
            if (DEVICES[i] == context.tag) {
                return DOMAINS[i];
            }
        }
        throw new AssertionError("nobody's context: " + context);
    }
}
