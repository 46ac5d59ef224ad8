package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.RecordOptions;
import org.iommu4j.upgrade.RecordResult;
import org.iommu4j.upgrade.RecordService;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayService;
import org.iommu4j.upgrade.UpgradeException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j replay}. */
@Command(
        name = "replay",
        header = "Replays a captured guest, or a record of requests, and compares what comes back.",
        description = {
            "",
            "A folder is a captured guest. Path 'contract': a virtual IOMMU keeps the guest's registers, reads the guest's structures when the guest "
                    + "invalidates them, and turns everything into contract requests for the host's chip, which has its own "
                    + "tables and domain ids. Path 'direct': the chip is the guest's own; captured register writes, ring "
                    + "contents and DMA go straight to it, and captured register reads must come out equal too. Hypercalls "
                    + "and instructions must be answered as captured on either path.",
            "",
            "It prints for each kind of command how many were decoded, translated, executed and refused (with the "
                    + "reason), then the translations compared, equal and different; each difference with iova, expected, "
                    + "got and the steps of the walk. Frozen walks (frozen/) are compared too.",
            "",
            "A sanitizer looks for stale translations: used after a completed invalidation (the chip's fault), used or "
                    + "usable after an edit without invalidation, or leading to a table that was given back (the guest's); "
                    + "it counts superfluous invalidations.",
            "",
            "A file is a record of contract requests, as --record of 'replay' and 'upgrade' and iommu:record of the shell "
                    + "write it (docs/records.md). It is played against the installed bundles, or with --backend against "
                    + "another version; each request's errno, rule, fidelity, native commands and dropped cache entries, and "
                    + "each access that walked the tables, must come out as recorded."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j replay /data/my-capture",
            "  ./iommu4j replay /data/my-capture --path direct --cache worst-case",
            "  ./iommu4j replay /data/my-capture --json",
            "  ./iommu4j replay /data/my-capture --fail-on missing --findings found.jsonl",
            "  ./iommu4j replay /data/my-capture --record requests.jsonl",
            "  ./iommu4j replay requests.jsonl --backend 1.0.0",
            "  ./iommu4j replay requests.jsonl --backend my-vendor.jar",
            "",
            "Exit status: 0 if everything is equal; 1 if something is different, or refused without a documented "
                    + "reason, or a stale translation is the chip's fault, or the record is cut, or something of --fail-on was found; 2 for wrong arguments or a capture or record that cannot be read."
        })
public final class ReplayCommand implements Callable<Integer> {
    private final Supplier<ReplayService> replays;
    private final Supplier<RecordService> records;
    private final Supplier<String> run;
    private final Supplier<List<Path>> released;

    @Parameters(
            index = "0",
            paramLabel = "INPUT",
            description = "Folder of a capture (timeline.jsonl.gz, run.json, frozen/), or a record of requests.")
    private Path input;

    @Option(
            names = "--path",
            paramLabel = "PATH",
            defaultValue = "contract",
            description = "Of a capture: contract or direct. Default: ${DEFAULT-VALUE}.")
    private String path;

    @Option(
            names = "--cache",
            paramLabel = "SIZE",
            defaultValue = "default",
            description =
                    "Of a capture: caches of the chip, none, tiny, default or worst-case. Default: ${DEFAULT-VALUE}.")
    private CacheConfig cache;

    @Option(
            names = "--findings",
            paramLabel = "FILE",
            description = "Of a capture: writes what the sanitizer found about stale translations as JSON Lines.")
    private Path findings;

    @Option(
            names = "--backend",
            paramLabel = "JAR|VERSION",
            description =
                    "Of a record: the vendor's bundle to play against: a jar, or the version of one that is installed or "
                            + "released (cnf/releaserepo). Default: the one that serves.")
    private String backend;

    @Option(
            names = "--record",
            paramLabel = "FILE",
            description = "Records the contract requests and what comes back; compressed if FILE ends with .gz.")
    private Path record;

    @Option(names = "--json", description = "Prints one JSON object instead of the text.")
    private boolean json;

    @Mixin
    private final FailOn failOn = new FailOn();

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ReplayCommand(Host host) {
        this(
                () -> host.service(ReplayService.class),
                () -> host.service(RecordService.class),
                () -> new Installation(host.home()).releasedJars(),
                host::run);
    }

    /**
     * A command.
     *
     * @param replays gives the service that replays captures
     * @param records gives the service that writes and plays records
     * @param released gives the released bundles
     * @throws CommandFailure all of them, if what is asked for is not there
     */
    public ReplayCommand(
            Supplier<ReplayService> replays, Supplier<RecordService> records, Supplier<List<Path>> released) {
        this(replays, records, released, () -> "");
    }

    private ReplayCommand(
            Supplier<ReplayService> replays,
            Supplier<RecordService> records,
            Supplier<List<Path>> released,
            Supplier<String> run) {
        this.replays = replays;
        this.records = records;
        this.released = released;
        this.run = run;
    }

    /**
     * Runs it outside the command line.
     *
     * @param arguments as on the command line
     * @param out takes what it shows
     * @return the exit status that it would have
     * @throws CommandFailure if the arguments or the input are wrong
     */
    public int run(PrintWriter out, String... arguments) {
        CommandLine commandLine =
                Iommu4jCommand.single(this, CommandLine.defaultFactory()).setOut(out);
        try {
            if (commandLine.parseArgs(arguments).isUsageHelpRequested()) {
                commandLine.usage(out);
                out.flush();
                return ExitStatus.OK;
            }
            return call();
        } catch (ParameterException e) {
            throw new CommandFailure(ExitStatus.USAGE, WrongArguments.message(e, arguments), e);
        }
    }

    @Override
    public Integer call() {
        boolean ofRecord = Files.isRegularFile(input);
        for (String option :
                ofRecord ? List.of("--path", "--cache", "--findings", "--fail-on") : List.of("--backend")) {
            if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
                throw new ParameterException(
                        spec.commandLine(),
                        option + " goes with a " + (ofRecord ? "capture" : "record") + ", and " + input + " is a "
                                + (ofRecord ? "record" : "capture"));
            }
        }
        ReplayOptions.Path way = ReplayOptions.Path.ofLabel(path);
        if (way == null) {
            throw new ParameterException(
                    spec.commandLine(), "--path: '" + OneLine.name(path) + "' is not one of contract, direct");
        }
        if (record != null && way == ReplayOptions.Path.DIRECT) {
            throw new ParameterException(
                    spec.commandLine(), "nothing to record with --path direct: it has no contract requests");
        }
        List<Path> read = new ArrayList<>(backend == null || isJar() ? List.of() : released.get());
        if (isJar()) {
            read.add(Path.of(backend));
        }
        read.add(input);
        Outputs.check(read, findings, record);
        try {
            return RecordingTo.run(
                    record, spec.commandLine().getErr(), records, () -> ofRecord ? played() : replayed(way));
        } catch (CaptureException | UpgradeException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (ReplayRefusedException | BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        }
    }

    private int played() {
        RecordResult result = records.get().play(input, options());
        return print(json ? RunJson.in(result.toJson(), run.get()) + "\n" : result.toText(), result.ok());
    }

    private RecordOptions options() {
        if (backend == null) {
            return RecordOptions.DEFAULT;
        }
        return isJar()
                ? RecordOptions.DEFAULT.withJar(Installation.here().jar("", backend))
                : RecordOptions.DEFAULT.withBackend(backend, released.get());
    }

    /** A version that does not look like one is told so by who plays the record; a file is one that is there. */
    private boolean isJar() {
        return backend != null && !Installation.isVersion(backend) && Files.exists(Path.of(backend));
    }

    private int replayed(ReplayOptions.Path way) {
        ReplayResult result =
                replays.get().replay(input, ReplayOptions.DEFAULT.withPath(way).withCache(cache));
        if (findings != null) {
            Outputs.write(findings, result.findingsToJsonLines());
        }
        return failOn.status(
                print(json ? RunJson.in(result.toJson(), run.get()) + "\n" : result.toText(), result.ok()),
                result.sanitizer().counts(),
                spec.commandLine().getErr());
    }

    private int print(String text, boolean ok) {
        PrintWriter out = spec.commandLine().getOut();
        out.print(text);
        out.flush();
        return ok ? ExitStatus.OK : ExitStatus.FAILED;
    }
}
