package org.iommu4j.backend.capture;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * How a record becomes the hypercall, firmware call or instruction that the guest made, and what that must come to. The first
 * rule of a format that fits a record counts.
 *
 * @param record kind of the record, as the format names it
 * @param text what the record's {@code text} must begin with; its named groups are then the record's numbers. Null if the
 *     record has keys of its own
 * @param kind name in statistics; null if the record's key {@code kindKey} holds it
 * @param kindKey key that holds the name in statistics
 * @param call name of the call as {@link org.iommu4j.backend.CallFormat} has it; null if it is the name in statistics
 * @param fact begin of the names of the facts that the record tells; null for the name in statistics
 * @param arguments in any order
 * @param stores words that the guest wrote to memory for the call; null if none
 * @param code what it must answer
 * @param results what must come back beside; each is a fact as well
 * @param tells further facts, by the rest of their names
 * @param unless no call is made if this is 0; null if it is always made
 * @param unit number of the machine's unit that it concerns; null if the record's key {@code unit} says it, or there is one
 */
public record CallRule(
        String record,
        Pattern text,
        String kind,
        String kindKey,
        String call,
        String fact,
        List<Argument> arguments,
        Stores stores,
        CapturedNumber code,
        List<Result> results,
        Map<String, CapturedNumber> tells,
        CapturedNumber unless,
        CapturedNumber unit) {

    /** Copies the collections. */
    public CallRule {
        arguments = List.copyOf(arguments);
        results = List.copyOf(results);
        tells = Map.copyOf(tells);
    }

    /**
     * A record of one kind that is always the same call.
     *
     * @param record kind of the record, and name in statistics
     */
    public static CallRule of(
            String record, String call, CapturedNumber code, List<Argument> arguments, Result... results) {
        return new CallRule(
                record, null, record, null, call, null, arguments, null, code, List.of(results), Map.of(), null, null);
    }

    /**
     * A record with a text that says which call it is.
     *
     * @param record kind of the record, and name in statistics
     * @param text what the text begins with; its named groups are the record's numbers
     * @param fact begin of the names of the facts
     */
    public static CallRule ofText(
            String record,
            Pattern text,
            String fact,
            String call,
            CapturedNumber code,
            List<Argument> arguments,
            Result... results) {
        return new CallRule(
                record, text, record, null, call, fact, arguments, null, code, List.of(results), Map.of(), null, null);
    }

    /**
     * A record that names what was called.
     *
     * @param kindKey key of the name, which is the name in statistics
     * @param call name of the call; null if it is that name
     */
    public static CallRule named(
            String record, String kindKey, String call, CapturedNumber code, List<Argument> arguments) {
        return new CallRule(
                record, null, null, kindKey, call, null, arguments, null, code, List.of(), Map.of(), null, null);
    }

    /** The same, and the guest had written words to memory for it. */
    public CallRule storing(Stores words) {
        return new CallRule(
                record, text, kind, kindKey, call, fact, arguments, words, code, results, tells, unless, unit);
    }

    /** The same, and it tells one more fact. */
    public CallRule telling(String name, CapturedNumber value) {
        return new CallRule(
                record,
                text,
                kind,
                kindKey,
                call,
                fact,
                arguments,
                stores,
                code,
                results,
                Map.of(name, value),
                unless,
                unit);
    }

    /** The same, and no call is made if that number is 0. */
    public CallRule unlessZero(CapturedNumber value) {
        return new CallRule(
                record, text, kind, kindKey, call, fact, arguments, stores, code, results, tells, value, unit);
    }

    /** The same, and that number says which unit of the machine it concerns. */
    public CallRule ofUnit(CapturedNumber number) {
        return new CallRule(
                record, text, kind, kindKey, call, fact, arguments, stores, code, results, tells, unless, number);
    }

    /**
     * A field of a block of memory and what stands there.
     *
     * @param field which
     * @param value what
     */
    public record Placed(BitField field, CapturedNumber value) {}

    /**
     * A part of a block of memory; what no field claims is zero.
     *
     * @param layout its form
     * @param fields what stands in it
     */
    public record Part(Layout layout, List<Placed> fields) {
        /** Copies the list. */
        public Part {
            fields = List.copyOf(fields);
        }

        /** A part with these fields. */
        public static Part of(Layout layout, Placed... fields) {
            return new Part(layout, List.of(fields));
        }
    }

    /**
     * An argument of a call.
     *
     * @param operand its name; null if it has a place instead
     * @param word index of the call's word; of a list, of its first number
     * @param listKey key of a list of numbers, each a word of its own; else null
     * @param value a number; else null
     * @param hexKey key of the bytes of a block of memory; else null
     * @param block what a block of memory is made of, one part behind the other; else empty
     */
    public record Argument(
            String operand, int word, String listKey, CapturedNumber value, String hexKey, List<Part> block) {
        /** Copies the list. */
        public Argument {
            block = List.copyOf(block);
        }

        /** A list of numbers: the words from 0 on. */
        public static Argument list(String key) {
            return new Argument(null, 0, key, null, null, List.of());
        }

        /** A word by its place in the call. */
        public static Argument word(int word, CapturedNumber value) {
            return new Argument(null, word, null, value, null, List.of());
        }

        /** A number. */
        public static Argument named(String operand, CapturedNumber value) {
            return new Argument(operand, 0, null, value, null, List.of());
        }

        /** A block of memory whose bytes the record has. */
        public static Argument bytes(String operand, String key) {
            return new Argument(operand, 0, null, null, key, List.of());
        }

        /** A block of memory that is made of numbers. */
        public static Argument block(String operand, Part... parts) {
            return new Argument(operand, 0, null, null, null, List.of(parts));
        }
    }

    /**
     * Words that the guest had written to memory before it made the call, in the byte order of the model.
     *
     * @param key of their list; records without it store nothing
     * @param word of the call that says where
     */
    public record Stores(String key, int word) {}

    /**
     * Something that comes back.
     *
     * @param name for people; with the rule's name it is a fact
     * @param word index of the word in which it comes back; -1 if it stands in the call's block of memory
     * @param offset of a layout in the block, in bytes
     * @param layout what stands there; null for a word
     * @param field which of its fields; null for a word
     * @param expected what the record says
     */
    public record Result(String name, int word, int offset, Layout layout, BitField field, CapturedNumber expected) {
        /** A word. */
        public static Result output(String name, int word, CapturedNumber expected) {
            return new Result(name, word, 0, null, null, expected);
        }

        /** A field in the block of memory. */
        public static Result stored(String name, int offset, Layout layout, BitField field, CapturedNumber expected) {
            return new Result(name, -1, offset, layout, field, expected);
        }
    }
}
