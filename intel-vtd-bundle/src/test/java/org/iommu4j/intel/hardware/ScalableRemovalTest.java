package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.hardware.ScalableVectors.Row;
import org.iommu4j.intel.table.PasidTables;
import org.iommu4j.simulation.cache.TranslationCache;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Commands of docs/spec/intel-vtd.md 8.10, V213 to V234: what each drops of what is cached there, and what it keeps. */
class ScalableRemovalTest {
    private static final ScalableVectors DOCUMENT = new ScalableVectors();
    private static final Pattern ENTRY = Pattern.compile("([a-z]\\d) ([^;]+?)[;.]");
    private static final Pattern COMMAND = Pattern.compile("`([0-9a-f]{16}) ([0-9a-f]{16})`");
    private static final int NO_PASID = TranslationCache.NO_PASID;

    static Stream<Row> rows() {
        return DOCUMENT.rows(213, 234).stream();
    }

    /** What the document caches: names by how {@link #cached} sees the entries. */
    private static final Map<String, String> NAMES = new LinkedHashMap<>();

    private static long number(String what, String field, long otherwise) {
        Matcher value = Pattern.compile("\\b" + field + "=([0-9a-f]+)").matcher(what);
        return value.find() ? ScalableVectors.hex(value.group(1)) : otherwise;
    }

    private static ScalableUnit filled() {
        ScalableUnit.Recipe recipe = new ScalableUnit.Recipe();
        recipe.subVersion = VtdGeneration.HOST_PERMISSIONS;
        recipe.ver = 0x80;
        recipe.ecap = ScalableUnit.ECAP_5;
        ScalableUnit unit = new ScalableUnit(recipe);
        unit.store(DOCUMENT.image());
        unit.memory.writeLongLe(0x2220, 0x301d);
        unit.memory.writeLongLe(0x2228, 0x10);
        unit.root(1, false);
        unit.queueing(true);
        PasidTables tables = new PasidTables(
                new VtdCapabilities(recipe.ver, recipe.cap, recipe.ecap),
                recipe.subVersion,
                unit.memory,
                ScalableUnit.HOST_ADDRESS_WIDTH);
        Matcher entry = ENTRY.matcher(DOCUMENT.cached());
        while (entry.find()) {
            String what = entry.group(2);
            int sourceId = (int) number(what, "sid", 0);
            int domain = (int) number(what, "did", 0);
            int pasid = (int) number(what, "pasid", NO_PASID);
            long address = number(what, "a", 0);
            Matcher size = Pattern.compile("2\\^(\\d+)").matcher(what);
            int shift = size.find() ? Integer.parseInt(size.group(1)) : 0;
            String key = put(unit, tables, what, sourceId, domain, pasid, address, shift);
            NAMES.put(key, entry.group(1));
        }
        return unit;
    }

    /** Fills one entry; returns how {@link #cached} sees it. */
    private static String put(
            ScalableUnit unit,
            PasidTables tables,
            String what,
            int sourceId,
            int domain,
            int pasid,
            long address,
            int shift) {
        ScalableCaches caches = unit.caches.scalable;
        if (what.startsWith("context")) {
            assertEquals(0, tables.readContext(ScalableUnit.ROOT, sourceId, null));
            caches.contexts.fillContext(sourceId, tables, 0, true);
            return key("context", sourceId, NO_PASID, 0, 0);
        }
        if (what.startsWith("PASID")) {
            assertEquals(0, tables.readPasid(0x3000, pasid, null));
            caches.contexts.fillPasid(sourceId, pasid, tables, 0, true);
            assertEquals(domain, caches.contexts.domain());
            return key("pasid", sourceId, pasid, 0, 0);
        }
        if (what.startsWith("IOTLB")) {
            boolean firstStage = what.contains("PGTT 1") || what.contains("PGTT 3");
            (firstStage ? caches.firstStage : caches.secondStage).insert(domain, pasid, address, shift, 0, 3);
            return key("iotlb", domain, pasid, address, 1L << shift);
        }
        if (what.startsWith("paging structure ss")) {
            caches.secondStageTables.insert(domain, NO_PASID, address, shift, 0, 3);
            return key("paging-structure", domain, NO_PASID, address, 1L << shift);
        }
        if (what.startsWith("paging structure fs")) {
            caches.firstStageTables.insert(domain, pasid, address, shift, 0, 3);
            return key("paging-structure", domain, pasid, address, 1L << shift);
        }
        if (what.startsWith("device TLB")) {
            unit.caches.deviceTlb.insert(sourceId, pasid, address, shift, 0, 3);
            return key("device-tlb", sourceId, pasid, address, 1L << shift);
        }
        assertTrue(what.startsWith("HPT L"), what);
        int level = what.charAt("HPT L".length()) - '0';
        caches.permissions.insert(domain, level, address, new long[] {1, 0});
        return key("host-permission", domain, NO_PASID, address, 1L << shift);
    }

    private static String key(String cache, long tag, int pasid, long address, long bytes) {
        return String.format("%s %x %x %x %x", cache, tag, pasid, address, bytes);
    }

    private static Set<String> cached(ScalableUnit unit) {
        Set<String> names = new TreeSet<>();
        unit.chip.visitCache((cache, tag, pasid, iova, bytes, pa) ->
                names.add(NAMES.getOrDefault(key(cache, tag, pasid, iova, bytes), cache)));
        return names;
    }

    @Test
    void shouldFindAllRowsOfTheDocument() {
        assertEquals(22, rows().count());
        assertEquals(
                "[c1, c2, d1, d2, d3, d4, f1, f2, h1, h2, h4, h9, i1, i2, i3, i4, i5, i6, n1, q1, q2, q3, q4, s1, s2]",
                cached(filled()).toString());
    }

    @ParameterizedTest
    @MethodSource("rows")
    void shouldDropWhatTheDocumentSays(Row row) {
        ScalableUnit unit = filled();
        Set<String> before = cached(unit);
        Matcher words = COMMAND.matcher(row.cells().get(1));
        assertTrue(words.matches());
        unit.submit(ScalableVectors.hex(words.group(1)), ScalableVectors.hex(words.group(2)));
        assertEquals(-1, unit.queueError());
        before.removeAll(cached(unit));
        Set<String> expected =
                row.last().equals("nothing") ? Set.of() : Set.of(row.last().split(" ", -1));
        assertEquals(new TreeSet<>(expected), before);
    }
}
