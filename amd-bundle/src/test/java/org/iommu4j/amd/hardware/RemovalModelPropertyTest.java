package org.iommu4j.amd.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.backend.CacheConfig;
import org.junit.jupiter.api.Test;

/**
 * Random commands on random cache contents against a list of entries that is searched in full, docs/spec/amd-vi.md 4.2: what goes and
 * what stays, entry by entry.
 */
final class RemovalModelPropertyTest {
    private static final int ROUNDS = 400;
    private static final int COMMANDS = 8;
    private static final int NO_PASID = TranslationCaches.NO_PASID;

    /** One cached entry; the first and last address of what it covers. */
    private record Entry(String cache, int tag, int pasid, long first, long last) {
        @Override
        public String toString() {
            return cache + " " + tag + " " + pasid + " " + Long.toHexString(first) + "-" + Long.toHexString(last);
        }

        boolean overlaps(long from, long to) {
            return Long.compareUnsigned(first, to) <= 0 && Long.compareUnsigned(from, last) <= 0;
        }
    }

    @Test
    void shouldRemoveExactlyWhatTheMatrixSays() {
        Random random = new Random(48882);
        for (int round = 0; round < ROUNDS; round++) {
            List<TranslationCaches> made = new ArrayList<>();
            AmdViUnit unit = AmdViUnit.recipe()
                    .cache(CacheConfig.WORST_CASE)
                    .caches((config, chosen) -> {
                        made.add(new TranslationCaches(config, chosen));
                        return made.get(0);
                    })
                    .make()
                    .translating()
                    .commanding();
            List<Entry> model = new ArrayList<>();
            fill(made.get(0), model, random);
            for (int i = 0; i < COMMANDS; i++) {
                step(unit, model, random);
                assertEquals(names(model), contents(made.get(0)));
            }
        }
    }

    private static void fill(TranslationCaches caches, List<Entry> model, Random random) {
        for (int i = 0; i < 40; i++) {
            int tag = random.nextInt(3);
            int pasid = random.nextInt(3) - 1;
            int shift = 12 + 9 * random.nextInt(3) + random.nextInt(2) * random.nextInt(9);
            long first = (random.nextLong() & 0x7fff_ffffL) & -1L << shift;
            long last = first + (1L << shift) - 1;
            String cache =
                    List.of("page", "directory", "gcr3", "device-tlb", "device").get(random.nextInt(5));
            Entry entry = switch (cache) {
                case "gcr3" -> new Entry(cache, tag, Math.max(0, pasid), 0, 0xfff);
                case "device" -> new Entry(cache, tag, NO_PASID, 0, 0);
                default -> new Entry(cache, tag, pasid, first, last);
            };
            model.remove(entry);
            model.add(entry);
            switch (cache) {
                case "page" -> caches.pages.insert(tag, pasid, first, shift, 0, 0);
                case "directory" -> caches.directories.insert(tag, pasid, first, shift, 0, 0);
                case "gcr3" -> caches.gcr3.insert(tag, entry.pasid(), 0, 12, 0, 0);
                case "device-tlb" -> caches.deviceTlb.insert(tag, pasid, first, shift, 0, 0);
                default -> caches.devices.fill(tag, 1, 0, 0, 0, false);
            }
        }
    }

    private static void step(AmdViUnit unit, List<Entry> model, Random random) {
        int tag = random.nextInt(3);
        int pasid = random.nextInt(3) - 1;
        boolean all = random.nextInt(4) == 0;
        int shift = all ? SizeEncoding.ALL : 12 + random.nextInt(20);
        long from = all ? 0 : (random.nextLong() & 0x7fff_ffffL) & -1L << shift;
        long to = all ? -1 : from + (1L << shift) - 1;
        switch (random.nextInt(12)) {
            case 0 -> {
                unit.submit(InvalidateIommuAll.word0(), 0);
                model.removeIf(entry -> !entry.cache().equals("device-tlb"));
            }
            case 1 -> {
                unit.submit(InvalidateDevtabEntry.word0(tag), 0);
                model.removeIf(entry -> entry.cache().equals("device") && entry.tag() == tag);
            }
            case 2, 3, 4 -> {
                unit.submit(
                        InvalidateIotlbPages.word0(tag, 0, 0, pasid),
                        InvalidateIotlbPages.word1(pasid, from, shift, 0));
                model.removeIf(entry -> entry.cache().equals("device-tlb")
                        && entry.tag() == tag
                        && entry.overlaps(from, to)
                        && (pasid == NO_PASID || entry.pasid() == pasid || (pasid == 0 && entry.pasid() == NO_PASID)));
            }
            default -> {
                boolean directories = random.nextBoolean();
                unit.submit(
                        InvalidateIommuPages.word0(tag, pasid),
                        InvalidateIommuPages.word1(pasid, from, shift, directories));
                model.removeIf(entry -> entry.tag() == tag && goes(entry, pasid, from, to, directories, all));
            }
        }
    }

    private static boolean goes(Entry entry, int pasid, long from, long to, boolean directories, boolean all) {
        boolean guest = entry.pasid() != NO_PASID;
        return switch (entry.cache()) {
            case "page" -> (pasid == NO_PASID && guest) || (entry.pasid() == pasid && entry.overlaps(from, to));
            case "directory" ->
                (pasid == NO_PASID && guest) || (directories && entry.pasid() == pasid && entry.overlaps(from, to));
            case "gcr3" -> pasid == NO_PASID || (directories && all && entry.pasid() == pasid);
            default -> false;
        };
    }

    private static Set<String> names(List<Entry> model) {
        TreeSet<String> names = new TreeSet<>();
        model.forEach(entry -> names.add(entry.toString()));
        return names;
    }

    private static Set<String> contents(TranslationCaches caches) {
        TreeSet<String> names = new TreeSet<>();
        caches.pages.visit((tag, pasid, iova, shift, value, attributes) ->
                names.add(new Entry("page", tag, pasid, iova, iova + (1L << shift) - 1).toString()));
        caches.directories.visit((tag, pasid, iova, shift, value, attributes) ->
                names.add(new Entry("directory", tag, pasid, iova, iova + (1L << shift) - 1).toString()));
        caches.gcr3.visit((tag, pasid, iova, shift, value, attributes) ->
                names.add(new Entry("gcr3", tag, pasid, 0, 0xfff).toString()));
        caches.deviceTlb.visit((tag, pasid, iova, shift, value, attributes) ->
                names.add(new Entry("device-tlb", tag, pasid, iova, iova + (1L << shift) - 1).toString()));
        caches.devices.visit(
                entry -> names.add(new Entry("device", caches.devices.deviceId(entry), NO_PASID, 0, 0).toString()));
        return names;
    }
}
