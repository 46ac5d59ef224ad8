package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iommu4j.json.Json;

/**
 * The steps of an interactive session as a case that comes to the same. A step without an expectation expects what it was
 * answered. What a case has from its beginning and a session only from a step on is made up for: of what was done before the
 * driver came, only memory stays, and a queue that is held back is told to go on after each step before the first {@code step}.
 */
final class SessionCase {
    private static final int ALL_COMMANDS = 1 << 20;

    /** Steps that count when the chips are fresh ones. */
    private static final Set<String> STAYING = Set.of("mem_write", "repeat_mem", "open", "device");

    private final Chip chip;
    private final String config;
    private final List<Map<String, Object>> steps = new ArrayList<>();
    private final List<Step> done = new ArrayList<>();

    /**
     * An empty session.
     *
     * @param config of its chip as JSON; blank for the default
     */
    SessionCase(Chip chip, String config) {
        this.chip = chip;
        this.config = config;
    }

    /** Adds a step that was carried out. */
    void add(Json json, Step step, Answer answer) {
        Map<String, Object> copy = new LinkedHashMap<>(json.object(""));
        copy.remove("id");
        if (!copy.containsKey("expect")) {
            Object expected = expected(step.op(), answer.values());
            if (expected != null) {
                copy.put("expect", expected);
            }
        }
        if (step.op().equals("irq") && !copy.containsKey("min") && !copy.containsKey("max")) {
            copy.put("min", answer.values().get("count"));
            copy.put("max", answer.values().get("count"));
        }
        steps.add(copy);
        done.add(step);
    }

    /** The chip is a fresh one; memory is as it was. */
    void restart() {
        for (int i = done.size() - 1; i >= 0; i--) {
            if (!STAYING.contains(done.get(i).op())) {
                done.remove(i);
                steps.remove(i);
            }
        }
    }

    /** Expectation by which a step of that kind comes to the same again; null if such a step expects nothing. */
    private static Object expected(String op, Map<String, Object> values) {
        return switch (op) {
            case "mem_read" -> values.get("hex");
            case "mmio_read" -> values.get("value");
            case "events" -> values.get("events");
            case "native" -> values.get("commands");
            case "cache" -> values.get("cache");
            case "findings" -> values.get("findings");
            case "dma", "ats" -> only(values, values.containsKey("fault") ? "fault" : "segments");
            case "ioctl", "offer", "attach", "detach", "map", "unmap" ->
                only(values, "errno", "rule", "field", "fidelity", "handled");
            case "hcall" -> only(values, "ret", "out");
            case "rtas" -> only(values, "status", "out");
            case "swap" -> only(values, "outcome", "fidelity");
            default -> null;
        };
    }

    private static Object only(Map<String, Object> values, String... keys) {
        Map<String, Object> some = new LinkedHashMap<>();
        for (String key : keys) {
            if (values.get(key) != null) {
                some.put(key, values.get(key));
            }
        }
        return some.isEmpty() ? null : some;
    }

    /** The case on one line. */
    String toJson(String id) {
        int held = done.size();
        for (int i = done.size() - 1; i >= 0; i--) {
            held = done.get(i).needs().stepping() ? i : held;
        }
        List<Object> all = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            all.add(steps.get(i));
            if (held < done.size() && i < held) {
                all.add(Map.of("op", "step", "n", ALL_COMMANDS));
            }
        }
        if (done.stream().noneMatch(step -> step.needs().interrupts())) {
            // A session has its interrupts set up from the start, as a case has that asks for them.
            all.add(Map.of("op", "irq"));
        }
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("id", id);
        one.put("model", chip.model().label());
        if (chip.hardware().subVersion() != 0) {
            one.put("subVersion", Json.hex(chip.hardware().subVersion()));
        }
        if (!config.isBlank()) {
            one.put("config", CaseText.parse(config));
        }
        one.put("steps", all);
        return Json.write(one);
    }
}
