package org.iommu4j.shell.gogo;

import java.util.List;
import org.iommu4j.shell.cli.CommandFailure;

/**
 * Stands in for commands of Gogo's own bundles that would open the container to others. Registered under their scope and
 * names with the highest ranking, it is what Gogo finds.
 */
public final class ForbiddenCommands {
    /** The scope of the commands. */
    public static final String SCOPE = "gogo";

    /** The names of the commands. */
    public static final List<String> FUNCTIONS = List.of("telnetd");

    /** Refuses the command. */
    @SuppressWarnings("DoNotCallSuggester") // Gogo calls it, by its name.
    public void telnetd(String... arguments) {
        throw new CommandFailure(
                "telnetd is switched off: whoever connects would command the container without a password");
    }
}
