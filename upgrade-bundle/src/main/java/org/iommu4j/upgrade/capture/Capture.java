package org.iommu4j.upgrade.capture;

import java.io.ByteArrayInputStream;
import java.io.CharConversionException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.ByteOrderMark;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.json.JsonLines;
import org.iommu4j.upgrade.json.JsonObject;

/**
 * One capture directory of the documented format. Opening it checks that every file is there and that every file which the
 * replay does not use itself is intact, so that a damaged copy is found before anything runs.
 */
public final class Capture {
    /** File that says how a capture was made. */
    public static final String RUN = "run.json";

    /** Files with parts of the timeline, for tools that want no more. */
    private static final List<String> EXTRACTS = List.of("commands.jsonl.gz", "translations.jsonl.gz");

    private static final int MAX_JSON_BYTES = 1 << 20;

    private final Path directory;
    private final CaptureFormat format;
    private final FrozenImage frozen;

    private Capture(Path directory, CaptureFormat format, FrozenImage frozen) {
        this.directory = directory;
        this.format = format;
        this.frozen = frozen;
    }

    /**
     * Opens a capture.
     *
     * @param formats of the architectures that can be read
     * @throws CaptureException if a file is missing, cut or malformed, or none of the formats is that of the architecture
     */
    public static Capture open(Path directory, List<CaptureFormat> formats) {
        if (!Files.isDirectory(directory)) {
            throw new CaptureException(
                    directory.toString(),
                    0,
                    0,
                    "",
                    Files.exists(directory) ? "is no folder" : "no such file or folder");
        }
        JsonObject run = json(directory, RUN);
        String arch = run.text("arch");
        CaptureFormat format = formats.stream()
                .filter(one -> one.arch().equals(arch))
                .findFirst()
                .orElseThrow(() -> run.reject(
                        "arch",
                        "is \"" + arch + "\"; the installed bundles bring the formats "
                                + formats.stream().map(CaptureFormat::arch).collect(Collectors.joining(", "))));
        JsonObject registers = json(directory, FrozenImage.REGISTERS);
        for (String file : EXTRACTS) {
            check(directory, file);
        }
        return new Capture(directory, format, FrozenImage.of(directory, format, registers));
    }

    private static JsonObject json(Path directory, String file) {
        Path path = directory.resolve(file);
        if (!Files.exists(path)) {
            throw new CaptureException(file, 0, 0, "", "no such file in the capture " + directory);
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
            throw new CaptureException(file, 0, 0, "", "cannot be read: " + OneLine.reason(e), e);
        }
        return new JsonObject(CaptureLines.JSON, file, 0, bytes, bytes.length);
    }

    private static void check(Path directory, String file) {
        try (JsonLines lines = CaptureLines.open(directory, file)) {
            while (lines.next()) {
                lines.object().number("t", 0, Long.MAX_VALUE);
            }
        }
    }

    /** The capture's directory. */
    public Path directory() {
        return directory;
    }

    /** The format of its architecture's records. */
    public CaptureFormat format() {
        return format;
    }

    /** The model of its machine's units. */
    public IommuModel model() {
        return format.model();
    }

    /** The machine when it was stopped. */
    public FrozenImage frozen() {
        return frozen;
    }

    /** Opens its records. */
    public Timeline timeline() {
        return new Timeline(directory, format, frozen.units());
    }
}
