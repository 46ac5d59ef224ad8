package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Comments of the main code: they name the thing, and a long class says why it is one class. */
class CommentTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));

    /** Longest class in lines that need not say why it is long. */
    private static final int LONG = 500;

    private static final String REASON = " * <p>The class is long because ";

    /** A comment that makes its reader guess of what it speaks. */
    private static final Pattern RIDDLE = Pattern.compile("(?m)^ *(?:/\\*\\*|//) (?:What|Where|Who|Whose|Its) .*");

    @Test
    void shouldSayWhyAClassIsLong() throws IOException {
        assertEquals(List.of(), filesWith(text -> text.lines().count() > LONG && !text.contains(REASON)));
    }

    @Test
    void shouldNameTheThingInsteadOfAskingForIt() throws IOException {
        assertEquals(List.of(), filesWith(text -> RIDDLE.matcher(text).find()));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "true, /** What is mapped. */",
                "true, // Where it leads.",
                "true, /** Its model. */",
                "false, /** Model of the backend. */",
                "false, /** Whatever is mapped is dropped. */"
            })
    void shouldTellARiddleFromAName(boolean riddle, String comment) {
        assertEquals(riddle, RIDDLE.matcher("    " + comment).find());
    }

    private static List<String> filesWith(Predicate<String> wrong) throws IOException {
        List<String> found = new ArrayList<>();
        int read = 0;
        try (Stream<Path> modules = Files.list(ROOT)) {
            for (Path module : (Iterable<Path>) modules.sorted()::iterator) {
                Path sources = module.resolve("src/main/java");
                if (Files.isDirectory(sources)) {
                    try (Stream<Path> files = Files.walk(sources)) {
                        for (Path file : (Iterable<Path>)
                                files.filter(path -> path.toString().endsWith(".java"))
                                        .sorted()::iterator) {
                            read++;
                            if (wrong.test(Files.readString(file))) {
                                found.add(ROOT.relativize(file).toString());
                            }
                        }
                    }
                }
            }
        }
        assertFalse(read == 0, "no sources found");
        return found;
    }
}
