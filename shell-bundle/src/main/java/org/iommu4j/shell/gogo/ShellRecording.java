package org.iommu4j.shell.gogo;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.ExitStatus;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.Recording;
import org.iommu4j.upgrade.UpgradeException;

/** The one record that the shell's commands write. */
public final class ShellRecording implements AutoCloseable {
    private final Supplier<RecordService> records;
    private Recording recording;

    /**
     * No record.
     *
     * @param records gives the service that writes records, or throws {@link CommandFailure}
     */
    public ShellRecording(Supplier<RecordService> records) {
        this.records = records;
    }

    /**
     * The service that writes and plays records.
     *
     * @throws CommandFailure if there is none
     */
    RecordService service() {
        return records.get();
    }

    /**
     * Begins a record.
     *
     * @throws CommandFailure if there is one already, or it cannot be written
     */
    synchronized void begin(String file) {
        if (recording != null) {
            throw new CommandFailure(recording.file() + " is being recorded; 'iommu:record --stop' ends it");
        }
        try {
            recording = service().record(Path.of(file));
        } catch (UpgradeException | InvalidPathException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        }
    }

    /**
     * Ends the record.
     *
     * @return what it holds
     * @throws CommandFailure if there is none, or it is not complete
     */
    synchronized String end() {
        if (recording == null) {
            throw new CommandFailure("nothing is being recorded");
        }
        Recording ended = recording;
        recording = null;
        try {
            ended.close();
        } catch (UpgradeException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        }
        return ended.file() + ": " + ended.requests() + " requests to " + ended.units() + " units";
    }

    /** Ends the record, if there is one. */
    @Override
    public synchronized void close() {
        if (recording != null) {
            end();
        }
    }
}
