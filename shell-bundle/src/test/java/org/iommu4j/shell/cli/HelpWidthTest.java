package org.iommu4j.shell.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.shell.testing.FakeHost;
import org.iommu4j.shell.text.Screen;
import org.iommu4j.shell.text.WrappingWriter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Help texts on terminals of many widths. */
class HelpWidthTest {
    private final FakeHost host = new FakeHost(Path.of("."));

    private String help(Screen screen, String... arguments) {
        StringWriter text = new StringWriter();
        host.showOn(screen);
        PrintWriter shown = WrappingWriter.on(screen, new PrintWriter(text), false);
        assertEquals(0, Iommu4jCommand.run(host, shown, shown, arguments));
        shown.flush();
        return text.toString();
    }

    @ParameterizedTest
    @ValueSource(ints = {60, 61, 67, 72, 80, 93, 100, 120})
    void shouldEndEveryLineBetweenWordsAndWithinTheWidthUnlessItIsThereToBeCopied(int width) {
        List<String> commands = new ArrayList<>(
                Iommu4jCommand.commandLine(host).getSubcommands().keySet());
        commands.add("");
        for (String command : commands) {
            String[] arguments = command.isEmpty() ? new String[] {"--help"} : new String[] {command, "--help"};
            String shown = help(new Screen(width, false), arguments);

            assertEquals(words(help(Screen.NONE, arguments)), words(shown), command);
            shown.lines()
                    .filter(line -> !line.contains("./iommu4j"))
                    .forEach(line -> assertTrue(line.length() <= width, command + ": " + line));
        }
    }

    private static List<String> words(String text) {
        return List.of(text.strip().split("\\s+"));
    }
}
