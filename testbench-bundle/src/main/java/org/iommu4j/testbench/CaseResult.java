package org.iommu4j.testbench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.testbench.run.Differences;

/**
 * How a case ended.
 *
 * @param id of the case
 * @param outcome how it ended
 * @param step index of the step that failed, from 0; -1 if no step did
 * @param op of that step; empty if no step failed
 * @param expected what the step expected, as JSON; empty if it failed otherwise
 * @param got what it got, as JSON; empty if it failed otherwise
 * @param reason why it was skipped or failed; empty if expected and got say it
 * @param findings what the sanitizer found; nothing if the case ran without one
 * @param explain command lines that decode the bytes at fault; empty if there are none
 * @param findingHints command lines that decode what a finding is about; nothing for one without bytes
 * @param source where the case stands
 * @param foretold true if the case itself says which findings it expects
 */
public record CaseResult(
        String id,
        Outcome outcome,
        int step,
        String op,
        String expected,
        String got,
        String reason,
        SanitizerReport findings,
        List<String> explain,
        Map<Finding, List<String>> findingHints,
        Source source,
        boolean foretold) {
    /** Copies the list and the map. */
    public CaseResult {
        explain = List.copyOf(explain);
        findingHints = Map.copyOf(findingHints);
    }

    /** A result without bytes at fault. */
    public CaseResult(
            String id,
            Outcome outcome,
            int step,
            String op,
            String expected,
            String got,
            String reason,
            SanitizerReport findings) {
        this(id, outcome, step, op, expected, got, reason, findings, List.of(), Map.of(), Source.UNKNOWN, false);
    }

    /**
     * The place of a case in its file.
     *
     * @param file its name; empty if nobody said
     * @param line in that file, counted from 1; 0 if nobody said
     */
    public record Source(String file, long line) {
        /** An unknown place. */
        public static final Source UNKNOWN = new Source("", 0);
    }

    /** The end of a case. */
    public enum Outcome {
        /** Every expectation was met. */
        PASSED,
        /** An expectation was not met, or a step could not be carried out. */
        FAILED,
        /** The chip does not have a capability that the case asks for. */
        SKIPPED
    }

    /** A case of which every expectation was met. */
    public static CaseResult passed(String id) {
        return new CaseResult(id, Outcome.PASSED, -1, "", "", "", "", SanitizerReport.NONE);
    }

    /** A case that the chip cannot run. */
    public static CaseResult skipped(String id, String reason) {
        return new CaseResult(id, Outcome.SKIPPED, -1, "", "", "", reason, SanitizerReport.NONE);
    }

    /** A case that failed apart from its steps. */
    public static CaseResult failed(String id, String reason) {
        return failed(id, -1, "", "", "", reason);
    }

    /** A case of which a step failed. */
    public static CaseResult failed(String id, int step, String op, String expected, String got, String reason) {
        return new CaseResult(id, Outcome.FAILED, step, op, expected, got, reason, SanitizerReport.NONE);
    }

    /** A copy with the sanitizer's findings. */
    public CaseResult with(SanitizerReport found) {
        return with(found, Map.of());
    }

    /** A copy with the sanitizer's findings and the command lines that decode them. */
    public CaseResult with(SanitizerReport found, Map<Finding, List<String>> hints) {
        return new CaseResult(id, outcome, step, op, expected, got, reason, found, explain, hints, source, foretold);
    }

    /** A copy with command lines that decode the bytes at fault. */
    public CaseResult explained(List<String> commands) {
        return new CaseResult(
                id, outcome, step, op, expected, got, reason, findings, commands, findingHints, source, foretold);
    }

    /**
     * A copy with the place of the case.
     *
     * @param expectsFindings true if the case itself says which findings it expects
     */
    public CaseResult from(Source where, boolean expectsFindings) {
        return new CaseResult(
                id, outcome, step, op, expected, got, reason, findings, explain, findingHints, where, expectsFindings);
    }

    /** One line for people, without its end; empty if the case passed. */
    public String toText() {
        if (outcome == Outcome.PASSED) {
            return "";
        }
        StringBuilder text = new StringBuilder(outcome.name().toLowerCase(Locale.ROOT))
                .append(' ')
                .append(OneLine.name(id));
        if (step >= 0) {
            text.append(", step ").append(step).append(" (").append(op).append(')');
        }
        String mark = ": ";
        if (!reason.isEmpty()) {
            text.append(mark).append(OneLine.message(reason));
            mark = "; ";
        }
        if (!expected.isEmpty()) {
            text.append(mark)
                    .append("expected ")
                    .append(OneLine.message(expected))
                    .append(", got ")
                    .append(OneLine.message(got));
        }
        if (!explain.isEmpty()) {
            // Separated as commands of a shell, so that what follows the colon can be pasted as it is.
            text.append("; explain: ").append(String.join("; ", explain));
        }
        return text.toString();
    }

    /** Differences between the expected and the actual result, a sentence each; empty where that was not the trouble. */
    public List<String> differences() {
        return Differences.of(expected, got);
    }

    /** One JSON object without line ends; what does not apply is null, but {@code explain}, which is absent then. */
    public String toJson() {
        StringWriter text = new StringWriter();
        try (JsonGenerator out = new JsonFactory().createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("id", id);
            if (!source.file().isEmpty()) {
                out.writeStringField("file", source.file());
                out.writeNumberField("line", source.line());
            }
            out.writeStringField("outcome", outcome.name().toLowerCase(Locale.ROOT));
            out.writeFieldName("step");
            if (step < 0) {
                out.writeNull();
            } else {
                out.writeNumber(step);
            }
            raw(out, "expected", expected);
            raw(out, "got", got);
            out.writeFieldName("reason");
            if (reason.isEmpty()) {
                out.writeNull();
            } else {
                out.writeString(reason);
            }
            if (!explain.isEmpty()) {
                out.writeArrayFieldStart("explain");
                for (String command : explain) {
                    out.writeString(command);
                }
                out.writeEndArray();
            }
            out.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return text.toString();
    }

    private static void raw(JsonGenerator out, String name, String json) throws IOException {
        out.writeFieldName(name);
        out.writeRawValue(json.isEmpty() ? "null" : json);
    }
}
