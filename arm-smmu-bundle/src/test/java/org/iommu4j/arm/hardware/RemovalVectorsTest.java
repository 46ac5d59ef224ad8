package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.hardware.SpecificationVectors.Row;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.simulation.cache.TranslationCache;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What each command removes, entry by entry: docs/spec/arm-smmu.md 8.3 V204 to V225, with the caches that the document lists. */
class RemovalVectorsTest {
    private static final SpecificationVectors DOCUMENT = new SpecificationVectors();
    private static final Pattern OUTCOME = Pattern.compile("gone: ([^;]*); stay: ([^\\[]*?)");
    private static final int VMID = 0x2A;
    private static final int STREAM = 0x1A8;
    private static final int E2H = 1;

    static Stream<Row> commands() {
        return DOCUMENT.rows(204, 225).stream();
    }

    @Test
    void shouldFindAllRowsOfTheDocument() {
        assertEquals(22, commands().count());
    }

    /** A chip whose caches hold what the document lists under the rows. */
    private static final class Filled {
        final SmmuUnit unit;
        TranslationCaches caches;

        Filled(boolean e2h) {
            SmmuUnit.Recipe recipe = SmmuUnit.recipe().caches(config -> {
                caches = new TranslationCaches(config);
                return caches;
            });
            unit = recipe.cache(CacheConfig.WORST_CASE).make().queues();
            unit.write(SmmuUnit.CR2, e2h ? E2H : 0);
            // The stream table has two levels with SPLIT 8.
            unit.write(SmmuUnit.STRTAB_BASE_CFG, 0x10000 | 8 << 6 | 16);
            unit.write(SmmuUnit.CR0, SmmuUnit.SMMUEN | SmmuUnit.CMDQEN);
            leaf(caches.el1, VMID, 7, 0x10000, 12);
            leaf(caches.el1, VMID, Tlb.GLOBAL, 0x11000, 12);
            leaf(caches.el1, VMID + 1, 7, 0x10000, 12);
            leaf(caches.combined, VMID, 9, 0x10000, 12);
            leaf(caches.stage2, VMID, Tlb.NO_ASID, 0x80000000L, 12);
            leaf(caches.el1, VMID, 7, 0x40000000L, 21);
            table(caches.el1, VMID, 7, 0x40000000L, 21);
            table(caches.el1, VMID, 7, 0x40000000L, 30);
            leaf(caches.el2, Regime.EL2_E2H.tlbTag(0), 7, 0x10000, 12);
            table(caches.stage2, VMID, Tlb.NO_ASID, 0x80000000L, 21);
            ConfigurationCaches configuration = caches.configuration;
            long[] entry = new long[StreamConfiguration.STRUCTURE_WORDS + 1];
            // S1Fmt 1: leaves of 64 context descriptors; S1CDMax 10.
            entry[0] = 10L << 59 | 1 << 4 | 0xB;
            configuration.streams.insert(STREAM, 0, entry);
            configuration.streams.insert(STREAM + 1, 0, entry);
            configuration.streamLevel1.insert(STREAM >>> 8, 0, new long[1]);
            configuration.contexts.insert(ConfigurationCaches.key(STREAM, 5), STREAM, entry);
            configuration.contexts.insert(ConfigurationCaches.key(STREAM, 6), STREAM, entry);
            configuration.contextLevel1.insert(ConfigurationCaches.key(STREAM, 0), STREAM, new long[1]);
            device(5, 0x7000);
            device(5, 0x8000);
            device(TranslationCache.NO_PASID, 0x8000);
            device(6, 0x8000);
            device(5, 0x10000);
        }

        private static void leaf(Tlb tlb, int tag, int asid, long address, int shift) {
            tlb.leaves(Granule.K4).insert(tag, asid, address, shift, 0x5000, 0);
        }

        private static void table(Tlb tlb, int tag, int asid, long address, int shift) {
            tlb.tables(Granule.K4).insert(tag, asid, address, shift, 0x6000, 0);
        }

        private void device(int substream, long address) {
            caches.deviceTlb.insert(STREAM, substream, address, 12, 0x7000, 0);
        }

        private static boolean has(TranslationCache cache, int tag, int asid, long address, int shift) {
            boolean[] found = new boolean[1];
            cache.visit((t, a, first, s, value, attributes) ->
                    found[0] |= t == tag && a == asid && first == address && s == shift);
            return found[0];
        }

        private static boolean hasLeaf(Tlb tlb, int tag, int asid, long address, int shift) {
            return has(tlb.leaves(Granule.K4), tag, asid, address, shift);
        }

        private static boolean hasTable(Tlb tlb, int tag, int asid, long address, int shift) {
            return has(tlb.tables(Granule.K4), tag, asid, address, shift);
        }

        private boolean hasDevice(int substream, long address) {
            return has(caches.deviceTlb, STREAM, substream, address, 12);
        }

        /** True if the entry of that name in the document is still there. */
        boolean has(String name, boolean ofDevices) {
            ConfigurationCaches configuration = caches.configuration;
            return switch (name) {
                case "a" -> hasLeaf(caches.el1, VMID, 7, 0x10000, 12);
                case "b" -> hasLeaf(caches.el1, VMID, Tlb.GLOBAL, 0x11000, 12);
                case "c" -> hasLeaf(caches.el1, VMID + 1, 7, 0x10000, 12);
                case "d" -> hasLeaf(caches.combined, VMID, 9, 0x10000, 12);
                case "e" -> hasLeaf(caches.stage2, VMID, Tlb.NO_ASID, 0x80000000L, 12);
                case "f" -> hasLeaf(caches.el1, VMID, 7, 0x40000000L, 21);
                case "g" -> hasTable(caches.el1, VMID, 7, 0x40000000L, 21);
                case "h" -> hasTable(caches.el1, VMID, 7, 0x40000000L, 30);
                case "i" -> hasLeaf(caches.el2, Regime.EL2_E2H.tlbTag(0), 7, 0x10000, 12);
                case "j" -> hasTable(caches.stage2, VMID, Tlb.NO_ASID, 0x80000000L, 21);
                case "s8" -> configuration.streams.lookup(STREAM) >= 0;
                case "s9" -> configuration.streams.lookup(STREAM + 1) >= 0;
                case "l1" -> configuration.streamLevel1.lookup(STREAM >>> 8) >= 0;
                case "c5" -> configuration.contexts.lookup(ConfigurationCaches.key(STREAM, 5)) >= 0;
                case "c6" -> configuration.contexts.lookup(ConfigurationCaches.key(STREAM, 6)) >= 0;
                case "l1cd" -> configuration.contextLevel1.lookup(ConfigurationCaches.key(STREAM, 0)) >= 0;
                case "p" -> hasDevice(5, 0x7000);
                case "q" -> hasDevice(5, 0x8000);
                case "r" -> hasDevice(TranslationCache.NO_PASID, 0x8000);
                case "s" -> hasDevice(6, 0x8000);
                case "t" -> ofDevices ? hasDevice(5, 0x10000) : hasLeaf(caches.el1, VMID, 7, 0x10000, 12);
                default -> throw new IllegalArgumentException(name);
            };
        }
    }

    @ParameterizedTest
    @MethodSource("commands")
    void shouldRemoveWhatTheDocumentSaysAndNothingElse(Row row) {
        Filled filled = new Filled(!row.input().contains("E2H=0"));
        List<Long> words = SpecificationVectors.quoted(row.input());
        filled.unit.accepted(words.get(0), words.get(1));
        Matcher outcome = OUTCOME.matcher(row.expected());
        assertEquals(true, outcome.matches(), row.expected());
        boolean ofDevices = row.input().contains("ATC_INV");
        Set<String> gone = names(outcome.group(1));
        Set<String> names = new TreeSet<>(gone);
        names.addAll(names(outcome.group(2)));
        Set<String> went = new TreeSet<>();
        for (String name : names) {
            if (!filled.has(name, ofDevices)) {
                went.add(name);
            }
        }
        assertEquals(gone, went);
    }

    private static Set<String> names(String list) {
        Set<String> names = new TreeSet<>(List.of(list.strip().split(" ", -1)));
        names.remove("-");
        return names;
    }
}
