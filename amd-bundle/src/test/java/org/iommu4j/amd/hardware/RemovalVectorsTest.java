package org.iommu4j.amd.hardware;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.SpecVectors.Vector;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.backend.CacheConfig;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What each command removes from the labelled cache of docs/spec/amd-vi.md 4.3; interrupt entries are not modelled. */
final class RemovalVectorsTest {
    private static final int NO_PASID = TranslationCaches.NO_PASID;

    static Stream<Vector> removals() {
        return SpecVectors.of("inv");
    }

    @ParameterizedTest
    @MethodSource("removals")
    void shouldRemoveWhatTheSpecificationSaysAndNothingMore(Vector vector) {
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
        TranslationCaches caches = made.get(0);
        List<String> labels = new ArrayList<>();
        for (String line : SpecVectors.block("cache")) {
            for (String part : line.split("; ", -1)) {
                labels.add(part);
                put(caches, part.substring(3).split(" ", -1));
            }
        }
        unit.on(Control.COM_WAIT_INT_EN);
        String[] words = vector.input().split(" ", -1);
        unit.submit(hex(words[0]), hex(words[1]));

        TreeSet<String> gone = new TreeSet<>();
        for (String label : labels) {
            String[] entry = label.substring(3).split(" ", -1);
            if (!entry[0].equals("IRTE") && !has(caches, entry)) {
                gone.add(label.substring(0, 1));
            }
        }
        assertEquals(vector.expected().replace("c", ""), String.join("", gone));
    }

    private static void put(TranslationCaches caches, String[] entry) {
        switch (entry[0]) {
            case "DTE" -> caches.devices.fill((int) hex(entry[1]), 1, 0, 0, 0, false);
            case "GCR3" ->
                caches.gcr3.insert((int) hex(entry[2]), (int) hex(entry[4]), 0, 12, 0, TranslationCaches.NESTED);
            case "page" -> caches.pages.insert((int) hex(entry[2]), pasid(entry), base(entry), shift(entry), 0, 0);
            case "dir" -> caches.directories.insert((int) hex(entry[2]), pasid(entry), base(entry), shift(entry), 0, 0);
            case "dev" ->
                caches.deviceTlb.insert((int) hex(entry[1]), devicePasid(entry), base(entry), shift(entry), 0, 0);
            default -> {
                // Interrupt entries are not modelled.
            }
        }
    }

    private static boolean has(TranslationCaches caches, String[] entry) {
        return switch (entry[0]) {
            case "DTE" -> caches.devices.select((int) hex(entry[1]));
            case "GCR3" -> caches.gcr3.lookup((int) hex(entry[2]), (int) hex(entry[4]), 0) >= 0;
            case "page" -> caches.pages.lookup((int) hex(entry[2]), pasid(entry), base(entry)) >= 0;
            case "dir" -> hasDirectory(caches, entry);
            default -> caches.deviceTlb.lookup((int) hex(entry[1]), devicePasid(entry), base(entry)) >= 0;
        };
    }

    /** A smaller directory may stand inside a larger one: both are looked for by their size. */
    private static boolean hasDirectory(TranslationCaches caches, String[] entry) {
        boolean[] found = new boolean[1];
        caches.directories.visit(
                (domain, pasid, iova, pageShift, value, attributes) -> found[0] |= domain == (int) hex(entry[2])
                        && pasid == pasid(entry)
                        && iova == base(entry)
                        && pageShift == shift(entry));
        return found[0];
    }

    private static int pasid(String[] entry) {
        return entry[4].equals("0") ? NO_PASID : (int) hex(entry[6]);
    }

    private static int devicePasid(String[] entry) {
        return entry[2].equals("no") ? NO_PASID : (int) hex(entry[3]);
    }

    private static long base(String[] entry) {
        return hex(entry[entry.length - 1].split("\\+", -1)[0]);
    }

    private static int shift(String[] entry) {
        return Long.numberOfTrailingZeros(hex(entry[entry.length - 1].split("\\+", -1)[1]));
    }
}
