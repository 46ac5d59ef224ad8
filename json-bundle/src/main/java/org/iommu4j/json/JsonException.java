package org.iommu4j.json;

/** A text is not JSON, or a value in it is not what its format asks for. The message is one line. */
public final class JsonException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int line;
    private final int column;
    private final String key;

    /**
     * Something is wrong.
     *
     * @param line in the text, from 1; 0 if none is meant
     * @param column from 1; 0 if none is meant
     * @param key of the value; empty if none is meant
     * @param what what is wrong
     * @param cause may be null
     */
    public JsonException(int line, int column, String key, String what, Throwable cause) {
        super(what, cause);
        this.line = line;
        this.column = column;
        this.key = key;
    }

    /** The line in the text, from 1; 0 if none is meant. */
    public int line() {
        return line;
    }

    /** The column from 1, in characters of a String and in bytes of an array; 0 if none is meant. */
    public int column() {
        return column;
    }

    /** The key of the value; empty if none is meant. */
    public String key() {
        return key;
    }
}
