package org.iommu4j.upgrade;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.contract.IommuModel;

/**
 * A capture that was made of a trace.
 *
 * @param directory the capture
 * @param model whose trace it was
 * @param lines of the trace
 * @param records by kind
 * @param pages of the image that hold tables which devices reach
 * @param mappings that the trace shows and the image confirms
 * @param assumed sentences: what neither the trace nor the image tells, and what was taken instead
 * @param passedOver events and lines of which the capture has nothing, by name, with the reason
 */
public record ImportResult(
        String directory,
        IommuModel model,
        long lines,
        Map<String, Long> records,
        long pages,
        long mappings,
        List<String> assumed,
        Map<String, Long> passedOver) {
    /** Copies maps, in order of their keys, and the list. */
    public ImportResult {
        records = Collections.unmodifiableMap(new TreeMap<>(records));
        assumed = List.copyOf(assumed);
        passedOver = Collections.unmodifiableMap(new TreeMap<>(passedOver));
    }

    /** The report for people; lines end with a line feed. */
    public String toText() {
        StringBuilder text = new StringBuilder();
        text.append(directory)
                .append(": ")
                .append(model.label())
                .append(", of ")
                .append(lines)
                .append(" lines\n");
        records.forEach((kind, count) -> text.append(String.format("%-12s %d%n", kind, count)));
        text.append(String.format("%-12s %d, mappings confirmed by the trace %d%n", "pages", pages, mappings));
        passedOver.forEach((name, count) -> text.append("passed over: ")
                .append(count)
                .append(" times ")
                .append(name)
                .append('\n'));
        assumed.forEach(sentence -> text.append("assumed: ").append(sentence).append('\n'));
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    /** The report as one JSON object in one line. */
    public String toJson() {
        return JsonText.object(out -> {
            out.writeStringField("dir", directory);
            out.writeStringField("model", model.label());
            out.writeNumberField("lines", lines);
            JsonText.counts(out, "records", records);
            out.writeNumberField("pages", pages);
            out.writeNumberField("mappings", mappings);
            JsonText.counts(out, "passedOver", passedOver);
            JsonText.texts(out, "assumed", assumed);
        });
    }
}
