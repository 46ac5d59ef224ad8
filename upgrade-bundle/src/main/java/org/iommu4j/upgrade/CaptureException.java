package org.iommu4j.upgrade;

/**
 * A capture, or a record of requests, that cannot be read: missing, cut or malformed. The message is one line that names
 * file, line and place.
 */
public final class CaptureException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String file;
    private final long line;
    private final long column;
    private final String key;

    /**
     * A capture that cannot be read.
     *
     * @param file name within the capture's directory, or of the record; empty for the directory itself
     * @param line from 1; 0 if none is meant
     * @param column from 1, in bytes; 0 if none is meant
     * @param key of the JSON object; empty if none is meant
     * @param what what is wrong
     */
    public CaptureException(String file, long line, long column, String key, String what) {
        this(file, line, column, key, what, null);
    }

    /** The same with its cause. */
    public CaptureException(String file, long line, long column, String key, String what, Throwable cause) {
        super(message(file, line, column, key, what), cause);
        this.file = file;
        this.line = line;
        this.column = column;
        this.key = key;
    }

    private static String message(String file, long line, long column, String key, String what) {
        StringBuilder text = new StringBuilder(file.isEmpty() ? "capture" : file);
        if (line > 0) {
            text.append(", line ").append(line);
        }
        if (column > 0) {
            text.append(", column ").append(column);
        }
        if (!key.isEmpty()) {
            text.append(", key \"").append(key).append('"');
        }
        return text.append(": ").append(what).toString();
    }

    /** Name within the capture's directory. */
    public String file() {
        return file;
    }

    /** The line, from 1; 0 if none is meant. */
    public long line() {
        return line;
    }

    /** The column in bytes, from 1; 0 if none is meant. */
    public long column() {
        return column;
    }

    /** The key; empty if none is meant. */
    public String key() {
        return key;
    }
}
