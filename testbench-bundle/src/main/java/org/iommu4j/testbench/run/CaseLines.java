package org.iommu4j.testbench.run;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.iommu4j.testbench.BoundedLines;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.InputFile;

/**
 * The lines of a case file, one at a time, as often as they are asked for: so a file of any length takes bounded memory. What
 * can be read only once, as a pipe, is kept, and must be short.
 */
public final class CaseLines {
    /** Most bytes of an input that is no regular file, as a pipe. */
    public static final int MAX_PIPE_BYTES = 16 << 20;

    private final Path file;
    private final byte[] kept;

    /**
     * The lines of a file; it is opened when they are read.
     *
     * @throws CaseFileException if it is no regular file and cannot be read, or has no end
     */
    public CaseLines(Path file) {
        this.file = file;
        kept = Files.exists(file) && !Files.isRegularFile(file) ? read(file) : null;
    }

    /** Takes one line. */
    @FunctionalInterface
    public interface Taker {
        /**
         * Takes it.
         *
         * @param number of the line, from 1
         * @param text without its end; never blank
         */
        void take(long number, String text);
    }

    private static byte[] read(Path file) {
        try (InputStream in = InputFile.open(file)) {
            byte[] bytes = in.readNBytes(MAX_PIPE_BYTES + 1);
            if (bytes.length > MAX_PIPE_BYTES) {
                throw new CaseFileException(
                        file.toString(), 0, 0, "", "is no file, and longer than " + MAX_PIPE_BYTES + " bytes", null);
            }
            return bytes;
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /**
     * Gives every line that is not blank, in order.
     *
     * @throws CaseFileException if the file cannot be read, or a line is too long
     */
    public void forEach(Taker taker) {
        long number = 1;
        try (Reader in = reader()) {
            BoundedLines lines = new BoundedLines(in);
            for (String line = lines.next(); line != null; line = lines.next()) {
                if (!line.isBlank()) {
                    taker.take(number, line);
                }
                number++;
            }
        } catch (BoundedLines.TooLongException e) {
            throw new CaseFileException(file.toString(), number, 0, "", e.getMessage(), e);
        } catch (CharacterCodingException e) {
            throw new CaseFileException(file.toString(), number, 0, "", "not UTF-8", e);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private Reader reader() throws IOException {
        InputStream in = kept == null ? InputFile.open(file) : new ByteArrayInputStream(kept);
        return CaseFiles.open(file, in);
    }

    private static CaseFileException unreadable(Path file, IOException e) {
        String what = e.getMessage();
        return new CaseFileException(
                file.toString(), 0, 0, "", "no such file".equals(what) ? what : "cannot be read: " + what, e);
    }
}
