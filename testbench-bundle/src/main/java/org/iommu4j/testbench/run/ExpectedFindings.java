package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.backend.Finding;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;

/**
 * The findings that a case expects, no more and no less, in any order: of each its kind, and of everything else what the case
 * names. The keys are those of {@code --findings}.
 */
final class ExpectedFindings {
    private static final String KEY = "findings";
    private static final List<String> COMMAND =
            List.of("step", "name", "decoded", "bytes", "word0", "word1", "due", "dropped");

    /** The keys of a finding, and of each of its parts by its key. */
    private static final Map<String, List<String>> KEYS = Map.of(
            KEY,
            List.of("kind", "count", "cost", "step", "dev", "pasid", "iova", "edit", "fill", "command", "nearMiss"),
            "edit",
            List.of("step", "pa", "before", "after", "format"),
            "fill",
            List.of("step", "cache", "tag", "pasid", "first", "length", "target", "dev"),
            "command",
            COMMAND,
            "nearMiss",
            COMMAND);

    private static final Set<String> TEXTS = Set.of("kind", "format", "cache", "name", "decoded", "bytes");

    private final List<Map<String, Object>> expected = new ArrayList<>();

    /**
     * Reads the list of a case.
     *
     * @throws JsonException if it is none, or a key or a kind is unknown
     */
    ExpectedFindings(Json list) {
        for (Json one : list.list(KEY)) {
            Fields fields = new Fields(one, KEY);
            String kind = fields.text("kind");
            if (Arrays.stream(Finding.Kind.values())
                    .noneMatch(known -> known.name().equals(kind))) {
                throw fields.wrong("kind", "'" + kind + "' is not one of " + Arrays.toString(Finding.Kind.values()));
            }
            expected.add(read(fields, KEY));
        }
    }

    private static Map<String, Object> read(Fields fields, String part) {
        Map<String, Object> tree = new LinkedHashMap<>();
        for (String key : KEYS.get(part)) {
            Json value = fields.get(key);
            if (value != null) {
                tree.put(
                        key,
                        KEYS.containsKey(key)
                                ? read(new Fields(value, key), key)
                                : TEXTS.contains(key) ? value.text(key) : (Object) value.number(key));
            }
        }
        fields.end();
        return tree;
    }

    /** True if each expected finding is there, and no other. */
    boolean hold(List<Finding> found) {
        List<Map<String, Object>> trees =
                found.stream().map(ExpectedFindings::tree).toList();
        int[] expectedBy = new int[trees.size()];
        Arrays.fill(expectedBy, -1);
        for (int i = 0; i < expected.size(); i++) {
            if (!assign(i, trees, expectedBy, new boolean[trees.size()])) {
                return false;
            }
        }
        return expected.size() == trees.size();
    }

    /** Matches an expectation with a finding; an earlier match may change to make room (bipartite matching). */
    private boolean assign(int i, List<Map<String, Object>> trees, int[] expectedBy, boolean[] tried) {
        for (int at = 0; at < trees.size(); at++) {
            if (!tried[at] && matches(expected.get(i), trees.get(at))) {
                tried[at] = true;
                if (expectedBy[at] < 0 || assign(expectedBy[at], trees, expectedBy, tried)) {
                    expectedBy[at] = i;
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean matches(Map<?, ?> wanted, Map<?, ?> got) {
        return wanted.entrySet().stream().allMatch(one -> {
            Object value = got.get(one.getKey());
            return one.getValue() instanceof Map<?, ?> part
                    ? value instanceof Map<?, ?> whole && matches(part, whole)
                    : one.getValue().equals(value);
        });
    }

    /** As JSON: what was expected. */
    String toJson() {
        return json(expected);
    }

    /** As JSON: what was found. */
    static String json(List<?> findings) {
        return Json.write(readable(findings));
    }

    /** Findings as trees for {@link Json#write}, by the keys of {@link #KEYS}. */
    static List<Map<String, Object>> readable(List<?> findings) {
        return findings.stream()
                .map(one -> readable(one instanceof Finding finding ? tree(finding) : (Map<?, ?>) one))
                .toList();
    }

    /** With numbers in hex, as findings are written. */
    private static Map<String, Object> readable(Map<?, ?> tree) {
        Map<String, Object> readable = new LinkedHashMap<>();
        tree.forEach((key, value) -> readable.put(
                (String) key,
                value instanceof Map<?, ?> part
                        ? readable(part)
                        : value instanceof Long number ? Json.hex(number) : value));
        return readable;
    }

    /** A finding by the keys of {@link #KEYS}: numbers are Long, unsigned; what it does not have is absent. */
    private static Map<String, Object> tree(Finding finding) {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("kind", finding.kind().name());
        tree.put("count", finding.count());
        tree.put("cost", finding.cost());
        step(tree, finding.place());
        if (finding.hasRequester()) {
            tree.put("dev", Integer.toUnsignedLong(finding.requester()));
            pasid(tree, finding.pasid());
            tree.put("iova", finding.iova());
        }
        if (finding.edit() != null) {
            tree.put("edit", tree(finding.edit()));
        }
        if (finding.fill() != null) {
            tree.put("fill", tree(finding.fill()));
        }
        if (finding.command() != null) {
            tree.put("command", tree(finding.command()));
        }
        if (finding.nearMiss() != null) {
            tree.put("nearMiss", tree(finding.nearMiss().command()));
        }
        return tree;
    }

    private static Map<String, Object> tree(Finding.Edit edit) {
        Map<String, Object> tree = new LinkedHashMap<>();
        step(tree, edit.place());
        tree.put("pa", edit.pa());
        tree.put("before", edit.before());
        tree.put("after", edit.after());
        tree.put("format", edit.format());
        return tree;
    }

    private static Map<String, Object> tree(Finding.Fill fill) {
        Map<String, Object> tree = new LinkedHashMap<>();
        step(tree, fill.place());
        tree.put("cache", fill.kind().label());
        tree.put("tag", fill.tag());
        pasid(tree, fill.pasid());
        tree.put("first", fill.first());
        tree.put("length", fill.lengthBytes());
        tree.put("target", fill.target());
        tree.put("dev", Integer.toUnsignedLong(fill.requester()));
        return tree;
    }

    private static Map<String, Object> tree(Finding.Command command) {
        Map<String, Object> tree = new LinkedHashMap<>();
        step(tree, command.place());
        tree.put("name", command.name());
        tree.put("decoded", command.decoded());
        tree.put("bytes", command.bytes());
        tree.put("word0", command.word0());
        tree.put("word1", command.word1());
        tree.put("due", command.due());
        tree.put("dropped", command.dropped());
        return tree;
    }

    private static void step(Map<String, Object> tree, Finding.Place place) {
        if (place.step() >= 0) {
            tree.put("step", (long) place.step());
        }
    }

    private static void pasid(Map<String, Object> tree, int pasid) {
        if (pasid >= 0) {
            tree.put("pasid", (long) pasid);
        }
    }
}
