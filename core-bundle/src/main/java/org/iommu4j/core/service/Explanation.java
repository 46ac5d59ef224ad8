package org.iommu4j.core.service;

import java.util.List;
import org.iommu4j.contract.Errno;

/**
 * The decoded fields of some bytes, or why they cannot be decoded.
 *
 * @param outcome whether they were understood
 * @param subject what they are, for a heading
 * @param problem one line that says why they were not understood; empty if they were
 * @param parts the structures in order
 * @param verdict what the contract answers; null if the bytes are no request
 * @param candidates the formats that fit, if there are several
 * @param notes remarks, a line each
 */
public record Explanation(
        Outcome outcome,
        String subject,
        String problem,
        List<Part> parts,
        Verdict verdict,
        List<Candidate> candidates,
        List<String> notes) {
    /** Whether bytes were understood. */
    public enum Outcome {
        /** The parts say what the bytes are. */
        EXPLAINED,
        /** Several formats fit; the candidates name them. */
        SEVERAL,
        /** The problem says why not. */
        NOT_EXPLAINED
    }

    /** Copies the lists. */
    public Explanation {
        parts = List.copyOf(parts);
        candidates = List.copyOf(candidates);
        notes = List.copyOf(notes);
    }

    /** The answer to bytes that are understood. */
    public static Explanation of(String subject, List<Part> parts, Verdict verdict, List<String> notes) {
        return new Explanation(Outcome.EXPLAINED, subject, "", parts, verdict, List.of(), notes);
    }

    /** The answer to bytes that several formats fit. */
    public static Explanation several(String subject, List<Candidate> candidates, List<String> notes) {
        return new Explanation(Outcome.SEVERAL, subject, "", List.of(), null, candidates, notes);
    }

    /** The answer to what cannot be explained. */
    public static Explanation problem(String problem) {
        return new Explanation(Outcome.NOT_EXPLAINED, "", problem, List.of(), null, List.of(), List.of());
    }

    /** The same, as one of several things that are explained. */
    public Explanation of(String which) {
        return new Explanation(
                outcome,
                subject.isEmpty() ? which : which + ": " + subject,
                problem.isEmpty() ? "" : which + ": " + problem,
                parts,
                verdict,
                candidates,
                notes);
    }

    /**
     * One structure.
     *
     * @param format its name
     * @param section where it is defined
     * @param offset where it begins, in bytes
     * @param lines its fields in order of declaration, then set reserved bits
     */
    public record Part(String format, String section, int offset, List<Line> lines) {
        /** Copies the lines. */
        public Part {
            lines = List.copyOf(lines);
        }
    }

    /**
     * One field.
     *
     * @param field its name; {@code reserved} for set reserved bits
     * @param bits where it is in its structure: bits in the numbering of the specification, or {@code bytes 0-3}
     * @param offset its first byte, from the start of its structure
     * @param value as it stands in the structure
     * @param meaning what the value means; empty if nothing is declared
     * @param wrong true for set reserved bits, reserved values, and the field that the verdict names
     */
    public record Line(String field, String bits, int offset, String value, String meaning, boolean wrong) {}

    /**
     * The contract's answer to a request.
     *
     * @param rule the rule that refuses it; empty if none of those that the core checks does
     * @param errno the answer
     * @param field the field at fault; empty if none
     * @param offset its offset in bytes from the start of the request, of the vendor part for its rules; -1 if none
     * @param value its value
     * @param text one sentence
     */
    public record Verdict(String rule, Errno errno, String field, int offset, long value, String text) {}

    /**
     * A format that the bytes fit.
     *
     * @param format its name
     * @param section where it is defined
     * @param wrong reserved bits that are set and reserved values, counted in ranges
     */
    public record Candidate(String format, String section, int wrong) {}
}
