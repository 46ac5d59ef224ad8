package org.iommu4j.core.explain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.Explanation.Line;
import org.iommu4j.core.service.Explanation.Part;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** The formats of one backend, and how its structures read. Every method calls foreign code. */
public final class Formats {
    private final Backend backend;
    private final BackendDescription description;

    Formats(Backend backend) {
        this.backend = backend;
        description = backend.describe();
    }

    BackendDescription description() {
        return description;
    }

    List<Layout> layouts() {
        return backend.layouts();
    }

    List<CommandFormat> commands() {
        return backend.commands();
    }

    List<CallFormat> calls() {
        return backend.calls();
    }

    List<LogFormat> logFormats() {
        return backend.formats().logFormats();
    }

    /** Name of the layout of a record; empty if there is none. */
    String eventFormat(byte[] record) {
        return backend.formats().eventFormat(record);
    }

    /** The size that most commands have, which is that of an entry of their ring; 0 if there are no commands. */
    int commandBytes() {
        Map<Integer, Integer> sizes = new TreeMap<>();
        for (CommandFormat command : commands()) {
            sizes.merge(command.layout().sizeBytes(), 1, Integer::sum);
        }
        return sizes.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElse(0);
    }

    List<BindFormat> bindFormats() {
        return backend.bindFormats();
    }

    List<Layout> payloads(int subVersion) {
        return backend.payloads(subVersion);
    }

    /** The generations, newest first; only the one of that number unless it is {@link ExplainService#ANY}. */
    List<Generation> generations(int subVersion) {
        return description.generations().stream()
                .filter(generation -> subVersion == ExplainService.ANY || generation.subVersion() == subVersion)
                .sorted(Comparator.comparing(Generation::subVersion, Integer::compareUnsigned)
                        .reversed())
                .toList();
    }

    List<Register> registers(Generation generation) {
        return backend.registers(generation.subVersion());
    }

    /** A layout or the layout of a command by name; null if there is none. */
    Layout layout(String name) {
        for (Layout layout : layouts()) {
            if (layout.name().equalsIgnoreCase(name)) {
                return layout;
            }
        }
        for (CommandFormat command : commands()) {
            if (command.name().equalsIgnoreCase(name)) {
                return command.layout();
            }
        }
        return null;
    }

    /** True if a structure or a command has that size, whatever its opcode. */
    boolean hasSize(ExplainInput input) {
        return Stream.concat(layouts().stream(), commands().stream().map(CommandFormat::layout))
                .anyMatch(layout -> input.as(layout) != null);
    }

    /** Every name that stands for a format: of layouts, commands, registers and calls. */
    Set<String> names(int subVersion) {
        Set<String> names = new LinkedHashSet<>();
        layouts().forEach(layout -> names.add(layout.name()));
        commands().forEach(command -> names.add(command.name()));
        for (Generation generation : generations(subVersion)) {
            registers(generation).forEach(register -> names.add(register.name()));
        }
        calls().forEach(call -> names.add(call.name()));
        return names;
    }

    /** A hypercall, RTAS call or instruction by name; null if there is none. */
    CallFormat call(String name) {
        return calls().stream().filter(call -> call.named(name)).findFirst().orElse(null);
    }

    /** The operands of a call whose words are given. */
    Part part(CallFormat format, NativeCall call) {
        List<Line> lines = new ArrayList<>();
        for (Operand operand : format.operands()) {
            lines.add(new Line(
                    operand.name(),
                    place(operand),
                    operand.word() * Long.BYTES,
                    hex(operand.get(call)),
                    operand.about(),
                    false));
        }
        return new Part(format.name(), format.spec(), 0, lines);
    }

    /** The place of an operand, in words for people. */
    static String place(Operand operand) {
        String word = "word " + operand.word();
        if (operand.width() == Long.SIZE) {
            return word;
        }
        return word + ", " + (operand.shift() + operand.width() - 1) + ":" + operand.shift();
    }

    /** The commands whose size and opcode the structure has. */
    List<CommandFormat> commandsOf(ExplainInput input, int subVersion) {
        List<CommandFormat> found = new ArrayList<>();
        for (CommandFormat command : commands()) {
            long[] words = input.as(command.layout());
            if (words != null
                    && Integer.compareUnsigned(command.since(), subVersion) <= 0
                    && hasOpcode(command.layout(), subVersion, words)) {
                found.add(command);
            }
        }
        return found;
    }

    /** True if every field with one legal code has it; a layout without such a field is told by its size only. */
    static boolean hasOpcode(Layout layout, int subVersion, long[] words) {
        for (BitField field : layout.fields()) {
            if (isOpcode(field, subVersion) && field.isReservedValue(field.get(words))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isOpcode(BitField field, int subVersion) {
        return field.codes().size() == 1 && field.isIn(subVersion, capability -> true);
    }

    /**
     * A structure's fields.
     *
     * @param offset where it begins in the bytes that are explained
     */
    Part part(Layout layout, int subVersion, int offset, long[] words) {
        return new Part(layout.name(), layout.section(), offset, lines(layout, subVersion, words, -1));
    }

    /** The fields of one 64-bit word of a structure; of all words if {@code only} is negative. */
    List<Line> lines(Layout layout, int subVersion, long[] words, int only) {
        List<Line> lines = new ArrayList<>();
        for (BitField field : layout.fields()) {
            if ((only < 0 || field.word() == only) && field.isIn(subVersion, capability -> true)) {
                long value = field.get(words);
                lines.add(new Line(
                        field.name(),
                        layout.bits(field),
                        layout.byteOffset(field),
                        hex(value),
                        meaning(layout, field, value, words),
                        field.isReservedValue(value)));
            }
        }
        for (int word = 0; word < words.length; word++) {
            long wrong = words[word] & layout.reservedMask(word, subVersion, capability -> true);
            while (wrong != 0 && (only < 0 || word == only)) {
                int low = Long.numberOfTrailingZeros(wrong);
                int width = Long.numberOfTrailingZeros(~(wrong >>> low));
                BitField range = new BitField("reserved", word, low, width, false, List.of(), 0, "", "");
                lines.add(new Line(
                        range.name(),
                        layout.bits(range),
                        layout.byteOffset(range),
                        hex(range.get(words)),
                        "must be zero",
                        true));
                wrong &= ~range.mask();
            }
        }
        return lines;
    }

    private String meaning(Layout layout, BitField field, long value, long[] words) {
        String text = backend.meaning(layout, field, words.clone());
        if (text == null || text.isEmpty()) {
            String code = field.meaningOf(value);
            if (code != null) {
                text = code;
            } else if (field.isReservedValue(value)) {
                text = field.about().isEmpty() ? "reserved value" : "reserved value; " + field.about();
            } else {
                text = field.width() == 1 ? flag(field.about(), value) : field.about();
            }
        }
        String gate = field.capability().isEmpty() ? "" : "needs " + field.capability();
        return gate.isEmpty() ? text : text.isEmpty() ? gate : text + " (" + gate + ")";
    }

    /**
     * What one bit says: what the text is about is so, or is not. A text that tells itself what the values mean stays as it is.
     */
    private static String flag(String about, long value) {
        if (value != 0 || about.isEmpty() || Character.isDigit(about.charAt(0))) {
            return about;
        }
        return about.indexOf(' ') < 0 ? "not " + about : "no: " + about;
    }

    /** A number of bytes. */
    static String bytes(long count) {
        return count + (count == 1 ? " byte" : " bytes");
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
