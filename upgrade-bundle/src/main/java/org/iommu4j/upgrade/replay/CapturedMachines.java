package org.iommu4j.upgrade.replay;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.SanitizerReport;

/** The units of a captured machine, each with a chip of its own. */
final class CapturedMachines<M extends CapturedMachine> implements AutoCloseable {
    private final Map<String, M> byUnit = new LinkedHashMap<>();

    /**
     * Makes one for each unit.
     *
     * @param configs of the chips by unit
     */
    CapturedMachines(Map<String, HardwareConfig> configs, Function<HardwareConfig, M> made) {
        try {
            configs.forEach((unit, config) -> byUnit.put(unit, made.apply(config)));
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** All of them by the name of the unit, in order. */
    Map<String, M> byUnit() {
        return Collections.unmodifiableMap(byUnit);
    }

    /** Findings of all sanitizers so far. */
    SanitizerReport findings() {
        return byUnit.values().stream()
                .map(CapturedMachine::findings)
                .reduce(SanitizerReport.NONE, SanitizerReport::plus);
    }

    @Override
    public void close() {
        byUnit.values().forEach(CapturedMachine::close);
    }
}
