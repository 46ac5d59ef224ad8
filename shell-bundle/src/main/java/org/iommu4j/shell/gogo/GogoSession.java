package org.iommu4j.shell.gogo;

import java.io.EOFException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Collection;
import java.util.List;
import org.apache.felix.gogo.runtime.EOFError;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.Converter;
import org.iommu4j.shell.cli.CommandSession;

/** A session of the Gogo shell. */
public final class GogoSession implements CommandSession {
    /** The variable in which Gogo has the names of all commands. */
    private static final String COMMANDS = ".commands";

    private final org.apache.felix.service.command.CommandSession session;

    /**
     * A session of its own; its commands have no input.
     *
     * @param out where commands write; not {@code System.out}, which Gogo replaces by a stream that asks the session
     * @param err where commands write errors; not {@code System.err}
     */
    public GogoSession(CommandProcessor processor, OutputStream out, OutputStream err) {
        session = processor.createSession(InputStream.nullInputStream(), out, err);
        session.put("SCOPE", "iommu:gogo:felix:*");
    }

    @Override
    public Collection<String> commands() {
        return session.get(COMMANDS) instanceof Collection<?> names
                ? names.stream()
                        .map(String::valueOf)
                        .filter(name -> !ForbiddenCommands.FUNCTIONS.contains(name.substring(name.indexOf(':') + 1)))
                        .toList()
                : List.of();
    }

    @Override
    public String execute(String text) throws Exception {
        try {
            Object result = session.execute(text);
            // A truth value is what filters such as grep return; what they let through is printed already.
            return result == null || result instanceof Boolean
                    ? ""
                    : String.valueOf(session.format(result, Converter.INSPECT));
        } catch (EOFException e) {
            // The parser throws this; a command may throw one of its own.
            throw e.getCause() instanceof EOFError ? new IncompleteCommandException(e) : e;
        }
    }
}
