package org.iommu4j.testbench.run;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.iommu4j.testbench.CaseFileException;

/** Opens case files: UTF-8, with or without a byte order mark; a file that is in another encoding says so by its mark. */
public final class CaseFiles {
    /**
     * A byte order mark.
     *
     * @param encoding what the file is written in
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

    private CaseFiles() {}

    /**
     * The text of a file behind its byte order mark.
     *
     * @param file for messages
     * @param bytes of the file; closed if this fails
     * @throws CaseFileException if it is not UTF-8 by its mark
     */
    public static BufferedReader open(Path file, InputStream bytes) throws IOException {
        InputStream in = new BufferedInputStream(bytes);
        try {
            in.mark(LONGEST_MARK);
            byte[] begin = in.readNBytes(LONGEST_MARK);
            for (Mark mark : REFUSED) {
                if (beginsWith(begin, mark)) {
                    throw new CaseFileException(
                            file.toString(),
                            1,
                            0,
                            "",
                            "is " + mark.encoding + " by its byte order mark; UTF-8 is read",
                            null);
                }
            }
            in.reset();
            if (beginsWith(begin, UTF_8)) {
                in.skipNBytes(UTF_8.bytes.size());
            }
            // A decoder of its own, since a reader of a charset would replace what is not UTF-8.
            return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder()));
        } catch (IOException | RuntimeException e) {
            in.close();
            throw e;
        }
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
