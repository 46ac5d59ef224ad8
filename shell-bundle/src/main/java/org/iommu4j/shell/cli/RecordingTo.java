package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;

/** Runs what a command does while the requests are recorded. */
final class RecordingTo {
    private RecordingTo() {}

    /**
     * Runs it.
     *
     * @param file where to record; null not to
     * @param err is told how much was recorded
     */
    static <T> T run(Path file, PrintWriter err, Supplier<RecordService> records, Supplier<T> work) {
        if (file == null) {
            return work.get();
        }
        T result;
        Recording recording = records.get().record(file);
        try (recording) {
            result = work.get();
        }
        // Not before it is complete.
        err.println(file + ": " + recording.requests() + " requests to " + recording.units() + " units recorded");
        err.flush();
        return result;
    }
}
