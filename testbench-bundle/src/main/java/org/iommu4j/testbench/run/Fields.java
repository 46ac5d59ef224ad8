package org.iommu4j.testbench.run;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.core.service.Nearest;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;

/** The fields of one object, read by name; fields that were never read are refused at the end. A null counts as absent. */
final class Fields {
    private static final String IGNORED = "x-";

    private final Json json;
    private final Map<String, Json> fields;
    private final Set<String> known = new HashSet<>();

    /** The fields of {@code json}, which stands under {@code key}. */
    Fields(Json json, String key) {
        this.json = json;
        fields = json.object(key);
    }

    boolean has(String key) {
        return get(key) != null;
    }

    /** A field, or null. */
    Json get(String key) {
        known.add(key);
        Json found = fields.get(key);
        return found == null || found.isNull() ? null : found;
    }

    Json require(String key) {
        Json found = get(key);
        if (found == null) {
            throw json.wrong(key, "is missing");
        }
        return found;
    }

    long number(String key) {
        return require(key).number(key);
    }

    long number(String key, long otherwise) {
        Json found = get(key);
        return found == null ? otherwise : found.number(key);
    }

    /** A number from 0 to {@code most}. */
    int integer(String key, int most) {
        return integer(require(key), key, most);
    }

    int integer(String key, int most, int otherwise) {
        Json found = get(key);
        return found == null ? otherwise : integer(found, key, most);
    }

    private static int integer(Json found, String key, int most) {
        long number = found.number(key);
        if (Long.compareUnsigned(number, most) > 0) {
            throw found.wrong(key, Long.toUnsignedString(number) + " is more than " + most);
        }
        return (int) number;
    }

    String text(String key) {
        return require(key).text(key);
    }

    boolean flag(String key) {
        Json found = get(key);
        return found != null && found.flag(key);
    }

    byte[] hex(String key) {
        return require(key).hex(key);
    }

    /** The error for a field. */
    JsonException wrong(String key, String what) {
        Json found = fields.get(key);
        return (found == null ? json : found).wrong(key, what);
    }

    /** A text that is a name or a list of names. */
    void textOrTexts(String key) {
        Json found = get(key);
        if (found != null && !found.isText()) {
            List<Json> texts = found.list(key);
            texts.forEach(text -> text.text(key));
        }
    }

    /** The keys that were never read and are not to be ignored. */
    List<String> rest() {
        return fields.keySet().stream()
                .filter(key -> !known.contains(key) && !key.startsWith(IGNORED))
                .toList();
    }

    /**
     * Refuses every field but these, and those to be ignored.
     *
     * @throws JsonException for the first other one, with the one that may have been meant
     */
    void expectOnly(Collection<String> keys) {
        for (Map.Entry<String, Json> field : fields.entrySet()) {
            String key = field.getKey();
            if (!keys.contains(key) && !key.startsWith(IGNORED)) {
                throw field.getValue().wrong(key, "unknown key" + Nearest.question(key, keys));
            }
        }
    }

    /** Accepts fields that were never read. */
    void skip() {
        known.addAll(fields.keySet());
    }

    /** Refuses fields that were never read. */
    void end() {
        for (String key : rest()) {
            throw fields.get(key).wrong(key, "unknown key");
        }
    }
}
