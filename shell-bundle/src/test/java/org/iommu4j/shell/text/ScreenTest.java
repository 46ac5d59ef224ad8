package org.iommu4j.shell.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.iommu4j.shell.text.Screen.Colour;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScreenTest {
    @ParameterizedTest
    @CsvSource({"140, 140", "80, 80", "'', 80", "wide, 80", "7, 40", "99999, 80", "9999, 1000"})
    void shouldBeAsWideAsItIsSaidToBe(String columns, int width) {
        assertEquals(width, Screen.of(true, columns, Map.of()).width());
    }

    @ParameterizedTest
    @CsvSource({"xterm, '', true", "xterm, 1, false", "dumb, '', false"})
    void shouldHaveColoursUnlessSomebodyWantsNone(String term, String noColour, boolean colours) {
        Screen screen = Screen.of(true, "", Map.of("TERM", term, "NO_COLOR", noColour));

        assertEquals(colours ? "\u001b[31mno\u001b[0m" : "no", screen.in(Colour.RED, "no"));
    }

    @Test
    void shouldLeaveFilesAndPipesAlone() {
        assertEquals(Screen.NONE, Screen.of(false, "80", Map.of("TERM", "xterm")));
    }

    @Test
    void shouldWrapAtWordsAndLeaveALongWordWhole() {
        assertEquals(
                List.of("one two", "three", "0123456789abcdef", "four"),
                Screen.wrapped("one two three 0123456789abcdef four", 8));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            ignoreLeadingAndTrailingWhitespace = false,
            value = {
                "  iommu4j: the file cannot be read since it is not there|  iommu4j: the file cannot be read#    since it is not there",
                "{\"a\": \"a line of JSON that is longer than the screen is wide\"}|{\"a\": \"a line of JSON that is longer than the screen is wide\"}",
                "explain: ./iommu4j explain --model intel --register RTADDR 0x1000|explain: ./iommu4j explain --model intel --register RTADDR 0x1000",
                "iommu4j: an option that nobody knows of (see './iommu4j cases --help')|iommu4j: an option that nobody knows#  of (see './iommu4j cases --help')",
                "[1]  a note that goes on where it began, below itself|[1]  a note that goes on where it began,#     below itself",
                "requests     12 sent, 12 completed, 0 of them widened|requests     12 sent, 12 completed, 0 of#             them widened",
                "sum    0123456789012345678901234567890123456789|sum#  0123456789012345678901234567890123456789",
                "[{\"a\": \"a line of JSON that is longer than the screen\"}]|[{\"a\": \"a line of JSON that is longer than the screen\"}]",
                "short|short"
            })
    void shouldWrapMessagesButNotWhatIsCopied(String line, String shown) {
        StringWriter text = new StringWriter();
        PrintWriter out = WrappingWriter.on(new Screen(40, false), new PrintWriter(text), true);

        out.print(line + "\n");
        out.flush();

        assertEquals(shown.replace('#', '\n') + "\n", text.toString());
    }

    @Test
    void shouldShowAPromptThatHasNoEndOfLineYet() {
        StringWriter text = new StringWriter();
        PrintWriter out = WrappingWriter.on(new Screen(40, false), new PrintWriter(text), true);

        out.print("iommu4j> ");
        out.flush();

        assertEquals("iommu4j> ", text.toString());
    }
}
