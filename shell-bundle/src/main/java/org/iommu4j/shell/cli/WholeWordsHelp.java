package org.iommu4j.shell.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.shell.text.Screen;
import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Ansi.Text;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * A help text whose lines end between words. The parser's own breaks them behind any full stop, slash or hyphen, and so in the
 * middle of the names of files and options.
 */
final class WholeWordsHelp extends Help {
    /** Places before the description of an option: the marker, the short name, the comma, and a blank before each column after it. */
    private static final int COLUMNS_BEFORE = 2 + 2 + 1;

    /** A command line; it is shown as it is, whatever the width. */
    private static final String EXAMPLE = "  ";

    WholeWordsHelp(CommandSpec spec, ColorScheme colours) {
        super(spec, colours);
    }

    @Override
    public String header(Object... parameters) {
        return text(commandSpec().usageMessage().header());
    }

    @Override
    public String description(Object... parameters) {
        return text(commandSpec().usageMessage().description());
    }

    @Override
    public String footer(Object... parameters) {
        return text(commandSpec().usageMessage().footer());
    }

    @Override
    public Layout createDefaultLayout(
            List<OptionSpec> options, List<PositionalParamSpec> arguments, ColorScheme colours) {
        int names = calcLongOptionColumnWidth(options, arguments, colours);
        int room = width() - COLUMNS_BEFORE - names - 1;
        IOptionRenderer option = createDefaultOptionRenderer();
        IParameterRenderer argument = createDefaultParameterRenderer();
        return new Layout(
                colours,
                TextTable.forDefaultColumns(colours, names, width()),
                (one, label, scheme) -> whole(option.render(one, label, scheme), room, scheme),
                (one, label, scheme) -> whole(argument.render(one, label, scheme), room, scheme));
    }

    private String text(String... lines) {
        StringBuilder text = new StringBuilder();
        for (String line : lines) {
            String shown = String.format(line);
            List<String> wrapped = shown.startsWith(EXAMPLE) ? List.of(shown) : Screen.wrapped(shown, width());
            wrapped.forEach(one -> text.append(one).append(System.lineSeparator()));
        }
        return text.toString();
    }

    /** The rows of an option or argument; what is said of it stands in the last column, which has that room. */
    private static Text[][] whole(Text[][] rows, int room, ColorScheme colours) {
        int column = rows[0].length - 1;
        List<Text[]> whole = new ArrayList<>();
        for (Text[] row : rows) {
            Text[] first = row.clone();
            for (String line : Screen.wrapped(row[column].plainString(), room)) {
                first[column] = colours.text(line);
                whole.add(first);
                first = Stream.generate(() -> Ansi.OFF.text(""))
                        .limit(row.length)
                        .toArray(Text[]::new);
            }
        }
        return whole.toArray(Text[][]::new);
    }

    private int width() {
        return commandSpec().usageMessage().width();
    }
}
