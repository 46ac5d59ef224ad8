package org.iommu4j.backend;

/**
 * One hypercall or instruction: the interface of models that have no register block. Reused by its owner. What the words
 * are, {@link CallFormat} says.
 */
public final class NativeCall {
    /** Most words in or out. */
    public static final int WORDS = 16;

    private final long[] words = new long[WORDS];
    private int function;
    private long result;

    /** Starts a call: all words are zero. */
    public NativeCall begin(int functionNumber) {
        function = functionNumber;
        result = 0;
        java.util.Arrays.fill(words, 0);
        return this;
    }

    /** Number of the hypercall, RTAS token or instruction's opcode. */
    public int function() {
        return function;
    }

    /** Return code or condition code; of an instruction that ends in a program interruption the negated code of that. */
    public long result() {
        return result;
    }

    /** Sets the return code or condition code. */
    public void result(long value) {
        result = value;
    }

    /** An argument, or after the call an output. */
    public long word(int index) {
        return words[index];
    }

    /** Sets an argument or an output. */
    public NativeCall word(int index, long value) {
        words[index] = value;
        return this;
    }
}
