package org.iommu4j.simulation.config;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;

/** The values of a configuration, one for each row of a {@link SettingTable}. */
public final class SettingValues {
    private final int subVersion;
    private final Map<SettingRow, Long> numbers = new HashMap<>();
    private final Map<SettingRow, String> texts = new HashMap<>();
    private final Map<String, Long> registers = new HashMap<>();
    private final Map<String, List<SettingValues>> lists = new HashMap<>();
    private final Set<SettingRow> chosen = new HashSet<>();

    SettingValues(int subVersion) {
        this.subVersion = subVersion;
    }

    /** The generation. */
    public int subVersion() {
        return subVersion;
    }

    /** A row's value; for a choice the index of its word. */
    public long get(SettingRow row) {
        return row.register() == null ? numbers.get(row) : row.field().get(register(row.register()));
    }

    /** A row's value that fits an {@code int}. */
    public int getInt(SettingRow row) {
        return (int) get(row);
    }

    /** True if a row's value is not 0; for a choice, if it is not the first word. */
    public boolean isSet(SettingRow row) {
        return get(row) != 0;
    }

    /** A text; empty if none was given. */
    public String text(SettingRow row) {
        return texts.getOrDefault(row, "");
    }

    /** True if the configuration gave the row, with whatever value. */
    public boolean isChosen(SettingRow row) {
        return chosen.contains(row);
    }

    /** A whole register, by its name. */
    public long register(String name) {
        return registers.get(name);
    }

    /** The elements of a list, in order; empty if none was given. */
    public List<SettingValues> list(String name) {
        return lists.getOrDefault(name, List.of());
    }

    /** Names and values of the numbers that differ from the generation's default. */
    public Map<String, Long> changed() {
        Map<String, Long> changed = new TreeMap<>();
        numbers.forEach((row, value) -> {
            if (!row.group().isEmpty() && value != row.defaultOf(subVersion)) {
                changed.put(row.name(), value);
            }
        });
        return changed;
    }

    void put(SettingRow row, long value) {
        numbers.put(row, value);
    }

    void putText(SettingRow row, String text) {
        texts.put(row, text);
        chosen.add(row);
    }

    void putRegister(String name, long value) {
        registers.put(name, value);
    }

    void putList(String name, List<SettingValues> elements) {
        lists.put(name, elements);
    }

    /** Takes a value that the configuration gives a row, by the name that it used; a field goes into its register. */
    void choose(SettingRow row, String given, long wanted) {
        long value = row.accept(given, subVersion, wanted);
        if (row.register() != null) {
            putRegister(row.register(), row.field().set(register(row.register()), value));
            return;
        }
        if (!chosen.add(row) && numbers.get(row) != value) {
            throw new BackendException(
                    Errno.EINVAL,
                    "capability " + given + "=0x" + Long.toHexString(value) + ": " + row.name() + " is also "
                            + "given as 0x" + Long.toHexString(numbers.get(row)));
        }
        numbers.put(row, value);
    }
}
