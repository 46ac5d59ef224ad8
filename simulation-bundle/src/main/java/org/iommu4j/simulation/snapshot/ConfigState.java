package org.iommu4j.simulation.snapshot;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;

/**
 * A {@link HardwareConfig} as part of a state, in one section: int generation; string cache configuration; capability
 * registers: int count, then string name and long value each; capability groups: int count, then string group and its
 * fields as before; options: int count, then string name and string value each.
 */
public final class ConfigState {
    private static final int MAX_ENTRIES = 256;

    private ConfigState() {}

    /** Writes it into the section that {@code out} is in. */
    public static void save(HardwareConfig config, SnapshotWriter out) {
        out.putInt(config.subVersion());
        out.putString(config.cache().name());
        saveValues(config.registers(), out);
        out.putInt(config.fields().size());
        new TreeMap<>(config.fields()).forEach((group, fields) -> saveValues(fields, out.putString(group)));
        out.putInt(config.options().size());
        new TreeMap<>(config.options())
                .forEach((name, value) -> out.putString(name).putString(value));
    }

    /**
     * Reads it from the section that {@code in} is in, to its end.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if it is damaged
     */
    public static HardwareConfig load(SnapshotReader in) {
        int subVersion = in.getInt();
        CacheConfig cache = cache(in);
        Map<String, Long> registers = loadValues(in);
        Map<String, Map<String, Long>> fields = new HashMap<>();
        int groups = in.getCount(MAX_ENTRIES);
        for (int i = 0; i < groups; i++) {
            String group = in.getString();
            fields.put(group, loadValues(in));
        }
        Map<String, String> options = new HashMap<>();
        int count = in.getCount(MAX_ENTRIES);
        for (int i = 0; i < count; i++) {
            String name = in.getString();
            options.put(name, in.getString());
        }
        in.endSection();
        return new HardwareConfig(subVersion, fields, registers, cache, options);
    }

    private static void saveValues(Map<String, Long> values, SnapshotWriter out) {
        out.putInt(values.size());
        new TreeMap<>(values).forEach((name, value) -> out.putString(name).putLong(value));
    }

    private static Map<String, Long> loadValues(SnapshotReader in) {
        Map<String, Long> values = new HashMap<>();
        int count = in.getCount(MAX_ENTRIES);
        for (int i = 0; i < count; i++) {
            String name = in.getString();
            values.put(name, in.getLong());
        }
        return values;
    }

    private static CacheConfig cache(SnapshotReader in) {
        String name = in.getString();
        for (CacheConfig config : CacheConfig.values()) {
            if (config.name().equals(name)) {
                return config;
            }
        }
        throw in.invalid("cache configuration " + name);
    }
}
