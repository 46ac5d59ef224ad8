package org.iommu4j.testbench.run;

import org.iommu4j.testbench.CaseFileException;

/** A line breaks the format; the reader of the file turns it into a {@link CaseFileException}. */
final class Malformed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int column;
    private final String key;

    /**
     * Something is wrong.
     *
     * @param column from 1; 0 if none is meant
     * @param key empty if none is meant
     */
    Malformed(int column, String key, String what) {
        super(what);
        this.column = column;
        this.key = key;
    }

    CaseFileException in(String file, long line) {
        return new CaseFileException(file, line, column, key, getMessage(), this);
    }
}
