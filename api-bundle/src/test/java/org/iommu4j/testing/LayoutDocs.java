package org.iommu4j.testing;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.Setting;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Guard;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Numbering;
import org.iommu4j.layout.Register;
import org.iommu4j.layout.ReservedPolicy;

/** Layouts, commands, registers and bind payloads as markdown, in the numbering of their specification. */
public final class LayoutDocs {
    private LayoutDocs() {}

    /** Several structures, in their order. */
    public static String layouts(Collection<Layout> layouts) {
        return layouts.stream().map(LayoutDocs::layout).collect(Collectors.joining("\n"));
    }

    /** One structure: a heading and a table of all its bits. */
    public static String layout(Layout layout) {
        return layout(layout, false);
    }

    private static String layout(Layout layout, boolean isRegister) {
        StringBuilder text = new StringBuilder();
        text.append("### ").append(layout.name()).append("\n\n");
        text.append(facts(layout)).append("\n\n");
        text.append(
                isRegister
                        ? "| bits | field | access | values | meaning |\n|---|---|---|---|---|\n"
                        : "| bits | field | values | meaning |\n|---|---|---|---|\n");
        for (Row row : rows(layout)) {
            text.append("| ").append(layout.bits(row.field));
            text.append(" | ").append(row.name);
            if (isRegister) {
                text.append(" | ").append(layout.fields().contains(row.field) ? access(row.field) : "");
            }
            text.append(" | ").append(values(row.field));
            text.append(" | ").append(row.meaning).append(" |\n");
        }
        return text.toString();
    }

    /** A table of the commands, then the layout of each; siblings that share a layout show it once. */
    public static String commands(List<? extends CommandFormat> commands) {
        StringBuilder text =
                new StringBuilder("| opcode | command | since | format | defined in |\n|---|---|---|---|---|\n");
        Set<Layout> layouts = new LinkedHashSet<>();
        for (CommandFormat command : commands) {
            Layout layout = command.layout();
            text.append("| ").append(hex(command.opcode()));
            text.append(" | ").append(command.name());
            text.append(" | ").append(command.since() == 0 ? "all" : hex(command.since()));
            text.append(" | ").append(layout.name());
            text.append(" | ").append(escape(layout.section())).append(" |\n");
            layouts.add(layout);
        }
        return text.append('\n').append(layouts(layouts)).toString();
    }

    /** A table of the registers, then the layout of each that has one. */
    public static String registers(List<Register> registers) {
        StringBuilder text = new StringBuilder("""
                | offset | register | width | reset | survives reset |
                |---|---|---|---|---|
                """);
        Set<Layout> layouts = new LinkedHashSet<>();
        for (Register register : registers) {
            text.append("| ").append(String.format(Locale.ROOT, "0x%03x", register.offset()));
            text.append(" | ").append(register.name());
            text.append(" | ").append(register.widthBits());
            text.append(" | ").append(hex(register.reset()));
            text.append(" | ").append(register.sticky() ? "yes" : "no").append(" |\n");
            if (register.layout() != null) {
                layouts.add(register.layout());
            }
        }
        return text.append('\n')
                .append(layouts.stream().map(layout -> layout(layout, true)).collect(Collectors.joining("\n")))
                .toString();
    }

    private static String access(BitField field) {
        return Stream.concat(
                        Stream.of(field.access().text()),
                        field.guards().stream().map(Guard::text))
                .collect(Collectors.joining("; "));
    }

    /** A table of what a configuration can choose. */
    public static String settings(List<Setting> settings) {
        StringBuilder text =
                new StringBuilder("| group | name | also | values | default | meaning |\n|---|---|---|---|---|---|\n");
        for (Setting setting : settings) {
            text.append("| ").append(setting.group().isEmpty() ? "(option)" : setting.group());
            text.append(" | ").append(setting.name());
            text.append(" | ").append(String.join(", ", setting.aliases()));
            text.append(" | ").append(escape(setting.values()));
            text.append(" | ").append(escape(setting.defaultsInWords()));
            text.append(" | ").append(escape(setting.about())).append(" |\n");
        }
        return text.toString();
    }

    /**
     * A table of why accesses are refused, by the names and codes that cases and the bench know them by.
     *
     * @param bench that of the model, which names them
     * @param meanings what each code stands for, in the order in which they are shown
     */
    public static String faults(BenchSupport bench, Map<Integer, String> meanings) {
        StringBuilder text = new StringBuilder(
                "What `fault` of an `expect` may have as its `name` (in any case, with or without punctuation) or `code`,"
                        + " and `events` as `code`.\n\n| code | name | meaning |\n|---|---|---|\n");
        meanings.forEach((code, meaning) -> text.append("| ")
                .append(hex(Integer.toUnsignedLong(code)))
                .append(" | ")
                .append(bench.faultName(code))
                .append(" | ")
                .append(escape(meaning))
                .append(" |\n"));
        return text.toString();
    }

    /** The vendor part of each bind operation. */
    public static String binds(List<BindFormat> binds) {
        StringBuilder text = new StringBuilder();
        for (BindFormat bind : binds) {
            text.append("`")
                    .append(operation(bind.operation()))
                    .append("`, model ")
                    .append(bind.model().label());
            text.append(", from sub_version ").append(hex(bind.subVersion()));
            text.append(
                    bind.vendorFlags() == 0
                            ? ", no vendor flags:\n\n"
                            : ", vendor flags " + hex(Integer.toUnsignedLong(bind.vendorFlags())) + ":\n\n");
            text.append(layout(bind.layout())).append('\n');
        }
        return text.toString();
    }

    /** A table of the calls, then one of each call's operands and results, and the result codes that they share. */
    public static String calls(List<CallFormat> calls) {
        StringBuilder text = new StringBuilder(
                "| function | call | kind | operands | results | defined in |\n|---|---|---|---|---|---|\n");
        Map<List<Code>, List<String>> codes = new LinkedHashMap<>();
        for (CallFormat call : calls) {
            text.append("| ").append(hex(Integer.toUnsignedLong(call.function())));
            text.append(" | ").append(call.name());
            text.append(" | ").append(call.kind().name().toLowerCase(Locale.ROOT));
            text.append(" | ").append(names(call.operands()));
            text.append(" | ").append(names(call.results()));
            text.append(" | ").append(escape(call.spec())).append(" |\n");
            codes.computeIfAbsent(call.codes(), key -> new ArrayList<>()).add(call.name());
        }
        for (CallFormat call : calls) {
            if (!call.operands().isEmpty() || !call.results().isEmpty()) {
                text.append("\n### ").append(call.name()).append("\n\n");
                text.append("| | name | word | bits | meaning |\n|---|---|---|---|---|\n");
                call.operands().forEach(operand -> text.append(operand("in", operand)));
                call.results().forEach(result -> text.append(operand("out", result)));
            }
        }
        codes.forEach((list, names) -> {
            if (!list.isEmpty()) {
                text.append("\nCodes of ").append(String.join(", ", names)).append(": ");
                text.append(list.stream()
                                .map(code -> code.value() + " = " + escape(code.meaning()))
                                .collect(Collectors.joining("; ")))
                        .append(".\n");
            }
        });
        return text.toString();
    }

    private static String names(List<Operand> operands) {
        return operands.stream().map(Operand::name).collect(Collectors.joining(", "));
    }

    private static String operand(String direction, Operand operand) {
        List<String> about = new ArrayList<>();
        if (!operand.about().isEmpty()) {
            about.add(escape(operand.about()));
        }
        if (operand.type() != CallFormat.Type.NUMBER) {
            about.add(operand.lengthBytes() + " bytes of memory "
                    + (operand.type() == CallFormat.Type.ANSWER ? "behind what is given" : "at this address"));
        }
        if (operand.optional()) {
            about.add("may be left out");
        }
        if (!operand.aliases().isEmpty()) {
            about.add("also " + String.join(", ", operand.aliases()));
        }
        String bits = operand.width() == 1
                ? String.valueOf(operand.shift())
                : operand.shift() + operand.width() - 1 + ":" + operand.shift();
        return "| " + direction + " | " + operand.name() + " | " + operand.word() + " | " + bits + " | "
                + String.join("; ", about) + " |\n";
    }

    /** A number as specifications print it. */
    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    /** Text that is safe in a table's cell. */
    static String escape(String text) {
        return text.replace("|", "\\|").replace("\n", " ");
    }

    private static String operation(int operation) {
        return switch (operation) {
            case Uapi.BIND_PASIDTBL -> "BIND_PASIDTBL";
            case Uapi.BIND_PASID -> "BIND_PASID";
            default -> "BIND_PGTABLE";
        };
    }

    private static String facts(Layout layout) {
        StringBuilder text = new StringBuilder();
        if (!layout.section().isEmpty()) {
            text.append(layout.section()).append(". ");
        }
        text.append(layout.sizeBits()).append(" bits, ");
        text.append(layout.byteOrder() == ByteOrder.LITTLE_ENDIAN ? "little endian" : "big endian");
        text.append(layout.numbering() == Numbering.LSB0 ? ", bit 0 least significant" : ", bit 0 most significant");
        return text.append('.').toString();
    }

    private static String values(BitField field) {
        return field.codes().stream()
                .map(code -> code.value() + " = " + escape(code.meaning()))
                .collect(Collectors.joining("; "));
    }

    /** One line: a field, an ignored range, or a range that nobody claims. */
    private record Row(BitField field, String name, String meaning) {}

    private static List<Row> rows(Layout layout) {
        List<Row> rows = new ArrayList<>();
        for (BitField field : layout.fields()) {
            rows.add(new Row(field, field.name(), meaning(field)));
        }
        for (BitField field : layout.ignored()) {
            rows.add(new Row(field, field.name(), "ignored by hardware"));
        }
        for (int word = 0; word < layout.words(); word++) {
            int width = Math.min(Long.SIZE, layout.sizeBits() - word * Long.SIZE);
            long free = -1L >>> (Long.SIZE - width);
            for (Row row : List.copyOf(rows)) {
                free &= row.field.word() == word ? ~row.field.mask() : -1L;
            }
            while (free != 0) {
                int low = Long.numberOfTrailingZeros(free);
                int run = Long.numberOfTrailingZeros(~(free >>> low));
                BitField range = new BitField("reserved", word, low, run, false, List.of(), 0, "", "");
                rows.add(new Row(
                        range,
                        "*reserved*",
                        layout.reservedPolicy() == ReservedPolicy.CHECKED ? "must be zero" : "no effect"));
                free &= ~range.mask();
            }
        }
        Comparator<Row> byWord = Comparator.comparingInt(row -> row.field.word());
        Comparator<Row> byShift = Comparator.comparingInt(row -> row.field.shift());
        rows.sort(byWord.thenComparing(layout.numbering() == Numbering.LSB0 ? byShift : byShift.reversed()));
        return rows;
    }

    private static String meaning(BitField field) {
        List<String> parts = new ArrayList<>();
        if (!field.about().isEmpty()) {
            parts.add(escape(field.about()));
        }
        if (field.inPlace()) {
            parts.add("value keeps its place");
        }
        if (field.since() != 0) {
            parts.add("since sub_version " + hex(field.since()));
        }
        if (!field.capability().isEmpty()) {
            parts.add("with capability " + field.capability());
        }
        return String.join("; ", parts);
    }
}
