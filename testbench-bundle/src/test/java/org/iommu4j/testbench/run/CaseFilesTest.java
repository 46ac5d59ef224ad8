package org.iommu4j.testbench.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.iommu4j.testbench.CaseFileException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CaseFilesTest {
    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void name() {
        file = folder.resolve("cases.jsonl");
    }

    private String read() throws IOException {
        try (BufferedReader in = CaseFiles.open(file, Files.newInputStream(file))) {
            StringBuilder text = new StringBuilder();
            for (int c = in.read(); c >= 0; c = in.read()) {
                text.append((char) c);
            }
            return text.toString();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "\u00e4", "{\"id\": \"a\"}\n{}\n"})
    void shouldReadTheSameWithAndWithoutTheMarkOfUtf8(String text) throws IOException {
        Files.writeString(file, text);
        assertEquals(text, read());
        Files.writeString(file, "\ufeff" + text);
        assertEquals(text, read());
    }

    @ParameterizedTest
    @CsvSource({"UTF-16LE, UTF-16", "UTF-16BE, UTF-16", "UTF-32LE, UTF-32", "UTF-32BE, UTF-32"})
    void shouldNameAnotherEncodingByItsMark(String charset, String name) throws IOException {
        Files.write(file, "\ufeff{}\n".getBytes(Charset.forName(charset)));
        CaseFileException refusal = assertThrows(CaseFileException.class, this::read);
        assertEquals(file + ", line 1: is " + name + " by its byte order mark; UTF-8 is read", refusal.getMessage());
    }

    @Test
    void shouldReplaceNothingThatIsNotUtf8() throws IOException {
        Files.write(file, "\u00e4".getBytes(StandardCharsets.ISO_8859_1));
        assertThrows(MalformedInputException.class, this::read);
    }
}
