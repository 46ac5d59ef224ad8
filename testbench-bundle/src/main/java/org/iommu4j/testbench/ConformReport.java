package org.iommu4j.testbench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The checklist of a vendor's bundle.
 *
 * @param jar file that was checked
 * @param sha256 digest of the file, in hex
 * @param bundle symbolic name; empty if the file is no bundle
 * @param version of the bundle; empty if it has none
 * @param model label of the model that it serves; empty if it did not say
 * @param lines one for each rule, in the order of the rules
 */
public record ConformReport(String jar, String sha256, String bundle, String version, String model, List<Line> lines) {
    /** Copies the list. */
    public ConformReport {
        lines = List.copyOf(lines);
    }

    /** Outcome of a rule. */
    public enum Result {
        /** It holds, as far as was looked. */
        PASSED,
        /** It is broken. */
        FAILED,
        /** It was not looked at, or could not be. */
        NOT_COVERED;

        /** In words. */
        public String text() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /**
     * One rule.
     *
     * @param rule its id, as {@code state.chip}
     * @param about what must hold, as a sentence
     * @param result what became of it
     * @param detail what was seen, what is wrong, or why it was not looked at
     * @param again the command that repeats it
     */
    public record Line(String rule, String about, Result result, String detail, String again) {
        /** The rule for people; what is wrong and how to see it again stand below. */
        public String toText() {
            String mark = switch (result) {
                case PASSED -> "ok    ";
                case FAILED -> "FAILED";
                case NOT_COVERED -> "-     ";
            };
            String text = mark + "  " + String.format(Locale.ROOT, "%-22s", rule) + about;
            return switch (result) {
                case PASSED -> detail.isEmpty() ? text : text + " (" + detail + ")";
                case FAILED -> text + "\n        " + detail + "\n        again: " + again;
                case NOT_COVERED -> text + ": not covered, " + detail;
            };
        }
    }

    /** True if no rule is broken. */
    public boolean ok() {
        return count(Result.FAILED) == 0;
    }

    /** The number of rules with a result. */
    public long count(Result result) {
        return lines.stream().filter(line -> line.result() == result).count();
    }

    /** The rules with a result, in order. */
    public List<String> rules(Result result) {
        return lines.stream()
                .filter(line -> line.result() == result)
                .map(Line::rule)
                .toList();
    }

    /** The last line of the text: the counts. */
    public String summary() {
        return count(Result.PASSED) + " passed, " + count(Result.FAILED) + " failed, " + count(Result.NOT_COVERED)
                + " not covered";
    }

    /** Which file was checked, and what it says that it is. */
    public String title() {
        return jar + (bundle.isEmpty() ? "" : ": " + bundle + " " + version)
                + (model.isEmpty() ? "" : ", model " + model) + ", SHA-256 " + sha256;
    }

    /** All lines for people. */
    public String toText() {
        return title() + "\n" + lines.stream().map(line -> line.toText() + "\n").collect(Collectors.joining())
                + summary() + "\n";
    }

    /** One JSON object on one line. */
    public String toJson() {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = new JsonFactory().createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("jar", jar);
            out.writeStringField("sha256", sha256);
            out.writeStringField("bundle", bundle);
            out.writeStringField("version", version);
            out.writeStringField("model", model);
            out.writeBooleanField("ok", ok());
            out.writeObjectFieldStart("counts");
            for (Result result : Result.values()) {
                out.writeNumberField(key(result), count(result));
            }
            out.writeEndObject();
            out.writeArrayFieldStart("rules");
            for (Line line : lines) {
                out.writeStartObject();
                out.writeStringField("rule", line.rule());
                out.writeStringField("about", line.about());
                out.writeStringField("result", key(line.result()));
                out.writeStringField("detail", line.detail());
                out.writeStringField("again", line.again());
                out.writeEndObject();
            }
            out.writeEndArray();
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static String key(Result result) {
        return result.name().toLowerCase(Locale.ROOT);
    }

    /** A page of its own, without anything from elsewhere. */
    public String toHtml() {
        StringBuilder page = new StringBuilder("""
                <!DOCTYPE html>
                <html lang="en"><head><meta charset="utf-8"><title>Conformance of %s</title>
                <style>
                body { font-family: sans-serif; margin: 2em; max-width: 75em; }
                table { border-collapse: collapse; }
                td, th { border: 1px solid #999; padding: 0.3em 0.6em; text-align: left; vertical-align: top; }
                .failed td { background: #fdd; } .not_covered td { background: #eee; }
                code { overflow-wrap: anywhere; }
                </style></head><body>
                """.formatted(escaped(jar)));
        page.append("<h1>Conformance</h1>\n<p>").append(escaped(title())).append("</p>\n<p>");
        page.append(escaped(summary())).append("</p>\n<table>\n");
        page.append("<tr><th>rule</th><th>what must hold</th><th>result</th><th>what was seen</th>"
                + "<th>to see it again</th></tr>\n");
        for (Line line : lines) {
            page.append("<tr class=\"")
                    .append(key(line.result()))
                    .append("\"><td>")
                    .append(escaped(line.rule()));
            page.append("</td><td>").append(escaped(line.about()));
            page.append("</td><td>").append(escaped(line.result().text()));
            page.append("</td><td>").append(escaped(line.detail()));
            page.append("</td><td><code>").append(escaped(line.again())).append("</code></td></tr>\n");
        }
        return page.append("</table>\n</body></html>\n").toString();
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
