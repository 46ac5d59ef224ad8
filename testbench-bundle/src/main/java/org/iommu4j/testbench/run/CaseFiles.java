package org.iommu4j.testbench.run;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.iommu4j.core.service.ByteOrderMark;
import org.iommu4j.testbench.CaseFileException;

/** Opens case files: UTF-8, with or without a byte order mark; a file that is in another encoding says so by its mark. */
public final class CaseFiles {
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
            // A decoder of its own, since a reader of a charset would replace what is not UTF-8.
            return new BufferedReader(
                    new InputStreamReader(ByteOrderMark.skip(in), StandardCharsets.UTF_8.newDecoder()));
        } catch (CharConversionException e) {
            in.close();
            throw new CaseFileException(file.toString(), 1, 0, "", e.getMessage(), e);
        } catch (IOException | RuntimeException e) {
            in.close();
            throw e;
        }
    }
}
