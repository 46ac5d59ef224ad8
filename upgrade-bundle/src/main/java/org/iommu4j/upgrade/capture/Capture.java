package org.iommu4j.upgrade.capture;

import java.io.ByteArrayInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.iommu4j.core.service.ByteOrderMark;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.ReplayRefusedException;

/**
 * One capture directory of the documented format. Opening it checks that every file is there and that every file which the
 * replay does not use itself is intact, so that a damaged copy is found before anything runs.
 */
public final class Capture {
    /** Where a capture comes from. */
    public static final String RUN = "run.json";

    /** What stands in the timeline too, for tools that want only a part of it. */
    private static final List<String> EXTRACTS = List.of("commands.jsonl.gz", "translations.jsonl.gz");

    private static final int MAX_JSON_BYTES = 1 << 20;

    private final Path directory;
    private final CaptureModel model;
    private final FrozenImage frozen;

    private Capture(Path directory, CaptureModel model, FrozenImage frozen) {
        this.directory = directory;
        this.model = model;
        this.frozen = frozen;
    }

    /**
     * Opens a capture.
     *
     * @throws CaptureException if a file is missing, cut or malformed, or the architecture is unknown
     * @throws ReplayRefusedException if the architecture is not replayed yet
     */
    public static Capture open(Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new CaptureException("", 0, 0, "", directory + " is not a directory");
        }
        JsonLine run = json(directory, RUN);
        String arch = run.text("arch");
        CaptureModel model = CaptureModel.ofArch(arch);
        if (model == null && CaptureModel.LATER.containsKey(arch)) {
            throw new ReplayRefusedException(RUN + ": captures of architecture " + arch + " need model "
                    + CaptureModel.LATER.get(arch) + ", which this release does not replay");
        }
        if (model == null) {
            throw run.reject("arch", "is \"" + arch + "\"; known are " + CaptureModel.archs());
        }
        JsonLine registers = json(directory, FrozenImage.REGISTERS);
        for (String file : EXTRACTS) {
            check(directory, file);
        }
        return new Capture(directory, model, FrozenImage.of(directory, model, registers));
    }

    private static JsonLine json(Path directory, String file) {
        Path path = directory.resolve(file);
        if (!Files.exists(path)) {
            throw new CaptureException(file, 0, 0, "", "is missing");
        }
        if (!Files.isRegularFile(path)) {
            throw new CaptureException(file, 0, 0, "", "is not a file");
        }
        byte[] bytes;
        try {
            if (Files.size(path) > MAX_JSON_BYTES) {
                throw new CaptureException(file, 0, 0, "", "is larger than " + MAX_JSON_BYTES + " bytes");
            }
            bytes = ByteOrderMark.skip(new ByteArrayInputStream(Files.readAllBytes(path)))
                    .readAllBytes();
        } catch (CharConversionException e) {
            throw new CaptureException(file, 1, 0, "", e.getMessage(), e);
        } catch (IOException e) {
            throw new CaptureException(file, 0, 0, "", "cannot be read: " + e.getMessage(), e);
        }
        JsonLine line = new JsonLine();
        line.parse(file, 0, bytes, bytes.length);
        return line;
    }

    private static void check(Path directory, String file) {
        JsonLine line = new JsonLine();
        try (LineReader lines = new LineReader(directory, file)) {
            while (lines.next()) {
                line.parse(lines);
                line.number("t", 0, Long.MAX_VALUE);
            }
        }
    }

    /** Where it is. */
    public Path directory() {
        return directory;
    }

    /** What its architecture's records mean. */
    public CaptureModel model() {
        return model;
    }

    /** The machine when it was stopped. */
    public FrozenImage frozen() {
        return frozen;
    }

    /** Opens its records. */
    public Timeline timeline() {
        return new Timeline(directory, model);
    }
}
