package org.iommu4j.shell.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Finding;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.BenchSession;
import org.iommu4j.testbench.BoundedLines;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.TestBenchService;
import org.iommu4j.upgrade.FindingJson;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code iommu4j bench}. */
@Command(
        name = "bench",
        header = "An interactive test bench: steps of cases in, answers out.",
        description = {
            "",
            "Reads one step a line from standard input, as a JSON object, and answers each with one JSON object on one"
                    + " line. An answer always tells what the step came to; with an 'expect' in the step it also tells"
                    + " whether that was 'met'. A step that cannot be carried out is answered with an 'error', and the"
                    + " bench goes on. docs/test-bench.md tells the steps.",
            "",
            "A line may be a list of steps, answered by a list; blank lines are not answered. An 'id' or 'x-id' in a"
                    + " step comes back in its answer. {\"op\": \"help\"} lists the steps with their keys.",
            "",
            "Interrupts are set up from the start; the queue is held back from the first 'step' on (\"n\": 0 is one);"
                    + " with the first step of the contract a driver and a fresh chip come, memory stays."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j bench --model MODEL",
            "  echo '{\"op\": \"help\"}' | ./iommu4j bench --model MODEL",
            "  ./iommu4j bench --model MODEL --record case.jsonl < steps.jsonl",
            "  ./iommu4j cases case.jsonl",
            "",
            "Exit status: 0; 1 if steps did not come back; 2 for wrong arguments, a configuration that is refused, or"
                    + " a line that is too long; 3 if bundles that it needs were replaced while it ran."
        })
public final class BenchCommand implements Callable<Integer> {
    private final Host host;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            required = true,
            completionCandidates = InstalledModels.class,
            description = "An installed model: ${COMPLETION-CANDIDATES}.")
    private String model;

    @Option(
            names = "--config",
            paramLabel = "JSON",
            defaultValue = "",
            description =
                    "The chip, as the 'config' of a case; 'help' lists what can be chosen, and ends. Default: the "
                            + "model's default chip.")
    private String config;

    @Option(
            names = "--sub-version",
            paramLabel = "N",
            description = "Generation of the chip, as 0x110. Default: the model's usual one.")
    private String subVersion;

    @Option(
            names = "--findings",
            paramLabel = "FILE",
            description = "Watches the chip for stale translations and writes what was found as JSON Lines; the step "
                    + "'findings' tells it at any time.")
    private Path findings;

    @Option(
            names = "--record",
            paramLabel = "FILE",
            description = "Writes the steps that were carried out as a case that expects the same answers.")
    private Path record;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public BenchCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        IommuModel wanted = Models.parse(model);
        int generation = generation();
        host.awaitBackend(wanted);
        PrintWriter out = spec.commandLine().getOut();
        if ("help".equals(config)) {
            SettingsTable.print(host.service(IommuService.class).backend(wanted).settings(), out);
            return ExitStatus.OK;
        }
        // Made, and its message looked at, while classes can be loaded: a bundle that has been replaced loads no more
        // of them.
        CommandFailure replaced = new CommandFailure(
                ExitStatus.BROKEN,
                "bundles that the bench needs were replaced or stopped while it ran; start it anew",
                null);
        Texts.message(replaced);
        Outputs.check(List.of(), findings, record);
        try (BenchSession session = host.service(TestBenchService.class)
                        .withJars(new Installation(host.home())::find)
                        .open(wanted, generation, config, findings != null);
                BufferedReader in = new BufferedReader(new InputStreamReader(host.in(), StandardCharsets.UTF_8))) {
            greet();
            BoundedLines lines = new BoundedLines(in);
            for (String line = lines.next(); line != null; line = lines.next()) {
                if (!line.isBlank()) {
                    out.print(session.answer(line) + "\n");
                    out.flush();
                }
            }
            write(session);
        } catch (BoundedLines.TooLongException e) {
            throw new CommandFailure(ExitStatus.USAGE, "the input holds a line " + Texts.message(e), e);
        } catch (BackendException e) {
            throw new CommandFailure(
                    e.errno() == Errno.ETIMEDOUT ? ExitStatus.FAILED : ExitStatus.USAGE, Texts.message(e), e);
        } catch (CaseFileException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (IllegalStateException | LinkageError e) {
            replaced.addSuppressed(e);
            throw replaced;
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, "the input cannot be read: " + Texts.message(e), e);
        }
        return ExitStatus.OK;
    }

    /** Tells a person what to type. */
    private void greet() {
        if (host.inputIsTerminal()) {
            PrintWriter err = spec.commandLine().getErr();
            err.println("A bench of model " + model
                    + ": a step a line, as {\"op\": \"mmio_read\", \"off\": 8, \"size\": 8}; "
                    + "{\"op\": \"help\"} lists them, Ctrl-D ends.");
            err.flush();
        }
    }

    private void write(BenchSession session) {
        if (record != null) {
            String name = record.getFileName().toString();
            int end = name.lastIndexOf('.');
            Outputs.write(record, session.recorded(end > 0 ? name.substring(0, end) : name) + "\n");
        }
        if (findings != null) {
            Map<Finding, List<String>> hints = session.findingHints();
            Outputs.write(
                    findings,
                    session.findings().findings().stream()
                            .map(one -> FindingJson.of(null, one, hints.getOrDefault(one, List.of())) + "\n")
                            .collect(Collectors.joining()));
        }
    }

    private int generation() {
        if (subVersion == null) {
            return 0;
        }
        try {
            int generation = Integer.decode(subVersion);
            Iommu4jCommand.expectRange(spec, "--sub-version", generation, 0, Integer.MAX_VALUE);
            return generation;
        } catch (NumberFormatException e) {
            throw new ParameterException(spec.commandLine(), "--sub-version: '" + subVersion + "' is not a number", e);
        }
    }
}
