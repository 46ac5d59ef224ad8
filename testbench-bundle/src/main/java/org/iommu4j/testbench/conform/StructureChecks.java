package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.core.service.Progress;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.testbench.fuzz.Codecs;

/** The structures that a backend declares: explanations, documents and reserved bits follow from them. */
final class StructureChecks {
    private static final int SAMPLES = 20;

    private final Subject subject;
    private final Backend backend;

    StructureChecks(Subject subject) {
        this.subject = subject;
        backend = subject.backend();
    }

    /** Every layout that anything of the backend refers to, each once. */
    private Set<Layout> all() {
        Set<Layout> all = new LinkedHashSet<>(backend.layouts());
        backend.commands().stream().map(CommandFormat::layout).forEach(all::add);
        backend.bindFormats().stream().map(BindFormat::layout).forEach(all::add);
        for (Generation generation : subject.description().generations()) {
            all.addAll(backend.payloads(generation.subVersion()));
            backend.registers(generation.subVersion()).stream()
                    .map(Register::layout)
                    .filter(layout -> layout != null)
                    .forEach(all::add);
        }
        return all;
    }

    /** Names and sections. */
    String names(Progress progress) {
        Set<String> names = new HashSet<>();
        for (Layout layout : backend.layouts()) {
            expect(names.add(layout.name()), "two structures are called " + layout.name());
        }
        for (Layout layout : all()) {
            expect(!layout.section().isBlank(), layout.name() + " does not say which section defines it");
        }
        for (CallFormat call : backend.calls()) {
            expect(!call.spec().isBlank(), call.name() + " does not say which section defines it");
        }
        expect(!names.isEmpty(), "it declares no structure");
        return names.size() + " structures, " + backend.commands().size() + " commands, "
                + backend.calls().size() + " calls";
    }

    /** Checks that the layouts are there of which explanations and generated documents are made. */
    String documented(Progress progress) {
        Set<Layout> declared = new HashSet<>(backend.layouts());
        for (CommandFormat command : backend.commands()) {
            expect(
                    declared.contains(command.layout()),
                    "the layout of command " + command.name() + " is not among the structures");
        }
        for (BindFormat bind : backend.bindFormats()) {
            expect(
                    declared.contains(bind.layout()),
                    "the vendor part " + bind.layout() + " of a bind is not among the structures");
        }
        List<BitField> fields =
                all().stream().flatMap(layout -> layout.fields().stream()).toList();
        long silent = fields.stream()
                .filter(field -> field.about().isBlank() && field.codes().isEmpty())
                .count();
        expect(
                2 * silent < fields.size(),
                silent + " of " + fields.size() + " fields say neither what they mean nor which codes they have");
        return fields.size() + " fields" + (silent == 0 ? "" : ", " + silent + " of them by their name only");
    }

    /** Encoding and decoding. */
    String roundTrip(Progress progress) {
        Codecs codecs = new Codecs(backend);
        for (int i = 0; i < SAMPLES; i++) {
            progress.again();
            codecs.checkOrThrow(subject.seed() + i, Check.Unmet::new);
        }
        return SAMPLES + " samples of each";
    }
}
