package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.shell.text.NegotiationJson;
import org.iommu4j.shell.text.NegotiationText;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.TextTable;
import org.iommu4j.shell.text.Texts;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code iommu4j negotiate}. */
@Command(
        name = "negotiate",
        header = "Tells which generations of clients and chips meet, and how.",
        description = {
            "",
            "A row is the generation of a client, a column that of a chip: '=' if they are the same; 'lossless' if shims "
                    + "lie between and drop the same; 'widened' if some operations drop more, and 'refused'. A note says "
                    + "which operations are widened or refused, by which rule of the model's document in docs/spec, and why.",
            "",
            "It looks at the bundles that are installed, and opens nothing. docs/negotiation.md tells the rules."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j negotiate",
            "  ./iommu4j negotiate --model MODEL",
            "  ./iommu4j negotiate --model MODEL --offer 0x0100..0x0300",
            "",
            "Exit status: 0; 1 if an offer meets no chip; 2 for wrong arguments."
        })
public final class NegotiateCommand implements Callable<Integer> {
    private static final Pattern WINDOW =
            Pattern.compile("(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,9})" + "(?:\\.\\.(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,9}))?");

    private final Host host;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            completionCandidates = InstalledModels.class,
            description = "An installed model: ${COMPLETION-CANDIDATES}. Default: all.")
    private String model;

    @Option(
            names = "--offer",
            paramLabel = "RANGE",
            description =
                    "Tells, too, what a client would agree on with each chip that can speak these generations, as "
                            + "0x0100..0x0300; needs --model.")
    private String offer;

    @Option(names = "--json", description = "Prints one JSON object a model instead of the text.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public NegotiateCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        if (offer != null && model == null) {
            throw new ParameterException(spec.commandLine(), "--offer needs --model");
        }
        List<IommuModel> models;
        if (model == null) {
            models = Models.installed(host.core()).stream().map(Models::parse).toList();
        } else {
            models = List.of(Models.parse(model));
            host.awaitBackend(models.get(0));
        }
        PrintWriter out = spec.commandLine().getOut();
        String run = json ? host.run() : "";
        boolean met = true;
        String gap = "";
        for (IommuModel one : models) {
            NegotiationTable table = host.core().negotiationTable(one);
            if (table == null) {
                throw new CommandFailure(ExitStatus.USAGE, Models.notInstalled(one, host.core()), null);
            }
            List<Agreement> offered = offer == null ? List.of() : offered(host.core(), window(one), table);
            met &= offer == null || offered.stream().anyMatch(found -> found.kind() != Agreement.Kind.REFUSED);
            if (json) {
                out.println(RunJson.in(NegotiationJson.of(table, offered), run));
            } else {
                out.print(gap + text(table, offered, host.screen().width()));
                gap = "\n";
            }
        }
        out.flush();
        return met ? ExitStatus.OK : ExitStatus.FAILED;
    }

    private Offer window(IommuModel of) {
        Matcher window = WINDOW.matcher(offer);
        if (window.matches()) {
            int oldest = number(window.group(1));
            int newest = window.group(2) == null ? oldest : number(window.group(2));
            if (Integer.compareUnsigned(oldest, newest) <= 0) {
                return new Offer(of, oldest, newest, Set.of());
            }
        }
        throw new ParameterException(
                spec.commandLine(),
                "--offer: '" + OneLine.name(offer) + "' is no window of generations, as 0x0100..0x0300");
    }

    private static int number(String text) {
        return (int) Long.decode(text).longValue();
    }

    private static List<Agreement> offered(IommuService core, Offer window, NegotiationTable table) {
        return table.chips().stream().map(chip -> core.negotiate(window, chip)).toList();
    }

    /**
     * The text for a screen.
     *
     * @param offered agreements of one offer with each chip; empty if nothing was offered
     * @param width in characters; 0 for any
     */
    public static String text(NegotiationTable table, List<Agreement> offered, int width) {
        String text = new NegotiationText(table).text(width);
        if (offered.isEmpty()) {
            return text;
        }
        TextTable answers = new TextTable("chip", "client", "outcome", "shims", "note");
        for (Agreement agreement : offered) {
            boolean refused = agreement.kind() == Agreement.Kind.REFUSED;
            answers.row(
                    Generation.text(agreement.hostSubVersion()),
                    refused ? "-" : Generation.text(agreement.clientSubVersion()),
                    NegotiationText.outcome(agreement),
                    Texts.orDash(String.join(", ", agreement.shims())),
                    Texts.orDash(refused ? agreement.reason() : NegotiationText.note(agreement)));
        }
        Offer sent = offered.get(0).offer();
        return text + "\noffer " + Generation.text(sent.oldest()) + ".." + Generation.text(sent.newest()) + ":\n\n"
                + answers.render(width);
    }
}
