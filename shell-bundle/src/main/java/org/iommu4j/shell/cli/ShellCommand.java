package org.iommu4j.shell.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.OneLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IFactory;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j shell}. */
@Command(
        name = "shell",
        header = "A Gogo shell in the running container.",
        description = {
            "",
            "Without COMMAND it reads commands from standard input. At a terminal it prompts for them: the arrow keys "
                    + "edit the line and fetch earlier ones, also of earlier sessions "
                    + "(~/.local/state/iommu4j/history), Ctrl-R searches them, Tab completes commands, models, "
                    + "versions, options and files. With COMMAND it executes that and ends.",
            "",
            "Commands of scope iommu:",
            "  iommu:backends                  backends with model, version, state, sub_versions",
            "  iommu:units                     simulated chips",
            "  iommu:containers                clients' domains and their devices",
            "  iommu:agreements                what each container agreed on",
            "  iommu:negotiate [MODEL]         which generations of clients and chips meet",
            "  iommu:negotiate MODEL OLDEST NEWEST CHIP",
            "                                  what a client would agree on",
            "  iommu:preview MODEL VERSION     what a swap would do",
            "  iommu:swap [-f] MODEL VERSION   makes another installed backend serve its model",
            "  iommu:swaps                     the last swaps",
            "  iommu:counters                  what chips and containers did",
            "  iommu:explain ARGUMENTS         decodes bytes to their fields, as './iommu4j explain'",
            "  iommu:record FILE               records the requests to units that are opened from now on",
            "  iommu:record --stop             ends the record",
            "  iommu:replay ARGUMENTS          replays a capture or a record, as './iommu4j replay'",
            "  help iommu:swap                 arguments of a command",
            "The commands of Felix are there too: lb, install, start, stop, update, uninstall, help. 'exit' ends."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j shell",
            "  ./iommu4j shell -c 'iommu:backends; iommu:units'",
            "  ./iommu4j shell 'iommu:backends | grep ACTIVE'",
            "  ./iommu4j shell < commands.txt",
            "",
            "Exit status: 0; 1 if a command failed (at the prompt a failure is only shown; commands from standard input go "
                    + "on after one); 2 for wrong arguments; the number N of 'exit N'."
        })
public final class ShellCommand implements Callable<Integer> {
    private static final long TRIALS_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final Host host;

    @Option(
            names = {"-c", "--command"},
            paramLabel = "COMMAND",
            description = "Executes this and ends; may be given several times. Once one has failed, those after it are "
                    + "not executed, each with a line that says so.")
    private List<String> commands = new ArrayList<>();

    @Parameters(arity = "0..*", paramLabel = "COMMAND", description = "The same without -c.")
    private List<String> more = new ArrayList<>();

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ShellCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        CommandSession session = host.openSession();
        ShellLoop loop = new ShellLoop(session, out, spec.commandLine().getErr());
        List<String> texts = new ArrayList<>(commands);
        texts.addAll(more);
        if (!host.inputIsTerminal() || !texts.isEmpty()) {
            awaitTrials();
        }
        for (int i = 0; i < texts.size(); i++) {
            int status = loop.execute(texts.get(i));
            if (ShellLoop.isExit(texts.get(i))) {
                return status;
            }
            if (status != ExitStatus.OK) {
                for (String left : texts.subList(i + 1, texts.size())) {
                    spec.commandLine()
                            .getErr()
                            .println("iommu4j: not executed, because a command failed: " + OneLine.name(left));
                }
                spec.commandLine().getErr().flush();
                return status;
            }
        }
        if (!texts.isEmpty()) {
            return ExitStatus.OK;
        }
        if (host.inputIsTerminal()) {
            out.println("iommu4j " + host.version()
                    + ". 'iommu:backends' lists the backends, 'help iommu:swap' explains a command, Tab completes,"
                    + " 'exit' ends.");
            out.flush();
        }
        try (ShellInput in = host.openInput(completions(session), out)) {
            return loop.run(in, host.inputIsTerminal());
        }
    }

    /** Nobody is there to see that backends are still on their trial and to ask again; so commands wait for them, but not for ever. */
    private void awaitTrials() {
        long start = System.nanoTime();
        while (System.nanoTime() - start < TRIALS_NANOS
                && host.core().backends().stream().anyMatch(one -> one.state() == BackendStatus.State.INSTALLED)) {
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private Completions completions(CommandSession session) {
        IFactory factory = InstalledModels.factory(host::core);
        return new Completions(
                session::commands,
                host::core,
                Map.of(
                        "explain",
                        Iommu4jCommand.single(new ExplainCommand(host), factory).getCommandSpec(),
                        "replay",
                        Iommu4jCommand.single(new ReplayCommand(host), factory).getCommandSpec()));
    }
}
