package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Nearest;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;

/**
 * One case, checked.
 *
 * @param file where it stands
 * @param line in that file
 * @param id its name
 * @param chip which machine it wants
 * @param others the units that its steps open
 * @param config the text of its configuration, to know equal ones by
 * @param configColumn where that stands in the line
 * @param steps what it does
 * @param findings what the sanitizer has to find; null if it may find anything but a fault of the chip
 */
record TestCase(
        String file,
        long line,
        String id,
        Chip chip,
        List<Chip> others,
        String config,
        int configColumn,
        List<Step> steps,
        ExpectedFindings findings) {
    private static final List<String> KEYS =
            List.of("id", "model", "subVersion", "about", "source", "area", "config", "steps", "findings");

    /**
     * Reads a case.
     *
     * @param calls gives the hypercalls or instructions of a model; null for one that is not installed
     * @throws JsonException if the line is none
     */
    static TestCase parse(String file, long line, String text, Function<IommuModel, List<CallFormat>> calls) {
        Json json = CaseText.parse(text);
        if (!json.isObject()) {
            throw json.wrong("", "not a JSON object");
        }
        Fields fields = new Fields(json, "");
        fields.expectOnly(KEYS);
        String id = fields.text("id");
        String label = fields.text("model");
        IommuModel model = IommuModel.ofLabel(label);
        if (model == null) {
            throw fields.wrong(
                    "model",
                    "unknown model '" + OneLine.name(label) + "'"
                            + Nearest.question(
                                    label,
                                    Arrays.stream(IommuModel.values())
                                            .map(IommuModel::label)
                                            .toList()));
        }
        int subVersion = fields.integer("subVersion", Integer.MAX_VALUE, 0);
        for (String key : List.of("about", "source", "area")) {
            fields.textOrTexts(key);
        }
        Json config = fields.get("config");
        Chip chip = Chip.of(model, subVersion, config);
        StepParser parser = new StepParser(chip, calls.apply(model));
        List<Step> steps = parser.parse(fields.require("steps"), "steps");
        Json findings = fields.get("findings");
        ExpectedFindings expected = findings == null ? null : new ExpectedFindings(findings);
        fields.end();
        long rounds = steps.stream().mapToLong(Step::rounds).sum();
        if (rounds > StepParser.MOST_ROUNDS) {
            throw fields.wrong("steps", "are " + rounds + " with all repetitions, more than " + StepParser.MOST_ROUNDS);
        }
        return new TestCase(
                file,
                line,
                id,
                chip,
                List.copyOf(parser.opened()),
                config == null ? "" : config.toText(),
                config == null ? json.column() : config.column(),
                steps,
                expected);
    }

    /** The chips of all its units. */
    List<Chip> chips() {
        List<Chip> all = new ArrayList<>(List.of(chip));
        all.addAll(others);
        return all;
    }

    /** True if a sanitizer has to watch it: it says what is to be found, at its end or in a step. */
    boolean isWatched() {
        return findings != null || steps.stream().anyMatch(step -> step.op().equals("findings"));
    }

    /** The needs of all steps together. */
    Step.Needs needs() {
        Step.Needs needs = Step.Needs.NOTHING;
        for (Step step : steps) {
            needs = needs.and(step.needs());
        }
        return needs;
    }
}
