package org.iommu4j.testbench.run;

import org.iommu4j.json.Json;
import org.iommu4j.json.JsonBounds;
import org.iommu4j.json.JsonException;
import org.iommu4j.json.JsonReader;
import org.iommu4j.testbench.BoundedLines;
import org.iommu4j.testbench.CaseFileException;

/** The JSON of a case, a step or a configuration. */
final class CaseText {
    /** Deepest nesting: steps that repeat steps. */
    private static final int MAX_DEPTH = 64;

    /** A line of a case may be one long list, so only all values together have a bound. */
    private static final JsonReader READER = new JsonReader(new JsonBounds(
            MAX_DEPTH, BoundedLines.MAX_LINE, JsonBounds.MAX_VALUES, JsonBounds.MAX_VALUES, JsonBounds.MAX_VALUES));

    private CaseText() {}

    /**
     * The value of a text.
     *
     * @throws JsonException if it is none
     */
    static Json parse(String text) {
        return READER.read(text);
    }

    /**
     * The error of a file of cases.
     *
     * @param file empty if the text stands in none
     * @param line in that file; 0 if the text stands in none
     */
    static CaseFileException in(String file, long line, JsonException e) {
        return new CaseFileException(file, line, e.column(), e.key(), e.getMessage(), e);
    }
}
