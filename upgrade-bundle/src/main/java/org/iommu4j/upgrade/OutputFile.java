package org.iommu4j.upgrade;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.Watch;

/**
 * A file that a command writes: whole, or not at all. The bytes go to a file beside it, which takes its place in
 * {@link #commit}; whatever ends the program before leaves what was there. A file that is there lends its permissions; a
 * symbolic link stays one, and its target is replaced. What is no regular file, as a device or a pipe, is written directly,
 * and so are standard output and standard error under their names in {@code /dev}. For one thread.
 */
public final class OutputFile implements AutoCloseable {
    /** A pipe that nobody has begun to read by then, in seconds, is refused. */
    private static final int OPEN_SECONDS = 10;

    private static final int MOST_LINKS = 40;

    /** Characters of the target's name that are repeated in the name of the file beside it. */
    private static final int MOST_NAME = 32;

    /** Files of a directory among the inputs that an output is compared with. */
    private static final int MOST_FILES = 1 << 16;

    /** The streams of this process by name; only a regular file behind one is compared. */
    private static final Path STANDARD_INPUT = Path.of("/dev/stdin");

    private static final List<Path> STANDARD_OUTPUTS = List.of(Path.of("/dev/stdout"), Path.of("/dev/stderr"));

    private final Path target;

    /** Beside the target; null if that is written directly. */
    private final Path beside;

    private final OutputStream stream;
    private boolean ended;

    private OutputFile(Path target, Path beside, OutputStream stream) {
        this.target = target;
        this.beside = beside;
        this.stream = stream;
    }

    /**
     * Begins a file; what is there stays until {@link #commit}.
     *
     * @throws IOException if it cannot be written; its message is what is wrong, without the name
     */
    public static OutputFile create(Path file) throws IOException {
        try {
            FileDescriptor standard = standard(file);
            if (standard != null) {
                return new OutputFile(file, null, new Unclosed(new FileOutputStream(standard)));
            }
            Path target = target(file);
            if (Files.isDirectory(target)) {
                throw new IOException("is a directory");
            }
            if (Files.exists(target) && !Files.isRegularFile(target)) {
                return new OutputFile(target, null, awaited(target));
            }
            if (Files.exists(target) && !Files.isWritable(target)) {
                throw new IOException("permission denied");
            }
            String name = target.getFileName().toString();
            Path beside = target.resolveSibling(
                    "." + name.substring(0, Math.min(name.length(), MOST_NAME)) + "." + UUID.randomUUID() + ".tmp");
            // Before it is there, so that no signal comes between.
            beside.toFile().deleteOnExit();
            OutputStream stream = Files.newOutputStream(beside);
            OutputFile made = new OutputFile(target, beside, stream);
            made.lendPermissions();
            return made;
        } catch (FileSystemException e) {
            throw new IOException(reason(e), e);
        }
    }

    /** To open a pipe waits for who reads it, for ever if nobody does. */
    private static OutputStream awaited(Path target) throws IOException {
        try (Watch watch = new Watch(TimeUnit.SECONDS.toNanos(OPEN_SECONDS))) {
            return watch.run(progress -> {
                try {
                    return new FileOutputStream(target.toFile());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } catch (Watch.HangException e) {
            throw new IOException("nobody has read from this pipe for " + OPEN_SECONDS + " s", e);
        }
    }

    /** The stream to write to. Closing it has no effect. */
    public OutputStream stream() {
        return new Unclosed(stream);
    }

    /**
     * Ends the file and puts it in its place.
     *
     * @throws IOException if not all of it could be written; what was there is as it was
     */
    public void commit() throws IOException {
        try {
            stream.close();
            if (beside != null) {
                Files.move(beside, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            }
            ended = true;
        } catch (FileSystemException e) {
            throw new IOException(reason(e), e);
        } finally {
            close();
        }
    }

    /** Gives the file up, if it has not been put in its place. */
    @Override
    public void close() throws IOException {
        if (ended) {
            return;
        }
        ended = true;
        try {
            stream.close();
        } finally {
            if (beside != null) {
                Files.deleteIfExists(beside);
            }
        }
    }

    /**
     * Finds an output that would overwrite an input or another output. Files are compared by what they are, not by name; of
     * an input that is a directory every file in it counts, and every place in it.
     *
     * @param inputs what is read; those that are not there are passed over
     * @param outputs what is written
     * @return what is wrong, as one line; empty if nothing is
     */
    public static String conflict(List<Path> inputs, List<Path> outputs) {
        try {
            for (int i = 0; i < outputs.size(); i++) {
                Path output = outputs.get(i);
                Path target = standard(output) == null ? target(output) : output;
                for (Path input : inputs) {
                    if (reads(input, target)) {
                        return output + " would overwrite " + input + ", which is read";
                    }
                }
                if (same(STANDARD_INPUT, target)) {
                    return output + " would overwrite standard input, which is read";
                }
                for (Path other : outputs.subList(0, i)) {
                    if (same(target(other), target)) {
                        return output + " is written twice: it is also " + other;
                    }
                }
                for (Path stream : STANDARD_OUTPUTS) {
                    if (standard(output) == null && same(stream, target)) {
                        return output + " is written twice: it is also " + stream;
                    }
                }
            }
            for (Path input : inputs) {
                if (Files.isRegularFile(STANDARD_OUTPUTS.get(0)) && reads(input, STANDARD_OUTPUTS.get(0))) {
                    return input + " is read, and standard output is written to it";
                }
            }
            return "";
        } catch (IOException e) {
            String file =
                    e instanceof FileSystemException known && known.getFile() != null ? known.getFile() + ": " : "";
            return file + "cannot be compared with what is written: " + reason(e);
        }
    }

    private static boolean reads(Path input, Path output) throws IOException {
        if (!Files.isDirectory(input)) {
            return same(input, output);
        }
        if (parent(output).toRealPath().startsWith(input.toRealPath())) {
            return true;
        }
        if (!Files.isRegularFile(output)) {
            return false;
        }
        try (Stream<Path> files = Files.walk(input)) {
            for (Path file : (Iterable<Path>) files.limit(MOST_FILES)::iterator) {
                if (same(file, output)) {
                    return true;
                }
            }
            return false;
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** True for one regular file, under whatever names, or one name of which nothing is there yet. */
    private static boolean same(Path one, Path other) throws IOException {
        if (Files.exists(one) && Files.exists(other)) {
            return Files.isRegularFile(one) && Files.isSameFile(one, other);
        }
        return !Files.exists(one)
                && !Files.exists(other)
                && one.getFileName().equals(other.getFileName())
                && Files.isDirectory(parent(one))
                && Files.isDirectory(parent(other))
                && Files.isSameFile(parent(one), parent(other));
    }

    /** Standard output or standard error, if a path names it; else null. */
    private static FileDescriptor standard(Path file) {
        String name = file.toAbsolutePath().normalize().toString();
        return switch (name) {
            case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1" -> FileDescriptor.out;
            case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2" -> FileDescriptor.err;
            default -> null;
        };
    }

    /** The target of a path's symbolic links; it need not exist yet. */
    private static Path target(Path file) throws IOException {
        Path target = file.toAbsolutePath();
        if (target.getFileName() == null) {
            throw new IOException("is a directory");
        }
        for (int i = 0; i < MOST_LINKS && Files.isSymbolicLink(target) && !Files.exists(target); i++) {
            target = target.resolveSibling(Files.readSymbolicLink(target));
        }
        return Files.isRegularFile(target) ? target.toRealPath() : target;
    }

    private static Path parent(Path file) {
        return file.toAbsolutePath().getParent();
    }

    private void lendPermissions() throws IOException {
        PosixFileAttributeView view =
                Files.getFileAttributeView(beside, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
        if (view != null && Files.exists(target)) {
            view.setPermissions(Files.getPosixFilePermissions(target));
        }
    }

    /** The reason in words: of a file that is written, what is missing is its folder. */
    private static String reason(IOException e) {
        return e instanceof NoSuchFileException ? "its folder is missing" : OneLine.reason(e);
    }

    /** Passes on everything but its end. */
    private static final class Unclosed extends FilterOutputStream {
        private Unclosed(OutputStream to) {
            super(to);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            out.write(bytes, offset, length);
        }

        @Override
        public void close() throws IOException {
            out.flush();
        }
    }
}
