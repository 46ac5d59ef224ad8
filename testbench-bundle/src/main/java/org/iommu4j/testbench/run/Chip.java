package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.json.Json;

/**
 * The machine that a case asks for.
 *
 * @param model of the chip
 * @param hardware the chip; generation 0 for the model's usual one
 * @param hostAddressWidth in bits; 0 for the model's
 * @param ram memory; empty for all of the address space
 */
record Chip(IommuModel model, HardwareConfig hardware, int hostAddressWidth, List<PlatformConfig.Range> ram) {
    private static final int LEAST_WIDTH = 32;
    private static final int MOST_WIDTH = 52;

    /** The same chip of another generation. */
    Chip withSubVersion(int subVersion) {
        HardwareConfig other = new HardwareConfig(
                subVersion, hardware.fields(), hardware.registers(), hardware.cache(), hardware.options());
        return new Chip(model, other, hostAddressWidth, ram);
    }

    /** The chip that a {@code config} object asks for; null for the default chip. */
    static Chip of(IommuModel model, int subVersion, Json config) {
        Fields fields = new Fields(config == null ? new Json(Map.of(), 0, 1) : config, "config");
        int width = 0;
        if (fields.has("haw")) {
            width = fields.integer("haw", MOST_WIDTH);
            if (width < LEAST_WIDTH) {
                throw fields.wrong("haw", width + " is less than " + LEAST_WIDTH + " bits");
            }
        }
        CacheConfig cache = CacheConfig.DEFAULT;
        if (fields.has("cache")) {
            String label = fields.text("cache");
            cache = null;
            for (CacheConfig candidate : CacheConfig.values()) {
                if (candidate.name().toLowerCase(Locale.ROOT).replace('_', '-').equals(label)) {
                    cache = candidate;
                }
            }
            if (cache == null) {
                throw fields.wrong("cache", "'" + label + "' is not one of none, tiny, default, worst-case");
            }
        }
        Map<String, Long> registers = numbers(fields.get("registers"), "registers");
        List<PlatformConfig.Range> ram = ram(fields.get("ram"));
        Map<String, Map<String, Long>> groups = new HashMap<>();
        Map<String, String> options = new HashMap<>();
        for (String key : fields.rest()) {
            Json value = fields.require(key);
            if (value.isObject()) {
                groups.put(key, numbers(value, key));
            } else if (value.isText()) {
                options.put(key, value.text(key));
            } else if (value.isNumber()) {
                options.put(key, Long.toUnsignedString(value.number(key)));
            } else if (value.value() instanceof Boolean) {
                options.put(key, value.value().toString());
            } else if (value.isList()) {
                List<Json> elements = value.list(key);
                for (int i = 0; i < elements.size(); i++) {
                    groups.put(key + "[" + i + "]", numbers(elements.get(i), key));
                }
            } else {
                throw value.wrong(key, "unknown key");
            }
        }
        return new Chip(model, new HardwareConfig(subVersion, groups, registers, cache, options), width, ram);
    }

    private static Map<String, Long> numbers(Json object, String key) {
        Map<String, Long> numbers = new HashMap<>();
        if (object != null) {
            object.object(key).forEach((name, value) -> {
                if (!name.startsWith("x-")) {
                    numbers.put(name, value.value() instanceof Boolean flag ? (flag ? 1L : 0L) : value.number(name));
                }
            });
        }
        return numbers;
    }

    private static List<PlatformConfig.Range> ram(Json json) {
        List<PlatformConfig.Range> ranges = new ArrayList<>();
        if (json == null) {
            return ranges;
        }
        if (!json.isList()) {
            ranges.add(range(json, 0, json.number("ram")));
            return ranges;
        }
        for (Json pair : json.list("ram")) {
            List<Json> numbers = pair.list("ram");
            if (numbers.size() != 2) {
                throw pair.wrong("ram", "not a pair of base and size");
            }
            ranges.add(range(pair, numbers.get(0).number("ram"), numbers.get(1).number("ram")));
        }
        return ranges;
    }

    private static PlatformConfig.Range range(Json json, long base, long size) {
        try {
            return new PlatformConfig.Range(base, size);
        } catch (IllegalArgumentException e) {
            throw json.wrong("ram", "no " + e.getMessage());
        }
    }
}
