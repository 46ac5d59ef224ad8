package org.iommu4j.upgrade.capture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.iommu4j.testing.Property;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.CaptureFiles;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

class CapturePropertyTest {
    static final List<String> FILES = CaptureFiles.FILES;

    @TempDir
    private Path directory;

    @BeforeEach
    void makeCapture() {
        CaptureFiles.small(directory);
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldRefuseAFileThatIsCutAnywhere(String file) throws IOException {
        Path path = directory.resolve(file);
        byte[] whole = Files.readAllBytes(path);
        // The last byte of a plain file is a line end, which nobody misses.
        int end = file.endsWith(".gz") ? whole.length : whole.length - 1;
        for (int length = 0; length < end; length++) {
            Files.write(path, Arrays.copyOf(whole, length));
            CaptureException refusal = assertThrows(
                    CaptureException.class, () -> ReadAll.of(directory), file + " cut to " + length + " bytes");
            assertEquals(file, refusal.file());
        }
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldReadOrRefuseAFileWithDamagedBytes(String file) throws IOException {
        Path path = directory.resolve(file);
        byte[] whole = Files.readAllBytes(path);
        Property.check(120, random -> {
            byte[] damaged = whole.clone();
            for (int i = random.nextInt(4); i >= 0; i--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            }
            Files.write(path, damaged);
            readOrRefuse();
        });
    }

    @ParameterizedTest
    @FieldSource("FILES")
    void shouldReadOrRefuseAFileWithDamagedText(String file) throws IOException {
        boolean packed = file.endsWith(".gz");
        Path path = directory.resolve(file);
        byte[] whole = packed
                ? String.join("\n", CaptureFiles.read(directory, file)).getBytes(StandardCharsets.UTF_8)
                : Files.readAllBytes(path);
        Property.check(120, random -> {
            byte[] damaged = damage(whole, random);
            Files.write(path, packed ? pack(damaged) : damaged);
            readOrRefuse();
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"spapr/ddw-virtio", "spapr/noddw-nvme-e1000", "s390/lazy-virtio"})
    void shouldReadOrRefuseDamagedCalls(String capture) {
        Path calls = directory.resolve("calls");
        CaptureFiles.copy(CaptureFiles.TRACES.resolve(capture), calls);
        List<String> lines = CaptureFiles.read(calls, Timeline.FILE);
        shorten(calls);
        // The begin and what a guest does later; the calls that clear a table are all alike.
        byte[] whole = (String.join("\n", lines.subList(0, 16)) + "\n" + String.join("\n", lines.subList(515, 560)))
                .getBytes(StandardCharsets.UTF_8);
        Property.check(300, random -> {
            Files.write(calls.resolve(Timeline.FILE), pack(damage(whole, random)));
            readOrRefuse(calls);
        });
    }

    @Test
    void shouldReadOrRefuseDamagedFrozenFunctions() throws IOException {
        Path calls = directory.resolve("calls");
        CaptureFiles.copy(CaptureFiles.TRACES.resolve("s390/lazy-virtio"), calls);
        CaptureFiles.lines(calls, Timeline.FILE, "{\"t\":0,\"k\":\"note\"}");
        shorten(calls);
        byte[] whole = Files.readAllBytes(calls.resolve(FrozenImage.REGISTERS));
        Property.check(200, random -> {
            Files.write(calls.resolve(FrozenImage.REGISTERS), damage(whole, random));
            readOrRefuse(calls);
        });
    }

    /** Empties what is not under test, for it is read each time. */
    private static void shorten(Path capture) {
        for (String file : List.of("commands.jsonl.gz", "translations.jsonl.gz", FrozenImage.WALKS)) {
            CaptureFiles.lines(capture, file);
        }
    }

    @Test
    void shouldRefuseRandomBytes() {
        Property.check(200, random -> {
            byte[] bytes = new byte[random.nextInt(512)];
            random.nextBytes(bytes);
            Files.write(directory.resolve(Timeline.FILE), random.nextBoolean() ? bytes : pack(bytes));
            assertThrows(CaptureException.class, () -> ReadAll.of(directory));
        });
    }

    private void readOrRefuse() {
        readOrRefuse(directory);
    }

    private static void readOrRefuse(Path directory) {
        try {
            ReadAll.of(directory);
        } catch (CaptureException e) {
            assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        }
    }

    private static byte[] damage(byte[] whole, SplittableRandom random) {
        byte[] interesting = "{}[]\",:0x-9999ftn\\ \n".getBytes(StandardCharsets.UTF_8);
        byte[] damaged = whole.clone();
        int at = random.nextInt(damaged.length);
        return switch (random.nextInt(3)) {
            case 0 -> {
                damaged[at] = interesting[random.nextInt(interesting.length)];
                yield damaged;
            }
            case 1 -> Arrays.copyOf(damaged, at);
            default -> {
                // A piece of the file appears a second time, somewhere.
                int from = random.nextInt(damaged.length);
                int length = Math.min(random.nextInt(64), damaged.length - Math.max(at, from));
                System.arraycopy(whole, from, damaged, at, length);
                yield damaged;
            }
        };
    }

    private static byte[] pack(byte[] bytes) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }
}
