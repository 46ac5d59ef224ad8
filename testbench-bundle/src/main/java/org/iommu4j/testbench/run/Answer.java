package org.iommu4j.testbench.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.iommu4j.json.Json;

/**
 * The answer of a step.
 *
 * @param values by key, for {@link Json#write}
 * @param expected what was expected, null if nothing was
 * @param met false if something else was expected
 * @param where steps within the step that failed; empty if it has none
 * @param explain command lines that decode the bytes at fault; empty if there are none
 */
record Answer(Map<String, Object> values, Object expected, boolean met, String where, List<String> explain) {
    /** An answer without an expectation. */
    static Answer of(Map<String, Object> values) {
        return new Answer(values, null, true, "", List.of());
    }

    /** An answer without values. */
    static Answer done() {
        return of(Map.of());
    }

    /** An answer of one value. */
    static Answer of(String key, Object value) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put(key, value);
        return of(values);
    }

    /** A copy after a comparison; {@code wanted} may be null, then nothing was compared. */
    Answer against(Object wanted, boolean holds) {
        return wanted == null ? this : new Answer(values, wanted, holds, "", explain);
    }

    /** A copy with command lines that decode the bytes at fault, if it is not as expected. */
    Answer unmet(Supplier<List<String>> hints) {
        return met ? this : new Answer(values, expected, false, where, hints.get());
    }

    /** A copy with command lines that decode the bytes at fault. */
    Answer explained(List<String> hints) {
        return new Answer(values, expected, met, where, hints);
    }

    /** A copy that names the failed step inside a repetition. */
    Answer at(String step) {
        return new Answer(values, expected, met, where.isEmpty() ? step : step + ", " + where, explain);
    }
}
