package org.iommu4j.core.explain;

import java.util.Arrays;
import org.iommu4j.layout.Layout;

/** The input of an explanation: bytes in memory order, or the values of 64-bit words; one of the two is null. */
public record ExplainInput(byte[] bytes, long[] words) {
    static ExplainInput ofBytes(byte[] bytes) {
        return new ExplainInput(bytes.clone(), null);
    }

    static ExplainInput ofWords(long... words) {
        return new ExplainInput(null, words.clone());
    }

    /** The words of a structure; null if the input has another size. */
    long[] as(Layout layout) {
        if (bytes != null) {
            return bytes.length == layout.sizeBytes() ? layout.decode(bytes, 0) : null;
        }
        if (words.length != layout.words()) {
            return null;
        }
        int rest = layout.sizeBits() % Long.SIZE;
        return rest != 0 && words[words.length - 1] >>> rest != 0 ? null : words.clone();
    }

    /** The value of a register in that byte order; null if it does not fit. */
    Long asValue(int widthBits, Layout layout) {
        if (bytes == null) {
            return words.length == 1 && (widthBits == Long.SIZE || words[0] >>> widthBits == 0) ? words[0] : null;
        }
        if (bytes.length != widthBits / Byte.SIZE) {
            return null;
        }
        Layout.Builder plain = Layout.named("value").size(widthBits);
        boolean little = layout.byteOrder() == java.nio.ByteOrder.LITTLE_ENDIAN;
        return (little ? plain.littleEndian() : plain.bigEndian()).build().word(bytes, 0, 0);
    }

    /** For messages. */
    String size() {
        return bytes != null ? Formats.bytes(bytes.length) : words.length + (words.length == 1 ? " word" : " words");
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ExplainInput that
                && Arrays.equals(bytes, that.bytes)
                && Arrays.equals(words, that.words);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes) * 31 + Arrays.hashCode(words);
    }

    @Override
    public String toString() {
        return size();
    }
}
