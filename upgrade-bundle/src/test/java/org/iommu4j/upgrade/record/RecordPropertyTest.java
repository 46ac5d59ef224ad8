package org.iommu4j.upgrade.record;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.testing.Property;
import org.iommu4j.upgrade.CaptureException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordPropertyTest {
    private static final int RUNS = 300;

    @TempDir
    private Path directory;

    private static List<RecordLine> lines(SplittableRandom random) {
        LineGenerator generator = new LineGenerator(random);
        List<RecordLine> lines = new ArrayList<>();
        for (int i = random.nextInt(30); i > 0; i--) {
            lines.add(generator.line());
        }
        return lines;
    }

    private static void write(Path file, List<RecordLine> lines) throws IOException {
        try (RecordWriter writer = new RecordWriter(file)) {
            lines.forEach(writer::write);
        }
    }

    private static List<RecordLine> read(Path file) {
        List<RecordLine> lines = new ArrayList<>();
        try (RecordReader reader = new RecordReader(file)) {
            for (RecordLine line = reader.next(); line != null; line = reader.next()) {
                lines.add(line);
            }
        }
        return lines;
    }

    @Test
    void shouldReadWhatWasWritten() {
        Property.check(RUNS, random -> {
            Path file = directory.resolve(random.nextBoolean() ? "record.jsonl" : "record.jsonl.gz");
            List<RecordLine> written = lines(random);
            write(file, written);

            List<RecordLine> expected = new ArrayList<>(written);
            expected.add(new RecordLine.End(written.size() + 1L));
            assertEquals(expected, read(file));
        });
    }

    @Test
    void shouldWriteOneObjectALine() {
        Property.check(RUNS, random -> {
            Path file = directory.resolve("record.jsonl");
            List<RecordLine> written = lines(random);
            write(file, written);

            List<String> text = Files.readAllLines(file);
            assertEquals(written.size() + 2, text.size());
            text.forEach(line -> assertTrue(line.startsWith("{\"k\":\"") && line.endsWith("}"), line));
        });
    }

    @Test
    void shouldAnswerEveryDamageWithARecordOrOneClearLine() {
        Property.check(RUNS * 3, random -> {
            Path file = directory.resolve(random.nextBoolean() ? "record.jsonl" : "record.jsonl.gz");
            write(file, lines(random));
            byte[] bytes = Files.readAllBytes(file);
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            Files.write(file, bytes);
            try {
                assertNotNull(read(file));
            } catch (CaptureException e) {
                assertEquals(1, e.getMessage().lines().count(), e.getMessage());
                assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
            }
        });
    }

    @Test
    void shouldFindEveryCut() {
        Property.check(RUNS, random -> {
            Path file = directory.resolve(random.nextBoolean() ? "record.jsonl" : "record.jsonl.gz");
            write(file, lines(random));
            byte[] bytes = Files.readAllBytes(file);
            // Without its last line feed a record is whole.
            Files.write(file, Arrays.copyOf(bytes, random.nextInt(bytes.length - 1)));
            try (RecordReader reader = new RecordReader(file)) {
                long whole = 1;
                boolean ended = false;
                for (RecordLine line = reader.next(); line != null; line = reader.next()) {
                    whole++;
                    ended = line instanceof RecordLine.End;
                }
                // With its last line it is whole, though the checksum of compressed data be gone.
                assertEquals(ended ? 0 : whole + 1, reader.cutLine());
            } catch (CaptureException e) {
                assertTrue(e.getMessage().contains("line 1") || e.getMessage().contains("is cut"), e.getMessage());
            }
        });
    }
}
