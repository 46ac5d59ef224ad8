package org.iommu4j.upgrade;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {
    @TempDir
    private Path folder;

    private Path target;

    @BeforeEach
    void choose() {
        target = folder.resolve("found.jsonl");
    }

    private static void write(Path file, String text) throws IOException {
        try (OutputFile output = OutputFile.create(file)) {
            output.stream().write(text.getBytes(StandardCharsets.UTF_8));
            output.commit();
        }
    }

    private List<String> names() {
        return List.of(folder.toFile().list());
    }

    @Test
    void shouldLeaveWhatIsThereUntilAllIsWritten() throws IOException {
        Files.writeString(target, "old");
        try (OutputFile output = OutputFile.create(target)) {
            output.stream().write(new byte[100_000]);
            output.stream().close();
            assertEquals("old", Files.readString(target));
        }
        assertEquals("old", Files.readString(target));
        assertEquals(List.of("found.jsonl"), names());

        write(target, "new");
        assertEquals("new", Files.readString(target));
        assertEquals(List.of("found.jsonl"), names());
    }

    @Test
    void shouldLeaveNothingWhereNothingWas() throws IOException {
        OutputFile.create(target).close();

        assertEquals(List.of(), names());
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void shouldKeepPermissionsAndSymbolicLinks() throws IOException {
        Path real = Files.writeString(folder.resolve("real"), "old");
        Files.setPosixFilePermissions(real, PosixFilePermissions.fromString("rw-r-----"));
        Files.createSymbolicLink(target, Path.of("real"));
        Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), Path.of("later"));

        write(target, "new");
        write(dangling, "first");

        assertTrue(Files.isSymbolicLink(target) && Files.isSymbolicLink(dangling));
        assertEquals("new", Files.readString(real));
        assertEquals("first", Files.readString(folder.resolve("later")));
        assertEquals("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(real)));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void shouldWriteDevicesDirectlyAndSayWhatTheyAnswer() throws IOException {
        write(Path.of("/dev/null"), "gone");
        assertTrue(Files.exists(Path.of("/dev/null")) && !Files.isRegularFile(Path.of("/dev/null")));

        IOException full = assertThrows(IOException.class, () -> write(Path.of("/dev/full"), "gone"));
        assertEquals("No space left on device", full.getMessage());
        assertTrue(Files.exists(Path.of("/dev/full")));
    }

    @Test
    void shouldSayWhyAFileCannotBeWritten() {
        assertEquals(
                "is a directory",
                assertThrows(IOException.class, () -> write(folder, "x")).getMessage());
        assertEquals(
                "its folder is missing",
                assertThrows(IOException.class, () -> write(folder.resolve("none/x"), "x"))
                        .getMessage());
    }

    @Test
    void shouldFindInputsUnderWhateverName() throws IOException {
        Path capture = Files.createDirectories(folder.resolve("capture/frozen")).getParent();
        Path input = Files.writeString(capture.resolve("frozen/run.json"), "{}");
        Path hard = Files.createLink(folder.resolve("hard"), input);
        Path soft = Files.createSymbolicLink(folder.resolve("soft"), input);
        Path other = folder.resolve("other");

        for (Path output : List.of(input, hard, soft, capture.resolve("new"), folder.resolve("./capture/../soft"))) {
            assertTrue(
                    OutputFile.conflict(List.of(capture), List.of(output)).contains(" would overwrite "),
                    output.toString());
        }
        assertTrue(
                OutputFile.conflict(List.of(), List.of(other, folder.resolve("x/../other")))
                        .isEmpty(),
                "a folder that is not there is no other name of one that is");
        assertTrue(OutputFile.conflict(List.of(), List.of(other, folder.resolve("./other")))
                .contains(" is written twice"));
        assertEquals("", OutputFile.conflict(List.of(capture, folder.resolve("none")), List.of(other, target)));
    }
}
