package org.iommu4j.backend;

import java.util.Map;

/**
 * The configuration of a chip: its generation, capabilities, caches and choices.
 *
 * @param subVersion the generation
 * @param fields capability fields by register group and the specification's names, raw field values; what is not given has
 *     the generation's default
 * @param registers whole capability registers by name; they win over the generation's default, {@code fields} over them
 * @param cache how much it keeps
 * @param options switches where the architecture leaves a choice, by the names that the vendor documents
 */
public record HardwareConfig(
        int subVersion,
        Map<String, Map<String, Long>> fields,
        Map<String, Long> registers,
        CacheConfig cache,
        Map<String, String> options) {

    /** Copies the maps. */
    public HardwareConfig {
        fields = Map.copyOf(fields);
        registers = Map.copyOf(registers);
        options = Map.copyOf(options);
    }

    /** A generation's default chip. */
    public static HardwareConfig of(int subVersion) {
        return new HardwareConfig(subVersion, Map.of(), Map.of(), CacheConfig.DEFAULT, Map.of());
    }

    /** A copy with other caches. */
    public HardwareConfig with(CacheConfig other) {
        return new HardwareConfig(subVersion, fields, registers, other, options);
    }
}
