package org.iommu4j.testbench.run;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.json.Json;

/** Another version of the vendor's bundle serves, beside or in the place of the one that does. */
final class SwapStep {
    private SwapStep() {}

    /**
     * What a swap has to come to; what is null is not checked.
     *
     * @param outcome how it ended
     * @param to version that was to serve, without a qualifier
     * @param fidelity widened if caches were dropped
     * @param reason a part of why it did not go as a swap should
     */
    private record Expected(SwapReport.Outcome outcome, String to, Fidelity fidelity, String reason) {
        static Expected of(Json json) {
            if (json == null) {
                return new Expected(null, null, null, null);
            }
            Fields fields = new Fields(json, "expect");
            fields.expectOnly(List.of("outcome", "to", "fidelity", "reason"));
            return new Expected(
                    constant(SwapReport.Outcome.class, fields, "outcome"),
                    fields.has("to") ? fields.text("to") : null,
                    constant(Fidelity.class, fields, "fidelity"),
                    fields.has("reason") ? fields.text("reason") : null);
        }

        boolean holds(SwapReport report) {
            return (outcome == null || outcome == report.outcome())
                    && (to == null || report.to().equals(to) || report.to().startsWith(to + "."))
                    && (fidelity == null || fidelity == SwapStep.fidelity(report))
                    && (reason == null || report.reason().contains(reason));
        }
    }

    private static <E extends Enum<E>> E constant(Class<E> type, Fields fields, String key) {
        if (!fields.has(key)) {
            return null;
        }
        String name = fields.text(key);
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equals(name)) {
                return constant;
            }
        }
        throw fields.wrong(
                key,
                "'" + OneLine.name(name) + "' is not one of "
                        + String.join(
                                ", ",
                                List.of(type.getEnumConstants()).stream()
                                        .map(Enum::name)
                                        .toList()));
    }

    private static Fidelity fidelity(SwapReport report) {
        return report.cachesDropped() ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    static Step.Action parse(Fields fields) {
        String to = fields.has("to") ? fields.text("to") : "";
        boolean inPlace = fields.flag("inPlace");
        Json expect = fields.get("expect");
        Expected expected = Expected.of(expect);
        return machine -> {
            Swaps swaps = machine.units().swaps();
            SwapReport report = inPlace ? swaps.inPlace(machine.model(), to) : swaps.sideBySide(machine.model(), to);
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("outcome", report.outcome().name());
            values.put("from", report.from());
            values.put("to", report.to());
            values.put("way", inPlace ? "in place" : "side by side");
            values.put("fidelity", fidelity(report).name());
            values.put("units", report.units());
            values.put("pauseNanos", report.pauseNanos());
            values.put("lost", report.lost());
            if (!report.reason().isEmpty()) {
                values.put("reason", report.reason());
            }
            return Answer.of(values).against(expect, expected.holds(report));
        };
    }
}
