package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.shell.text.CaseText;
import org.iommu4j.shell.text.FileCounts;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Screen.Colour;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.CaseResult;
import org.iommu4j.testbench.CaseResult.Outcome;
import org.iommu4j.testbench.TestBenchService;
import org.iommu4j.upgrade.FindingJson;
import org.iommu4j.upgrade.OutputFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j cases}. */
@Command(
        name = "cases",
        header = "Runs cases of hardware and contract behaviour, written as JSON Lines.",
        description = {
            "",
            "Each line of each file is one case: a chip, and steps with what they have to come to. Every case has a fresh "
                    + "chip; one with steps of the contract has a driver and one container, too. docs/test-bench.md tells "
                    + "the format.",
            "",
            "It prints a line for each case that fails (step, expected, got) or is skipped because the chip does not have "
                    + "a capability that its config asks for, and ends with the counts. All files are checked before the "
                    + "first case runs.",
            "",
            "With --findings every chip is observed: what software forgot to invalidate, tables freed too early, commands "
                    + "that dropped nothing, and translations that the chip should no longer have used are written to a "
                    + "file, one JSON object a line. The last fails the case. A case that says which findings it expects "
                    + "is always observed, and fails if others or none come; its findings do not count for --fail-on."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j cases docs/examples/*.jsonl",
            "  ./iommu4j cases my.jsonl --only read-denied --json",
            "  ./iommu4j cases my.jsonl --findings found.jsonl",
            "  ./iommu4j cases my.jsonl --fail-on missing,use-after-free",
            "",
            "Exit status: 0 if none failed; 1 if one failed, or something of --fail-on was found; 2 for wrong arguments or a file that cannot be read (file, "
                    + "line, column and key are named)."
        })
public final class CasesCommand implements Callable<Integer> {
    private final Host host;

    @Parameters(arity = "1..*", paramLabel = "FILE", description = "Case files.")
    private List<Path> files;

    @Option(names = "--only", paramLabel = "ID", description = "Runs the case of that id; may be given several times.")
    private List<String> only = List.of();

    @Option(
            names = "--json",
            description = "Prints one JSON object a case instead of the text; the counts go to standard error.")
    private boolean json;

    @Option(
            names = "--findings",
            paramLabel = "FILE",
            description = "Observes every chip with the sanitizer, and writes what it found as JSON Lines.")
    private Path findings;

    @Mixin
    private final FailOn failOn = new FailOn();

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public CasesCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        Set<String> ids = new LinkedHashSet<>(only);
        FileCounts counts = new FileCounts(System::nanoTime);
        Map<Finding.Kind, Long> totals = new EnumMap<>(Finding.Kind.class);
        Map<Finding.Kind, Long> unexpected = new EnumMap<>(Finding.Kind.class);
        Outputs.check(files, findings);
        String run = json ? host.run() : "";
        TestBenchService bench = host.service(TestBenchService.class).withJars(new Installation(host.home())::find);
        try (OutputFile file = findings == null ? null : Outputs.create(findings)) {
            bench.run(files, ids, findings != null || failOn.isGiven(), result -> {
                counts.add(result);
                SanitizerReport found = result.findings();
                found.counts().forEach((kind, count) -> totals.merge(kind, count, Long::sum));
                if (!result.foretold()) {
                    found.counts().forEach((kind, count) -> unexpected.merge(kind, count, Long::sum));
                }
                if (file != null) {
                    found.findings().forEach(one -> write(file, line(result, one)));
                }
                if (json) {
                    out.println(RunJson.in(result.toJson(), run));
                } else if (result.outcome() != Outcome.PASSED) {
                    out.print(host.screen().width() > 0 ? CaseText.of(result, host.screen()) : result.toText() + "\n");
                }
            });
            if (file != null) {
                file.commit();
            }
        } catch (CaseFileException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        } catch (IOException e) {
            throw Outputs.lost(findings, e);
        } finally {
            out.flush();
        }
        PrintWriter summary = json ? spec.commandLine().getErr() : out;
        int failed = counts.count(Outcome.FAILED);
        summary.print(counts.table(host.screen().width()));
        summary.println(host.screen()
                .in(
                        failed == 0 ? Colour.GREEN : Colour.RED,
                        counts.count(Outcome.PASSED) + " passed, " + failed + " failed, "
                                + counts.count(Outcome.SKIPPED) + " skipped"));
        totals.forEach((kind, count) -> summary.println("findings: " + count + " " + kind));
        summary.flush();
        return failOn.status(
                failed > 0 ? ExitStatus.FAILED : ExitStatus.OK,
                unexpected,
                spec.commandLine().getErr());
    }

    private static String line(CaseResult result, Finding finding) {
        CaseResult.Source source = result.source();
        return FindingJson.of(
                new FindingJson.Case(result.id(), source.file(), source.line()),
                finding,
                result.findingHints().getOrDefault(finding, List.of()));
    }

    private void write(OutputFile file, String line) {
        try {
            file.stream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Outputs.lost(findings, e);
        }
    }
}
