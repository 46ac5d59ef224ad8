package org.iommu4j.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Citations of specifications lead somewhere: a document of docs/spec is cited with a section that it has, and no text cites
 * a fact sheet, which no reader could open.
 */
class CitationTest {
    private static final Path ROOT = Path.of(System.getProperty("iommu4j.root"));
    private static final Path DOCUMENTS = ROOT.resolve("docs").resolve("spec");

    /** Folders in which nobody cites: builds, history, captures, and the documents themselves. */
    private static final Set<Path> FOLDERS_NOT_READ = Set.of(ROOT.resolve(".git"), ROOT.resolve("traces"), DOCUMENTS);

    /** Texts that tell of sources that are gone: what was said when it was said, and this test. */
    private static final Set<String> TEXTS_NOT_READ = Set.of("CHANGELOG.md", "design.md", "CitationTest.java");

    /** The first section of a citation, and those that follow it at once. */
    private static final Pattern CITATION =
            Pattern.compile("docs/spec/([\\w-]+)\\.md((?: (?:\\d+\\.)*\\d+(?:(?:,|;| and| to) \\d+(?:\\.\\d+)+)*)?)");

    private static final Pattern SECTION = Pattern.compile("\\d+(?:\\.\\d+)*");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (\\d+(?:\\.\\d+)*)\\.? ");
    private static final Pattern LINE_BREAK = Pattern.compile("\\s*\\R\\s*(?:\\*|//)?\\s*");
    private static final Pattern UNKNOWN_SOURCE = Pattern.compile("(?<![a-z])sheets?(?![a-z])|Sheets?(?![a-z])");

    @Test
    void shouldCiteSectionsThatExist() throws IOException {
        Map<String, Set<String>> documents = documents();
        List<String> wrong = new ArrayList<>();
        int cited = 0;
        for (Path file : texts()) {
            String text = LINE_BREAK.matcher(Files.readString(file)).replaceAll(" ");
            Matcher citation = CITATION.matcher(text);
            while (citation.find()) {
                cited++;
                if (!exists(citation, documents)) {
                    wrong.add(ROOT.relativize(file) + ": " + citation.group());
                }
            }
        }
        assertEquals(List.of(), wrong);
        assertFalse(cited == 0, "no citation found");
    }

    @Test
    void shouldNotCiteWhatNobodyCanOpen() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Path file : texts()) {
            UNKNOWN_SOURCE
                    .matcher(Files.readString(file))
                    .results()
                    .forEach(found -> wrong.add(ROOT.relativize(file) + ": " + found.group()));
        }
        assertEquals(List.of(), wrong);
    }

    // The rules themselves: each must fail where it ought to.

    @ParameterizedTest
    @ValueSource(
            strings = {
                "docs/spec/intel-vtd.md 2.99",
                "docs/spec/intel-vtd.md 2.3, 2.99",
                "docs/spec/intel-vtd.md 2.3 and 2.99",
                "docs/spec/intel-vtd.md",
                "docs/spec/intel-vtd.md, section 2.3",
                "docs/spec/nobody.md 1"
            })
    void shouldCatchACitationThatLeadsNowhere(String text) throws IOException {
        Matcher citation = CITATION.matcher(text);
        assertTrue(citation.find());
        assertFalse(exists(citation, documents()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"sheet 2.1", "the fact sheet", "Sheet 5.3", "AsTheSheetSays", "the sheet's order", "FactSheets"})
    void shouldCatchASourceThatNobodyCanOpen(String text) {
        assertTrue(UNKNOWN_SOURCE.matcher(text).find());
    }

    private static boolean exists(Matcher citation, Map<String, Set<String>> documents) {
        Set<String> sections = documents.getOrDefault(citation.group(1), Set.of());
        Matcher section = SECTION.matcher(citation.group(2));
        boolean named = false;
        while (section.find()) {
            named = true;
            if (!sections.contains(section.group())) {
                return false;
            }
        }
        return named;
    }

    /** Sections by document, which goes by its file name without the ending. */
    private static Map<String, Set<String>> documents() throws IOException {
        Map<String, Set<String>> documents = new HashMap<>();
        try (var files = Files.newDirectoryStream(DOCUMENTS, "*.md")) {
            for (Path file : files) {
                Set<String> sections = new HashSet<>();
                HEADING.matcher(Files.readString(file)).results().forEach(found -> sections.add(found.group(1)));
                String name = file.getFileName().toString();
                documents.put(name.substring(0, name.lastIndexOf('.')), sections);
            }
        }
        return documents;
    }

    /** Sources, cases and documents of the repository. */
    private static List<Path> texts() throws IOException {
        List<Path> texts = new ArrayList<>();
        Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                return FOLDERS_NOT_READ.contains(folder) || folder.endsWith("target")
                        ? FileVisitResult.SKIP_SUBTREE
                        : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                String name = file.getFileName().toString();
                boolean text = name.endsWith(".java") || name.endsWith(".jsonl") || name.endsWith(".md");
                if (text && !TEXTS_NOT_READ.contains(name)) {
                    texts.add(file);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        return texts;
    }
}
