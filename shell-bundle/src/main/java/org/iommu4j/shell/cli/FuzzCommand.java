package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.shell.text.FuzzJson;
import org.iommu4j.shell.text.ProgressLine;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.FuzzFailure;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzOptions.What;
import org.iommu4j.testbench.FuzzResult;
import org.iommu4j.testbench.FuzzService;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j fuzz}. */
@Command(
        name = "fuzz",
        header = "Makes up cases and judges what they come to.",
        description = {
            "",
            "Each case has a fresh chip that the model's own software brings up; then come accesses, edits of tables, "
                    + "commands, calls, register accesses and requests, most of them plausible, all from the seed. What "
                    + "must not happen: an exception that is no error of the contract, no end in time, growth without "
                    + "bound, a refusal that changes something, something else after encoding and decoding or after saving "
                    + "and restoring, a finding of the sanitizer that is the chip's fault, or a translation that is not "
                    + "what the model's reference walker says.",
            "",
            "It stops at the first failure, makes the case small, and prints it as a line of a case file. With FILEs it "
                    + "also changes their cases a little. In the end it prints what was reached and how often.",
            "",
            "With --seeds it runs one seed after the other, of --what all each kind by itself, goes on after a failure, and "
                    + "prints a line of sums for each kind: what a release states."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j fuzz --model MODEL",
            "  ./iommu4j fuzz --model MODEL --what tables --seed 7 -o found.jsonl",
            "  ./iommu4j fuzz --model MODEL --seed 7 --case 1234",
            "  ./iommu4j fuzz --model MODEL --seeds 1..40 --seconds 30",
            "  ./iommu4j fuzz --model MODEL docs/examples/*.jsonl",
            "",
            "Exit status: 0 if nothing failed; 1 if something did; 2 for wrong arguments or a file that cannot be read or "
                    + "written."
        })
public final class FuzzCommand implements Callable<Integer> {
    private static final Pattern RANGE = Pattern.compile("(\\d{1,18})\\.\\.(\\d{1,18})");

    private final Host host;

    @Parameters(arity = "0..*", paramLabel = "FILE", description = "Case files whose cases are changed a little.")
    private List<Path> files = List.of();

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            required = true,
            completionCandidates = InstalledModels.class,
            description = "An installed model: ${COMPLETION-CANDIDATES}.")
    private String model;

    @Option(
            names = "--what",
            paramLabel = "WHAT",
            defaultValue = "all",
            description = "contract, commands, tables, registers or all. Default: ${DEFAULT-VALUE}.")
    private String what;

    @Option(
            names = "--seconds",
            paramLabel = "S",
            defaultValue = "30",
            description = "No case begins after that, 1 to " + Iommu4jCommand.MOST_SECONDS
                    + " seconds. Default: ${DEFAULT-VALUE}.")
    private int seconds;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "1",
            description = "Seed of everything that is random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--seeds",
            paramLabel = "RANGE",
            description = "Every seed of a range, as 1..40, each for --seconds.")
    private String seeds;

    @Option(names = "--case", paramLabel = "N", description = "Only the case of that number, as a failure names it.")
    private Long only;

    @Option(
            names = {"-o", "--output", "--out"},
            paramLabel = "FILE",
            description = "Writes the cases that failed to this file, too.")
    private Path out;

    @Option(
            names = "--json",
            description = "Prints a JSON object instead of the text; with --seeds one a line for each kind.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public FuzzCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        Iommu4jCommand.expectRange(spec, "--seconds", seconds, 1, Iommu4jCommand.MOST_SECONDS);
        if (only != null) {
            Iommu4jCommand.expectRange(spec, "--case", only, 0, Long.MAX_VALUE);
        }
        What wanted = what();
        Seeds range = seeds == null ? null : range();
        IommuModel of = Models.parse(model);
        host.awaitBackend(of);
        Outputs.check(files, out);
        FuzzOptions options = options(of, wanted, seed);
        return range == null
                ? single(only == null ? options : options.withCases(only, 1))
                : campaign(of, wanted, range);
    }

    private FuzzOptions options(IommuModel of, What wanted, long bySeed) {
        return FuzzOptions.of(of, bySeed, TimeUnit.SECONDS.toNanos(seconds))
                .with(wanted)
                .withCorpus(files);
    }

    private int single(FuzzOptions options) {
        FuzzResult result = run(options);
        PrintWriter to = spec.commandLine().getOut();
        List<String> found = new ArrayList<>();
        if (json) {
            FuzzJson summed = new FuzzJson(options.model(), what, seconds);
            add(summed, what, result, found);
            to.println(RunJson.in(summed.text(), host.run()));
        } else {
            to.print(result.toText());
            if (result.failure() != null) {
                print(to, what, result.failure(), found);
            }
        }
        to.flush();
        write(found);
        return result.failure() == null ? ExitStatus.OK : ExitStatus.FAILED;
    }

    /** One seed after the other, and of everything each kind by itself. */
    private int campaign(IommuModel of, What wanted, Seeds range) {
        PrintWriter to = spec.commandLine().getOut();
        List<String> found = new ArrayList<>();
        int failures = 0;
        for (What kind : wanted == What.ALL ? EnumSet.complementOf(EnumSet.of(What.ALL)) : EnumSet.of(wanted)) {
            FuzzJson summed = new FuzzJson(of, label(kind), seconds);
            long cases = 0;
            long accesses = 0;
            long compared = 0;
            int failed = 0;
            for (long each = range.first; each <= range.last; each++) {
                FuzzResult result = run(options(of, kind, each));
                cases += result.cases();
                accesses += result.accesses();
                compared += result.compared();
                failed += result.failure() == null ? 0 : 1;
                if (json) {
                    add(summed, label(kind), result, found);
                } else if (result.failure() != null) {
                    print(to, label(kind), result.failure(), found);
                }
            }
            if (json) {
                to.println(RunJson.in(summed.text(), host.run()));
            } else {
                to.printf(
                        "%s %s: %d seeds of %d s, %d cases, %d accesses, %d compared, %d failures%n",
                        of.label(),
                        label(kind),
                        range.last - range.first + 1,
                        seconds,
                        cases,
                        accesses,
                        compared,
                        failed);
            }
            to.flush();
            failures += failed;
        }
        write(found);
        return failures == 0 ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private void add(FuzzJson summed, String kind, FuzzResult result, List<String> found) {
        FuzzFailure failure = result.failure();
        summed.add(result, failure == null ? "" : again(kind, failure));
        if (failure != null && !failure.line().isEmpty()) {
            found.add(failure.line());
        }
    }

    private FuzzResult run(FuzzOptions options) {
        PrintWriter err = spec.commandLine().getErr();
        ProgressLine progress = new ProgressLine(err, host.errorIsTerminal(), System::nanoTime);
        try {
            return host.service(FuzzService.class).run(options, step -> progress.show(step.toLine()));
        } catch (CaseFileException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        } finally {
            progress.clear();
        }
    }

    /** Seeds from one to another. */
    private record Seeds(long first, long last) {}

    private Seeds range() {
        Matcher matcher = RANGE.matcher(seeds);
        if (only != null || !matcher.matches()) {
            throw new ParameterException(
                    spec.commandLine(),
                    only != null
                            ? "--case goes with --seed, not with --seeds"
                            : "--seeds=" + seeds + " is no range, as 1..40");
        }
        Seeds range = new Seeds(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2)));
        if (range.last < range.first) {
            throw new ParameterException(spec.commandLine(), "--seeds=" + seeds + " ends before it begins");
        }
        return range;
    }

    private What what() {
        for (What candidate : What.values()) {
            if (label(candidate).equals(what)) {
                return candidate;
            }
        }
        throw new ParameterException(
                spec.commandLine(),
                "--what: '" + what + "' is not one of "
                        + Arrays.stream(What.values()).map(FuzzCommand::label).collect(Collectors.joining(", ")));
    }

    private static String label(What what) {
        return what.name().toLowerCase(Locale.ROOT);
    }

    private void print(PrintWriter to, String kind, FuzzFailure failure, List<String> found) {
        to.println("failed: " + failure.kind().text() + ": " + failure.message());
        failure.explain().forEach(command -> to.println("explain: " + command));
        String again = again(kind, failure);
        if (!again.isEmpty()) {
            to.println("again: " + again);
        }
        if (!failure.line().isEmpty()) {
            to.println(failure.line());
            found.add(failure.line());
        }
    }

    /** The command that shows a failure again; empty if it was no case. */
    private String again(String kind, FuzzFailure failure) {
        if (failure.caseNumber() < 0) {
            return "";
        }
        StringBuilder again = new StringBuilder("./iommu4j fuzz --model " + model + " --what " + kind + " --seed "
                + failure.seed() + " --case " + failure.caseNumber());
        files.forEach(file -> again.append(' ').append(file));
        return again.toString();
    }

    private void write(List<String> found) {
        if (out == null || found.isEmpty()) {
            return;
        }
        Outputs.write(out, String.join("\n", found) + "\n");
    }
}
