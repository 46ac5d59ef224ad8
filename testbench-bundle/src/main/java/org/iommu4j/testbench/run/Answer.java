package org.iommu4j.testbench.run;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a step came to.
 *
 * @param values by key, for {@link Json#write}
 * @param expected what was expected, null if nothing was
 * @param met false if something else was expected
 * @param where steps within the step that failed; empty if it has none
 */
record Answer(Map<String, Object> values, Object expected, boolean met, String where) {
    /** An answer without an expectation. */
    static Answer of(Map<String, Object> values) {
        return new Answer(values, null, true, "");
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

    /** The same after a comparison; {@code wanted} may be null, then nothing was compared. */
    Answer against(Object wanted, boolean holds) {
        return wanted == null ? this : new Answer(values, wanted, holds, "");
    }
}
