package org.iommu4j.testbench.run;

import java.util.LinkedHashMap;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
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
    private final Recording written = new Recording();
    private Machine machine;
    private boolean driver;
    private boolean stepping;

    Bench(IommuService service, Chip chip) {
        this.service = service;
        this.chip = chip;
        parser = new StepParser(chip.model(), TestBench.calls(service, chip.model()));
        machine = Machine.open(service, chip, Step.Needs.INTERRUPTS);
        machine.record(written);
    }

    @Override
    public String answer(String line) {
        Map<String, Object> answered = new LinkedHashMap<>();
        try {
            Step step = parser.parse(Json.parse(line));
            prepare(step.needs());
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
        } catch (Malformed e) {
            answered.put("error", OneLine.message(e.in("", 0).getMessage()));
        } catch (Step.StepFailure | BackendException | BusErrorException e) {
            answered.put("error", OneLine.message(String.valueOf(e.getMessage())));
        }
        return Json.write(answered);
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
        machine.close();
    }
}
