package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.shell.text.ProgressLine;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.UpgradeOptions;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.UpgradeService;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code iommu4j upgrade}. */
@Command(
        name = "upgrade",
        header = "Swaps a vendor's bundle between its released and its built version while a captured guest runs.",
        description = {
            "",
            "Replays a captured Linux guest through the whole path (contract, core, vendor, simulated chip) together"
                    + " with the load of a second client, swaps the bundle again and again, side by side and in place, and"
                    + " ends with a table: requests sent, completed exactly once, refused (with rule ids), translations"
                    + " compared with the capture and equal, stale uses, swaps, pauses."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j upgrade",
            "  ./iommu4j upgrade --model MODEL --swaps 40 --seconds 30",
            "  ./iommu4j upgrade --released old.jar --built new.jar",
            "  ./iommu4j upgrade --json > upgrade.json",
            "  ./iommu4j upgrade --record requests.jsonl.gz",
            "",
            "Exit status: 0 if nothing was lost, doubled, reordered, stale or different, nothing of --fail-on was"
                    + " found, and no pause exceeded --max-pause; 1 otherwise; 2 for wrong arguments or a file that cannot"
                    + " be read."
        })
public final class UpgradeCommand implements Callable<Integer> {
    private static final int MOST_SWAPS = 10_000;
    private static final int MOST_PAUSE_MILLIS = 3_600_000;

    private final Host host;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            completionCandidates = InstalledModels.class,
            description =
                    "Whose bundle to swap, of an installed model: ${COMPLETION-CANDIDATES}. Default: the first one of"
                            + " which there is a release.")
    private String model;

    @Option(
            names = "--swaps",
            paramLabel = "N",
            defaultValue = "12",
            description = "Number of swaps, 1 to " + MOST_SWAPS + ". Default: ${DEFAULT-VALUE}.")
    private int swaps;

    @Option(
            names = "--seconds",
            paramLabel = "S",
            defaultValue = "10",
            description = "How long the load runs, 1 to " + Iommu4jCommand.MOST_SECONDS
                    + " seconds; the swaps are spread over it. Default: ${DEFAULT-VALUE}.")
    private int seconds;

    @Option(
            names = "--capture",
            paramLabel = "DIR",
            description = "Capture of the guest. Default: the one below traces/ that the model's bundle names.")
    private Path capture;

    @Option(
            names = "--released",
            paramLabel = "JAR|VERSION",
            description = "Released bundle to swap with: a jar, or the version of one in cnf/releaserepo. Default: the "
                    + "newest there of an earlier minor version than the built one, or the newest.")
    private String released;

    @Option(
            names = "--built",
            paramLabel = "JAR|VERSION",
            description =
                    "Built bundle: a jar, or the version of one in cnf/releaserepo. Default: the one in the target"
                            + " folder of the bundle that serves the model. Of two jars the model is that of this one,"
                            + " which serves alone.")
    private String built;

    @Option(
            names = "--cache",
            paramLabel = "SIZE",
            defaultValue = "default",
            description = "Caches of the chips: none, tiny, default or worst-case. Default: ${DEFAULT-VALUE}.")
    private CacheConfig cache;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "1",
            description = "Seed of the second client's requests. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--record",
            paramLabel = "FILE",
            description =
                    "Records the contract requests of all clients, and what comes back, over all swaps; compressed if "
                            + "FILE ends with .gz. './iommu4j replay FILE' plays it.")
    private Path record;

    @Option(
            names = "--max-pause",
            paramLabel = "MS",
            description =
                    "Ends with status 1 if the units stood still for longer than so many milliseconds in any swap, 1"
                            + " to "
                            + MOST_PAUSE_MILLIS + ".")
    private Integer maxPause;

    @Option(names = "--json", description = "Prints one JSON object instead of the table.")
    private boolean json;

    @Mixin
    private final FailOn failOn = new FailOn();

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public UpgradeCommand(Host host) {
        this.host = host;
    }

    private boolean pausedTooLong(UpgradeResult result, PrintWriter err) {
        long longest = result.swaps().pauses().max();
        boolean tooLong = maxPause != null && longest > TimeUnit.MILLISECONDS.toNanos(maxPause);
        if (tooLong) {
            err.println("--max-pause: the units stood still for " + Texts.millis(longest) + " ms");
        }
        return tooLong;
    }

    /** The first installed model of whose bundle there is a release; if there is none, the first one. */
    private IommuModel firstInstalled(Installation installation) {
        List<String> installed = Models.installed(host.core());
        return Stream.concat(withRelease(installation).stream(), installed.stream())
                .findFirst()
                .map(IommuModel::ofLabel)
                .orElseThrow(() -> new CommandFailure("no model is installed", null));
    }

    /** The installed models of whose bundle there is a release, in order. */
    private List<String> withRelease(Installation installation) {
        return Models.installed(host.core()).stream()
                .filter(label -> !installation
                        .releases(host.symbolicName(IommuModel.ofLabel(label)))
                        .isEmpty())
                .toList();
    }

    /** The model: of two jars that of the built one, which serves alone from now on. */
    private IommuModel wanted(Installation installation) {
        if (released == null || built == null || Installation.isVersion(released) || Installation.isVersion(built)) {
            return model == null ? firstInstalled(installation) : Models.parse(model);
        }
        IommuModel ofJar = host.serveAlone(installation.jar("", built));
        if (model != null && Models.parse(model) != ofJar) {
            throw new CommandFailure(
                    ExitStatus.USAGE,
                    built + " is a bundle of model '" + ofJar.label() + "', not of '" + model + "'",
                    null);
        }
        return ofJar;
    }

    /** The released bundles of a model; a model that has none is refused, with those that have one. */
    private List<Path> releases(IommuModel wanted, Installation installation) {
        List<Path> releases = installation.releases(host.symbolicName(wanted));
        if (releases.isEmpty()) {
            List<String> others = withRelease(installation);
            throw new CommandFailure(
                    ExitStatus.USAGE,
                    "model '" + wanted.label() + "' has no release to swap with; models that have one: "
                            + (others.isEmpty() ? "none" : String.join(", ", others))
                            + "; or name a jar with --released",
                    null);
        }
        return releases;
    }

    @Override
    public Integer call() {
        Iommu4jCommand.expectRange(spec, "--swaps", swaps, 1, MOST_SWAPS);
        Iommu4jCommand.expectRange(spec, "--seconds", seconds, 1, Iommu4jCommand.MOST_SECONDS);
        if (maxPause != null) {
            Iommu4jCommand.expectRange(spec, "--max-pause", maxPause, 1, MOST_PAUSE_MILLIS);
        }
        Installation installation = new Installation(host.home());
        IommuModel wanted = wanted(installation);
        host.awaitBackend(wanted);
        String bundle = host.symbolicName(wanted);
        List<Path> releasedJars =
                released == null ? releases(wanted, installation) : List.of(installation.jar(bundle, released));
        Path guest = capture == null
                ? installation.defaultCapture(wanted, host.core().captureFormats())
                : capture;
        Path builtJar = built == null ? installation.builtJar(bundle) : installation.jar(bundle, built);

        List<Path> read = new ArrayList<>(releasedJars);
        read.add(builtJar);
        read.add(guest);
        Outputs.check(read, record);

        PrintWriter err = spec.commandLine().getErr();
        ProgressLine progress = new ProgressLine(err, host.errorIsTerminal(), System::nanoTime);
        UpgradeResult result;
        try {
            UpgradeOptions options = UpgradeOptions.of(wanted, guest, releasedJars, builtJar)
                    .withSwaps(swaps)
                    .withDurationNanos(TimeUnit.SECONDS.toNanos(seconds))
                    .withSeed(seed)
                    .withCache(cache);
            result = RecordingTo.run(record, err, () -> host.service(RecordService.class), () -> {
                UpgradeResult run = host.service(UpgradeService.class)
                        .run(options, step -> progress.show(step.toLine().strip()));
                progress.clear();
                return run;
            });
        } catch (CaptureException | UpgradeException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (ReplayRefusedException | BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        } finally {
            progress.clear();
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? RunJson.in(result.toJson(), host.run()) + "\n" : result.toText());
        out.flush();
        boolean paused = pausedTooLong(result, err);
        return failOn.status(
                result.ok() && !paused ? ExitStatus.OK : ExitStatus.FAILED,
                result.findings().counts(),
                err);
    }
}
