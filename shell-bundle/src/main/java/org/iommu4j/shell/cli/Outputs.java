package org.iommu4j.shell.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.OutputFile;

/** The files that commands write. */
final class Outputs {
    private Outputs() {}

    /**
     * Refuses an output that is an input or another output, before anything is touched. Standard output counts too.
     *
     * @param inputs what the command reads
     * @param outputs what it writes; those that nobody asked for are null
     */
    static void check(List<Path> inputs, Path... outputs) {
        String conflict = OutputFile.conflict(
                inputs, Stream.of(outputs).filter(Objects::nonNull).toList());
        if (!conflict.isEmpty()) {
            throw new CommandFailure(ExitStatus.USAGE, conflict, null);
        }
    }

    /** Begins a file. */
    static OutputFile create(Path file) {
        try {
            return OutputFile.create(file);
        } catch (IOException e) {
            throw lost(file, e);
        }
    }

    /** Writes a text as a file. */
    static void write(Path file, String text) {
        try (OutputFile output = create(file)) {
            output.stream().write(text.getBytes(StandardCharsets.UTF_8));
            output.commit();
        } catch (IOException e) {
            throw lost(file, e);
        }
    }

    /** The failure of a file that cannot be written. */
    static CommandFailure lost(Path file, IOException cause) {
        return new CommandFailure(ExitStatus.USAGE, "cannot write " + file + ": " + Texts.message(cause), cause);
    }
}
