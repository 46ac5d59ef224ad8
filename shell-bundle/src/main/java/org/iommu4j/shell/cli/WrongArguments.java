package org.iommu4j.shell.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.core.service.Nearest;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.Texts;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Sentence about wrong arguments of a command, in one line that names the argument first and tells what would be right. */
final class WrongArguments {
    /** How the parser's message about a value begins; behind it stands what the converter says. */
    private static final Pattern INVALID = Pattern.compile(
            "Invalid value for (?:option '[^']+'|positional parameter at index \\S+)(?: \\([^)]*\\))?: ");

    private static final Pattern UNKNOWN_COMMAND = Pattern.compile("Unknown subcommand '(.*)'\\.");

    private WrongArguments() {}

    /**
     * The message, without the name of the command.
     *
     * @param arguments the whole command line
     */
    static String message(ParameterException failure, String... arguments) {
        CommandLine command = failure.getCommandLine();
        if (failure instanceof UnmatchedArgumentException unmatched) {
            return unknown(command, unmatched.getUnmatched().get(0));
        }
        if (failure instanceof MissingParameterException missing) {
            String strange = unknownOption(command, arguments);
            return strange.isEmpty() ? missing(missing.getMissing().get(0), arguments) : unknown(command, strange);
        }
        if (failure instanceof OverwrittenOptionException twice
                && twice.getOverwritten() instanceof OptionSpec option) {
            return option.longestName() + " is given twice";
        }
        String message = Texts.message(failure);
        Matcher name = UNKNOWN_COMMAND.matcher(message);
        if (name.matches()) {
            return unknown(command, name.group(1));
        }
        Matcher invalid = INVALID.matcher(message);
        if (invalid.lookingAt() && failure.getArgSpec() != null) {
            return label(failure.getArgSpec()) + ": " + message.substring(invalid.end());
        }
        return message;
    }

    /**
     * The converter of options that are whole numbers.
     *
     * @param least the smallest that the option's type holds
     * @param most the largest
     */
    static long wholeNumber(String text, long least, long most) {
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            if (!text.matches("[+-]?[0-9]+")) {
                throw new TypeConversionException("'" + OneLine.name(text) + "' is no whole number");
            }
        }
        throw new TypeConversionException("'" + OneLine.name(text) + "' is not from " + least + " to " + most);
    }

    private static String missing(ArgSpec argument, String... arguments) {
        String label = label(argument);
        String whole = argument.isOption() ? label + "=" + argument.paramLabel() : label;
        if (argument.isOption() && List.of(arguments).contains(label)) {
            return label + " needs a value, as " + whole;
        }
        List<String> values = new ArrayList<>();
        if (argument.completionCandidates() != null) {
            argument.completionCandidates().forEach(values::add);
        }
        return "missing " + whole
                + (values.isEmpty()
                        ? ""
                        : "; " + argument.paramLabel().toLowerCase(Locale.ROOT) + "s: " + String.join(", ", values));
    }

    private static String label(ArgSpec argument) {
        return argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel();
    }

    /** The first option that a command does not know, which is often the one that it misses, mistyped; empty if there is none. */
    private static String unknownOption(CommandLine command, String... arguments) {
        for (String argument : arguments) {
            if (argument.startsWith("--")
                    && !command.getCommandSpec().optionsMap().containsKey(argument.split("=", 2)[0])) {
                return argument;
            }
        }
        return "";
    }

    private static String unknown(CommandLine command, String given) {
        String argument = OneLine.name(given);
        Map<String, CommandLine> commands = command.getSubcommands();
        if (argument.startsWith("-")) {
            String name = argument.split("=", 2)[0];
            boolean elsewhere = commands.values().stream()
                    .anyMatch(one -> one.getCommandSpec().optionsMap().containsKey(name));
            return elsewhere
                    ? "option '" + name + "' stands behind a command, as './iommu4j COMMAND " + name + "'"
                    : "unknown option '" + argument + "'"
                            + Nearest.question(
                                    name, command.getCommandSpec().optionsMap().keySet());
        }
        if (command.getParent() != null) {
            return "unexpected argument '" + argument + "'";
        }
        String near = Nearest.question(argument, commands.keySet());
        return "unknown command '" + argument + "'"
                + (near.isEmpty() ? "; commands: " + String.join(", ", commands.keySet()) : near);
    }
}
