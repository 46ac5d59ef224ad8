package org.iommu4j.layout;

/**
 * Software's access to a field of a register, and its effect on the bits. Fields of structures in memory are
 * {@link #READ_WRITE}, as memory is.
 */
public enum Access implements FieldOption {
    /** Takes what is written. */
    READ_WRITE("read, write"),
    /** Ignores writes. */
    READ_ONLY("read only"),
    /** Takes what is written, and reads as 0. */
    WRITE_ONLY("write only, reads 0"),
    /** A written 1 clears the bit, a written 0 leaves it. */
    WRITE_ONE_CLEARS("write 1 clears"),
    /** A written 1 sets the bit, a written 0 leaves it. */
    WRITE_ONE_SETS("write 1 sets"),
    /** Ignores writes; a read clears the bits that it has shown. */
    READ_CLEARS("read only, a read clears");

    private final String text;

    Access(String text) {
        this.text = text;
    }

    /** In words, for explanations and documentation. */
    public String text() {
        return text;
    }
}
