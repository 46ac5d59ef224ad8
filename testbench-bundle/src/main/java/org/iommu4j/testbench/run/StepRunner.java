package org.iommu4j.testbench.run;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Unit;
import org.iommu4j.json.Json;
import org.iommu4j.json.JsonException;
import org.iommu4j.testbench.BundleJars;
import org.iommu4j.testbench.CaseFileException;

/** Carries out steps one by one on a fresh machine, for a caller that makes them up as they run. */
public final class StepRunner implements AutoCloseable {
    private final Units units;
    private final HardwareConfig hardware;
    private final StepParser parser;

    private StepRunner(Units units, Chip chip, StepParser parser) {
        this.units = units;
        HardwareConfig wanted = chip.hardware();
        hardware = new HardwareConfig(
                units.first().unit().subVersion(),
                wanted.fields(),
                wanted.registers(),
                wanted.cache(),
                wanted.options());
        this.parser = parser;
    }

    /**
     * The outcome of a step.
     *
     * @param values by key; numbers and texts as in an answer of the bench
     * @param met false if the step expected something else
     * @param where steps within the step that failed; empty if it has none
     * @param explain command lines that decode the bytes at fault; empty if there are none
     */
    public record Result(Map<String, Object> values, boolean met, String where, List<String> explain) {}

    /**
     * A fresh machine with a sanitizer.
     *
     * @param subVersion generation of the chip; 0 for the model's usual one
     * @param config a case's {@code config} as JSON; empty for the default chip
     * @param driver true for a driver in front of the chip
     * @param stepping true for a queue that is held back
     * @param interrupts true for messages that are set up
     * @throws CaseFileException if the configuration cannot be read
     * @throws org.iommu4j.backend.BackendException if nobody serves the model, or the chip cannot be had
     */
    public static StepRunner open(
            IommuService service,
            IommuModel model,
            int subVersion,
            String config,
            boolean driver,
            boolean stepping,
            boolean interrupts) {
        Chip chip;
        try {
            chip = Chip.of(model, subVersion, config.isEmpty() ? null : CaseText.parse(config));
        } catch (JsonException e) {
            throw CaseText.in("", 0, e);
        }
        Step.Needs needs = new Step.Needs(driver, stepping, interrupts, false);
        StepParser parser = new StepParser(chip, TestBench.calls(service, model));
        Swaps none = new Swaps(service, null, BundleJars.NONE);
        return new StepRunner(Units.open(service, chip, needs, Sanitizer.Mode.ON, none), chip, parser);
    }

    /**
     * Carries out a step.
     *
     * @param step its JSON
     * @throws CaseFileException if it is no step
     * @throws StepRefusedException if it cannot be carried out
     * @throws RuntimeException what the machine throws
     */
    public Result run(String step) {
        try {
            Answer answer = parser.parse(CaseText.parse(step)).action().run(units.first());
            return new Result(answer.values(), answer.met(), answer.where(), answer.explain());
        } catch (JsonException e) {
            throw CaseText.in("", 0, e);
        } catch (Step.StepFailure e) {
            throw new StepRefusedException(e.getMessage(), e);
        }
    }

    /** A step that cannot be carried out on this machine. */
    public static final class StepRefusedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        StepRefusedException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The machine's unit. */
    public Unit unit() {
        return units.first().unit();
    }

    /** A driver's view of the unit. */
    public NativePort port() {
        return units.first().port();
    }

    /** The configuration of the chip. */
    public HardwareConfig hardware() {
        return hardware;
    }

    /** The model's knowledge for test benches. */
    public BenchSupport support() {
        return units.first().support();
    }

    /** Native commands that the driver wrote since the last call; if they are more than the machine keeps, the first ones. */
    public List<byte[]> takeCommands() {
        return units.first().takeCommands();
    }

    @Override
    public void close() {
        units.close();
    }

    /** A tree of maps, lists, texts, numbers and booleans as JSON on one line. */
    public static String json(Object tree) {
        return Json.write(tree);
    }

    /**
     * The tree of a JSON text; numbers are {@link BigInteger}, or Double where they have a fraction.
     *
     * @throws CaseFileException if it is none
     */
    public static Object parse(String text) {
        try {
            return plain(CaseText.parse(text));
        } catch (JsonException e) {
            throw CaseText.in("", 0, e);
        }
    }

    private static Object plain(Json json) {
        if (json.isObject()) {
            Map<String, Object> fields = new LinkedHashMap<>();
            json.object("").forEach((key, value) -> fields.put(key, plain(value)));
            return fields;
        }
        if (json.isList()) {
            List<Object> elements = new ArrayList<>();
            json.list("").forEach(element -> elements.add(plain(element)));
            return elements;
        }
        return json.value();
    }
}
