package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Standard output or standard error, of which every byte is written or known to be lost. A {@link PrintWriter} keeps failures
 * to itself; through this stream standard output ends whoever writes to it, with an {@link OutputLostException}, so that no
 * command has to ask. May be used from any thread.
 */
public final class CheckedOutput extends OutputStream {
    private final OutputStream to;
    private final boolean ending;
    private volatile OutputLostException lost;

    private CheckedOutput(OutputStream to, boolean ending) {
        this.to = to;
        this.ending = ending;
    }

    /** Results: the first byte that cannot be written ends the command, and so does each one after it. */
    public static CheckedOutput results(OutputStream to) {
        return new CheckedOutput(to, true);
    }

    /** Messages: those that cannot be written are passed over, since there is no place left to tell it. */
    public static CheckedOutput messages(OutputStream to) {
        return new CheckedOutput(to, false);
    }

    /** A writer of text to this stream, which writes on each end of a line if it flushes. */
    public PrintWriter writer(boolean flushing) {
        return new PrintWriter(this, flushing, StandardCharsets.UTF_8);
    }

    /** True if something could not be written. */
    public boolean isLost() {
        return lost != null;
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        attempt(() -> to.write(bytes, offset, length));
    }

    /** Also tells of what was lost before, so that whoever ends with it knows. */
    @Override
    public void flush() {
        attempt(to::flush);
    }

    @Override
    public void close() {
        flush();
    }

    private void attempt(Writing writing) {
        if (lost == null) {
            try {
                writing.write();
            } catch (IOException e) {
                lost = new OutputLostException(e);
            }
        }
        if (lost != null && ending) {
            throw lost;
        }
    }

    private interface Writing {
        void write() throws IOException;
    }

    /** Standard output cannot be written. */
    public static final class OutputLostException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final boolean readerGone;

        private OutputLostException(IOException cause) {
            super("standard output cannot be written: " + cause.getMessage(), cause);
            String message = String.valueOf(cause.getMessage());
            readerGone = message.toLowerCase(Locale.ROOT).contains("broken pipe");
        }

        /** True if nobody reads the pipe any more, which is how a reader says that it has enough. */
        public boolean isReaderGone() {
            return readerGone;
        }
    }
}
