package org.iommu4j.backend;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One thing about a chip that a {@link HardwareConfig} can choose: a capability, or a switch where the architecture leaves
 * a choice. For documents, help and messages.
 *
 * @param name by which a configuration names it
 * @param aliases other names that are understood
 * @param group the group of {@link HardwareConfig#fields} that it stands in; {@code "*"}: any group, or
 *     {@link HardwareConfig#options}; empty: options only
 * @param values the legal values in words, as {@code 0..0x3f} or {@code on, off}
 * @param defaults what a chip has if nothing is said, by generation
 * @param about meaning in a few words
 */
public record Setting(
        String name, List<String> aliases, String group, String values, Map<Integer, String> defaults, String about) {
    /** Copies the collections; defaults are ordered by generation. */
    public Setting {
        aliases = List.copyOf(aliases);
        defaults = Collections.unmodifiableMap(new TreeMap<>(defaults));
    }

    /** The default, or the defaults with the first generation that has each, as {@code 0; from 0x110 on 1}. */
    public String defaultsInWords() {
        StringBuilder text = new StringBuilder();
        String before = null;
        for (Map.Entry<Integer, String> entry : defaults.entrySet()) {
            if (before == null) {
                text.append(entry.getValue());
            } else if (!entry.getValue().equals(before)) {
                text.append("; from 0x")
                        .append(Integer.toHexString(entry.getKey()))
                        .append(" on ")
                        .append(entry.getValue());
            }
            before = entry.getValue();
        }
        return text.toString();
    }
}
