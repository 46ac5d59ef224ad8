package org.iommu4j.layout;

/** A structure that is put together field by field; what no field sets is 0. */
public final class Words {
    private final Layout layout;
    private final long[] words;

    private Words(Layout layout) {
        this.layout = layout;
        words = new long[layout.words()];
    }

    /** A structure of zeros. */
    public static Words of(Layout layout) {
        return new Words(layout);
    }

    /**
     * Sets a field, and leaves the others as they are.
     *
     * @param field of the layout
     * @throws IllegalArgumentException if {@code value} does not fit
     */
    public Words set(BitField field, long value) {
        words[field.word()] = field.set(words[field.word()], value);
        return this;
    }

    /** The bytes of the structure in the layout's byte order. */
    public byte[] encode() {
        return layout.encode(words);
    }
}
