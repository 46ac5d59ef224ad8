package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.text.ExplanationJson;
import org.iommu4j.shell.text.ExplanationText;
import org.iommu4j.shell.text.HexInput;
import org.iommu4j.shell.text.KernelLine;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Screen;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.InputFile;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j explain}, and {@code iommu:explain} in the shell. */
@Command(
        name = "explain",
        header = "Decodes bytes to their fields.",
        description = {
            "",
            "A command, table entry, fault record or register of a model; a request of the contract with the vendor"
                    + " part in it, and the rule that refuses it; or the saved state of a chip, a driver or a virtual"
                    + " IOMMU.",
            "",
            "HEX is bytes as they lie in memory, '4c 00 00 00' or '4c000000'; or, each with 0x before it, the values"
                    + " of 64-bit words, the lowest address first. Blanks, commas and underscores are free. Without --as"
                    + " the format is found from opcode and size; if several fit they are listed. With '-' for HEX every"
                    + " line of standard input is one value, answered as it comes.",
            "",
            "--each takes a whole ring or table apart, an entry a line with the fields that are not zero; --log finds"
                    + " the lines of a kernel's log that IOMMU drivers write, and shows as much of the record as they"
                    + " tell."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j explain --model MODEL 0x1200f2 0x12345000",
            "  ./iommu4j explain --model MODEL --as FORMAT f2001200000000000050341200000000",
            "  ./iommu4j explain --model MODEL --register NAME 0xd2008c226f0606",
            "  ./iommu4j explain --contract lp64-le --json 4c0000000800000040000000 ...",
            "  ./iommu4j explain --file chip.state",
            "  ./iommu4j explain --model MODEL --as FORMAT --each --file table.bin",
            "  dmesg | ./iommu4j explain --log -",
            "",
            "Exit status: 0 if the bytes were decoded, or several formats fit; 2 for wrong arguments, bytes that no"
                    + " format fits, or a log without a line that is known. A request that is refused is decoded all the"
                    + " same."
        })
public final class ExplainCommand implements Callable<Integer> {
    private static final Pattern REGISTER_WORD = Pattern.compile("(?i)_(?:REG|REGISTER|OFFSET)$");
    private static final int LONGEST_FILE = 1 << 24;
    private static final String STANDARD_INPUT = "-";

    private static final long BACKEND_WAIT_NANOS = 1_000_000_000L;
    private static final long POLL_NANOS = 10_000_000L;

    private final Supplier<IommuService> core;
    private final Supplier<ExplainService> explain;
    private final Consumer<IommuModel> await;
    private final Supplier<InputStream> input;
    private final Screen screen;
    private final Supplier<String> run;

    /** The object that {@link #run} gave; null before it was asked. */
    private String origin;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            completionCandidates = InstalledModels.class,
            description =
                    "An installed model: ${COMPLETION-CANDIDATES}. Default: the one that is installed; of a request:"
                            + " the one that it names.")
    private String model;

    @Option(
            names = "--as",
            paramLabel = "FORMAT",
            description = "Name of a layout, command, register or call, see docs/layouts.")
    private String format;

    @Option(names = "--register", paramLabel = "REG", description = "Name or offset of a register; HEX is its value.")
    private String register;

    @Option(
            names = "--contract",
            paramLabel = "ABI",
            description = "HEX is a request of the contract, written as lp64-le, lp64-be or i386.")
    private String abi;

    @Option(
            names = "--sub-version",
            paramLabel = "N",
            description = "The generation that reads the bytes, as 0x0110. Default: all that any generation knows; of a"
                    + " request: its own.")
    private String subVersion;

    @Option(
            names = "--file",
            paramLabel = "FILE",
            description = "Reads the bytes themselves from a file instead of HEX.")
    private Path file;

    @Option(
            names = "--each",
            description = "The bytes are a ring or table of entries of FORMAT; without --as of commands.")
    private boolean each;

    @Option(
            names = "--log",
            paramLabel = "FILE",
            description =
                    "Explains the lines of a kernel's log, of all installed models or of MODEL; '-' is standard input.")
    private String log;

    @Option(names = "--json", description = "Prints JSON instead of the text: an object, or one a line.")
    private boolean json;

    @Parameters(arity = "0..*", paramLabel = "HEX", description = "What is to be explained.")
    private List<String> hex = new ArrayList<>();

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ExplainCommand(Host host) {
        this(
                host::core,
                () -> host.service(ExplainService.class),
                host::awaitBackend,
                host::in,
                host.screen(),
                host::run);
    }

    /**
     * A command.
     *
     * @param core gives the core
     * @param explain gives the service that explains
     * @param await waits for a model's backend
     * @param input gives standard input, or null where that is not the command's
     * @throws CommandFailure all of them, if what is asked for is not there
     */
    public ExplainCommand(
            Supplier<IommuService> core,
            Supplier<ExplainService> explain,
            Consumer<IommuModel> await,
            Supplier<InputStream> input) {
        this(core, explain, await, input, Screen.NONE, () -> "");
    }

    private ExplainCommand(
            Supplier<IommuService> core,
            Supplier<ExplainService> explain,
            Consumer<IommuModel> await,
            Supplier<InputStream> input,
            Screen screen,
            Supplier<String> run) {
        this.core = core;
        this.explain = explain;
        this.await = await;
        this.input = input;
        this.screen = screen;
        this.run = run;
    }

    /**
     * Runs it outside the command line.
     *
     * @param arguments as on the command line
     * @param out takes what it shows
     * @throws CommandFailure if the arguments or the bytes are wrong
     */
    public void run(PrintWriter out, String... arguments) {
        CommandLine commandLine =
                Iommu4jCommand.single(this, InstalledModels.factory(core)).setOut(out);
        try {
            if (commandLine.parseArgs(arguments).isUsageHelpRequested()) {
                commandLine.usage(out);
            } else {
                call();
            }
        } catch (ParameterException e) {
            throw new CommandFailure(ExitStatus.USAGE, WrongArguments.message(e, arguments), e);
        }
        out.flush();
    }

    @Override
    public Integer call() {
        if ((format == null ? 0 : 1) + (register == null ? 0 : 1) + (abi == null ? 0 : 1) > 1) {
            throw wrong("--as, --register and --contract exclude each other");
        }
        if (file != null && (!hex.isEmpty() || register != null)) {
            throw wrong("--file excludes HEX and --register");
        }
        if (each && (register != null || abi != null)) {
            throw wrong("--each excludes --register and --contract");
        }
        if (log != null
                && (each || file != null || format != null || register != null || abi != null || !hex.isEmpty())) {
            throw wrong("--log excludes HEX, --file, --as, --each, --register and --contract");
        }
        try {
            if (log != null) {
                return log();
            }
            return hex.equals(List.of(STANDARD_INPUT)) ? lines() : value(hex);
        } catch (IllegalArgumentException e) {
            throw wrong(e.getMessage());
        }
    }

    /** Every line of standard input is a value; one that cannot be explained does not keep the others from it. */
    private int lines() {
        int status = ExitStatus.OK;
        try (InputLines lines = InputLines.of(standardInput())) {
            while (lines.hasNext()) {
                String line = lines.next();
                if (!line.isBlank()) {
                    status = Math.max(status, line(line));
                }
            }
        }
        return status;
    }

    private int line(String line) {
        try {
            return value(List.of(line));
        } catch (IllegalArgumentException | CommandFailure e) {
            show(Explanation.problem(Texts.message(e)));
            return ExitStatus.USAGE;
        }
    }

    private int value(List<String> digits) {
        if (each) {
            return entries(digits);
        }
        Explanation explanation = explanation(digits);
        if (explanation.outcome() == Explanation.Outcome.NOT_EXPLAINED && !json) {
            throw new CommandFailure(ExitStatus.USAGE, explanation.problem(), null);
        }
        return show(explanation);
    }

    /** Shows an explanation, and gives the status that it stands for. */
    private int show(Explanation explanation) {
        PrintWriter out = spec.commandLine().getOut();
        boolean problem = explanation.outcome() == Explanation.Outcome.NOT_EXPLAINED;
        if (json) {
            out.println(json(explanation));
        } else {
            out.print(problem ? explanation.problem() + "\n" : ExplanationText.of(explanation, screen));
        }
        out.flush();
        return problem ? ExitStatus.USAGE : ExitStatus.OK;
    }

    /** The object on one line. What made it is looked up once: a log has many messages. */
    private String json(Explanation explanation) {
        if (origin == null) {
            origin = run.get();
        }
        return RunJson.in(ExplanationJson.of(explanation), origin);
    }

    private int entries(List<String> digits) {
        Found found = new Found(entry -> {
            PrintWriter out = spec.commandLine().getOut();
            out.print(json ? json(entry) + "\n" : ExplanationText.line(entry));
        });
        IommuModel whose = chosenModel();
        if (file == null && new HexInput(digits).isWords()) {
            explain.get().entries(whose, asFormat(), generation(), new HexInput(digits).words(), found);
        } else {
            explain.get().entries(whose, asFormat(), generation(), bytes(digits), found);
        }
        spec.commandLine().getOut().flush();
        return found.problems > 0 ? ExitStatus.USAGE : ExitStatus.OK;
    }

    private int log() {
        awaitAny();
        Found found = new Found(told -> {
            show(told);
            if (!json) {
                spec.commandLine().getOut().println();
            }
        });
        try (InputLines lines =
                InputLines.of(STANDARD_INPUT.equals(log) ? standardInput() : opened(Path.of(log)), KernelLine::of)) {
            explain.get().log(model == null ? null : waited(Models.parse(model)), generation(), lines, found);
            String counts = found.count + (found.count == 1 ? " message" : " messages") + " in " + lines.count()
                    + (lines.count() == 1 ? " line" : " lines");
            if (found.count == 0) {
                throw new CommandFailure(ExitStatus.USAGE, counts + " that an IOMMU driver writes", null);
            }
            if (!json) {
                spec.commandLine().getOut().println(counts);
            }
        }
        return found.problems > 0 ? ExitStatus.USAGE : ExitStatus.OK;
    }

    /** Counts what it hands on. */
    private static final class Found implements Consumer<Explanation> {
        private final Consumer<Explanation> next;
        private long count;
        private long problems;

        Found(Consumer<Explanation> next) {
            this.next = next;
        }

        @Override
        public void accept(Explanation explanation) {
            count++;
            problems += explanation.outcome() == Explanation.Outcome.NOT_EXPLAINED ? 1 : 0;
            next.accept(explanation);
        }
    }

    private Explanation explanation(List<String> digits) {
        if (abi != null) {
            Abi image = Abi.ofLabel(abi);
            if (image == null) {
                throw wrong("--contract: '" + abi + "' is not one of "
                        + Arrays.stream(Abi.values()).map(Abi::label).collect(Collectors.joining(", ")));
            }
            byte[] bytes = bytes(digits);
            awaitAny();
            return explain.get()
                    .request(image, model == null ? null : waited(Models.parse(model)), generation(), bytes);
        }
        if (register != null) {
            long[] value = new HexInput(digits).words();
            if (value.length != 1) {
                throw wrong("--register takes one value, not " + value.length);
            }
            return register(value[0]);
        }
        if (file == null && new HexInput(digits).isWords()) {
            long[] words = new HexInput(digits).words();
            return explain.get().words(chosenModel(), asFormat(), generation(), words);
        }
        byte[] bytes = bytes(digits);
        // A saved state says itself what it is.
        Explanation state = format == null ? explain.get().snapshot(bytes) : null;
        return state != null && state.outcome() == Explanation.Outcome.EXPLAINED
                ? state
                : explain.get().bytes(chosenModel(), asFormat(), generation(), bytes);
    }

    private int generation() {
        return subVersion == null ? ExplainService.ANY : number(subVersion);
    }

    private InputStream standardInput() {
        if (input == null) {
            throw wrong("'-' is of the command line only: here standard input is the shell's");
        }
        return input.get();
    }

    private static InputStream opened(Path path) {
        try {
            return InputFile.open(path);
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, path + ": " + Texts.message(e), e);
        }
    }

    private String asFormat() {
        return format == null ? "" : format;
    }

    private byte[] bytes(List<String> digits) {
        if (file == null) {
            return new HexInput(digits).bytes();
        }
        try (InputStream in = opened(file)) {
            byte[] bytes = in.readNBytes(LONGEST_FILE + 1);
            if (bytes.length > LONGEST_FILE) {
                throw wrong(file + " is longer than " + LONGEST_FILE + " bytes");
            }
            return bytes;
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, file + ": " + Texts.message(e), e);
        }
    }

    private IommuModel chosenModel() {
        if (model != null) {
            return waited(Models.parse(model));
        }
        List<String> installed = awaitAny();
        if (installed.size() != 1) {
            throw wrong("choose a model with --model; installed: "
                    + (installed.isEmpty() ? "none" : String.join(", ", installed)));
        }
        return IommuModel.ofLabel(installed.get(0));
    }

    /** A register by its own name, else by the longer one that a driver or a document has for it. */
    private Explanation register(long value) {
        IommuModel whose = chosenModel();
        Explanation own = explain.get().register(whose, register, generation(), value);
        if (own.outcome() != Explanation.Outcome.NOT_EXPLAINED) {
            return own;
        }
        return shorterNames(register).stream()
                .map(name -> explain.get().register(whose, name, generation(), value))
                .filter(one -> one.outcome() != Explanation.Outcome.NOT_EXPLAINED)
                .findFirst()
                .orElse(own);
    }

    /** A name without the words in front of it, and without a last one that says that it is a register: of X_Y_REG Y_REG, REG, X_Y, Y. */
    private static List<String> shorterNames(String name) {
        List<String> names = new ArrayList<>();
        for (String whole : List.of(name, REGISTER_WORD.matcher(name).replaceFirst(""))) {
            if (!whole.equals(name)) {
                names.add(whole);
            }
            for (int at = whole.indexOf('_'); at >= 0; at = whole.indexOf('_', at + 1)) {
                names.add(whole.substring(at + 1));
            }
        }
        names.removeIf(String::isEmpty);
        return names;
    }

    /** Bundles have started when the command line runs; what they register may take a moment more. */
    private List<String> awaitAny() {
        IommuService present = core.get();
        long start = System.nanoTime();
        List<String> installed = Models.installed(present);
        while (installed.isEmpty() && System.nanoTime() - start < BACKEND_WAIT_NANOS) {
            LockSupport.parkNanos(POLL_NANOS);
            installed = Models.installed(present);
        }
        return installed;
    }

    private IommuModel waited(IommuModel which) {
        await.accept(which);
        return which;
    }

    private int number(String text) {
        try {
            return text.startsWith("0x") || text.startsWith("0X")
                    ? Integer.parseUnsignedInt(text.substring(2), 16)
                    : Integer.parseUnsignedInt(text);
        } catch (NumberFormatException e) {
            throw wrong("--sub-version: '" + text + "' is no number; write 272 or 0x0110");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
