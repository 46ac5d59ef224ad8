package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.Texts;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line: parses the arguments, runs the subcommand, and turns every failure into one line and a status. */
@Command(
        name = "iommu4j",
        header =
                "IOMMU commands of guests, translated to each vendor's hardware, with vendors swapped while guests run.",
        synopsisSubcommandLabel = "COMMAND",
        commandListHeading = "%nCommands:%n",
        footer = {
            "",
            "'./iommu4j COMMAND --help' tells the rest about a command.",
            "",
            "Examples:",
            "  ./iommu4j upgrade",
            "  ./iommu4j replay traces/vtd/legacy-lazy-virtio --json",
            "  ./iommu4j replay requests.jsonl --backend 1.0.0",
            "  ./iommu4j cases intel-vtd-bundle/src/test/resources/cases/*.jsonl",
            "  ./iommu4j fuzz --model intel --seconds 60 --seed 7",
            "  ./iommu4j explain --model intel 0x1200f2 0x12345000",
            "  ./iommu4j shell -c iommu:backends",
            "",
            "Exit status: 0 all is well; 1 something was lost, stale or different, or a command failed; 2 wrong arguments, "
                    + "or an input that cannot be read; 3 the program could not be built or started.",
            "",
            "Environment: JAVA_HOME chooses the Java (17 or newer); IOMMU4J_JAVA_OPTS gives it options, as -Xmx1g."
        })
public final class Iommu4jCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    private Iommu4jCommand() {}

    /**
     * Runs one command line.
     *
     * @param host where it runs
     * @param out for results
     * @param err for errors and progress
     * @param arguments as the user gave them
     * @return the exit status, see {@link ExitStatus}
     */
    public static int run(Host host, PrintWriter out, PrintWriter err, String... arguments) {
        return commandLine(host).setOut(out).setErr(err).execute(arguments);
    }

    /** The parser with all subcommands. */
    static CommandLine commandLine(Host host) {
        CommandLine commandLine = new CommandLine(new Iommu4jCommand());
        commandLine.addSubcommand(new UpgradeCommand(host));
        commandLine.addSubcommand(new ReplayCommand(host));
        commandLine.addSubcommand(new CasesCommand(host));
        commandLine.addSubcommand(new BenchCommand(host));
        commandLine.addSubcommand(new FuzzCommand(host));
        commandLine.addSubcommand(new ExplainCommand(host));
        commandLine.addSubcommand(new ShellCommand(host));
        CommandLine help = new CommandLine(new HelpCommand());
        help.getCommandSpec().usageMessage().header("Shows the help text of a command.");
        commandLine.addSubcommand(help);
        commandLine.getSubcommands().values().forEach(Iommu4jCommand::addHelp);
        addHelp(commandLine);
        IVersionProvider versions = () -> new String[] {"iommu4j " + host.version()};
        commandLine
                .getCommandSpec()
                .versionProvider(versions)
                .addOption(OptionSpec.builder("-V", "--version")
                        .versionHelp(true)
                        .type(boolean.class)
                        .description("Shows the version.")
                        .build());
        IParameterExceptionHandler wrongArguments = Iommu4jCommand::wrongArguments;
        IExecutionExceptionHandler failure = Iommu4jCommand::failure;
        return configured(commandLine)
                .setParameterExceptionHandler(wrongArguments)
                .setExecutionExceptionHandler(failure);
    }

    /** The parser of one command that is not a subcommand. */
    static CommandLine single(Object command) {
        CommandLine commandLine = new CommandLine(command);
        addHelp(commandLine);
        return configured(commandLine);
    }

    private static CommandLine configured(CommandLine commandLine) {
        return commandLine
                .setUsageHelpWidth(100)
                .setUsageHelpLongOptionsMaxWidth(34)
                .registerConverter(CacheConfig.class, Iommu4jCommand::cache);
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "no command; commands: " + String.join(", ", spec.subcommands().keySet()));
    }

    private static void addHelp(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        if (spec.findOption("--help") == null) {
            spec.addOption(OptionSpec.builder("-h", "--help")
                    .usageHelp(true)
                    .type(boolean.class)
                    .description("Shows this text.")
                    .build());
        }
        spec.usageMessage()
                .sortOptions(false)
                .parameterListHeading("%nArguments:%n")
                .optionListHeading("%nOptions:%n");
    }

    private static CacheConfig cache(String text) {
        for (CacheConfig config : CacheConfig.values()) {
            if (label(config).equals(text)) {
                return config;
            }
        }
        throw new TypeConversionException("'" + text + "' is not one of "
                + Arrays.stream(CacheConfig.values()).map(Iommu4jCommand::label).collect(Collectors.joining(", ")));
    }

    private static String label(CacheConfig config) {
        return config.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static int wrongArguments(ParameterException failure, String[] arguments) {
        CommandLine command = failure.getCommandLine();
        String message = failure instanceof UnmatchedArgumentException unmatched
                ? unknown(command, unmatched.getUnmatched().get(0))
                : Texts.message(failure);
        command.getErr()
                .println(command.getCommandSpec().qualifiedName() + ": " + message + " (see './"
                        + command.getCommandSpec().qualifiedName() + " --help')");
        command.getErr().flush();
        return ExitStatus.USAGE;
    }

    private static String unknown(CommandLine command, String given) {
        String argument = OneLine.name(given);
        if (argument.startsWith("-")) {
            return "unknown option '" + argument + "'";
        }
        return command.getParent() == null
                ? "unknown command '" + argument + "'; commands: "
                        + String.join(", ", command.getSubcommands().keySet())
                : "unexpected argument '" + argument + "'";
    }

    private static int failure(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        PrintWriter err = command.getErr();
        err.println(command.getCommandSpec().qualifiedName() + ": " + Texts.message(failure));
        if (failure instanceof CommandFailure known) {
            err.flush();
            return known.status();
        }
        // A defect of ours: the place is worth more than a short answer.
        Arrays.stream(failure.getStackTrace()).limit(8).forEach(frame -> err.println("    at " + frame));
        err.flush();
        return ExitStatus.BROKEN;
    }
}
