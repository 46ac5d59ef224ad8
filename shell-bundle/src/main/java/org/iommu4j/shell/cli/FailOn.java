package org.iommu4j.shell.cli;

import java.io.PrintWriter;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.backend.Finding;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The option {@code --fail-on} of what looks for stale translations. */
final class FailOn {
    @Option(
            names = "--fail-on",
            paramLabel = "KIND,...",
            hideParamSyntax = true,
            split = ",",
            converter = Name.class,
            description =
                    "Fails (status 1) if the sanitizer found something of these kinds, separated by commas: missing, "
                            + "stale, superfluous, use-after-free. A stale translation of the chip's fails in any case.")
    private List<Finding.Kind> kinds = List.of();

    /** True if it was given, so that somebody has to look. */
    boolean isGiven() {
        return !kinds.isEmpty();
    }

    /**
     * The exit status.
     *
     * @param status what it is without this option
     * @param counts findings by kind
     * @param err is told what failed it
     */
    int status(int status, Map<Finding.Kind, Long> counts, PrintWriter err) {
        int worst = status;
        Set<Finding.Kind> each = EnumSet.noneOf(Finding.Kind.class);
        each.addAll(kinds);
        for (Finding.Kind kind : each) {
            if (counts.getOrDefault(kind, 0L) > 0) {
                err.println("--fail-on: " + counts.get(kind) + " " + kind);
                worst = Math.max(worst, ExitStatus.FAILED);
            }
        }
        err.flush();
        return worst;
    }

    /** The name of a kind on a command line. */
    private enum Label {
        MISSING(Finding.Kind.MISSING_INVALIDATION),
        STALE(Finding.Kind.STALE_AFTER_COMPLETION),
        SUPERFLUOUS(Finding.Kind.SUPERFLUOUS),
        USE_AFTER_FREE(Finding.Kind.USE_AFTER_FREE_OF_TABLE);

        private final Finding.Kind kind;

        Label(Finding.Kind kind) {
            this.kind = kind;
        }

        private String text() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** Reads the name of a kind. */
    static final class Name implements ITypeConverter<Finding.Kind> {
        @Override
        public Finding.Kind convert(String text) {
            return Stream.of(Label.values())
                    .filter(label -> label.text().equals(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException("'" + text + "' is not one of "
                            + String.join(
                                    ", ",
                                    Stream.of(Label.values()).map(Label::text).toList())))
                    .kind;
        }
    }
}
