package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
    private static final List<String> COMMON_KEYS = List.of("op", "comment", "id");

    private final IommuService service;
    private final Chip chip;
    private final StepParser parser;
    private final Watch watch;
    private final Sanitizer.Mode sanitizer;
    private final SessionCase session;
    private SanitizerReport earlier = SanitizerReport.NONE;
    private Recording written;
    private Machine machine;
    private boolean driver;
    private boolean stepping;
    private int steps;
    private int hangs;

    Bench(IommuService service, Chip chip, String config, boolean sanitized, long limitNanos) {
        this.service = service;
        this.chip = chip;
        sanitizer = sanitized ? Sanitizer.Mode.ON : Sanitizer.Mode.OFF;
        session = new SessionCase(chip, config);
        watch = new Watch(limitNanos);
        parser = new StepParser(chip.model(), TestBench.calls(service, chip.model()), COMMON_KEYS);
        begin();
    }

    /** A fresh machine. */
    private void begin() {
        driver = false;
        stepping = false;
        written = new Recording();
        try {
            machine = watch.run(progress -> Machine.open(service, chip, Step.Needs.INTERRUPTS, sanitizer));
        } catch (Watch.HangException e) {
            throw new BackendException(Errno.ETIMEDOUT, "making the machine " + e.getMessage(), e);
        }
        machine.record(written);
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
            machine.tell(progress);
            machine.at(Finding.Place.ofStep(steps++));
            Answer answer = step.action().run(machine);
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
        return earlier.plus(machine.findings());
    }

    @Override
    public Map<Finding, List<String>> findingHints() {
        return machine.hints().findings(findings());
    }

    private void prepare(Step.Needs needs) {
        if (needs.driver() && !driver) {
            Machine withDriver =
                    Machine.open(service, chip, new Step.Needs(true, stepping || needs.stepping(), true), sanitizer);
            try {
                written.replay(withDriver.memory());
            } catch (RuntimeException e) {
                withDriver.close();
                throw e;
            }
            earlier = earlier.plus(machine.findings());
            machine.close();
            machine = withDriver;
            session.restart();
            driver = true;
        }
        if (needs.stepping() && !stepping) {
            machine.unit().stepping(true);
            stepping = true;
        }
    }

    @Override
    public void close() {
        try (watch) {
            watch.run(progress -> {
                machine.close();
                return null;
            });
        } catch (Watch.HangException e) {
            throw new BackendException(Errno.ETIMEDOUT, "closing the machine " + e.getMessage(), e);
        }
    }
}
