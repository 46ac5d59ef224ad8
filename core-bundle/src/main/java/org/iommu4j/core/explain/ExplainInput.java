package org.iommu4j.core.explain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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

    /** The entries of a ring or table, each of that size; null if the input is no whole number of them. */
    List<ExplainInput> split(int sizeBytes) {
        List<ExplainInput> entries = new ArrayList<>();
        if (bytes != null) {
            for (int at = 0; at < bytes.length; at += sizeBytes) {
                entries.add(ofBytes(Arrays.copyOfRange(bytes, at, at + sizeBytes)));
            }
            return bytes.length % sizeBytes == 0 ? entries : null;
        }
        int each = (sizeBytes + Long.BYTES - 1) / Long.BYTES;
        for (int at = 0; at < words.length; at += each) {
            entries.add(ofWords(Arrays.copyOfRange(words, at, at + each)));
        }
        return words.length % each == 0 ? entries : null;
    }

    /** True if there is nothing but zeros. */
    boolean isZero() {
        if (bytes != null) {
            for (byte each : bytes) {
                if (each != 0) {
                    return false;
                }
            }
            return true;
        }
        return Arrays.stream(words).allMatch(word -> word == 0);
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
