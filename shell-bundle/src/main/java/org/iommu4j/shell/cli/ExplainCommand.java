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
import java.util.stream.Collectors;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.text.ExplanationJson;
import org.iommu4j.shell.text.ExplanationText;
import org.iommu4j.shell.text.HexInput;
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
            "A command, table entry, fault record or register of a model; a request of the contract with the vendor part in "
                    + "it, and the rule that refuses it; or the saved state of a chip, a driver or a virtual IOMMU.",
            "",
            "HEX is bytes as they lie in memory, '4c 00 00 00' or '4c000000'; or, each with 0x before it, the values of "
                    + "64-bit words, the lowest address first. Blanks, commas and underscores are free. Without --as the "
                    + "format is found from opcode and size; if several fit they are listed."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j explain --model MODEL 0x1200f2 0x12345000",
            "  ./iommu4j explain --model MODEL --as FORMAT f2001200000000000050341200000000",
            "  ./iommu4j explain --model MODEL --register NAME 0xd2008c226f0606",
            "  ./iommu4j explain --contract lp64-le --json 4c0000000800000040000000 ...",
            "  ./iommu4j explain --file chip.state",
            "",
            "Exit status: 0 if the bytes were decoded, or several formats fit; 2 for wrong arguments, or bytes that no format "
                    + "fits. A request that is refused is decoded all the same."
        })
public final class ExplainCommand implements Callable<Integer> {
    private static final int LONGEST_FILE = 1 << 24;

    private static final long BACKEND_WAIT_NANOS = 1_000_000_000L;
    private static final long POLL_NANOS = 10_000_000L;

    private final Supplier<IommuService> core;
    private final Supplier<ExplainService> explain;
    private final Consumer<IommuModel> await;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            completionCandidates = InstalledModels.class,
            description =
                    "An installed model: ${COMPLETION-CANDIDATES}. Default: the one that is installed; of a request: the one that it"
                            + " names.")
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

    @Option(names = "--json", description = "Prints one JSON object instead of the text.")
    private boolean json;

    @Parameters(arity = "0..*", paramLabel = "HEX", description = "What is to be explained.")
    private List<String> hex = new ArrayList<>();

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ExplainCommand(Host host) {
        this(host::core, () -> host.service(ExplainService.class), host::awaitBackend);
    }

    /**
     * A command.
     *
     * @param core gives the core
     * @param explain gives the service that explains
     * @param await waits for a model's backend
     * @throws CommandFailure all of them, if what is asked for is not there
     */
    public ExplainCommand(Supplier<IommuService> core, Supplier<ExplainService> explain, Consumer<IommuModel> await) {
        this.core = core;
        this.explain = explain;
        this.await = await;
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
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
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
        Explanation explanation;
        try {
            explanation = explanation();
        } catch (IllegalArgumentException e) {
            throw wrong(e.getMessage());
        }
        if (explanation.outcome() == Explanation.Outcome.NOT_EXPLAINED && !json) {
            throw new CommandFailure(ExitStatus.USAGE, explanation.problem(), null);
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? ExplanationJson.of(explanation) : ExplanationText.of(explanation));
        out.flush();
        return explanation.outcome() == Explanation.Outcome.NOT_EXPLAINED ? ExitStatus.USAGE : ExitStatus.OK;
    }

    private Explanation explanation() {
        int generation = subVersion == null ? ExplainService.ANY : number(subVersion);
        if (abi != null) {
            Abi image = Abi.ofLabel(abi);
            if (image == null) {
                throw wrong("Invalid value for option '--contract': '" + abi + "' is not one of "
                        + Arrays.stream(Abi.values()).map(Abi::label).collect(Collectors.joining(", ")));
            }
            byte[] bytes = bytes();
            awaitAny();
            return explain.get().request(image, model == null ? null : waited(Models.parse(model)), generation, bytes);
        }
        if (register != null) {
            long[] value = new HexInput(hex).words();
            if (value.length != 1) {
                throw wrong("--register takes one value, not " + value.length);
            }
            return explain.get().register(chosenModel(), register, generation, value[0]);
        }
        if (file == null && new HexInput(hex).isWords()) {
            long[] words = new HexInput(hex).words();
            return explain.get().words(chosenModel(), asFormat(), generation, words);
        }
        byte[] bytes = bytes();
        // A saved state says itself what it is.
        Explanation state = format == null ? explain.get().snapshot(bytes) : null;
        return state != null && state.outcome() == Explanation.Outcome.EXPLAINED
                ? state
                : explain.get().bytes(chosenModel(), asFormat(), generation, bytes);
    }

    private String asFormat() {
        return format == null ? "" : format;
    }

    private byte[] bytes() {
        if (file == null) {
            return new HexInput(hex).bytes();
        }
        try (InputStream in = InputFile.open(file)) {
            byte[] bytes = in.readNBytes(LONGEST_FILE + 1);
            if (bytes.length > LONGEST_FILE) {
                throw wrong(file + " is longer than " + LONGEST_FILE + " bytes");
            }
            return bytes;
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, "cannot read " + file + ": " + Texts.message(e), e);
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
            throw wrong("Invalid value for option '--sub-version': '" + text + "' is no number; write 272 or 0x0110");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
