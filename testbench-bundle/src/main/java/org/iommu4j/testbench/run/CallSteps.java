package org.iommu4j.testbench.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.json.Json;
import org.iommu4j.layout.Code;

/**
 * Steps that make hypercalls, RTAS calls and instructions; the vendor's {@link CallFormat}s declare them.
 *
 * <p>The class is long because three notations of a call (positional, by names, in blocks of memory) are read, carried out and
 * compared by the same format.
 */
final class CallSteps {
    /** Keys under which a program interruption may be expected; it is answered under the first. */
    private static final List<String> INTERRUPTION = List.of("interruption", "exception", "program", "pgm");

    private static final String EXCEPTION = " exception";

    private static final int CELL_BITS = 32;
    private static final int PAGE_BYTES = 4096;

    private final IommuModel model;
    private final List<CallFormat> calls;

    /**
     * Steps of one model.
     *
     * @param calls what its chips take; null if the model is not installed, then its cases fail before their first step
     */
    CallSteps(IommuModel model, List<CallFormat> calls) {
        this.model = model;
        this.calls = calls;
    }

    /**
     * A word, a field of a word or a block of memory that is given.
     *
     * @param operand where it goes
     * @param value the number, or the address of the block
     * @param bytes what the block holds, which the bench then places; null if there is an address or a number
     */
    private record Setting(Operand operand, long value, byte[] bytes) {}

    /**
     * The expectation of a call; null and empty is not checked.
     *
     * @param code result code
     * @param out positional outputs
     * @param results others, each a number or bytes
     */
    private record Expected(Long code, List<Long> out, Map<Operand, Object> results) {}

    /**
     * The result of a call.
     *
     * @param made command lines that decode the call as it was made, and the blocks that it was given
     */
    private record Outcome(
            long code, List<Long> out, Map<Operand, Object> results, Function<ExplainHints, List<String>> made) {}

    /** Parses a step. */
    Step.Action parse(Kind kind, Fields fields) {
        if (calls == null) {
            fields.skip();
            // Without a backend there is no machine, and that refusal says why; so one has come since.
            return machine -> {
                throw new Step.StepFailure(
                        "model '" + model.label() + "' was not installed when the case was read; it is now");
            };
        }
        List<CallFormat> known =
                calls.stream().filter(call -> call.kind() == kind).toList();
        if (known.isEmpty()) {
            String op = fields.text("op");
            throw fields.wrong(
                    "op",
                    calls.isEmpty()
                            ? "model '" + model.label() + "' has registers, no op '" + op + "'"
                            : "model '" + model.label() + "' has no op '" + op + "'");
        }
        CallFormat format = format(fields, kind, known);
        Json expect = fields.get("expect");
        return switch (kind) {
            case HYPERCALL -> {
                List<Setting> settings = arguments(fields, format);
                int outputs = outputs(format);
                Expected expected = expected(expect, "ret", format, outputs);
                yield machine -> {
                    Outcome outcome = run(machine, format, settings, 0, 0, outputs);
                    return answer(machine, expect, expected, named("ret", "code", format, outcome), outcome);
                };
            }
            case RTAS -> {
                List<Setting> settings = cells(fields, format);
                int cells = returnCells(fields, format, expect);
                Expected expected = expected(expect, "status", format, cells - 1);
                yield machine -> {
                    Outcome outcome = run(machine, format, settings, settings.size(), cells, cells - 1);
                    return answer(machine, expect, expected, status(format, outcome), outcome);
                };
            }
            case INSTRUCTION -> {
                List<Setting> settings = operands(fields, format);
                Expected expected = instructionExpected(expect, format);
                yield machine -> {
                    Outcome outcome = run(machine, format, settings, 0, 0, 0);
                    Map<String, Object> values = outcome.code < 0
                            ? named("interruption", "code", format, outcome)
                            : withCondition(outcome.code);
                    return answer(machine, expect, expected, values, outcome);
                };
            }
        };
    }

    private CallFormat format(Fields fields, Kind kind, List<CallFormat> known) {
        if (kind != Kind.INSTRUCTION && fields.has("number")) {
            if (fields.has("name")) {
                throw fields.wrong("number", "stands beside name");
            }
            long number = fields.number("number");
            if (number >>> Integer.SIZE != 0) {
                throw fields.wrong("number", Json.hex(number) + " exceeds 32 bits");
            }
            return known.stream()
                    .filter(call -> call.function() == (int) number)
                    .findFirst()
                    .orElseGet(() -> unknown(kind, (int) number, known));
        }
        String name = fields.text("name");
        return known.stream()
                .filter(call -> call.named(name))
                .findFirst()
                .orElseThrow(() -> fields.wrong(
                        "name",
                        "model '" + model.label() + "' has no '" + name + "'; known: "
                                + known.stream().map(CallFormat::name).collect(Collectors.joining(", "))));
    }

    /** Unknown function numbers are allowed: the chip has an answer to them. */
    private static CallFormat unknown(Kind kind, int number, List<CallFormat> known) {
        Set<Code> codes = new LinkedHashSet<>();
        known.forEach(call -> codes.addAll(call.codes()));
        int outputs = known.stream().mapToInt(CallSteps::outputs).max().orElse(0);
        return new CallFormat(
                kind,
                Json.hex(Integer.toUnsignedLong(number)),
                number,
                IntStream.range(0, NativeCall.WORDS)
                        .mapToObj(word ->
                                Operand.word("argument " + word, word, "").orNothing())
                        .toList(),
                IntStream.range(0, outputs)
                        .mapToObj(word -> Operand.word("output " + word, word, ""))
                        .toList(),
                List.copyOf(codes),
                "");
    }

    /** Outputs by position. */
    private static int outputs(CallFormat format) {
        return format.results().stream()
                .filter(result -> result.type() == CallFormat.Type.NUMBER)
                .mapToInt(result -> result.word() + 1)
                .max()
                .orElse(0);
    }

    /** Arguments of a hypercall. */
    private static List<Setting> arguments(Fields fields, CallFormat format) {
        List<Json> given = fields.has("args") ? fields.require("args").list("args") : List.of();
        List<Operand> operands = format.operands();
        List<Setting> settings = new ArrayList<>();
        for (int i = 0; i < given.size(); i++) {
            if (i == operands.size()) {
                throw given.get(i).wrong("args", format.name() + " takes " + names(operands, "nothing"));
            }
            settings.add(setting(operands.get(i), given.get(i), "args"));
        }
        for (Operand operand : operands.subList(settings.size(), operands.size())) {
            if (!operand.optional()) {
                throw fields.wrong(
                        "args",
                        operand.name() + " is missing: " + format.name() + " takes " + names(operands, "nothing"));
            }
        }
        return settings;
    }

    /** Arguments of an RTAS call; how many there are is part of the call, and for the firmware to refuse. */
    private static List<Setting> cells(Fields fields, CallFormat format) {
        List<Json> given = fields.has("args") ? fields.require("args").list("args") : List.of();
        List<Setting> settings = new ArrayList<>();
        for (Json json : given) {
            int index = settings.size();
            int word = CallFormat.RTAS_FIRST_ARGUMENT + index;
            if (word == NativeCall.WORDS) {
                throw json.wrong(
                        "args", "more than " + (NativeCall.WORDS - CallFormat.RTAS_FIRST_ARGUMENT) + " arguments");
            }
            String name = index < format.operands().size()
                    ? format.operands().get(index).name()
                    : "argument " + index;
            settings.add(setting(Operand.field(name, word, 0, CELL_BITS, ""), json, "args"));
        }
        return settings;
    }

    private static int returnCells(Fields fields, CallFormat format, Json expect) {
        int most = NativeCall.WORDS + 1;
        if (fields.has("nret")) {
            return fields.integer("nret", most);
        }
        // A case need not look at all outputs; optional cells of a call are asked for by looking
        // at them.
        int outputs = (int)
                format.results().stream().filter(result -> !result.optional()).count();
        if (expect != null) {
            Fields expected = new Fields(expect, "expect");
            if (expected.has("out")) {
                outputs = Math.max(
                        outputs, Math.min(expected.require("out").list("out").size(), NativeCall.WORDS));
            }
        }
        return 1 + outputs;
    }

    /** Named operands of an instruction. */
    private static List<Setting> operands(Fields fields, CallFormat format) {
        Map<Operand, String> keys = new LinkedHashMap<>();
        List<Setting> settings = new ArrayList<>();
        for (String key : fields.rest()) {
            Json json = fields.get(key);
            if (json == null) {
                continue;
            }
            Operand operand = find(format.operands(), key);
            if (operand == null) {
                throw fields.wrong(
                        key, "unknown operand; " + format.name() + " takes " + names(format.operands(), "none"));
            }
            for (Map.Entry<Operand, String> other : keys.entrySet()) {
                if ((mask(other.getKey(), operand.word()) & mask(operand, operand.word())) != 0) {
                    throw fields.wrong(key, "stands beside " + other.getValue());
                }
            }
            keys.put(operand, key);
            settings.add(setting(operand, json, key));
        }
        for (Operand operand : format.operands()) {
            long given = 0;
            for (Operand other : keys.keySet()) {
                given |= mask(other, operand.word());
            }
            boolean covered = (mask(operand, operand.word()) & ~given) == 0;
            boolean stored = format.results().stream()
                    .anyMatch(result -> result.type() == CallFormat.Type.MEMORY && result.word() == operand.word());
            if (!operand.optional() && !covered && !(operand.type() == CallFormat.Type.MEMORY && stored)) {
                throw fields.wrong(operand.name(), "is missing");
            }
        }
        return settings;
    }

    private static long mask(Operand operand, int word) {
        return operand.word() == word ? -1L >>> (Long.SIZE - operand.width()) << operand.shift() : 0;
    }

    private static Operand find(List<Operand> operands, String name) {
        return operands.stream()
                .filter(operand -> operand.named(name))
                .findFirst()
                .orElse(null);
    }

    private static String names(List<Operand> operands, String none) {
        return operands.isEmpty() ? none : operands.stream().map(Operand::name).collect(Collectors.joining(", "));
    }

    private static Setting setting(Operand operand, Json json, String key) {
        if (operand.type() == CallFormat.Type.MEMORY && !json.isNumber()) {
            byte[] bytes = json.hex(key);
            if (bytes.length > operand.lengthBytes()) {
                throw json.wrong(key, operand.name() + " has " + operand.lengthBytes() + " bytes, not " + bytes.length);
            }
            return new Setting(operand, 0, bytes);
        }
        long value = operand.width() == 1 && json.value() instanceof Boolean set ? (set ? 1 : 0) : json.number(key);
        try {
            operand.set(new NativeCall(), value);
        } catch (IllegalArgumentException e) {
            throw json.wrong(key, e.getMessage());
        }
        return new Setting(operand, value, null);
    }

    /** Reads the expectation of a call whose outputs have positions. */
    private static Expected expected(Json expect, String codeKey, CallFormat format, int outputs) {
        if (expect == null) {
            return new Expected(null, List.of(), Map.of());
        }
        Fields fields = new Fields(expect, "expect");
        Long code = null;
        if (fields.has(codeKey)) {
            code = code(fields.require(codeKey), codeKey, format);
            if (format.kind() == Kind.RTAS && code >>> CELL_BITS == 0) {
                // The status is a cell: 0xfffffffd is -3.
                code = (long) code.intValue();
            }
        }
        List<Long> out = new ArrayList<>();
        if (fields.has("out")) {
            List<Json> given = fields.require("out").list("out");
            if (given.size() > outputs) {
                throw fields.wrong("out", given.size() + " values, where " + format.name() + " gives " + outputs);
            }
            given.forEach(json -> out.add(json.isNull() ? null : Long.valueOf(json.number("out"))));
        }
        fields.end();
        return new Expected(code, out, Map.of());
    }

    private static Long code(Json json, String key, CallFormat format) {
        if (!json.isText() || json.isNumber()) {
            return json.signed(key);
        }
        String name = json.text(key);
        Long code = format.code(
                format.kind() == Kind.INSTRUCTION && name.endsWith(EXCEPTION)
                        ? name.substring(0, name.length() - EXCEPTION.length())
                        : name);
        if (code == null) {
            throw json.wrong(
                    key,
                    "unknown code '" + json.text(key) + "' of " + format.name() + "; known: "
                            + format.codes().stream().map(Code::meaning).collect(Collectors.joining(", ")));
        }
        return code;
    }

    private static Expected instructionExpected(Json expect, CallFormat format) {
        if (expect == null) {
            return new Expected(null, List.of(), Map.of());
        }
        Fields fields = new Fields(expect, "expect");
        Long code = fields.has("cc") ? Long.valueOf(fields.integer("cc", 3)) : null;
        for (String key : INTERRUPTION) {
            if (fields.has(key)) {
                if (code != null) {
                    throw fields.wrong(key, "stands beside cc or another interruption");
                }
                Json json = fields.require(key);
                code = code(json, key, format);
                if (json.isNumber()) {
                    code = -code;
                }
                if (code >= 0) {
                    throw fields.wrong(key, json.toText() + " is no program interruption");
                }
            }
        }
        Map<Operand, Object> results = new HashMap<>();
        for (String key : fields.rest()) {
            Json json = fields.get(key);
            if (json == null) {
                continue;
            }
            Operand result = find(format.results(), key);
            if (result == null) {
                throw fields.wrong(
                        key, "unknown result; " + format.name() + " gives cc, " + names(format.results(), "no other"));
            }
            if (code != null && code < 0) {
                throw fields.wrong(key, "stands beside interruption");
            }
            if (result.type() == CallFormat.Type.NUMBER) {
                results.put(result, json.number(key));
            } else {
                byte[] bytes = json.hex(key);
                if (bytes.length > result.lengthBytes()) {
                    throw fields.wrong(
                            key, result.name() + " has " + result.lengthBytes() + " bytes, not " + bytes.length);
                }
                results.put(result, bytes);
            }
        }
        return new Expected(code, List.of(), results);
    }

    private static Outcome run(
            Machine machine,
            CallFormat format,
            List<Setting> settings,
            int argumentCells,
            int returnCells,
            int outputs) {
        NativeCall call = new NativeCall().begin(format.function());
        if (format.kind() == Kind.RTAS) {
            call.word(CallFormat.RTAS_ARGUMENT_COUNT, argumentCells);
            call.word(CallFormat.RTAS_RETURN_COUNT, returnCells);
        }
        try (Blocks blocks = new Blocks(machine.unit().platform())) {
            for (Setting setting : settings) {
                setting.operand.set(
                        call,
                        setting.bytes == null
                                ? setting.value
                                : blocks.place(
                                        setting.operand, machine.support().completeBlock(format, setting.bytes)));
            }
            for (Operand result : format.results()) {
                if (result.type() == CallFormat.Type.MEMORY
                        && settings.stream().noneMatch(setting -> setting.operand.word() == result.word())) {
                    result.set(call, blocks.place(result, new byte[0]));
                }
            }
            // Registers that hold addresses may come back otherwise.
            long[] addresses = new long[NativeCall.WORDS];
            Arrays.setAll(addresses, call::word);
            machine.unit().call(call);
            List<Long> out = IntStream.range(0, outputs).mapToObj(call::word).toList();
            Map<Operand, Object> results = new LinkedHashMap<>();
            if (call.result() >= 0 || format.kind() != Kind.INSTRUCTION) {
                for (Operand result : format.results()) {
                    if (result.type() != CallFormat.Type.NUMBER) {
                        results.put(result, blocks.read(result, addresses[result.word()], settings));
                    } else if (format.kind() == Kind.INSTRUCTION) {
                        results.put(result, result.get(call));
                    }
                }
            }
            return new Outcome(
                    call.result(), out, results, hints -> given(hints, format.function(), addresses, settings));
        }
    }

    /** Host pages that hold the blocks of one call. */
    private static final class Blocks implements AutoCloseable {
        private final Platform platform;
        private final PhysicalMemory memory;
        private final Map<Long, Integer> pages = new HashMap<>();

        private Blocks(Platform platform) {
            this.platform = platform;
            memory = platform.memory();
        }

        private long place(Operand operand, byte[] bytes) {
            int count = (operand.lengthBytes() + PAGE_BYTES - 1) / PAGE_BYTES;
            long pa = platform.allocatePages(count);
            pages.put(pa, count);
            memory.write(pa, bytes, 0, bytes.length);
            return pa;
        }

        private byte[] read(Operand result, long address, List<Setting> settings) {
            int begin = 0;
            int length = result.lengthBytes();
            if (result.type() == CallFormat.Type.ANSWER) {
                for (Setting setting : settings) {
                    if (setting.operand.word() == result.word()) {
                        // The request may be shorter than usual, and who makes it may have begun the answer.
                        int usual = Math.max(0, setting.operand.lengthBytes() - result.lengthBytes());
                        begin = setting.bytes == null ? usual : Math.min(usual, setting.bytes.length);
                        length = Math.min(length, setting.operand.lengthBytes() - begin);
                    }
                }
            }
            byte[] bytes = new byte[length];
            memory.read(address + begin, bytes, 0, length);
            return bytes;
        }

        @Override
        public void close() {
            pages.forEach(platform::freePages);
        }
    }

    private static Map<String, Object> withCondition(long code) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("cc", code);
        return values;
    }

    /** A code by its name, or by its number if it has none, and always by its number; program interruptions by theirs. */
    private static Map<String, Object> named(String nameKey, String codeKey, CallFormat format, Outcome outcome) {
        long number = format.kind() == Kind.INSTRUCTION ? -outcome.code : outcome.code;
        String name = format.codeName(outcome.code);
        Map<String, Object> values = new LinkedHashMap<>();
        values.put(nameKey, name.isEmpty() ? Long.valueOf(number) : name);
        values.put(codeKey, number);
        return values;
    }

    private static Map<String, Object> status(CallFormat format, Outcome outcome) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("status", outcome.code);
        String name = format.codeName(outcome.code);
        if (!name.isEmpty()) {
            values.put("name", name);
        }
        return values;
    }

    private static Answer answer(
            Machine machine, Json expect, Expected expected, Map<String, Object> values, Outcome outcome) {
        if (!(values.containsKey("cc") || values.containsKey("interruption"))) {
            values.put("out", outcome.out.stream().map(Json::hex).toList());
        }
        outcome.results.forEach((result, value) -> values.put(
                result.name(),
                value instanceof byte[] bytes
                        ? HexFormat.of().formatHex(result.type() == CallFormat.Type.ANSWER ? trimmed(bytes) : bytes)
                        : Json.hex((Long) value)));
        return Answer.of(values)
                .against(expect, holds(expected, outcome))
                .unmet(() -> hints(machine.hints(), expected, outcome));
    }

    private static List<String> given(ExplainHints hints, int function, long[] words, List<Setting> settings) {
        return Stream.concat(
                        Stream.of(hints.call(function, words)),
                        settings.stream()
                                .filter(setting -> setting.bytes != null)
                                .map(setting -> hints.structure(setting.operand.name(), setting.bytes)))
                .filter(hint -> !hint.isEmpty())
                .distinct()
                .toList();
    }

    /** The call, and each block of memory that is not as expected. */
    private static List<String> hints(ExplainHints hints, Expected expected, Outcome outcome) {
        List<String> all = new ArrayList<>(outcome.made.apply(hints));
        expected.results.forEach((result, wanted) -> {
            if (wanted instanceof byte[] bytes
                    && outcome.results.get(result) instanceof byte[] got
                    && !same(bytes, got)) {
                all.addAll(
                        ExplainHints.list(hints.structure(result.name(), got), hints.structure(result.name(), bytes)));
            }
        });
        return all;
    }

    /** Cuts the zero words at the end: an answer tells its own length. */
    private static byte[] trimmed(byte[] bytes) {
        int length = bytes.length;
        while (length > 0 && bytes[length - 1] == 0) {
            length--;
        }
        int rounded = (length + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
        return Arrays.copyOf(bytes, Math.min(bytes.length, rounded));
    }

    private static boolean holds(Expected expected, Outcome outcome) {
        if (expected.code != null && expected.code != outcome.code) {
            return false;
        }
        for (int i = 0; i < expected.out.size(); i++) {
            Long wanted = expected.out.get(i);
            if (wanted != null && !wanted.equals(outcome.out.get(i))) {
                return false;
            }
        }
        return expected.results.entrySet().stream()
                .allMatch(entry -> same(entry.getValue(), outcome.results.get(entry.getKey())));
    }

    /** Compares the expected bytes of a block; bytes behind them do not count. */
    private static boolean same(Object wanted, Object got) {
        if (wanted instanceof byte[] bytes) {
            return got instanceof byte[] all
                    && all.length >= bytes.length
                    && Arrays.equals(bytes, Arrays.copyOf(all, bytes.length));
        }
        return wanted.equals(got);
    }
}
