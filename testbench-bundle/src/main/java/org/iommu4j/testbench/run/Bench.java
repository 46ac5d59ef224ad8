package org.iommu4j.testbench.run;

import java.util.LinkedHashMap;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
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
    private final IommuService service;
    private final Chip chip;
    private final StepParser parser;
    private final Watch watch;
    private Recording written;
    private Machine machine;
    private boolean driver;
    private boolean stepping;
    private int hangs;

    Bench(IommuService service, Chip chip, long limitNanos) {
        this.service = service;
        this.chip = chip;
        watch = new Watch(limitNanos);
        parser = new StepParser(chip.model(), TestBench.calls(service, chip.model()));
        begin();
    }

    /** A fresh machine. */
    private void begin() {
        driver = false;
        stepping = false;
        written = new Recording();
        try {
            machine = watch.run(progress -> Machine.open(service, chip, Step.Needs.INTERRUPTS));
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
            return Json.write(Map.of("error", e.getMessage() + "; chip and memory are new"));
        }
    }

    private Map<String, Object> answer(String line, Progress progress) {
        Map<String, Object> answered = new LinkedHashMap<>();
        try {
            Step step = parser.parse(CaseText.parse(line));
            prepare(step.needs());
            machine.tell(progress);
            Answer answer = step.action().run(machine);
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

    private void prepare(Step.Needs needs) {
        if (needs.driver() && !driver) {
            Machine withDriver = Machine.open(service, chip, new Step.Needs(true, stepping || needs.stepping(), true));
            try {
                written.replay(withDriver.memory());
            } catch (RuntimeException e) {
                withDriver.close();
                throw e;
            }
            machine.close();
            machine = withDriver;
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
