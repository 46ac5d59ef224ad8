package org.iommu4j.shell.gogo;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.Requester;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.shell.cli.CommandFailure;
import org.iommu4j.shell.cli.ExitStatus;
import org.iommu4j.shell.cli.ExplainCommand;
import org.iommu4j.shell.cli.Models;
import org.iommu4j.shell.cli.NegotiateCommand;
import org.iommu4j.shell.cli.ReplayCommand;
import org.iommu4j.shell.text.Screen;
import org.iommu4j.shell.text.TextTable;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.shell.text.WrappingWriter;
import org.iommu4j.upgrade.ReplayService;

/**
 * The Gogo commands of scope {@code iommu}. What cannot be done is a {@link CommandFailure} with one line.
 */
public final class IommuCommands {
    /** The functions, as Gogo calls them. */
    public static final List<String> FUNCTIONS = List.of(
            "backends",
            "units",
            "containers",
            "agreements",
            "negotiate",
            "swap",
            "preview",
            "swaps",
            "counters",
            "explain",
            "record",
            "replay");

    private final Supplier<IommuService> service;
    private final Supplier<ExplainService> explain;
    private final Supplier<ReplayService> replays;
    private final ShellRecording recording;
    private final Supplier<List<Path>> released;
    private final Supplier<Screen> screen;
    private final Consumer<String> out;

    /**
     * Commands on a core.
     *
     * <p>Services are asked for at the time of a command; where one is not there, its supplier throws {@link CommandFailure},
     * which says why.
     *
     * @param service gives the core
     * @param explain gives the service that explains
     * @param replays gives the service that replays captures
     * @param recording writes and plays records
     * @param released gives the released bundles
     * @param screen gives what a command's output is shown on
     * @param out takes what a command shows, as whole lines
     */
    public IommuCommands(
            Supplier<IommuService> service,
            Supplier<ExplainService> explain,
            Supplier<ReplayService> replays,
            ShellRecording recording,
            Supplier<List<Path>> released,
            Supplier<Screen> screen,
            Consumer<String> out) {
        this.service = service;
        this.explain = explain;
        this.replays = replays;
        this.recording = recording;
        this.released = released;
        this.screen = screen;
        this.out = out;
    }

    /** Every backend that is or was there, newest last. */
    @Descriptor(
            "lists the backends, and the vendors' bundles that bring none: model, bundle version, state, sub_versions,"
                    + " versions of the state they read and write, exceptions that were contained, why one does not serve")
    public void backends() {
        TextTable table = new TextTable(
                "id", "model", "name", "version", "state", "sub_versions", "state-version", "exceptions", "reason");
        for (BackendStatus backend : core().backends()) {
            table.row(
                    backend.id() == 0 ? "-" : backend.id(),
                    backend.model() == null ? "-" : backend.model().label(),
                    backend.name(),
                    Texts.orDash(backend.version()),
                    backend.state(),
                    Texts.subVersions(backend.subVersions()),
                    backend.stateWritten() == 0
                            ? "-"
                            : "writes " + backend.stateWritten() + ", reads " + backend.stateOldestRead() + ".."
                                    + backend.stateWritten(),
                    backend.contained(),
                    Texts.orDash(backend.reason()));
        }
        out.accept(table.render(width()));
    }

    /** The open units. */
    @Descriptor("lists the units: each is one simulated chip with its memory")
    public void units() {
        TextTable table = new TextTable("unit", "model", "sub_version", "driver", "containers", "devices");
        for (Unit unit : core().units()) {
            List<Container> containers = unit.containers();
            table.row(
                    unit.id(),
                    unit.model().label(),
                    Generation.text(unit.subVersion()),
                    unit.bare() ? "none (bare)" : "yes",
                    containers.size(),
                    containers.stream()
                            .mapToInt(container -> container.devices().size())
                            .sum());
        }
        out.accept(table.render(width()));
    }

    /** The open containers with their devices. */
    @Descriptor("lists the containers: each is one client's domain on a unit, with its devices")
    public void containers() {
        TextTable table = new TextTable("unit", "container", "sub_version", "devices");
        for (Unit unit : core().units()) {
            for (Container container : unit.containers()) {
                table.row(
                        unit.id(),
                        container.id(),
                        Generation.text(container.agreement().clientSubVersion()),
                        Texts.orDash(container.devices().stream()
                                .map(Requester::text)
                                .collect(Collectors.joining(" "))));
            }
        }
        out.accept(table.render(width()));
    }

    /** Lists each container's agreement. */
    @Descriptor("lists what each container agreed on: generations, shims between them, fidelity, reason")
    public void agreements() {
        TextTable table =
                new TextTable("unit", "container", "model", "kind", "client", "host", "shims", "fidelity", "reason");
        for (Unit unit : core().units()) {
            for (Container container : unit.containers()) {
                addAgreement(table, unit.id(), container.id(), container.agreement());
            }
        }
        out.accept(table.render(width()));
    }

    /** Shows which generations of clients and chips of all installed models meet. */
    @Descriptor("tells which generations of clients and chips meet, and how, for each installed model")
    public void negotiate() {
        for (String model : Models.installed(core())) {
            negotiate(model);
        }
    }

    /** Shows which generations of clients and chips meet. */
    @Descriptor("tells which generations of clients and chips meet, and how")
    public void negotiate(@Descriptor("model, as iommu:backends lists it") String model) {
        IommuModel wanted = Models.parse(model);
        NegotiationTable table = core().negotiationTable(wanted);
        if (table == null) {
            throw new CommandFailure(Models.notInstalled(wanted, core()));
        }
        wrapped(NegotiateCommand.text(table, List.of(), width()));
    }

    /** Negotiates as for a new container, without opening anything. */
    @Descriptor("tells what a client would agree on with a chip; opens nothing")
    public void negotiate(
            @Descriptor("model, as iommu:backends lists it") String model,
            @Descriptor("oldest sub_version that the client speaks, as 0x0100") String oldest,
            @Descriptor("newest sub_version that the client speaks") String newest,
            @Descriptor("sub_version of the chip") String host) {
        IommuModel wanted = Models.parse(model);
        TextTable table =
                new TextTable("unit", "container", "model", "kind", "client", "host", "shims", "fidelity", "reason");
        try {
            Offer offer = new Offer(wanted, number("oldest", oldest), number("newest", newest), Set.of());
            addAgreement(table, "-", "-", core().negotiate(offer, number("host", host)));
        } catch (IllegalArgumentException | BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        }
        out.accept(table.render(width()));
    }

    /** Makes another present backend the one that serves its model. */
    @Descriptor("makes another installed backend serve its model, while requests run; all or nothing")
    public void swap(
            @Descriptor("give the backend that serves up if it hangs: its units are rebuilt, everything is invalidated")
                    @Parameter(
                            names = {"-f", "--force"},
                            presentValue = "true",
                            absentValue = "false")
                    boolean force,
            @Descriptor("model, as iommu:backends lists it") String model,
            @Descriptor("version of the backend that is to serve, or '#ID' (quoted); see iommu:backends")
                    String version) {
        IommuModel wanted = Models.parse(model);
        SwapReport report;
        try {
            report = force
                    ? core().forceSwap(wanted, version, SwapLimits.DEFAULT)
                    : core().swap(wanted, version, SwapLimits.DEFAULT);
        } catch (BackendException | IllegalArgumentException e) {
            throw new CommandFailure(Texts.message(e), e);
        }
        if (report.outcome() != SwapReport.Outcome.DONE) {
            throw new CommandFailure(outcome(report));
        }
        out.accept(swapTable(List.of(report)));
    }

    /** Previews a swap. */
    @Descriptor("tells what a swap would do: containers that go on, containers that cannot; changes nothing")
    public void preview(
            @Descriptor("model, as iommu:backends lists it") String model,
            @Descriptor("version of the backend that would serve, or '#ID' (quoted); see iommu:backends")
                    String version) {
        IommuModel wanted = Models.parse(model);
        SwapReport report;
        try {
            report = core().preview(wanted, version);
        } catch (BackendException | IllegalArgumentException e) {
            throw new CommandFailure(Texts.message(e), e);
        }
        if (report.outcome() == SwapReport.Outcome.REFUSED) {
            throw new CommandFailure("swap of " + report.model().label() + " to " + report.to() + " would be refused: "
                    + report.reason());
        }
        StringBuilder text = new StringBuilder(swapTable(List.of(report)));
        report.surviving()
                .forEach(container -> text.append("goes on: ").append(container).append('\n'));
        report.lost()
                .forEach(container -> text.append("lost: ").append(container).append('\n'));
        wrapped(text.toString());
    }

    /** The last swaps. */
    @Descriptor("lists the last swaps, oldest first: outcome, pause, units moved, requests that waited")
    public void swaps() {
        out.accept(swapTable(core().swaps()));
    }

    /** Lists the counters of units and containers. */
    @Descriptor(
            "lists what chips and containers did: commands, hits, walks, faults; requests completed, widened, refused")
    public void counters() {
        TextTable chips = new TextTable("unit", "model", "commands", "hits", "walks", "faults", "dropped");
        TextTable clients = new TextTable(
                "unit", "container", "received", "completed", "widened", "parked", "refused (rule or errno, count)");
        for (Unit unit : core().units()) {
            HardwareCounters chip = unit.hardwareCounters();
            chips.row(
                    unit.id(),
                    unit.model().label(),
                    chip.commands(),
                    chip.hits(),
                    chip.walks(),
                    chip.faults(),
                    chip.dropped());
            for (Container container : unit.containers()) {
                ContainerCounters client = container.counters();
                clients.row(
                        unit.id(),
                        container.id(),
                        client.received(),
                        client.completed(),
                        client.widened(),
                        client.parked(),
                        Texts.refused(client.refused()));
            }
        }
        out.accept(chips.render(width()) + "\n" + clients.render(width()));
    }

    /** Decodes bytes. */
    @Descriptor("decodes bytes to their fields; --help lists the arguments")
    public void explain(@Descriptor("as of './iommu4j explain'") String... arguments) {
        StringWriter text = new StringWriter();
        ExplainCommand command = new ExplainCommand(
                this::core,
                this::explainer,
                model -> {
                    if (core().backend(model) == null) {
                        throw new CommandFailure(ExitStatus.USAGE, Models.notInstalled(model, core()), null);
                    }
                },
                null);
        command.run(new PrintWriter(text), arguments);
        wrapped(text.toString());
    }

    /** Begins or ends a record. */
    @Descriptor("records the requests to units that are opened from now on; one record at a time")
    public void record(@Descriptor("where to, or --stop to end the record") String file) {
        if ("--stop".equals(file)) {
            out.accept(recording.end() + "\n");
        } else {
            recording.begin(file);
            out.accept("recording to " + file + "\n");
        }
    }

    /** Replays a capture or a record. */
    @Descriptor("replays a capture or a record of requests; --help lists the arguments")
    public void replay(@Descriptor("as of './iommu4j replay'") String... arguments) {
        StringWriter text = new StringWriter();
        ReplayCommand command = new ReplayCommand(this::replayer, recording::service, released);
        int status = command.run(new PrintWriter(text), arguments);
        wrapped(text.toString());
        if (status != ExitStatus.OK) {
            throw new CommandFailure("the replay is not ok");
        }
    }

    private int width() {
        return screen.get().width();
    }

    /** Shows lines that are no table: they go on at words where the screen ends. */
    private void wrapped(String text) {
        StringWriter lines = new StringWriter();
        PrintWriter writer = WrappingWriter.on(screen.get(), new PrintWriter(lines), false);
        writer.print(text);
        writer.flush();
        out.accept(lines.toString());
    }

    private ReplayService replayer() {
        return replays.get();
    }

    private ExplainService explainer() {
        return explain.get();
    }

    private IommuService core() {
        return service.get();
    }

    private static void addAgreement(TextTable table, Object unit, Object container, Agreement agreement) {
        table.row(
                unit,
                container,
                agreement.model().label(),
                agreement.kind(),
                Generation.text(agreement.clientSubVersion()),
                Generation.text(agreement.hostSubVersion()),
                Texts.orDash(String.join(" ", agreement.shims())),
                agreement.fidelity() == null ? "-" : agreement.fidelity(),
                Texts.orDash(agreement.reason()));
    }

    private String swapTable(List<SwapReport> reports) {
        TextTable table = new TextTable(
                "model", "from", "to", "outcome", "pause-ms", "units", "parked", "caches", "go-on", "lost", "reason");
        for (SwapReport report : reports) {
            table.row(
                    report.model().label(),
                    Texts.orDash(report.from()),
                    Texts.orDash(report.to()),
                    report.outcome(),
                    Texts.millis(report.pauseNanos()),
                    report.units(),
                    report.parked(),
                    report.cachesDropped() ? "dropped" : "kept",
                    report.surviving().size(),
                    report.lost().size(),
                    Texts.orDash(report.reason()));
        }
        return table.render(width());
    }

    private static String outcome(SwapReport report) {
        return "swap of " + report.model().label() + " to " + report.to() + " was "
                + (report.outcome() == SwapReport.Outcome.ROLLED_BACK ? "rolled back" : "refused") + ": "
                + report.reason();
    }

    private static int number(String name, String text) {
        try {
            return text.startsWith("0x") || text.startsWith("0X")
                    ? Integer.parseUnsignedInt(text.substring(2), 16)
                    : Integer.parseUnsignedInt(text);
        } catch (NumberFormatException e) {
            throw new CommandFailure(name + "=" + text + " is no number; write 272 or 0x0110", e);
        }
    }
}
