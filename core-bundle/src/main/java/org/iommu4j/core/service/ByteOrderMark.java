package org.iommu4j.core.service;

import java.io.ByteArrayInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.util.List;

/** The byte order mark with which a text may begin: that of UTF-8 is passed over, others tell that the text is not UTF-8. */
public final class ByteOrderMark {
    /**
     * A byte order mark.
     *
     * @param encoding what the text is written in
     * @param bytes with which it begins
     */
    private record Mark(String encoding, List<Integer> bytes) {}

    private static final Mark UTF_8 = new Mark("UTF-8", List.of(0xef, 0xbb, 0xbf));

    /** The longer ones first: that of UTF-32 begins as one of UTF-16. */
    private static final List<Mark> REFUSED = List.of(
            new Mark("UTF-32", List.of(0xff, 0xfe, 0, 0)),
            new Mark("UTF-32", List.of(0, 0, 0xfe, 0xff)),
            new Mark("UTF-16", List.of(0xff, 0xfe)),
            new Mark("UTF-16", List.of(0xfe, 0xff)));

    private static final int LONGEST_MARK = 4;

    private ByteOrderMark() {}

    /**
     * Goes behind the mark with which a text begins, if it has one.
     *
     * @param in the text from its begin
     * @return what is behind the mark
     * @throws CharConversionException if the text is not UTF-8 by its mark; its message is what is wrong, without a name
     * @throws IOException if it cannot be read
     */
    public static InputStream skip(InputStream in) throws IOException {
        byte[] begin = in.readNBytes(LONGEST_MARK);
        for (Mark mark : REFUSED) {
            if (beginsWith(begin, mark)) {
                throw new CharConversionException("is " + mark.encoding + " by its byte order mark; UTF-8 is read");
            }
        }
        int behind = beginsWith(begin, UTF_8) ? UTF_8.bytes.size() : 0;
        return new SequenceInputStream(new ByteArrayInputStream(begin, behind, begin.length - behind), in);
    }

    private static boolean beginsWith(byte[] begin, Mark mark) {
        for (int i = 0; i < mark.bytes.size(); i++) {
            if (i >= begin.length || Byte.toUnsignedInt(begin[i]) != mark.bytes.get(i)) {
                return false;
            }
        }
        return true;
    }
}
