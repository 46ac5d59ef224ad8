package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.iommu4j.backend.BackendException;
import org.iommu4j.shell.text.RunJson;
import org.iommu4j.shell.text.Texts;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.ImportOptions;
import org.iommu4j.upgrade.ImportResult;
import org.iommu4j.upgrade.ImportService;
import org.iommu4j.upgrade.ReplayRefusedException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code iommu4j import}. */
@Command(
        name = "import",
        header = "Makes a capture of the trace that an unchanged emulator writes, for replay and upgrade.",
        description = {
            "",
            "The trace has the lines of QEMU's backend \"log\" (-trace EVENTS -D FILE), with or without thread and time, plain or "
                    + "compressed with gzip; lines of anything else may stand between. Which events are read is told by the installed bundles. "
                    + "The memory is an image that QEMU's pmemsave writes, or the ELF core of dump-guest-memory. docs/captures.md has the "
                    + "whole recipe.",
            "",
            "It prints what it has, what it passed over, and each thing that it had to assume, since neither the trace nor the image "
                    + "tells it; run.json in the capture keeps the same."
        },
        footer = {
            "",
            "Examples:",
            "  ./iommu4j import trace.log --memory memory.elf -o my-capture",
            "  ./iommu4j import trace.log --memory memory.raw --base 0x40000000 -o my-capture",
            "  ./iommu4j import trace.log --register ECAP=0x880000f00f4a -o my-capture",
            "",
            "Exit status: 0 if the capture is there; 1 if no bundle reads such a trace; 2 for wrong arguments, and for a trace or an "
                    + "image that cannot be read."
        })
public final class ImportCommand implements Callable<Integer> {
    private static final int HEX_RADIX = 16;

    private final Host host;

    @Parameters(index = "0", paramLabel = "TRACE", description = "Lines of the emulator's events.")
    private Path trace;

    @Option(
            names = {"-o", "--output"},
            paramLabel = "DIR",
            required = true,
            description = "Folder of the capture; it is not there, or empty.")
    private Path output;

    @Option(
            names = "--memory",
            paramLabel = "IMAGE",
            description = "The guest's memory at the stop. Without it no translation can be judged.")
    private Path memory;

    @Option(
            names = "--base",
            paramLabel = "ADDRESS",
            defaultValue = "0",
            description = "Address of the image's first byte, unless it is an ELF core. Default: ${DEFAULT-VALUE}.")
    private String base;

    @Option(
            names = "--stopped-after",
            paramLabel = "LINES",
            defaultValue = "-1",
            description = "Lines of the trace that were written before the machine was stopped. Default: all.")
    private long stoppedAfter;

    @Option(
            names = "--console",
            paramLabel = "FILE",
            description = "What the guest's kernel wrote; it may tell what the trace does not.")
    private Path console;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = "Whose trace it is. Default: most of whose events it has.")
    private String model;

    @Option(
            names = "--register",
            paramLabel = "NAME=VALUE",
            description = "A register at the stop, whatever the trace says; may be repeated.")
    private Map<String, String> registers = new LinkedHashMap<>();

    @Option(names = "--json", description = "Prints one JSON object instead of the text.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    /** A command in that host. */
    public ImportCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        Map<String, Long> values = new LinkedHashMap<>();
        registers.forEach((name, value) -> values.put(name, number("--register", value)));
        ImportOptions options = new ImportOptions(
                model == null ? null : Models.parse(model),
                memory,
                number("--base", base),
                stoppedAfter,
                console,
                values);
        try {
            ImportResult result = host.service(ImportService.class).make(trace, output, options);
            PrintWriter out = spec.commandLine().getOut();
            out.print(json ? RunJson.in(result.toJson(), host.run()) + "\n" : result.toText());
            out.flush();
            return ExitStatus.OK;
        } catch (CaptureException e) {
            throw new CommandFailure(ExitStatus.USAGE, Texts.message(e), e);
        } catch (ReplayRefusedException | BackendException e) {
            throw new CommandFailure(Texts.message(e), e);
        }
    }

    private long number(String option, String text) {
        try {
            return text.startsWith("0x")
                    ? Long.parseUnsignedLong(text, 2, text.length(), HEX_RADIX)
                    : Long.parseUnsignedLong(text);
        } catch (NumberFormatException e) {
            throw new ParameterException(spec.commandLine(), option + ": '" + text + "' is not a number", e);
        }
    }
}
