package org.iommu4j.shell.cli;

import java.io.Closeable;
import java.io.IOException;

/** Lines that a shell executes, from whoever writes them. */
public interface ShellInput extends Closeable {
    /**
     * The next line, without its end.
     *
     * @param prompt what a person is shown who types it
     * @param most characters of it at most
     * @return null at the end
     * @throws AbandonedException if a person gave up what was typed so far
     * @throws CommandFailure if the input is no text, or the line is too long
     */
    String next(String prompt, int most) throws IOException, AbandonedException;

    @Override
    default void close() throws IOException {
        // Most have nothing to give back.
    }

    /** A person has given up a command before its end. */
    final class AbandonedException extends Exception {
        private static final long serialVersionUID = 1L;

        /** Wraps what the terminal said. */
        public AbandonedException(Throwable cause) {
            super("given up", cause);
        }
    }
}
