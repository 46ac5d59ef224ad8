package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.iommu4j.shell.text.ProgressLine;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.ConformOptions;
import org.iommu4j.testbench.ConformReport;
import org.iommu4j.testbench.ConformService;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j conform}. */
@Command(
        name = "conform",
        header = "Checks a vendor's bundle against the rules that every bundle keeps.",
        description = {
            "",
            "Installs the bundle beside those that are there, makes it serve its model, and looks rule by rule: manifest and "
                    + "import ranges, description, structures, requests of the contract, its own cases, made-up cases, save "
                    + "and restore of every generation, swaps under load with itself and with other releases, a host that "
                    + "refuses memory, loses interrupts or does not answer, and what is left when it has gone.",
            "",
            "It prints a line for each rule: ok, FAILED with what was seen and the command that repeats it, or '-' for what "
                    + "is not covered, with the reason. docs/adding-a-vendor.md tells what the rules are good for."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j conform my-vendor.jar",
            "  ./iommu4j conform my-vendor.jar --cases src/test/resources/cases/first.jsonl",
            "  ./iommu4j conform my-vendor.jar --released 1.0.0 --html report.html",
            "  ./iommu4j conform my-vendor.jar --only state.driver --only host.memory",
            "",
            "Exit status: 0 if no rule is broken, whatever is not covered; 1 if one is; 2 for wrong arguments or a file that "
                    + "cannot be read or written."
        })
public final class ConformCommand implements Callable<Integer> {
    private static final int MOST_GENERATED = 1_000_000;
    private static final int MOST_SWAPS = 10_000;

    private final Host host;

    @Parameters(arity = "1", paramLabel = "JAR", description = "The vendor's bundle.")
    private Path jar;

    @Option(
            names = "--released",
            paramLabel = "JAR|VERSION",
            description =
                    "Another bundle of its model, from which it must go on: a jar, or the version of one in "
                            + "cnf/releaserepo; may be given several times. Default: those there with its name and a lower version.")
    private List<String> released = List.of();

    @Option(
            names = "--cases",
            paramLabel = "FILE",
            description = "A file of its own cases; may be given several times.")
    private List<Path> cases = List.of();

    @Option(
            names = "--fixtures",
            paramLabel = "DIR",
            description =
                    "Folder of what its earlier releases wrote, as './iommu4j fixtures' writes it. Default: fixtures "
                            + "beside the program.")
    private Path fixtures;

    @Option(names = "--only", paramLabel = "RULE", description = "Looks at that rule; may be given several times.")
    private List<String> only = List.of();

    @Option(
            names = "--generated",
            paramLabel = "N",
            defaultValue = "400",
            description = "Made-up cases of each kind, 1 to " + MOST_GENERATED + ". Default: ${DEFAULT-VALUE}.")
    private int generated;

    @Option(
            names = "--swaps",
            paramLabel = "N",
            defaultValue = "6",
            description = "Swaps with each other bundle, 1 to " + MOST_SWAPS + ". Default: ${DEFAULT-VALUE}.")
    private int swaps;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "1",
            description = "Seed of everything that is random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--json", description = "Prints one JSON object instead of the text.")
    private boolean json;

    @Option(names = "--html", paramLabel = "FILE", description = "Writes the checklist as a page, too.")
    private Path html;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ConformCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        Iommu4jCommand.expectRange(spec, "--generated", generated, 1, MOST_GENERATED);
        Iommu4jCommand.expectRange(spec, "--swaps", swaps, 1, MOST_SWAPS);
        Installation.expectJar(jar);
        List<Path> others = others();
        List<Path> read = new ArrayList<>(others);
        read.add(jar);
        read.addAll(cases);
        Outputs.check(read, html);

        PrintWriter out = spec.commandLine().getOut();
        ProgressLine progress = new ProgressLine(spec.commandLine().getErr(), host.errorIsTerminal(), System::nanoTime);
        ConformOptions options = ConformOptions.of(jar)
                .withReleased(others)
                .withCases(cases)
                .withFixtures(fixtures == null ? host.home().resolve(FixturesCommand.FOLDER) : fixtures)
                .withOnly(Set.copyOf(only))
                .withSeed(seed)
                .withEffort(generated, swaps);
        ConformReport report;
        try {
            report = host.service(ConformService.class).run(options, line -> {
                if (json) {
                    progress.show(line.rule() + " " + line.result().text());
                } else {
                    out.println(line.toText());
                    out.flush();
                }
            });
        } catch (CaseFileException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } finally {
            progress.clear();
        }
        if (html != null) {
            Outputs.write(html, report.toHtml());
        }
        out.println(json ? RunJson.in(report.toJson(), host.run()) : report.title() + "\n" + report.summary());
        out.flush();
        return report.ok() ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private List<Path> others() {
        Installation installation = new Installation(host.home());
        if (released.isEmpty()) {
            return installation.olderReleases(jar);
        }
        String name = Installation.symbolicName(jar);
        return released.stream().map(one -> installation.jar(name, one)).toList();
    }
}
