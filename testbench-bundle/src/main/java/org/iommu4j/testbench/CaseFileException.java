package org.iommu4j.testbench;

/** A case file that cannot be read: missing or malformed. The message is one line that names file, line, column and key. */
public final class CaseFileException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String file;
    private final long line;
    private final long column;
    private final String key;

    /**
     * A file that cannot be read.
     *
     * @param file its name
     * @param line from 1; 0 if none is meant
     * @param column from 1; 0 if none is meant
     * @param key of the JSON object; empty if none is meant
     * @param what what is wrong
     * @param cause or null
     */
    public CaseFileException(String file, long line, long column, String key, String what, Throwable cause) {
        super(message(file, line, column, key, what), cause);
        this.file = file;
        this.line = line;
        this.column = column;
        this.key = key;
    }

    private static String message(String file, long line, long column, String key, String what) {
        StringBuilder text = new StringBuilder(file);
        if (line > 0) {
            text.append(text.length() == 0 ? "line " : ", line ").append(line);
        }
        if (column > 0) {
            text.append(text.length() == 0 ? "column " : ", column ").append(column);
        }
        if (!key.isEmpty()) {
            text.append(text.length() == 0 ? "key \"" : ", key \"").append(key).append('"');
        }
        return text.append(text.length() == 0 ? "" : ": ").append(what).toString();
    }

    /** The name of the file. */
    public String file() {
        return file;
    }

    /** The line, from 1; 0 if none is meant. */
    public long line() {
        return line;
    }

    /** The column, from 1; 0 if none is meant. */
    public long column() {
        return column;
    }

    /** The key; empty if none is meant. */
    public String key() {
        return key;
    }
}
