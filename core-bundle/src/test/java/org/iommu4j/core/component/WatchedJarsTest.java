package org.iommu4j.core.component;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WatchedJarsTest {
    @TempDir
    private Path folder;

    private Path jar(String name, String entry, String text) throws IOException {
        Path jar = folder.resolve(name);
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            out.putNextEntry(new ZipEntry(entry));
            out.write(text.getBytes(StandardCharsets.UTF_8));
            out.closeEntry();
        }
        return jar;
    }

    private Map<String, String> refused(String... locations) {
        return WatchedJars.refused(" ," + folder + ",", List.of(locations));
    }

    @Test
    void shouldTellWhyAFileIsNoBundle() throws IOException {
        Path whole = jar(
                "vendor.jar", "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nBundle-SymbolicName: vendor\r\n\r\n");
        byte[] bytes = Files.readAllBytes(whole);
        Files.write(folder.resolve("half.jar"), Arrays.copyOf(bytes, bytes.length / 2));
        Files.writeString(folder.resolve("text.JAR"), "not a jar");
        Files.writeString(folder.resolve("notes.txt"), "not a jar either, and not called one");
        Files.createFile(folder.resolve("empty.jar"));
        Files.createDirectory(folder.resolve("folder.jar"));
        jar("bare.jar", "some/File.class", "x");
        jar("plain.jar", "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n");
        jar("broken.jar", "META-INF/MANIFEST.MF", "no colon here\r\n");
        jar("wide.jar", "META-INF/MANIFEST.MF", "\n".repeat(2 << 20));
        try (RandomAccessFile huge =
                new RandomAccessFile(folder.resolve("huge.jar").toFile(), "rw")) {
            huge.setLength(1L << 32);
        }
        Map<String, String> refused = refused();
        assertEquals(
                List.of(
                        "bare.jar",
                        "broken.jar",
                        "empty.jar",
                        "half.jar",
                        "huge.jar",
                        "plain.jar",
                        "text.JAR",
                        "wide.jar"),
                List.copyOf(refused.keySet()));
        assertEquals("it has no manifest", refused.get("bare.jar"));
        assertEquals("it is no bundle: its manifest has no Bundle-SymbolicName", refused.get("plain.jar"));
        assertEquals("its manifest is larger than 1048576 bytes", refused.get("wide.jar"));
        assertTrue(refused.get("huge.jar").contains("not looked at"), refused::toString);
        for (String file : List.of("broken.jar", "empty.jar", "half.jar", "text.JAR")) {
            assertTrue(refused.get(file).startsWith("it cannot be opened as a jar: "), refused::toString);
        }
    }

    @Test
    void shouldPassOverWhatIsInstalled() throws IOException {
        Path text = folder.resolve("over written.jar");
        Files.writeString(text, "the bundle that it was goes on");
        assertEquals(
                1,
                refused("System Bundle", "file:not absolute", "file:/elsewhere.jar")
                        .size());
        assertEquals(Map.of(), refused(text.toUri().toString()));
    }

    @Test
    void shouldTellOfAFolderThatIsNotThere() {
        String missing = folder.resolve("missing").toString();
        assertEquals(
                List.of(missing),
                List.copyOf(WatchedJars.refused(missing, List.of()).keySet()));
        assertEquals(Map.of(), WatchedJars.refused(null, List.of()));
        assertEquals(Map.of(), WatchedJars.refused(",", List.of()));
    }
}
