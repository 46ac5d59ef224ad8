package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;

/** Runs what a command does while the requests are recorded. */
final class RecordingTo {
    private RecordingTo() {}

    /**
     * Runs it.
     *
     * @param file where to record; null not to
     * @param input what is read meanwhile, which must not be overwritten; may be null
     * @param err is told how much was recorded
     */
    static <T> T run(Path file, Path input, PrintWriter err, Supplier<RecordService> records, Supplier<T> work) {
        if (file == null) {
            return work.get();
        }
        try {
            if (input != null && Files.exists(file) && Files.isSameFile(file, input)) {
                throw new CommandFailure(ExitStatus.USAGE, "the record would overwrite " + input, null);
            }
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, "cannot write " + file + ": " + Texts.message(e), e);
        }
        try (Recording recording = records.get().record(file)) {
            T result = work.get();
            err.println(file + ": " + recording.requests() + " requests to " + recording.units() + " units recorded");
            err.flush();
            return result;
        }
    }
}
