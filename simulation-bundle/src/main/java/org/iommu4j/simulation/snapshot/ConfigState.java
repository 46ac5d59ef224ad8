package org.iommu4j.simulation.snapshot;

import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;

/**
 * A {@link HardwareConfig} as part of a state, in one section: int generation; constant cache configuration; capability
 * registers as named longs; capability groups: int count, then string group and its fields as named longs; options as
 * named strings.
 */
public final class ConfigState {
    private static final int MAX_GROUPS = 256;

    private ConfigState() {}

    /** Writes it into the section that {@code out} is in. */
    public static void save(HardwareConfig config, SnapshotWriter out) {
        out.putInt(config.subVersion()).putString(config.cache().name()).putNamedLongs(config.registers());
        out.putInt(config.fields().size());
        new TreeMap<>(config.fields())
                .forEach((group, fields) -> out.putString(group).putNamedLongs(fields));
        out.putNamedStrings(config.options());
    }

    /**
     * Reads it from the section that {@code in} is in, to its end.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if it is damaged
     */
    public static HardwareConfig load(SnapshotReader in) {
        int subVersion = in.getInt();
        CacheConfig cache = in.getConstant(CacheConfig.class);
        Map<String, Long> registers = in.getNamedLongs();
        Map<String, Map<String, Long>> fields = new HashMap<>();
        int groups = in.getCount(MAX_GROUPS);
        for (int i = 0; i < groups; i++) {
            String group = in.getString();
            fields.put(group, in.getNamedLongs());
        }
        Map<String, String> options = in.getNamedStrings();
        in.endSection();
        return new HardwareConfig(subVersion, fields, registers, cache, options);
    }
}
