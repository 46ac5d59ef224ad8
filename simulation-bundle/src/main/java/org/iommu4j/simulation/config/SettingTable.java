package org.iommu4j.simulation.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.function.IntToLongFunction;
import java.util.function.ToLongFunction;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Setting;
import org.iommu4j.contract.Errno;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/**
 * Everything that a configuration of a model's chips can choose. Rows are declared through a {@link Builder} and kept in
 * constants, as the fields of a {@link Layout} are:
 *
 * <pre>{@code
 * private static final SettingTable.Builder ROWS = SettingTable.of("example", "cap", 0x0100, 0x0200);
 * static final SettingRow MSI = ROWS.choice("msi", "off", "on").about("completion by message");
 * static final SettingTable TABLE = ROWS.register("CAP", "cap", Cap.LAYOUT, generation -> 0x0d4).build();
 * }</pre>
 *
 * <p>A configuration is read in this order: defaults of the generation, whole registers, single fields by group and name,
 * options by name. So a field wins over its register.
 */
public final class SettingTable {
    private static final String ANY_GROUP = "*";
    private static final Pattern SEPARATORS = Pattern.compile("[ _-]");

    private final String model;
    private final String groupOfNumbers;
    private final int[] generations;
    private final List<RegisterRow> registers;
    private final List<SettingRow> rows;
    private final Map<String, SettingTable> lists;
    private final List<Varied> variations;
    private final boolean looseNames;

    /**
     * A register that is chosen as a whole or by its fields.
     *
     * @param name of the whole register
     * @param group of its fields
     * @param layout its fields
     * @param width in bits that can be chosen
     * @param byDefault the default by generation
     */
    private record RegisterRow(String name, String group, Layout layout, int width, IntToLongFunction byDefault) {}

    /** Makes up a value of a row for the fuzzer. */
    @FunctionalInterface
    public interface Variation {
        /** A value that the generation can have; null to leave the default. */
        Long draw(int subVersion, RandomGenerator random);
    }

    private record Varied(SettingRow row, Variation variation) {}

    private SettingTable(Builder builder) {
        model = builder.model;
        groupOfNumbers = builder.groupOfNumbers;
        generations = builder.generations;
        registers = List.copyOf(builder.registers);
        rows = List.copyOf(builder.rows);
        lists = new LinkedHashMap<>(builder.lists);
        variations = List.copyOf(builder.variations);
        looseNames = builder.looseNames;
    }

    /**
     * Begins a table.
     *
     * @param model as messages name it
     * @param groupOfNumbers group in which rows that may stand in any group are shown, and put by {@link #vary}
     * @param generations all generations that can be configured
     */
    public static Builder of(String model, String groupOfNumbers, int... generations) {
        return new Builder(model, groupOfNumbers, generations);
    }

    /** Collects the rows of a table. */
    public static final class Builder {
        private final String model;
        private final String groupOfNumbers;
        private final int[] generations;
        private final List<RegisterRow> registers = new ArrayList<>();
        private final List<SettingRow> rows = new ArrayList<>();
        private final Map<String, SettingTable> lists = new LinkedHashMap<>();
        private final List<Varied> variations = new ArrayList<>();
        private boolean looseNames;

        private Builder(String model, String groupOfNumbers, int... generations) {
            this.model = model;
            this.groupOfNumbers = groupOfNumbers;
            this.generations = generations.clone();
        }

        /** From now on names are understood without regard to case, spaces, hyphens and underscores. */
        public Builder looseNames() {
            looseNames = true;
            return this;
        }

        /**
         * A capability register, whole by its name, or field by field in a group; several registers may share a group.
         *
         * @param width how many low bits can be chosen, 1 to 64
         */
        public Builder register(String name, String group, Layout layout, int width, IntToLongFunction byDefault) {
            registers.add(new RegisterRow(name, group, layout, width, byDefault));
            for (BitField field : layout.fields()) {
                add(new SettingRow(name, group, field))
                        .byDefault(generation -> field.get(byDefault.applyAsLong(generation)));
            }
            return this;
        }

        /** The row of a field of a register that has been declared. */
        public SettingRow field(BitField field) {
            for (SettingRow row : rows) {
                if (field.equals(row.field())) {
                    return row;
                }
            }
            throw new IllegalArgumentException(field + " is in no register of this table");
        }

        /** A number in any group, or among the options. */
        public SettingRow number(String name, int width) {
            return add(new SettingRow(name, ANY_GROUP, width));
        }

        /** A number among the options only. */
        public SettingRow numberOption(String name, int width) {
            return add(new SettingRow(name, "", width));
        }

        /** A choice of words among the options; value 0 is the first, which is the default. */
        public SettingRow choice(String name, String... words) {
            SettingRow row = new SettingRow(name, "", Long.SIZE);
            for (int i = 0; i < words.length; i++) {
                row.word(words[i], i);
            }
            return add(row);
        }

        /** A text among the options that the vendor reads; empty by default. */
        public SettingRow text(String name) {
            return add(new SettingRow(name, "", 0));
        }

        /** A list of which each element has the rows of a table: groups {@code name[0]}, {@code name[1]} and so on. */
        public Builder list(String name, SettingTable element) {
            lists.put(name, element);
            return this;
        }

        /** The fuzzer varies a row; rows draw from the random numbers in the order of these calls. */
        public Builder vary(SettingRow row, Variation variation) {
            variations.add(new Varied(row, variation));
            return this;
        }

        /** The fuzzer gives one chip in five another value of a capability. */
        public Builder vary(BitField field, ToLongFunction<RandomGenerator> value) {
            return vary(field, generation -> true, value);
        }

        /**
         * The fuzzer gives one chip in five another value of a capability.
         *
         * @param generations those whose chips can have it
         */
        public Builder vary(BitField field, IntPredicate generations, ToLongFunction<RandomGenerator> value) {
            return vary(field(field), (generation, random) -> {
                long drawn = value.applyAsLong(random);
                return random.nextInt(5) == 0 && generations.test(generation) ? drawn : null;
            });
        }

        private SettingRow add(SettingRow row) {
            rows.add(row);
            return row;
        }

        /** The table. */
        public SettingTable build() {
            return new SettingTable(this);
        }
    }

    /**
     * The defaults of a generation.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public SettingValues defaults(int subVersion) {
        requireKnown(subVersion);
        SettingValues values = new SettingValues(subVersion);
        for (RegisterRow register : registers) {
            values.putRegister(register.name, register.byDefault.applyAsLong(subVersion));
        }
        for (SettingRow row : rows) {
            if (row.register() == null) {
                values.put(row, row.defaultOf(subVersion));
            }
        }
        return values;
    }

    private void requireKnown(int subVersion) {
        for (int known : generations) {
            if (known == subVersion) {
                return;
            }
        }
        throw new BackendException(
                Errno.EPROTONOSUPPORT, model + " generation " + Generation.text(subVersion) + " is unknown");
    }

    /**
     * Reads a configuration.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, or for a value that the generation cannot
     *     have; {@code EINVAL} for an unknown name, a value that does not fit, or two values for one thing
     */
    public SettingValues read(HardwareConfig config) {
        SettingValues values = defaults(config.subVersion());
        new TreeMap<>(config.registers()).forEach((name, value) -> putRegister(values, name, value));
        Map<String, Map<String, Long>> groups = new TreeMap<>(config.fields());
        lists.forEach((name, element) -> values.putList(name, element.readList(config.subVersion(), name, groups)));
        groups.forEach((group, fields) -> new TreeMap<>(fields).forEach((name, value) -> {
            values.choose(find(group, name), group + "." + name, value);
        }));
        new TreeMap<>(config.options()).forEach((name, text) -> {
            SettingRow row = find("", name);
            if (row.isText()) {
                values.putText(row, text);
            } else {
                values.choose(row, name, row.parse(name, text));
            }
        });
        for (SettingRow row : rows) {
            if (row.register() != null) {
                row.check(row.group() + "." + row.name(), config.subVersion(), values.get(row));
            }
        }
        return values;
    }

    private void putRegister(SettingValues values, String name, long value) {
        for (RegisterRow register : registers) {
            if (register.name.equals(name)) {
                if (register.width < Long.SIZE && value >>> register.width != 0) {
                    throw new BackendException(
                            Errno.EINVAL,
                            name + "=0x" + Long.toHexString(value) + " exceeds " + register.width + " bits");
                }
                values.putRegister(name, value);
                return;
            }
        }
        throw new BackendException(
                Errno.EINVAL,
                registers.isEmpty()
                        ? "no capability registers on this model: " + name
                        : "unknown capability register " + name + "; known: "
                                + registers.stream().map(RegisterRow::name).collect(Collectors.joining(", ")));
    }

    private List<SettingValues> readList(int subVersion, String list, Map<String, Map<String, Long>> groups) {
        List<SettingValues> elements = new ArrayList<>();
        for (; ; ) {
            String element = list + "[" + elements.size() + "]";
            Map<String, Long> given = groups.remove(element);
            if (given == null) {
                return elements;
            }
            SettingValues values = defaults(subVersion);
            new TreeMap<>(given)
                    .forEach((name, value) -> values.choose(find(element, name), element + "." + name, value));
            elements.add(values);
        }
    }

    /** The row that a name means in a group, or among the options if the group is empty. */
    private SettingRow find(String group, String name) {
        boolean groupExists = group.isEmpty();
        for (SettingRow row : rows) {
            boolean inAny = row.group().equals(ANY_GROUP);
            groupExists |= inAny || row.group().equals(group);
            if ((inAny || row.group().equals(group)) && isNamed(row, name)) {
                return row;
            }
        }
        if (!groupExists) {
            throw new BackendException(Errno.EINVAL, "unknown capability group " + group + "; known: " + groupNames());
        }
        throw new BackendException(
                Errno.EINVAL,
                (group.isEmpty() ? "unknown option " + name : "unknown capability " + group + "." + name) + "; known: "
                        + String.join(", ", names(group)));
    }

    private boolean isNamed(SettingRow row, String name) {
        String wanted = plain(name);
        return plain(row.name()).equals(wanted)
                || row.aliases().stream().anyMatch(alias -> plain(alias).equals(wanted));
    }

    private String plain(String name) {
        return looseNames ? SEPARATORS.matcher(name.toLowerCase(Locale.ROOT)).replaceAll("") : name;
    }

    private Set<String> names(String group) {
        Set<String> names = new TreeSet<>();
        for (SettingRow row : rows) {
            if (row.group().equals(ANY_GROUP) || row.group().equals(group)) {
                names.add(row.name());
            }
        }
        return names;
    }

    private String groupNames() {
        Set<String> names = new TreeSet<>();
        rows.forEach(row -> {
            if (!row.group().isEmpty()) {
                names.add(row.group());
            }
        });
        return String.join(", ", names);
    }

    /** A configuration whose capabilities are made up from random numbers by the rows that say how. */
    public HardwareConfig vary(int subVersion, RandomGenerator random) {
        HardwareConfig plain = HardwareConfig.of(subVersion);
        Map<String, Map<String, Long>> fields = new LinkedHashMap<>();
        Map<String, String> options = new LinkedHashMap<>();
        for (Varied varied : variations) {
            SettingRow row = varied.row;
            Long value = varied.variation.draw(subVersion, random);
            if (value == null) {
                continue;
            }
            if (row.group().isEmpty()) {
                options.put(row.name(), row.show(value));
            } else {
                String group = row.group().equals(ANY_GROUP) ? groupOfNumbers : row.group();
                fields.computeIfAbsent(group, name -> new LinkedHashMap<>()).put(row.name(), value);
            }
        }
        return new HardwareConfig(subVersion, fields, plain.registers(), plain.cache(), options);
    }

    /** The rows for documents and help, those of lists under the names of their elements. */
    public List<Setting> settings() {
        List<Setting> settings = new ArrayList<>();
        for (SettingRow row : rows) {
            settings.add(setting(row, row.group().equals(ANY_GROUP) ? groupOfNumbers : row.group()));
        }
        lists.forEach((name, element) -> element.rows.forEach(row -> settings.add(element.setting(row, name + "[i]"))));
        return settings;
    }

    private Setting setting(SettingRow row, String group) {
        Map<Integer, String> defaults = new TreeMap<>();
        for (int generation : generations) {
            defaults.put(generation, row.show(row.defaultOf(generation)));
        }
        return new Setting(row.name(), row.aliases(), group, row.values(), defaults, row.about());
    }

    /** True if a name is a row that may stand among the options without being an option only. */
    public boolean isNumber(String name) {
        return rows.stream().anyMatch(row -> row.group().equals(ANY_GROUP) && isNamed(row, name));
    }
}
