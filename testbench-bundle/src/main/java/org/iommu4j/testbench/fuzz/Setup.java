package org.iommu4j.testbench.fuzz;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testbench.run.StepRunner;

/**
 * The machine of a case.
 *
 * @param subVersion generation of the chip
 * @param config as JSON; empty for the default chip
 * @param driver true for a driver in front of the chip
 * @param stepping true for a queue that is held back
 * @param interrupts true for interrupts that are set up
 * @param twin true if the case is done again on a chip of its own
 */
record Setup(
        IommuModel model,
        int subVersion,
        String config,
        boolean driver,
        boolean stepping,
        boolean interrupts,
        boolean twin) {

    /** The {@code config} of a case that asks for a chip. */
    static String config(HardwareConfig hardware) {
        Map<String, Object> fields = new LinkedHashMap<>();
        new TreeMap<>(hardware.fields()).forEach((group, values) -> fields.put(group, hex(values)));
        if (!hardware.registers().isEmpty()) {
            fields.put("registers", hex(hardware.registers()));
        }
        fields.put("cache", hardware.cache().name().toLowerCase(Locale.ROOT).replace('_', '-'));
        fields.putAll(new TreeMap<>(hardware.options()));
        return StepRunner.json(fields);
    }

    private static Map<String, Object> hex(Map<String, Long> values) {
        Map<String, Object> texts = new TreeMap<>();
        values.forEach((name, value) -> texts.put(name, Steps.hex(value)));
        return texts;
    }
}
