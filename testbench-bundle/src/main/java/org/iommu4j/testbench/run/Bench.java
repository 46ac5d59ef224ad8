package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;
import org.iommu4j.testbench.BenchSession;

/**
 * An interactive test bench. What a case knows before it begins, it learns on the way: its interrupts are set up from the
 * start, the queue is held back from the first {@code step} on, and the driver comes with the first step of the contract,
 * on a fresh chip, with the memory as it is.
 */
final class Bench implements BenchSession {
    private static final List<String> COMMON_KEYS =
            Stream.concat(StepKeys.COMMON.stream(), Stream.of("id")).toList();

    /** Devices of a chip of the bench that nobody has to ask for: interrupts, and memory whose reads are seen. */
    private static final Step.Needs ALWAYS = Step.Needs.INTERRUPTS.and(Step.Needs.OBSERVED);

    private final IommuService service;
    private final Chip chip;
    private final StepParser parser;
    private final Watch watch;
    private final Sanitizer.Mode sanitizer;
    private final SessionCase session;
    private SanitizerReport earlier = SanitizerReport.NONE;
    private final Swaps swaps;
    private Units units;
    private int steps;
    private int hangs;

    Bench(IommuService service, Chip chip, String config, boolean sanitized, Swaps swaps, long limitNanos) {
        this.service = service;
        this.chip = chip;
        this.swaps = swaps;
        sanitizer = sanitized ? Sanitizer.Mode.ON : Sanitizer.Mode.OFF;
        session = new SessionCase(chip, config);
        watch = new Watch(limitNanos);
        parser = new StepParser(chip, TestBench.calls(service, chip.model()), COMMON_KEYS);
        begin();
    }

    /** A fresh machine. */
    private void begin() {
        try {
            units = watch.run(progress -> Units.open(service, chip, ALWAYS, sanitizer, swaps));
        } catch (Watch.HangException e) {
            throw new BackendException(Errno.ETIMEDOUT, "making the machine " + e.getMessage(), e);
        }
    }

    @Override
    public String answer(String line) {
        try {
            return Json.write(watch.run(progress -> answer(line, progress)));
        } catch (Watch.HangException e) {
            hangs++;
            if (hangs == TestBench.MOST_HANGS) {
                throw new BackendException(
                        Errno.ETIMEDOUT, hangs + " steps did not come back; the last one " + e.getMessage(), e);
            }
            begin();
            session.restart();
            return Json.write(Map.of("error", e.getMessage() + "; chip and memory are new"));
        }
    }

    private Object answer(String line, Progress progress) {
        Json json;
        try {
            json = CaseText.parse(line);
        } catch (JsonException e) {
            return Map.of("error", OneLine.message(CaseText.in("", 0, e).getMessage()));
        }
        if (!json.isList()) {
            return answer(json, progress);
        }
        List<Map<String, Object>> answers = new ArrayList<>();
        for (Json step : json.list("")) {
            progress.again();
            answers.add(answer(step, progress));
        }
        return answers;
    }

    private Map<String, Object> answer(Json json, Progress progress) {
        Map<String, Object> answered = new LinkedHashMap<>();
        try {
            for (String key : List.of("id", "x-id")) {
                Json id = json.object("").get(key);
                if (id != null) {
                    answered.put(key, id);
                }
            }
            if (isHelp(json)) {
                answered.put("ops", StepKeys.ALL);
                answered.put("common", COMMON_KEYS);
                return answered;
            }
            Step step = parser.parse(json);
            prepare(step.needs());
            units.tell(progress);
            units.at(Finding.Place.ofStep(steps++));
            Answer answer = step.action().run(units.first());
            session.add(json, step, answer);
            answered.putAll(answer.values());
            if (answer.expected() != null) {
                answered.put("met", answer.met());
                if (!answer.met()) {
                    answered.put("expected", answer.expected());
                }
            }
            if (!answer.explain().isEmpty()) {
                answered.put("explain", answer.explain());
            }
        } catch (JsonException e) {
            answered.put("error", OneLine.message(CaseText.in("", 0, e).getMessage()));
        } catch (Step.StepFailure | BackendException | BusErrorException e) {
            answered.put("error", OneLine.message(String.valueOf(e.getMessage())));
        }
        return answered;
    }

    private static boolean isHelp(Json json) {
        Json op = json.object("").get("op");
        return op != null && op.isText() && op.text("op").equals("help");
    }

    @Override
    public String recorded(String id) {
        return session.toJson(id);
    }

    @Override
    public SanitizerReport findings() {
        return earlier.plus(units.findings());
    }

    @Override
    public Map<Finding, List<String>> findingHints() {
        return units.first().hints().findings(findings());
    }

    private void prepare(Step.Needs needs) {
        Step.Needs more = units.needs().and(needs);
        if (needs.driver() && !units.needs().driver()) {
            SanitizerReport found = units.findings();
            units = units.reopened(more);
            earlier = earlier.plus(found);
            session.restart();
        } else {
            units.become(more);
        }
    }

    @Override
    public void close() {
        try (watch) {
            watch.run(progress -> {
                units.close();
                return null;
            });
        } catch (Watch.HangException e) {
            throw new BackendException(Errno.ETIMEDOUT, "closing the machine " + e.getMessage(), e);
        }
    }
}
