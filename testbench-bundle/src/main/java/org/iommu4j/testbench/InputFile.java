package org.iommu4j.testbench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.iommu4j.core.service.OneLine;

/** Opens what a command reads, be it a file, a pipe or a device. */
public final class InputFile {
    /** Seconds after which a pipe without a writer is refused. */
    public static final int OPEN_SECONDS = 10;

    private InputFile() {}

    /**
     * Opens a file.
     *
     * @throws IOException if it cannot be read, in bounded time; its message is what is wrong, without the name
     */
    public static InputStream open(Path file) throws IOException {
        try {
            if (Files.isDirectory(file)) {
                throw new IOException("is a directory");
            }
            return Files.isRegularFile(file) ? Files.newInputStream(file) : awaited(file);
        } catch (FileSystemException e) {
            throw new IOException(OneLine.reason(e), e);
        }
    }

    /** Opening a pipe blocks until it has a writer; if it never has one, the thread is left behind. */
    private static InputStream awaited(Path file) throws IOException {
        FutureTask<InputStream> opening = new FutureTask<>(() -> Files.newInputStream(file));
        Thread thread = new Thread(opening, "input-open");
        thread.setDaemon(true);
        thread.start();
        try {
            return opening.get(OPEN_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new IOException("nobody has written to this pipe for " + OPEN_SECONDS + " s", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException known ? known : new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
