package org.iommu4j.backend;

import java.util.List;
import java.util.Locale;
import org.iommu4j.layout.Code;

/**
 * One hypercall, RTAS call or instruction as data: where its operands and results lie in a {@link NativeCall}. From it
 * follow the steps of a test bench, explanations and documentation.
 *
 * <p>Words of the call, by kind:
 *
 * <ul>
 *   <li>{@code HYPERCALL}: word n is the n-th argument; afterwards {@link NativeCall#result()} is the return code and word n
 *       the n-th output.
 *   <li>{@code RTAS}: word 0 is the number of arguments, word 1 the number of return cells with the status, words 2 and up the
 *       arguments, each a 32-bit cell, zero-extended; afterwards the result is the status, sign-extended, and word n the n-th
 *       cell after it.
 *   <li>{@code INSTRUCTION}: word n is the n-th operand register or address; afterwards the result is the condition code, or
 *       the negated code of a program interruption, and the words are the registers as the instruction leaves them.
 * </ul>
 *
 * @param kind what it is
 * @param name in the specification; compared without case
 * @param function number of the hypercall, RTAS token or instruction's opcode
 * @param operands in the order of the specification
 * @param results what comes back beside the result code
 * @param codes names of result codes; of program interruptions by their negated code
 * @param spec section of the specification
 */
public record CallFormat(
        Kind kind,
        String name,
        int function,
        List<Operand> operands,
        List<Operand> results,
        List<Code> codes,
        String spec) {

    /** Word of an RTAS call that holds the number of arguments. */
    public static final int RTAS_ARGUMENT_COUNT = 0;

    /** Word of an RTAS call that holds the number of return cells, the status included. */
    public static final int RTAS_RETURN_COUNT = 1;

    /** Word of an RTAS call that holds the first argument. */
    public static final int RTAS_FIRST_ARGUMENT = 2;

    /** Kinds of calls. */
    public enum Kind {
        /** A hypercall: positional arguments and outputs. */
        HYPERCALL,
        /** A call of the firmware's run-time services: positional cells. */
        RTAS,
        /** A machine instruction: named operands. */
        INSTRUCTION
    }

    /** The role of an operand in its call. */
    public enum Type {
        /** A number in a field of a word. */
        NUMBER,
        /** A block of memory whose address is in the word. */
        MEMORY,
        /**
         * Bytes that the call stored behind the bytes that it was given in a block of memory: usually all of the block but the
         * length of a request.
         */
        ANSWER
    }

    /**
     * An operand or a result. Several operands may be fields of one word.
     *
     * @param name in the specification
     * @param aliases other names for it
     * @param type what it is
     * @param word index in the call
     * @param shift of its least significant bit in the word
     * @param width in bits, 1 to 64
     * @param lengthBytes length of the block of memory; 0 for a number
     * @param optional true if it may be left out: then it is zero, or no memory is touched
     * @param about meaning, may be empty
     */
    public record Operand(
            String name,
            List<String> aliases,
            Type type,
            int word,
            int shift,
            int width,
            int lengthBytes,
            boolean optional,
            String about) {

        /** Checks the place and copies the aliases. */
        public Operand {
            if (word < 0 || word >= NativeCall.WORDS || shift < 0 || width < 1 || shift + width > Long.SIZE) {
                throw new IllegalArgumentException(name + ": width " + width + " at bit " + shift + " of word " + word);
            }
            if (lengthBytes < 0 || (lengthBytes == 0) != (type == Type.NUMBER)) {
                throw new IllegalArgumentException(name + ": length " + lengthBytes + " of " + type);
            }
            aliases = List.copyOf(aliases);
        }

        /** A number that fills a word. */
        public static Operand word(String name, int word, String about) {
            return field(name, word, 0, Long.SIZE, about);
        }

        /** A number in a field of a word. */
        public static Operand field(String name, int word, int shift, int width, String about) {
            return new Operand(name, List.of(), Type.NUMBER, word, shift, width, 0, false, about);
        }

        /** A block of memory whose address is in a word. */
        public static Operand memory(String name, int word, int lengthBytes, String about) {
            return new Operand(name, List.of(), Type.MEMORY, word, 0, Long.SIZE, lengthBytes, false, about);
        }

        /** Bytes that the call stores behind those given in the block whose address is in that word. */
        public static Operand answer(String name, int word, int lengthBytes, String about) {
            return new Operand(name, List.of(), Type.ANSWER, word, 0, Long.SIZE, lengthBytes, false, about);
        }

        /** A copy that is also known under further names. */
        public Operand alias(String... more) {
            return new Operand(name, List.of(more), type, word, shift, width, lengthBytes, optional, about);
        }

        /** A copy that a caller may leave out. */
        public Operand orNothing() {
            return new Operand(name, aliases, type, word, shift, width, lengthBytes, true, about);
        }

        /** True if it goes by that name, in any case of letters. */
        public boolean named(String other) {
            return name.equalsIgnoreCase(other) || aliases.stream().anyMatch(other::equalsIgnoreCase);
        }

        /** The operand's value in a call. */
        public long get(NativeCall call) {
            return (call.word(word) >>> shift) & mask();
        }

        /**
         * Sets its value; the other bits of the word stay.
         *
         * @throws IllegalArgumentException if the value exceeds the width
         */
        public void set(NativeCall call, long value) {
            if ((value & ~mask()) != 0) {
                throw new IllegalArgumentException(
                        name + "=0x" + Long.toHexString(value) + " exceeds " + width + " bits");
            }
            call.word(word, (call.word(word) & ~(mask() << shift)) | value << shift);
        }

        private long mask() {
            return -1L >>> (Long.SIZE - width);
        }
    }

    /** Copies the lists. */
    public CallFormat {
        operands = List.copyOf(operands);
        results = List.copyOf(results);
        codes = List.copyOf(codes);
    }

    /** True if it goes by that name. */
    public boolean named(String other) {
        return name.equalsIgnoreCase(other);
    }

    /** Name of a result code; empty if it has none. */
    public String codeName(long result) {
        for (Code code : codes) {
            if (code.value() == result) {
                return code.meaning();
            }
        }
        return "";
    }

    /** The result code of that name, in any case of letters, or null. */
    public Long code(String meaning) {
        for (Code code : codes) {
            if (code.meaning().toLowerCase(Locale.ROOT).equals(meaning.toLowerCase(Locale.ROOT))) {
                return code.value();
            }
        }
        return null;
    }
}
