package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.ReplayOptions;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.ReplayResult;
import org.iommu4j.upgrade.ReplayService;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j replay}. */
@Command(
        name = "replay",
        header = "Replays a captured guest and compares every translation.",
        description = {
            "",
            "Path 'contract': a virtual IOMMU keeps the guest's registers, reads the guest's structures when the guest "
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
                    + "it counts superfluous invalidations."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j replay traces/vtd/legacy-strict-nvme-e1000e",
            "  ./iommu4j replay traces/vtd/legacy-lazy-virtio --path direct --cache worst-case",
            "  ./iommu4j replay /data/my-capture --json",
            "",
            "Exit status: 0 if everything is equal; 1 if something is different, or refused without a documented "
                    + "reason, or a stale translation is the chip's fault; 2 for wrong arguments or a capture that cannot be read."
        })
public final class ReplayCommand implements Callable<Integer> {
    private final Host host;

    @Parameters(
            index = "0",
            paramLabel = "DIR",
            description = "Folder of the capture: timeline.jsonl.gz, run.json, frozen/.")
    private Path directory;

    @Option(
            names = "--path",
            paramLabel = "PATH",
            defaultValue = "contract",
            description = "contract or direct. Default: ${DEFAULT-VALUE}.")
    private String path;

    @Option(
            names = "--cache",
            paramLabel = "SIZE",
            defaultValue = "default",
            description = "Caches of the chip: none, tiny, default or worst-case. Default: ${DEFAULT-VALUE}.")
    private CacheConfig cache;

    @Option(
            names = "--findings",
            paramLabel = "FILE",
            description = "Writes what the sanitizer found about stale translations as JSON Lines.")
    private Path findings;

    @Option(names = "--json", description = "Prints one JSON object instead of the text.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ReplayCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        ReplayOptions.Path way = ReplayOptions.Path.ofLabel(path);
        if (way == null) {
            throw new ParameterException(
                    spec.commandLine(), "Invalid value for option '--path': '" + path + "' is not contract or direct");
        }
        ReplayResult result;
        try {
            result = host.service(ReplayService.class)
                    .replay(directory, ReplayOptions.DEFAULT.withPath(way).withCache(cache));
        } catch (CaptureException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (ReplayRefusedException | BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        }
        if (findings != null) {
            try {
                Files.writeString(findings, result.findingsToJsonLines());
            } catch (IOException e) {
                throw new CommandFailure(ExitStatus.USAGE, "cannot write " + findings + ": " + Texts.message(e), e);
            }
        }
        PrintWriter out = spec.commandLine().getOut();
        out.print(json ? result.toJson() + "\n" : result.toText());
        out.flush();
        return result.ok() ? ExitStatus.OK : ExitStatus.FAILED;
    }
}
