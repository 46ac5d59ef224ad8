package org.iommu4j.upgrade.capture;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * How a record becomes the hypercall, RTAS call or instruction that the guest made, and what that must come to. Knowledge of
 * the format, as data. The first rule of a model that fits a record counts.
 *
 * @param record kind of the record, as the format names it
 * @param text what the record's {@code text} must begin with; its named groups are then the record's numbers. Null if the
 *     record has keys of its own
 * @param kind name in statistics; null if the record's key {@code kindKey} holds it
 * @param kindKey key that holds the name in statistics
 * @param fact name under which the scan keeps what the record says; null for the name in statistics
 * @param call name of the call; null if it is the name in statistics
 * @param returnCells of an RTAS call, the status included; else 0
 * @param arguments in the order of the call
 * @param stores words that the guest wrote to memory for the call; null if none
 * @param code what it must answer
 * @param results what must come back beside
 * @param tells further facts for the scan, by the rest of their names
 * @param unless no call is made if this is 0; null if it is always made
 */
public record CallRule(
        String record,
        Pattern text,
        String kind,
        String kindKey,
        String fact,
        String call,
        int returnCells,
        List<Argument> arguments,
        Stores stores,
        Value code,
        List<Result> results,
        Map<String, Value> tells,
        Value unless) {

    /** Copies the collections. */
    public CallRule {
        arguments = List.copyOf(arguments);
        results = List.copyOf(results);
        tells = Map.copyOf(tells);
    }

    /** The same, and it tells one more fact. */
    CallRule telling(String fact, Value value) {
        return new CallRule(
                record,
                text,
                kind,
                kindKey,
                this.fact,
                call,
                returnCells,
                arguments,
                stores,
                code,
                results,
                Map.of(fact, value),
                unless);
    }

    /** The same, and no call is made if that value is 0. */
    CallRule unlessZero(Value value) {
        return new CallRule(
                record, text, kind, kindKey, fact, call, returnCells, arguments, stores, code, results, tells, value);
    }

    /** Forms of numbers in records. */
    enum Form {
        /** A number that does not come from the record. */
        CONSTANT,
        /** A number with 0x, or a JSON number. */
        NUMBER,
        /** Eight bytes in hex, without 0x. */
        BYTES,
        /** A power of two, of which the exponent counts. */
        LOG2,
        /** First and last of a range, of which the length counts. */
        LENGTH,
        /** A number of units, of which another number is log2 of the size. */
        SCALED
    }

    /**
     * A number of a record, or a part of it.
     *
     * @param form how it is written
     * @param key where it stands
     * @param lastKey where the last of a range, or log2 of a unit, stands
     * @param constant if it does not come from the record
     * @param shift lowest bit that counts
     * @param mask of the bits that count, after the shift
     */
    public record Value(Form form, String key, String lastKey, long constant, int shift, long mask) {
        static Value of(String key) {
            return new Value(Form.NUMBER, key, null, 0, 0, -1L);
        }

        static Value constant(long value) {
            return new Value(Form.CONSTANT, null, null, value, 0, -1L);
        }

        static Value bytes(String key) {
            return new Value(Form.BYTES, key, null, 0, 0, -1L);
        }

        static Value log2(String key) {
            return new Value(Form.LOG2, key, null, 0, 0, -1L);
        }

        static Value high(String key) {
            return new Value(Form.NUMBER, key, null, 0, Integer.SIZE, 0xffff_ffffL);
        }

        static Value length(String firstKey, String lastKey) {
            return new Value(Form.LENGTH, firstKey, lastKey, 0, 0, -1L);
        }

        static Value low(String key, int width) {
            return bits(key, 0, width);
        }

        static Value bits(String key, int shift, int width) {
            return new Value(Form.NUMBER, key, null, 0, shift, (1L << width) - 1);
        }

        static Value scaled(String key, String shiftKey) {
            return new Value(Form.SCALED, key, shiftKey, 0, 0, -1L);
        }
    }

    /**
     * A big-endian number within a block of memory.
     *
     * @param offset in bytes
     * @param sizeBytes 1 to 8
     * @param value what stands there
     */
    public record Placed(int offset, int sizeBytes, Value value) {}

    /**
     * An argument of a call; one of the four ways is used.
     *
     * @param operand its name; null if the arguments have positions
     * @param listKey key of a list of numbers, each an argument
     * @param value a number
     * @param hexKey key of the bytes of a block of memory
     * @param block numbers of which a block of memory is made
     */
    public record Argument(String operand, String listKey, Value value, String hexKey, List<Placed> block) {
        /** Copies the list. */
        public Argument {
            block = List.copyOf(block);
        }

        static Argument list(String key) {
            return new Argument(null, key, null, null, List.of());
        }

        static Argument next(Value value) {
            return new Argument(null, null, value, null, List.of());
        }

        static Argument named(String operand, Value value) {
            return new Argument(operand, null, value, null, List.of());
        }

        static Argument bytes(String operand, String key) {
            return new Argument(operand, null, null, key, List.of());
        }

        static Argument block(String operand, Placed... numbers) {
            return new Argument(operand, null, null, null, List.of(numbers));
        }
    }

    /**
     * Words that the guest had written to memory before it made the call.
     *
     * @param key of their list; records without it store nothing
     * @param argument position of the argument that says where
     */
    public record Stores(String key, int argument) {}

    /**
     * Something that comes back.
     *
     * @param name for people; with the rule's name it is a fact for the scan
     * @param word position of the output; -1 if it stands in the call's block of memory
     * @param offset in the block, in bytes
     * @param sizeBytes in the block, 1 to 8
     * @param mask of the bits that count
     * @param expected what the record says
     */
    public record Result(String name, int word, int offset, int sizeBytes, long mask, Value expected) {
        static Result output(String name, int word, Value expected) {
            return new Result(name, word, 0, 0, -1L, expected);
        }

        static Result stored(String name, int offset, int sizeBytes, long mask, Value expected) {
            return new Result(name, -1, offset, sizeBytes, mask, expected);
        }
    }
}
