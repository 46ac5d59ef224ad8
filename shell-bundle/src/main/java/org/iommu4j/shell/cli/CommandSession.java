package org.iommu4j.shell.cli;

import java.util.Collection;
import java.util.List;

/** Something that executes lines of the shell's language. */
public interface CommandSession {
    /**
     * Executes a text; what the commands print goes to the session's output.
     *
     * @return the value of the last command as text; empty if it has none
     * @throws IncompleteCommandException if the text needs another line
     * @throws Exception what a command threw, or what is wrong with the text
     */
    String execute(String text) throws Exception;

    /** The names of the commands that it knows, with their scopes. */
    default Collection<String> commands() {
        return List.of();
    }

    /** The text ends inside a quotation or a block. */
    final class IncompleteCommandException extends Exception {
        private static final long serialVersionUID = 1L;

        /** Wraps what the parser said. */
        public IncompleteCommandException(Throwable cause) {
            super("the text ends inside a quotation or a block", cause);
        }
    }
}
