package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.shell.cli.CheckedOutput.OutputLostException;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.shell.text.WrappingWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IFactory;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The command line: parses the arguments, runs the subcommand, and turns every failure into one line and a status. */
@Command(
        name = "iommu4j",
        header = "IOMMU commands of guests, translated to each vendor's hardware, with vendors swapped while guests"
                + " run.",
        synopsisSubcommandLabel = "COMMAND",
        commandListHeading = "%nCommands:%n",
        footer = {
            "",
            "'./iommu4j COMMAND --help' tells the rest about a command.",
            "",
            "Examples:",
            "  ./iommu4j upgrade",
            "  ./iommu4j replay /data/my-capture --json",
            "  ./iommu4j replay requests.jsonl --backend 1.0.0",
            "  ./iommu4j cases docs/examples/*.jsonl",
            "  ./iommu4j fuzz --model MODEL --seconds 60 --seed 7",
            "  ./iommu4j conform my-vendor.jar",
            "  ./iommu4j negotiate",
            "  ./iommu4j explain --model MODEL 0x1200f2 0x12345000",
            "  ./iommu4j shell -c iommu:backends",
            "",
            "Exit status: 0 all is well; 1 something was lost, stale or different, or a command failed; 2 wrong"
                    + " arguments, an input that cannot be read, or an output that cannot be written; 3 the program could"
                    + " not be built or started, or has failed itself; 141 the reader of the output has gone.",
            "",
            "Environment: JAVA_HOME chooses the Java (17 or newer); IOMMU4J_JAVA_OPTS gives it options, as -Xmx1g for"
                    + " more memory or -Diommu4j.debug=true for a stack trace with each failure of the program itself."
        })
public final class Iommu4jCommand implements Runnable {
    /** Longest time that a command takes, one day. */
    static final int MOST_SECONDS = 86_400;

    private static final String BUNDLE = "--bundle";

    /** Columns of a help text in a file or pipe. */
    private static final int HELP_WIDTH = 100;

    private static final int LEAST_HELP_WIDTH = 60;
    private static final int MOST_HELP_WIDTH = 120;

    /** System property: true to print the stack trace of what is no failure of a command but of the program. */
    private static final String DEBUG = "iommu4j.debug";

    @Spec
    private CommandSpec spec;

    private Iommu4jCommand() {}

    /**
     * Runs one command line on checked streams: it has succeeded only if everything that it wrote was written.
     *
     * @param host where it runs
     * @param results for results
     * @param messages for errors and progress
     * @param arguments as the user gave them
     * @return the exit status, see {@link ExitStatus}
     */
    public static int run(Host host, CheckedOutput results, CheckedOutput messages, String... arguments) {
        PrintWriter err = WrappingWriter.on(host.errorScreen(), messages.writer(true), true);
        PrintWriter out = WrappingWriter.on(host.screen(), results.writer(false), false);
        int status = run(host, out, err, arguments);
        err.flush();
        return status == ExitStatus.OK && messages.isLost() ? ExitStatus.USAGE : status;
    }

    /**
     * Runs one command line. Whatever is thrown ends here, as one line and a status.
     *
     * @param host where it runs
     * @param out for results
     * @param err for errors and progress
     * @param arguments as the user gave them
     * @return the exit status, see {@link ExitStatus}
     */
    static int run(Host host, PrintWriter out, PrintWriter err, String... arguments) {
        try {
            int status = commandLine(host).setOut(out).setErr(err).execute(arguments);
            out.flush();
            return status;
        } catch (OutputLostException e) {
            if (e.isReaderGone()) {
                return ExitStatus.READER_GONE;
            }
            err.println("iommu4j: " + Texts.message(e));
            return ExitStatus.USAGE;
        } catch (Throwable e) {
            return broken(e, "iommu4j", err);
        }
    }

    /** The parser with all subcommands. */
    static CommandLine commandLine(Host host) {
        CommandLine commandLine = new CommandLine(new Iommu4jCommand());
        IFactory factory = InstalledModels.factory(host::core);
        commandLine.addSubcommand(new CommandLine(new UpgradeCommand(host), factory));
        commandLine.addSubcommand(new ReplayCommand(host));
        commandLine.addSubcommand(new ImportCommand(host));
        commandLine.addSubcommand(new CasesCommand(host));
        commandLine.addSubcommand(new CommandLine(new BenchCommand(host), factory));
        commandLine.addSubcommand(new CommandLine(new FuzzCommand(host), factory));
        commandLine.addSubcommand(new ConformCommand(host));
        commandLine.addSubcommand(new FixturesCommand(host));
        commandLine.addSubcommand(new CommandLine(new NegotiateCommand(host), factory));
        commandLine.addSubcommand(new CommandLine(new ExplainCommand(host), factory));
        commandLine.addSubcommand(new ShellCommand(host));
        commandLine.getSubcommands().values().forEach(Iommu4jCommand::addHelp);
        commandLine.getSubcommands().values().forEach(Iommu4jCommand::addBundles);
        CommandLine help = new CommandLine(new HelpCommand());
        help.getCommandSpec().usageMessage().header("Shows the help text of a command.");
        addHelp(help);
        commandLine.addSubcommand(help);
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
                .setColorScheme(Help.defaultColorScheme(host.screen().colours() ? Help.Ansi.ON : Help.Ansi.OFF))
                .setUsageHelpWidth(helpWidth(host))
                .setParameterExceptionHandler(wrongArguments)
                .setExecutionExceptionHandler(failure)
                .setExecutionStrategy(parsed -> execute(host, parsed));
    }

    /** Help and version are written here, outside of what the handlers of failures see. */
    private static int execute(Host host, CommandLine.ParseResult parsed) {
        try {
            CommandLine.ParseResult command = parsed.subcommand();
            if (command != null && !command.isUsageHelpRequested()) {
                install(host, command);
            }
            return new CommandLine.RunLast().execute(parsed);
        } catch (OutputLostException e) {
            return ExitStatus.USAGE;
        }
    }

    /** Lines of a help text are as long as the screen is wide, but no longer than one reads with ease. */
    private static int helpWidth(Host host) {
        int width = host.screen().width();
        return width == 0 ? HELP_WIDTH : Math.max(LEAST_HELP_WIDTH, Math.min(width, MOST_HELP_WIDTH));
    }

    /** The parser of one command that is not a subcommand. */
    static CommandLine single(Object command, IFactory factory) {
        CommandLine commandLine = new CommandLine(command, factory);
        addHelp(commandLine);
        return configured(commandLine);
    }

    private static CommandLine configured(CommandLine commandLine) {
        return commandLine
                // An argument is what it is: @FILE would be replaced by what a file holds, however long it is.
                .setExpandAtFiles(false)
                .setUsageHelpWidth(HELP_WIDTH)
                .setUsageHelpLongOptionsMaxWidth(34)
                .setHelpFactory(WholeWordsHelp::new)
                .registerConverter(CacheConfig.class, Iommu4jCommand::cache)
                .registerConverter(
                        int.class, text -> (int) WrongArguments.wholeNumber(text, Integer.MIN_VALUE, Integer.MAX_VALUE))
                .registerConverter(long.class, Iommu4jCommand::wholeNumber)
                .registerConverter(Long.class, Iommu4jCommand::wholeNumber);
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "no command; commands: " + String.join(", ", spec.subcommands().keySet()));
    }

    /** Refuses the number of an option that is out of its range. */
    static void expectRange(CommandSpec spec, String option, long value, long least, long most) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(), option + "=" + value + " is not from " + least + " to " + most);
        }
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

    /** Every command can have bundles of its user's in the container. */
    private static void addBundles(CommandLine command) {
        command.getCommandSpec()
                .addOption(OptionSpec.builder(BUNDLE)
                        .paramLabel("JAR")
                        .type(List.class)
                        .auxiliaryTypes(Path.class)
                        .arity("1")
                        .description(
                                "Installs a bundle beside those that are there, before anything else; several times"
                                        + " for several. Of two backends of a model the newer one serves.")
                        .build());
    }

    private static void install(Host host, CommandLine.ParseResult command) {
        List<Path> jars = command.matchedOptionValue(BUNDLE, List.of());
        try {
            jars.forEach(host::install);
        } catch (CommandFailure e) {
            throw new CommandLine.ExecutionException(command.commandSpec().commandLine(), e.getMessage(), e);
        }
    }

    private static long wholeNumber(String text) {
        return WrongArguments.wholeNumber(text, Long.MIN_VALUE, Long.MAX_VALUE);
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
        String name = command.getCommandSpec().qualifiedName();
        command.getErr()
                .println(name + ": " + WrongArguments.message(failure, arguments) + " (see './" + name + " --help')");
        command.getErr().flush();
        return ExitStatus.USAGE;
    }

    private static int failure(Exception failure, CommandLine command, CommandLine.ParseResult parsed) {
        String name = command.getCommandSpec().qualifiedName();
        PrintWriter err = command.getErr();
        if (failure instanceof OutputLostException) {
            // The output stream throws it again at the end of the command line, and it is reported there.
            return ExitStatus.USAGE;
        }
        if (failure instanceof CommandFailure known) {
            err.println(name + ": " + Texts.message(failure));
            err.flush();
            return known.status();
        }
        return broken(failure, name, err);
    }

    /** A defect of the program, or no memory left. */
    private static int broken(Throwable failure, String name, PrintWriter err) {
        // The cause that picocli has wrapped is an error and no exception.
        Throwable cause = failure instanceof CommandLine.ExecutionException && failure.getCause() != null
                ? failure.getCause()
                : failure;
        if (cause instanceof OutOfMemoryError) {
            err.println(name + ": out of memory; IOMMU4J_JAVA_OPTS=-Xmx1g gives more");
        } else {
            String kind = cause.getClass().getSimpleName();
            String message = Texts.message(cause);
            err.println(name + ": failed, which is a defect of the program: " + kind
                    + (message.equals(kind) ? "" : ": " + message));
        }
        if (Boolean.getBoolean(DEBUG)) {
            cause.printStackTrace(err);
        }
        err.flush();
        return ExitStatus.BROKEN;
    }
}
