package org.iommu4j.shell.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Words that may stand at a place of the shell's command line: commands, models, versions, generations, options and their values. */
public final class Completions {
    private static final String SCOPE = "iommu:";

    /** Kinds of arguments of commands. */
    private enum Kind {
        COMMAND,
        MODEL,
        VERSION,
        GENERATION
    }

    /** The arguments of the commands that have some, by the name without a scope. */
    private static final Map<String, List<Kind>> ARGUMENTS = Map.of(
            "help", List.of(Kind.COMMAND),
            "swap", List.of(Kind.MODEL, Kind.VERSION),
            "preview", List.of(Kind.MODEL, Kind.VERSION),
            "negotiate", List.of(Kind.MODEL, Kind.GENERATION, Kind.GENERATION, Kind.GENERATION));

    private static final Map<String, List<String>> FLAGS =
            Map.of("swap", List.of("-f", "--force"), "record", List.of("--stop"));

    private final Supplier<Collection<String>> commands;
    private final Supplier<IommuService> core;
    private final Map<String, CommandSpec> parsed;

    /**
     * Completions.
     *
     * @param commands gives the names that the shell knows, with their scopes
     * @param core gives the core
     * @param parsed commands that have options of their own, by the name without a scope
     */
    public Completions(
            Supplier<Collection<String>> commands, Supplier<IommuService> core, Map<String, CommandSpec> parsed) {
        this.commands = commands;
        this.core = core;
        this.parsed = parsed;
    }

    /**
     * The words that may stand at a place.
     *
     * @param before the words of the line before it
     * @param begun how the word begins
     * @return words that begin so; none where anything may stand, such as the name of a file
     */
    public List<String> at(List<String> before, String begun) {
        List<String> words = ofCommand(before);
        return (words.isEmpty() ? names() : arguments(words, begun))
                .stream()
                        .filter(word -> word.startsWith(begun))
                        .distinct()
                        .sorted()
                        .toList();
    }

    /**
     * True if a file may stand at a place for which nothing else is known.
     *
     * @param before the words of the line before it
     */
    public boolean mayBeFile(List<String> before) {
        List<String> words = ofCommand(before);
        return !words.isEmpty() && !ARGUMENTS.containsKey(unscoped(words.get(0)));
    }

    /** The words since the last command ended. */
    private static List<String> ofCommand(List<String> before) {
        int begin = before.size();
        while (begin > 0 && !isEnd(before.get(begin - 1))) {
            begin--;
        }
        return before.subList(begin, before.size());
    }

    private static String unscoped(String command) {
        return command.startsWith(SCOPE) ? command.substring(SCOPE.length()) : command;
    }

    /** A command ends before the next one, or before one that reads what it writes. */
    private static boolean isEnd(String word) {
        return word.endsWith(";") || word.endsWith("|");
    }

    /** Commands of this program with their scope, those of the framework without. */
    private List<String> names() {
        List<String> names = new ArrayList<>(List.of("exit"));
        for (String name : commands.get()) {
            names.add(name.startsWith(SCOPE) ? name : name.substring(name.indexOf(':') + 1));
        }
        return names;
    }

    private List<String> arguments(List<String> words, String begun) {
        String command = unscoped(words.get(0));
        CommandSpec spec = parsed.get(command);
        if (spec != null) {
            OptionSpec last = spec.optionsMap().get(words.get(words.size() - 1));
            return last != null && last.arity().max() > 0
                    ? values(last)
                    : begun.startsWith("-") ? List.copyOf(spec.optionsMap().keySet()) : List.of();
        }
        if (begun.startsWith("-")) {
            return FLAGS.getOrDefault(command, List.of());
        }
        List<String> given =
                words.stream().skip(1).filter(word -> !word.startsWith("-")).toList();
        List<Kind> kinds = ARGUMENTS.getOrDefault(command, List.of());
        return given.size() < kinds.size() ? values(kinds.get(given.size()), given) : List.of();
    }

    private static List<String> values(OptionSpec option) {
        List<String> values = new ArrayList<>();
        if (option.type().isEnum()) {
            Arrays.stream(option.type().getEnumConstants())
                    .forEach(value ->
                            values.add(value.toString().toLowerCase(Locale.ROOT).replace('_', '-')));
        } else if (option.completionCandidates() != null) {
            option.completionCandidates().forEach(values::add);
        }
        return values;
    }

    private List<String> values(Kind kind, List<String> given) {
        return switch (kind) {
            case COMMAND -> names();
            case MODEL -> Models.installed(core.get());
            case VERSION ->
                ofModel(given.get(0)).stream().map(BackendStatus::version).toList();
            case GENERATION ->
                ofModel(given.get(0)).stream()
                        .flatMap(status -> status.subVersions().stream())
                        .map(Generation::text)
                        .toList();
        };
    }

    private List<BackendStatus> ofModel(String model) {
        IommuModel wanted = IommuModel.ofLabel(model);
        return core.get().backends().stream()
                .filter(status -> wanted != null && status.model() == wanted)
                .toList();
    }
}
