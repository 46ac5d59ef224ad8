package org.iommu4j.core.hint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.ExplainService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * The command lines that decode what a message is about, so that whoever reads it need only paste them: everything that an
 * {@link ExplainService} decodes, as arguments of {@code ./iommu4j explain}. Who has a backend at hand gets the name of the
 * format in them, too. A hint never fails: what nothing decodes has the empty one.
 *
 * <p>More than {@link #MOST_BYTES} bytes are cut: a line is to be pasted, and the first bytes say what it is.
 */
public final class ExplainHints {
    /** Most bytes that a hint repeats. */
    public static final int MOST_BYTES = 2048;

    private static final String NONE = "";
    private static final String COMMAND = "./iommu4j explain";

    private final IommuModel model;
    private final Supplier<Backend> backends;

    private ExplainHints(IommuModel model, Supplier<Backend> backends) {
        this.model = model;
        this.backends = backends;
    }

    /** Hints by the formats of that backend(). */
    public static ExplainHints of(Backend backend) {
        return new ExplainHints(backend.describe().model(), () -> backend);
    }

    /** Hints by the formats of whichever backend serves the model when one is asked for; without any there are none. */
    public static ExplainHints of(IommuService service, IommuModel model) {
        return new ExplainHints(model, () -> service.backend(model));
    }

    // ---- what no backend is needed for

    /**
     * A request of the contract.
     *
     * @param model the container's
     * @param subVersion the generation that the client agreed on, or {@link ExplainService#ANY}
     * @param bytes the argument from {@code argsz} on, as far as it can be read
     */
    public static String request(Abi abi, IommuModel model, int subVersion, byte[] bytes) {
        if (bytes == null || bytes.length == 0) {
            return NONE;
        }
        String generation = subVersion == ExplainService.ANY ? "" : " --sub-version " + Generation.text(subVersion);
        return begin(model) + " --contract " + abi.label() + generation + " " + hex(bytes);
    }

    /** The saved state of a chip, a driver or a virtual IOMMU. */
    public static String state(byte[] bytes) {
        return bytes == null || bytes.length == 0 ? NONE : COMMAND + " " + hex(bytes);
    }

    /** The hints that are not empty, each once. */
    public static List<String> list(String... hints) {
        return Stream.of(hints).filter(hint -> !hint.isEmpty()).distinct().toList();
    }

    // ---- by the formats of a model

    /** A native command, as {@link org.iommu4j.backend.NativeCommandListener} shows it. */
    public String command(byte[] bytes) {
        return guarded(() -> {
            Register register = register(backend().formats().commandRegister(bytes));
            if (register != null && bytes.length >= Long.BYTES) {
                // A write of a register is shown as its words.
                return value(register, ByteBuffer.wrap(bytes).getLong());
            }
            return backend().commands().stream().map(CommandFormat::layout).anyMatch(layout -> fits(layout, bytes))
                    ? plain(bytes)
                    : NONE;
        });
    }

    /** A fault or event record, as {@link org.iommu4j.backend.Hardware#takeEvents} gives it. */
    public String event(byte[] record) {
        return guarded(() -> named(backend().formats().eventFormat(record), record));
    }

    /** A structure of which the format is known by name; of an unknown one, whatever has its size. */
    public String structure(String format, byte[] bytes) {
        return guarded(() -> named(format, bytes));
    }

    /**
     * A table entry.
     *
     * @param what as a {@link org.iommu4j.backend.WalkListener} names it, or a capture
     * @param word its first 64 bits
     * @param memory where the rest of a longer entry is
     */
    public String entry(String what, long pa, long word, PhysicalMemory memory) {
        return guarded(() -> {
            Layout layout = layout(backend().formats().entryFormat(what));
            if (layout == null) {
                return begin(model) + " " + word(word);
            }
            if (layout.words() == 1) {
                return as(layout) + " " + word(word);
            }
            byte[] whole = new byte[layout.sizeBytes()];
            memory.read(pa, whole, 0, whole.length);
            long[] words = layout.decode(whole, 0);
            words[0] = word;
            return as(layout) + " " + hex(layout.encode(words));
        });
    }

    /**
     * A word of a table.
     *
     * @param word as it lies in memory, read little endian
     */
    public String tableWord(long word) {
        return guarded(() -> structure(
                NONE,
                ByteBuffer.allocate(Long.BYTES).putLong(Long.reverseBytes(word)).array()));
    }

    /**
     * A command line for the value of a register that was read or is written.
     *
     * @param offset in bytes
     * @param sizeBytes 4 or 8
     * @return a hint for each register that the access touches
     */
    public List<String> registers(int subVersion, long offset, int sizeBytes, long value) {
        try {
            return backend().registers(subVersion).stream()
                    .filter(register -> register.offset() < offset + sizeBytes
                            && offset < register.offset() + register.widthBits() / Byte.SIZE)
                    .map(register -> value(register, part(register, offset, sizeBytes, value)))
                    .toList();
        } catch (RuntimeException e) {
            return List.of();
        }
    }

    /** The value of a register. */
    public String register(String name, long value) {
        return guarded(() -> {
            Register register = register(name);
            return register == null ? NONE : value(register, value);
        });
    }

    /**
     * A hypercall, RTAS call or instruction.
     *
     * @param function its number, as {@link CallFormat#function}
     * @param words its arguments, or the registers that it names; what is behind its operands is left out
     */
    public String call(int function, long... words) {
        return guarded(() -> backend().calls().stream()
                .filter(call -> call.function() == function)
                .map(call -> call(call, words))
                .findFirst()
                .orElse(NONE));
    }

    /** An invalidation that was carried out, by the name of a command, register or call. */
    public String invalidation(String name, long word0, long word1) {
        return guarded(() -> {
            Register register = register(name);
            if (register != null) {
                return value(register, word0);
            }
            Layout layout = layout(name);
            return layout == null || layout.words() > 2
                    ? NONE
                    : as(layout) + " " + word(word0) + (layout.words() == 2 ? " " + word(word1) : "");
        });
    }

    /** Command lines for a finding: the table word before and after its edit, and the invalidation or its near miss. */
    public List<String> finding(Finding finding) {
        return list(
                finding.edit() == null
                        ? NONE
                        : edited(finding.edit(), finding.edit().before()),
                finding.edit() == null
                        ? NONE
                        : edited(finding.edit(), finding.edit().after()),
                finding.command() == null ? NONE : invalidation(finding.command()),
                finding.nearMiss() == null
                        ? NONE
                        : invalidation(finding.nearMiss().command()));
    }

    private String invalidation(Finding.Command command) {
        return invalidation(command.name(), command.word0(), command.word1());
    }

    /** A word of an entry before or after an edit; what else the entry says is not known. */
    private String edited(Finding.Edit edit, long word) {
        return guarded(() -> {
            Layout layout = layout(edit.format());
            if (layout == null) {
                return tableWord(model.payloadOrder() == ByteOrder.BIG_ENDIAN ? Long.reverseBytes(word) : word);
            }
            StringBuilder text = new StringBuilder(as(layout));
            for (int i = 0; i < layout.words(); i++) {
                boolean here = edit.pa() / Long.BYTES % layout.words() == i;
                text.append(' ').append(word(here ? word : 0));
            }
            return text.toString();
        });
    }

    /** {@link #finding} for each finding of a report of which something can be decoded. */
    public Map<Finding, List<String>> findings(SanitizerReport report) {
        Map<Finding, List<String>> hints = new HashMap<>();
        for (Finding finding : report.findings()) {
            List<String> some = finding(finding);
            if (!some.isEmpty()) {
                hints.put(finding, some);
            }
        }
        return hints;
    }

    // ---- how they are written

    private String call(CallFormat format, long... words) {
        int first = format.kind() == CallFormat.Kind.RTAS ? CallFormat.RTAS_FIRST_ARGUMENT : 0;
        int end = format.operands().stream()
                .mapToInt(operand -> operand.word() + 1)
                .max()
                .orElse(0);
        StringBuilder text = new StringBuilder(begin(model)).append(" --as ").append(format.name());
        for (int at = first; at < Math.min(end, words.length); at++) {
            text.append(' ').append(word(words[at]));
        }
        return end <= first ? NONE : text.toString();
    }

    private String named(String format, byte[] bytes) {
        Layout layout = layout(format);
        if (layout != null && fits(layout, bytes)) {
            return as(layout) + " " + hex(bytes);
        }
        return backend().layouts().stream().anyMatch(any -> fits(any, bytes)) ? plain(bytes) : NONE;
    }

    private String as(Layout layout) {
        String name = layout.name();
        return begin(model) + " --as " + (name.contains(" ") ? "'" + name + "'" : name);
    }

    private String plain(byte[] bytes) {
        return begin(model) + " " + hex(bytes);
    }

    /** A register of an array is called by the name of the array, since brackets mean something to a shell. */
    private String value(Register register, long value) {
        return begin(model) + " --register " + register.name().replaceFirst("\\[.*", "") + " " + word(value);
    }

    /** The part of a register's value that an access at an offset sees. */
    private static long part(Register register, long offset, int sizeBytes, long value) {
        int shift = register.shiftOf(offset, sizeBytes);
        long shifted = shift >= 0 ? value << shift : value >>> -shift;
        return shifted & -1L >>> (Long.SIZE - register.widthBits());
    }

    private Layout layout(String name) {
        if (name.isEmpty()) {
            return null;
        }
        return Stream.concat(
                        backend().layouts().stream(),
                        backend().commands().stream().map(CommandFormat::layout))
                .filter(layout -> layout.name().equalsIgnoreCase(name))
                .findFirst()
                .orElse(null);
    }

    private Register register(String name) {
        return backend().describe().generations().stream()
                .flatMap(generation -> backend().registers(generation.subVersion()).stream())
                .filter(register ->
                        register.name().equals(name) || register.layout().name().equals(name))
                .findFirst()
                .orElse(null);
    }

    private static boolean fits(Layout layout, byte[] bytes) {
        return layout.sizeBytes() == bytes.length;
    }

    private static String begin(IommuModel model) {
        return COMMAND + " --model " + model.label();
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, MOST_BYTES));
    }

    private static String word(long word) {
        return "0x" + Long.toHexString(word);
    }

    private Backend backend() {
        Backend backend = backends.get();
        if (backend == null) {
            throw new IllegalStateException("nobody serves " + model);
        }
        return backend;
    }

    /** Formats are foreign, and a message must come even if they fail. */
    private static String guarded(Supplier<String> hint) {
        try {
            return hint.get();
        } catch (RuntimeException e) {
            return NONE;
        }
    }
}
