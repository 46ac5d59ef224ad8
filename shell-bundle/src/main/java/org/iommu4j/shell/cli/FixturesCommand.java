package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.FixturesJson;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.FixtureService;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.UpgradeException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j fixtures}. */
@Command(
        name = "fixtures",
        header = "Writes what a release leaves for the releases after it.",
        description = {
            "",
            "Installs each bundle beside those that are there, makes it serve its model, and writes to DIR/NAME/VERSION its "
                    + "manifest, the states that it saves in every generation, and a record of requests in every generation "
                    + "and every image, with its answers. What is there is not written again. Later releases must read all of it: './iommu4j conform' checks the "
                    + "states, './iommu4j replay' the requests. docs/fixtures.md tells the formats."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j fixtures my-vendor-1.0.0.jar",
            "  ./iommu4j fixtures my-vendor-1.0.0.jar -o my-fixtures",
            "  ./iommu4j conform my-vendor-1.1.0.jar --fixtures my-fixtures",
            "",
            "Exit status: 0 if all was written; 2 for wrong arguments, a bundle that cannot be used, or a file that cannot be "
                    + "read or written."
        })
public final class FixturesCommand implements Callable<Integer> {
    /** Folder of the fixtures of all bundles. */
    static final String FOLDER = "fixtures";

    private static final String REQUESTS = "requests.jsonl.gz";

    private final Host host;

    @Parameters(arity = "1..*", paramLabel = "JAR", description = "Released bundles of vendors.")
    private List<Path> jars;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "DIR",
            description = "Folder of the fixtures of all bundles. Default: fixtures beside the program.")
    private Path output;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "1",
            description = "Seed of everything that is random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--json", description = "Prints a JSON object a bundle instead of the text, one a line.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public FixturesCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        Path all = output == null ? host.home().resolve(FOLDER) : output;
        FixtureService fixtures = host.service(FixtureService.class);
        try {
            jars.forEach(Installation::expectJar);
            for (Path jar : jars) {
                Path folder = fixtures.folder(jar, all);
                if (Files.exists(folder.resolve(FixtureService.STATES))) {
                    throw new CommandFailure(
                            ExitStatus.USAGE, folder + " is there: the fixtures of a release are written once", null);
                }
                Files.createDirectories(folder);
                String written = RecordingTo.run(
                        folder.resolve(REQUESTS),
                        spec.commandLine().getErr(),
                        () -> host.service(RecordService.class),
                        () -> fixtures.write(jar, all, seed));
                out.println(
                        json
                                ? RunJson.in(FixturesJson.of(jar.toString(), folder.toString(), written), host.run())
                                : written);
                out.flush();
            }
        } catch (IOException e) {
            throw new CommandFailure(ExitStatus.USAGE, all + ": " + OneLine.reason(e), e);
        } catch (CaseFileException | UpgradeException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        }
        return ExitStatus.OK;
    }
}
