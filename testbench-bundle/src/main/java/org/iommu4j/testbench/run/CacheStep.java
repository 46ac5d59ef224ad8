package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.json.Json;

/**
 * Lists what the chip keeps. Translations are compared and counted; entries of the caches that only lead to them
 * (paging-structure, context and the like) are listed apart.
 */
final class CacheStep {
    private static final String PAGING_STRUCTURE = "paging-structure";
    private static final int NO_PASID = -1;

    private CacheStep() {}

    /** A cached translation; of an expected one, null is not compared. */
    private record Entry(String cache, Long tag, Long pasid, Long iova, Long size, Long pa) {
        Map<String, Object> toJson() {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("cache", cache);
            values.put("tag", Json.hex(tag));
            values.put("pasid", pasid == NO_PASID ? null : Json.hex(pasid));
            values.put("iova", Json.hex(iova));
            values.put("size", Json.hex(size));
            values.put("pa", Json.hex(pa));
            return values;
        }

        boolean matches(Entry found) {
            return (cache == null || cache.equals(found.cache))
                    && same(tag, found.tag)
                    && same(pasid, found.pasid)
                    && same(iova, found.iova)
                    && same(size, found.size)
                    && same(pa, found.pa);
        }

        private static boolean same(Long wanted, Long found) {
            return wanted == null || wanted.equals(found);
        }
    }

    /** A {@code cache} step. */
    static Step.Action parse(Fields fields) {
        Json expect = fields.get("expect");
        List<Entry> expected = expect != null && expect.isList() ? entries(expect) : null;
        Integer count = expect == null || expected != null ? null : count(expect);
        return machine -> {
            List<Entry> found = new ArrayList<>();
            List<Object> translations = new ArrayList<>();
            List<Object> structures = new ArrayList<>();
            machine.unit().visitCache((cache, tag, pasid, iova, lengthBytes, pa) -> {
                Entry entry = new Entry(cache, tag, (long) pasid, iova, lengthBytes, pa);
                if (lengthBytes == 0 || cache.equals(PAGING_STRUCTURE)) {
                    structures.add(entry.toJson());
                } else {
                    found.add(entry);
                    translations.add(entry.toJson());
                }
            });
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("count", translations.size());
            values.put("cache", translations);
            values.put("structures", structures);
            boolean holds = count != null ? count == found.size() : expected == null || same(expected, found);
            return Answer.of(values).against(expect, holds);
        };
    }

    private static int count(Json expect) {
        Fields fields = new Fields(expect, "expect");
        int count = fields.integer("count", Integer.MAX_VALUE);
        fields.end();
        return count;
    }

    private static List<Entry> entries(Json expect) {
        List<Entry> entries = new ArrayList<>();
        for (Json element : expect.list("expect")) {
            Fields fields = new Fields(element, "expect");
            boolean anyPasid = !element.object("expect").containsKey("pasid");
            entries.add(new Entry(
                    fields.has("cache") ? fields.text("cache") : null,
                    optional(fields, "tag"),
                    anyPasid ? null : Long.valueOf(fields.number("pasid", NO_PASID)),
                    optional(fields, "iova"),
                    optional(fields, "size"),
                    optional(fields, "pa")));
            fields.end();
        }
        return entries;
    }

    private static Long optional(Fields fields, String key) {
        return fields.has(key) ? Long.valueOf(fields.number(key)) : null;
    }

    /** True if expected and found entries are the same, in any order. */
    private static boolean same(List<Entry> expected, List<Entry> found) {
        if (expected.size() != found.size()) {
            return false;
        }
        int[] ownerOf = new int[found.size()];
        Arrays.fill(ownerOf, -1);
        for (int i = 0; i < expected.size(); i++) {
            if (!assign(i, expected, found, ownerOf, new boolean[found.size()])) {
                return false;
            }
        }
        return true;
    }

    private static boolean assign(int want, List<Entry> expected, List<Entry> found, int[] ownerOf, boolean[] tried) {
        for (int i = 0; i < found.size(); i++) {
            if (!tried[i] && expected.get(want).matches(found.get(i))) {
                tried[i] = true;
                if (ownerOf[i] < 0 || assign(ownerOf[i], expected, found, ownerOf, tried)) {
                    ownerOf[i] = want;
                    return true;
                }
            }
        }
        return false;
    }
}
