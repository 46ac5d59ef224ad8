package org.iommu4j.core.explain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation;
import org.iommu4j.core.service.Explanation.Candidate;
import org.iommu4j.core.service.Explanation.Line;
import org.iommu4j.core.service.Explanation.Part;
import org.iommu4j.core.service.Nearest;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * Decodes bytes to their fields, by the formats that backends declare and by those of the contract. What a backend throws,
 * or if it does not answer in time, is a problem that the explanation names.
 *
 * <p>The class is long because each kind of input (bytes, commands, calls, entries, registers, logs) is read and told here
 * by the same few steps.
 */
public final class Explain implements ExplainService {
    private final Function<IommuModel, Backend> backends;
    private final Function<IommuModel, String> absence;

    /**
     * Explanations by the formats of some backends.
     *
     * @param backends gives the backend that serves a model, or null
     */
    public Explain(Function<IommuModel, Backend> backends) {
        this(backends, model -> "");
    }

    /**
     * Explanations by the formats of some backends.
     *
     * @param backends gives the backend that serves a model, or null
     * @param absence tells why none serves a model; empty if nothing is known
     */
    public Explain(Function<IommuModel, Backend> backends, Function<IommuModel, String> absence) {
        this.backends = backends;
        this.absence = absence;
    }

    @Override
    public Explanation bytes(IommuModel model, String format, int subVersion, byte[] bytes) {
        if (format.isEmpty() && StateExplanation.hasMagic(bytes)) {
            return snapshot(bytes);
        }
        return explain(model, format, subVersion, ExplainInput.ofBytes(bytes));
    }

    @Override
    public Explanation words(IommuModel model, String format, int subVersion, long... words) {
        return explain(model, format, subVersion, ExplainInput.ofWords(words));
    }

    @Override
    public Explanation register(IommuModel model, String register, int subVersion, long value) {
        return guarded(() -> {
            Formats formats = formats(model);
            if (formats == null) {
                return notInstalled(model);
            }
            Explanation wrong = unknownGeneration(formats, subVersion);
            if (wrong != null) {
                return wrong;
            }
            Explanation found = register(formats, register, subVersion, ExplainInput.ofWords(value));
            return found != null ? found : noRegister(formats, register, subVersion);
        });
    }

    @Override
    public Explanation request(Abi abi, IommuModel model, int subVersion, byte[] bytes) {
        return guarded(
                () -> new RequestExplanation(abi, subVersion, bytes.clone()).with(model, this::formats, absence));
    }

    @Override
    public Explanation snapshot(byte[] bytes) {
        return StateExplanation.of(bytes.clone());
    }

    @Override
    public void entries(IommuModel model, String format, int subVersion, byte[] bytes, Consumer<Explanation> found) {
        entries(model, format, subVersion, ExplainInput.ofBytes(bytes), found);
    }

    @Override
    public void entries(IommuModel model, String format, int subVersion, long[] words, Consumer<Explanation> found) {
        entries(model, format, subVersion, ExplainInput.ofWords(words), found);
    }

    private void entries(
            IommuModel model, String format, int subVersion, ExplainInput input, Consumer<Explanation> found) {
        Entries entries = new Entries();
        Explanation wrong = guarded(() -> entries.begin(model, format, subVersion, input));
        if (wrong != null) {
            found.accept(wrong);
            return;
        }
        while (!entries.isAtEnd()) {
            List<Explanation> some = new ArrayList<>();
            Explanation failed = guarded(() -> entries.some(some));
            some.forEach(found);
            if (failed != null) {
                found.accept(failed);
                return;
            }
        }
    }

    /** The entries of a ring or table, of which some are explained at a time: foreign code has little time for each call. */
    private final class Entries {
        private static final int AT_A_TIME = 512;

        private String format;
        private int subVersion;
        private Formats formats;
        private List<ExplainInput> inputs;
        private int next;

        /** The error in the input; null if there is none. */
        Explanation begin(IommuModel model, String name, int wanted, ExplainInput input) {
            formats = formats(model);
            if (formats == null) {
                return notInstalled(model);
            }
            Explanation wrong = unknownGeneration(formats, wanted);
            if (wrong != null) {
                return wrong;
            }
            format = name;
            subVersion = wanted;
            Layout layout = name.isEmpty() ? null : formats.layout(name);
            if (layout == null && !name.isEmpty()) {
                return noFormat(formats, name, wanted);
            }
            int size = layout == null ? formats.commandBytes() : layout.sizeBytes();
            if (size == 0) {
                return Explanation.problem("model " + label(formats) + " has no ring of commands; name the entries");
            }
            inputs = input.split(size);
            return inputs != null
                    ? null
                    : Explanation.problem(input.size() + " are no whole number of entries of " + Formats.bytes(size));
        }

        boolean isAtEnd() {
            return next >= inputs.size();
        }

        /** Explains the next ones; null, or why it cannot. */
        Explanation some(List<Explanation> into) {
            for (int i = 0; i < AT_A_TIME && !isAtEnd(); i++) {
                int first = next++;
                if (inputs.get(first).isZero()) {
                    while (!isAtEnd() && inputs.get(next).isZero()) {
                        next++;
                    }
                    into.add(Explanation.of(zero(first, next - 1), List.of(), null, List.of()));
                } else {
                    ExplainInput input = inputs.get(first);
                    Explanation entry = format.isEmpty()
                            ? find(formats, reader(formats, subVersion), input)
                            : named(formats, format, subVersion, input);
                    into.add(entry.of("entry " + first));
                }
            }
            return null;
        }

        private String zero(int first, int last) {
            return first == last ? "entry " + first + ": zero" : "entries " + first + " to " + last + ": zero";
        }
    }

    @Override
    public void log(IommuModel model, int subVersion, Iterator<String> lines, Consumer<Explanation> found) {
        List<LogReader.Known> known = new ArrayList<>();
        for (IommuModel each : model == null ? List.of(IommuModel.values()) : List.of(model)) {
            List<LogReader.Known> ofModel = new ArrayList<>();
            Explanation wrong = guarded(() -> logFormats(each, model != null, subVersion, ofModel));
            if (wrong != null) {
                found.accept(wrong);
            } else {
                known.addAll(ofModel);
            }
        }
        LogReader reader = new LogReader(known, new LogExplaining(subVersion), found);
        while (lines.hasNext()) {
            reader.accept(lines.next());
        }
        reader.end();
    }

    /** Adds the forms of a model's lines; gives what is wrong with the model, or null. */
    private Explanation logFormats(IommuModel model, boolean demanded, int subVersion, List<LogReader.Known> known) {
        Formats formats = formats(model);
        if (formats == null) {
            return demanded ? notInstalled(model) : null;
        }
        Explanation wrong = demanded ? unknownGeneration(formats, subVersion) : null;
        if (wrong != null) {
            return wrong;
        }
        for (LogFormat format : formats.logFormats()) {
            boolean structure = format.subject() == LogFormat.Subject.STRUCTURE;
            known.add(new LogReader.Known(
                    model.label(), formats, format, structure ? formats.layout(format.format()) : null));
        }
        return null;
    }

    /** Explains lines of a log by the formats of the model that wrote them. */
    private final class LogExplaining implements LogReader.Explaining {
        private final int subVersion;

        LogExplaining(int subVersion) {
            this.subVersion = subVersion;
        }

        @Override
        public Explanation bytes(LogReader.Known known, byte[] bytes) {
            return guarded(() -> {
                Formats formats = known.formats();
                ExplainInput input = ExplainInput.ofBytes(bytes);
                return switch (known.format().subject()) {
                    case EVENT -> named(formats, formats.eventFormat(bytes), subVersion, input);
                    case COMMAND -> find(formats, reader(formats, subVersion), input);
                    default -> named(formats, known.format().format(), subVersion, input);
                };
            });
        }

        @Override
        public Explanation register(LogReader.Known known, long value) {
            return guarded(() -> {
                String name = known.format().format();
                Explanation told =
                        Explain.this.register(known.formats(), name, subVersion, ExplainInput.ofWords(value));
                return told != null ? told : noRegister(known.formats(), name, subVersion);
            });
        }

        @Override
        public Explanation fields(LogReader.Known known, long[] words, Set<String> told) {
            return guarded(() -> {
                Layout layout = known.layout();
                Part whole = known.formats().part(layout, reader(known.formats(), subVersion), 0, words);
                List<Line> lines = whole.lines().stream()
                        .filter(line -> told.contains(line.field()) || line.wrong())
                        .toList();
                return Explanation.of(
                        layout.name(), List.of(new Part(whole.format(), whole.section(), 0, lines)), null, List.of());
            });
        }
    }

    private Explanation explain(IommuModel model, String format, int subVersion, ExplainInput input) {
        return guarded(() -> {
            Formats formats = formats(model);
            if (formats == null) {
                return notInstalled(model);
            }
            Explanation wrong = unknownGeneration(formats, subVersion);
            if (wrong != null) {
                return wrong;
            }
            return format.isEmpty()
                    ? find(formats, reader(formats, subVersion), input)
                    : named(formats, format, subVersion, input);
        });
    }

    /** The generation that reads the bytes: the newest, unless one is asked for. */
    private static int reader(Formats formats, int subVersion) {
        List<Generation> newestFirst = formats.generations(subVersion);
        return newestFirst.isEmpty() ? subVersion : newestFirst.get(0).subVersion();
    }

    private Explanation named(Formats formats, String name, int subVersion, ExplainInput input) {
        Layout layout = formats.layout(name);
        long[] words = layout == null ? null : input.as(layout);
        if (words != null) {
            return explained(formats, layout, reader(formats, subVersion), words, List.of());
        }
        // A call goes by the name of what shows it as a command: which of the two it is, the number of words tells.
        CallFormat call = formats.call(name);
        if (call != null && input.words() != null) {
            return call(formats, call, input);
        }
        if (layout != null) {
            return wrongSize(layout, input);
        }
        Explanation found = register(formats, name, subVersion, input);
        if (found != null) {
            return found;
        }
        return call != null ? call(formats, call, input) : noFormat(formats, name, subVersion);
    }

    private static Explanation noFormat(Formats formats, String name, int subVersion) {
        Set<String> names = formats.names(subVersion);
        return Explanation.problem("model " + label(formats) + " has no format '" + name + "'"
                + Nearest.question(name, names) + "; formats: " + String.join(", ", names));
    }

    /** A hypercall, RTAS call or instruction; the input is its arguments, or the registers that it names. */
    private static Explanation call(Formats formats, CallFormat format, ExplainInput input) {
        int first = format.kind() == CallFormat.Kind.RTAS ? CallFormat.RTAS_FIRST_ARGUMENT : 0;
        int most = 0;
        for (Operand operand : format.operands()) {
            most = Math.max(most, operand.word() + 1 - first);
        }
        if (input.words() == null || input.words().length > most) {
            return Explanation.problem(format.name() + " takes " + most + (most == 1 ? " word" : " words")
                    + ", each with 0x before it, not " + input.size());
        }
        NativeCall call = new NativeCall().begin(format.function());
        for (int i = 0; i < input.words().length; i++) {
            call.word(first + i, input.words()[i]);
        }
        List<String> notes = new ArrayList<>();
        for (Operand result : format.results()) {
            notes.add("gives " + result.name() + ", " + Formats.place(result)
                    + (result.about().isEmpty() ? "" : ": " + result.about()));
        }
        if (!format.codes().isEmpty()) {
            notes.add("answers "
                    + format.codes().stream()
                            .map(code -> code.value() + " = " + code.meaning())
                            .collect(Collectors.joining(", ")));
        }
        return Explanation.of(
                format.kind().name().toLowerCase(Locale.ROOT) + " " + format.name() + ", "
                        + Formats.hex(Integer.toUnsignedLong(format.function())),
                List.of(formats.part(format, call)),
                null,
                notes);
    }

    private Explanation find(Formats formats, int subVersion, ExplainInput input) {
        List<CommandFormat> commands = formats.commandsOf(input, subVersion);
        Set<Layout> ofCommands = new LinkedHashSet<>();
        formats.commands().forEach(command -> ofCommands.add(command.layout()));
        Set<Layout> others = new LinkedHashSet<>();
        for (Layout layout : formats.layouts()) {
            if (!ofCommands.contains(layout) && input.as(layout) != null) {
                others.add(layout);
            }
        }
        if (commands.size() == 1) {
            Layout layout = commands.get(0).layout();
            List<String> notes = new ArrayList<>();
            notes.add("found by opcode " + Formats.hex(commands.get(0).opcode()) + ": command "
                    + commands.get(0).name());
            if (!others.isEmpty()) {
                notes.add(
                        "of the same size: " + others.stream().map(Layout::name).collect(Collectors.joining(", ")));
            }
            return explained(formats, layout, subVersion, input.as(layout), notes);
        }
        Set<Layout> fitting = new LinkedHashSet<>();
        commands.forEach(command -> fitting.add(command.layout()));
        fitting.addAll(others);
        if (fitting.isEmpty()) {
            return Explanation.problem("no format of model " + label(formats) + " has " + input.size()
                    + (formats.hasSize(input) ? " and that opcode" : "") + "; sizes in bytes: "
                    + formats.layouts().stream()
                            .map(Layout::sizeBytes)
                            .distinct()
                            .sorted()
                            .map(String::valueOf)
                            .collect(Collectors.joining(", ")));
        }
        if (fitting.size() == 1) {
            Layout layout = fitting.iterator().next();
            return explained(formats, layout, subVersion, input.as(layout), List.of("the only format of that size"));
        }
        List<Candidate> candidates = new ArrayList<>();
        for (Layout layout : fitting) {
            List<Line> lines = formats.lines(layout, subVersion, input.as(layout), -1);
            candidates.add(new Candidate(layout.name(), layout.section(), (int)
                    lines.stream().filter(Line::wrong).count()));
        }
        return Explanation.several(
                input.size() + " of model " + label(formats),
                candidates,
                commands.isEmpty() && !ofCommands.isEmpty()
                        ? List.of("no command has that size and opcode")
                        : List.of());
    }

    private Explanation explained(Formats formats, Layout layout, int subVersion, long[] words, List<String> notes) {
        Part part = formats.part(layout, subVersion, 0, words);
        return Explanation.of(layout.name() + ", " + words(layout, words), List.of(part), null, notes);
    }

    /** Null if there is no such register. */
    private Explanation register(Formats formats, String name, int subVersion, ExplainInput input) {
        for (Generation generation : formats.generations(subVersion)) {
            for (Register register : formats.registers(generation)) {
                if (isNamed(register, name)) {
                    return explained(formats, register, generation, input);
                }
            }
        }
        return null;
    }

    private static boolean isNamed(Register register, String name) {
        return register.name().equalsIgnoreCase(name)
                || register.name().equalsIgnoreCase(name + "[0]")
                || register.offset() == offset(name);
    }

    /** An offset as it is written, 0x008 or 8; -1 if it is none. */
    private static int offset(String name) {
        try {
            return Integer.decode(name.replaceFirst("^0+(?=[0-9])", ""));
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    private static Explanation explained(
            Formats formats, Register register, Generation generation, ExplainInput input) {
        Layout layout = register.layout();
        Long value = input.asValue(register.widthBits(), layout);
        if (value == null) {
            boolean tooLarge = input.words() != null && input.words().length == 1;
            return Explanation.problem("register " + register.name() + " has " + register.widthBits() + " bits"
                    + (tooLarge ? ": " + Formats.hex(input.words()[0]) + " does not fit" : ", not " + input.size()));
        }
        int word = register.word();
        long[] words = new long[layout.words()];
        words[word] = value;
        List<Line> lines = formats.lines(layout, generation.subVersion(), words, word);
        String access = "writable " + Formats.hex(register.writable()) + ", write 1 to clear "
                + Formats.hex(register.writeOneToClear());
        return Explanation.of(
                "register " + register.name() + " at " + Formats.hex(register.offset()) + ", value "
                        + Formats.hex(value),
                List.of(new Part(layout.name(), layout.section(), 0, lines)),
                null,
                List.of(register.widthBits() + " bits, " + access + ", reset value " + Formats.hex(register.reset())
                        + " in generation " + generation(generation)));
    }

    private Explanation noRegister(Formats formats, String name, int subVersion) {
        Set<String> known = new LinkedHashSet<>();
        for (Generation generation : formats.generations(subVersion)) {
            formats.registers(generation).forEach(register -> known.add(register.name()));
        }
        // One that only some chips have is no register of the generation, but its layout is known.
        String layouts = formats.layouts().stream()
                .map(Layout::name)
                .filter(layout -> layout.equalsIgnoreCase(name)
                        || layout.toLowerCase(Locale.ROOT).startsWith(name.toLowerCase(Locale.ROOT) + "_"))
                .map(layout -> "; try --as " + layout)
                .collect(Collectors.joining());
        return Explanation.problem("model " + label(formats) + " has no register '" + name + "'"
                + Nearest.question(name, known) + "; registers: "
                + (known.isEmpty() ? "none" : String.join(", ", known)) + layouts);
    }

    private static Explanation unknownGeneration(Formats formats, int subVersion) {
        if (subVersion == ANY || formats.description().generation(subVersion) != null) {
            return null;
        }
        return Explanation.problem("model " + label(formats) + " has no generation " + Generation.text(subVersion)
                + "; generations: "
                + formats.description().generations().stream()
                        .map(Explain::generation)
                        .collect(Collectors.joining(", ")));
    }

    private static String generation(Generation generation) {
        return Generation.text(generation.subVersion());
    }

    private static Explanation wrongSize(Layout layout, ExplainInput input) {
        return Explanation.problem(layout.name() + " has " + layout.sizeBytes() + " bytes ("
                + layout.words() + (layout.words() == 1 ? " word" : " words") + "), not " + input.size()
                + (input.bytes() == null && input.words().length == layout.words() ? " with that value" : ""));
    }

    private static String words(Layout layout, long[] words) {
        return Arrays.stream(words)
                .mapToObj(word -> String.format(Locale.ROOT, "%0" + Math.min(16, layout.sizeBytes() * 2) + "x", word))
                .collect(Collectors.joining(" "));
    }

    private static String label(Formats formats) {
        return formats.description().model().label();
    }

    private Formats formats(IommuModel model) {
        Backend backend = model == null ? null : backends.apply(model);
        return backend == null ? null : new Formats(backend);
    }

    private Explanation notInstalled(IommuModel model) {
        if (model == null) {
            return Explanation.problem("the model is missing");
        }
        String why = absence.apply(model);
        return Explanation.problem(
                "model '" + model.label() + "' is not installed" + (why.isEmpty() ? "" : "; not serving: " + why));
    }

    /** Formats are foreign: they may throw, or not come back. */
    private static Explanation guarded(Callable<Explanation> work) {
        try (VendorThread thread = new VendorThread("iommu4j-explain")) {
            return thread.callWithoutHaste("explaining", SwapLimits.DEFAULT.handoverNanos(), work);
        } catch (VendorFailure e) {
            return Explanation.problem(e.getMessage());
        }
    }
}
