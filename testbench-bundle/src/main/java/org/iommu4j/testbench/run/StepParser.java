package org.iommu4j.testbench.run;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.Requester;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Nearest;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.json.Json;
import org.iommu4j.testbench.run.Step.Needs;
import org.iommu4j.testbench.run.Step.StepFailure;

/**
 * Parses steps from JSON; every error of the JSON is found here.
 *
 * <p>The class is long because each kind of step has its keys and their check here, one after the other.
 */
final class StepParser {
    /** Most bytes that a device accesses in one step. */
    static final int MOST_BYTES = 64 << 20;

    /** Most bytes that {@code mem_read} reads, since the answer has two characters for each. */
    static final int MOST_READ = 1 << 20;

    /** Most steps of a case with all repetitions, nested ones multiplied; a page that is written again counts as one. */
    static final int MOST_ROUNDS = 1 << 24;

    private static final int PAGE_BYTES = 4096;

    private static final HexFormat HEX = HexFormat.of();
    private static final int NO_PASID = DmaAccess.NO_PASID;
    private static final long NO_TABLE = -1;
    private static final int MOST_LEVELS = 16;

    private final IommuModel model;
    private final Chip first;

    /** Units and states that steps have named so far, and devices with what they are. */
    private final Map<String, Chip> units = new LinkedHashMap<>();

    private final Set<String> states = new HashSet<>();
    private final Map<String, Integer> devices = new HashMap<>();
    private final CallSteps calls;
    private final List<String> commonKeys;

    /**
     * A parser of the steps of a case.
     *
     * @param first the chip of its first unit
     * @param calls hypercalls or instructions of the model; null if it is not installed
     */
    StepParser(Chip first, List<CallFormat> calls) {
        this(first, calls, StepKeys.COMMON);
    }

    /** The same with other keys that every step may have. */
    StepParser(Chip first, List<CallFormat> calls, List<String> commonKeys) {
        this.first = first;
        model = first.model();
        this.calls = new CallSteps(model, calls);
        this.commonKeys = commonKeys;
    }

    /** A step. */
    Step parse(Json json) {
        Fields fields = new Fields(json, "steps");
        String op = fields.text("op");
        expectKeys(fields, op);
        Json comment = fields.get("comment");
        if (comment != null) {
            comment.text("comment");
        }
        Step step = switch (op) {
            case "mem_write" -> plain(op, memWrite(fields));
            case "repeat_mem" -> repeatMem(fields);
            case "mem_read" -> plain(op, memRead(fields));
            case "mmio_write" -> plain(op, mmioWrite(fields));
            case "mmio_read" -> plain(op, mmioRead(fields));
            case "dma" -> dma(op, fields, null);
            case "ats" -> dma(op, fields, DmaAccess.AddressType.TRANSLATION_REQUEST);
            case "hcall" -> plain(op, calls.parse(CallFormat.Kind.HYPERCALL, fields));
            case "rtas" -> plain(op, calls.parse(CallFormat.Kind.RTAS, fields));
            case "instruction" -> plain(op, calls.parse(CallFormat.Kind.INSTRUCTION, fields));
            case "events" -> plain(op, events(fields));
            case "irq" -> new Step(op, Needs.INTERRUPTS, irq(fields));
            case "step" -> new Step(op, Needs.STEPPING, step(fields));
            case "repeat" -> repeat(fields);
            case "ioctl" -> new Step(op, Needs.DRIVER, ContractSteps.ioctl(fields));
            case "offer" -> new Step(op, Needs.DRIVER, ContractSteps.offer(fields));
            case "attach" -> new Step(op, Needs.DRIVER, attach(fields));
            case "detach" -> new Step(op, Needs.DRIVER, detach(fields));
            case "map" -> new Step(op, Needs.DRIVER, ContractSteps.map(fields));
            case "unmap" -> new Step(op, Needs.DRIVER, ContractSteps.unmap(fields));
            case "native" -> new Step(op, Needs.DRIVER, natives(fields));
            case "cache" -> plain(op, CacheStep.parse(fields));
            case "findings" -> plain(op, findings(fields));
            case "device" -> plain(op, device(fields));
            case "open" -> plain(op, open(fields));
            case "reset" -> plain(op, done(Machine::reset));
            case "unplug" -> plain(op, done(Machine::unplug));
            case "save" -> plain(op, save(fields));
            case "restore" -> plain(op, restore(fields));
            case "swap" -> plain(op, SwapStep.parse(fields));
            default ->
                throw fields.wrong(
                        "op", "unknown op '" + OneLine.name(op) + "'" + Nearest.question(op, StepKeys.ALL.keySet()));
        };
        String unit = unit(fields, op);
        fields.end();
        return unit.isEmpty() ? step : step.in(unit);
    }

    /** The unit in which a step is done; empty for that of what it stands in, or the first. */
    private String unit(Fields fields, String op) {
        if (!fields.has("unit") || op.equals("open")) {
            return "";
        }
        String unit = fields.text("unit");
        if (!units.containsKey(unit)) {
            throw fields.wrong(
                    "unit",
                    "no step before opens a unit '" + OneLine.name(unit) + "'"
                            + Nearest.question(unit, units.keySet()));
        }
        return unit;
    }

    /** The units that steps open. */
    Collection<Chip> opened() {
        return units.values();
    }

    private Step.Action open(Fields fields) {
        String unit = name(fields, "unit");
        int subVersion =
                fields.integer("subVersion", Integer.MAX_VALUE, first.hardware().subVersion());
        Json config = fields.get("config");
        Chip chip = config == null ? first.withSubVersion(subVersion) : Chip.of(model, subVersion, config);
        if (units.put(unit, chip) != null) {
            throw fields.wrong("unit", "'" + unit + "' is opened twice");
        }
        return machine -> {
            machine.units().openAnother(unit, chip);
            return Answer.done();
        };
    }

    private Step.Action device(Fields fields) {
        int requester = requester(fields);
        if (fields.has("name")) {
            Integer before = devices.put(name(fields, "name"), requester);
            if (before != null && before != requester) {
                throw fields.wrong("name", "'" + fields.text("name") + "' is the name of another device");
            }
        }
        boolean told = fields.has("answers");
        boolean answers = fields.flag("answers");
        return machine -> {
            if (told) {
                machine.answers(requester, answers);
            }
            return Answer.of("requester", Json.hex(Integer.toUnsignedLong(requester)));
        };
    }

    private Step.Action save(Fields fields) {
        String name = name(fields, "as");
        states.add(name);
        return machine -> {
            SavedMachine state = machine.save();
            machine.units().keep(name, state);
            return Answer.of(state.toJson());
        };
    }

    private Step.Action restore(Fields fields) {
        String name = name(fields, "from");
        if (!states.contains(name)) {
            throw fields.wrong(
                    "from", "no step before saves as '" + OneLine.name(name) + "'" + Nearest.question(name, states));
        }
        return machine -> {
            SavedMachine state = machine.units().kept(name);
            machine.restore(state);
            return Answer.of(state.toJson());
        };
    }

    /** A name begins with a letter, so that it is no number and no PCI function. */
    private static String name(Fields fields, String key) {
        String name = fields.text(key);
        if (name.isEmpty() || !Character.isLetter(name.charAt(0))) {
            throw fields.wrong(key, "'" + OneLine.name(name) + "' does not begin with a letter");
        }
        return name;
    }

    private static Step.Action done(Consumer<Machine> change) {
        return machine -> {
            change.accept(machine);
            return Answer.done();
        };
    }

    /** Unknown keys are named before missing ones, since a missing key is often a mistyped one. */
    private void expectKeys(Fields fields, String op) {
        List<String> known = StepKeys.ALL.get(op);
        commonKeys.forEach(fields::get);
        if (known != null && !known.contains(StepKeys.BY_NAME)) {
            List<String> keys = new ArrayList<>(known);
            keys.addAll(commonKeys);
            fields.expectOnly(keys);
        }
    }

    /** Findings of the sanitizer since the machine was made. */
    private static Step.Action findings(Fields fields) {
        Json expect = fields.get("expect");
        ExpectedFindings expected = expect == null ? null : new ExpectedFindings(expect);
        return machine -> {
            if (!machine.isWatched()) {
                throw new Step.StepFailure("nobody looks for findings: open the bench with --findings FILE");
            }
            List<Finding> found = machine.units().findings().findings();
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("count", found.size());
            values.put("findings", ExpectedFindings.readable(found));
            return Answer.of(values).against(expect, expected == null || expected.hold(found));
        };
    }

    private static Step plain(String op, Step.Action action) {
        return new Step(op, Needs.NOTHING, action);
    }

    private Step.Action memWrite(Fields fields) {
        long pa = fields.number("pa");
        byte[] bytes = content(fields);
        return machine -> {
            machine.write(pa, bytes, 0, bytes.length);
            return Answer.done();
        };
    }

    /** Bytes, as {@code hex} or as {@code words} in the byte order of the model. */
    private byte[] content(Fields fields) {
        if (fields.has("words")) {
            if (fields.has("hex")) {
                throw fields.wrong("words", "stands beside hex");
            }
            List<Json> words = fields.require("words").list("words");
            ByteBuffer buffer = ByteBuffer.allocate(words.size() * Long.BYTES).order(model.payloadOrder());
            words.forEach(word -> buffer.putLong(word.number("words")));
            return buffer.array();
        }
        return fields.hex("hex");
    }

    private static Step repeatMem(Fields fields) {
        long pa = fields.number("pa");
        byte[] bytes = fields.hex("hex");
        long stride = fields.number("stride");
        int count = fields.integer("count", MOST_ROUNDS);
        long rounds = rounds(fields, count, 1L + bytes.length / PAGE_BYTES);
        return new Step("repeat_mem", Needs.NOTHING, rounds, machine -> {
            for (int i = 0; i < count; i++) {
                machine.progress().again();
                machine.write(pa + i * stride, bytes, 0, bytes.length);
            }
            return Answer.done();
        });
    }

    /** How many steps a repetition is; at least one a round. */
    private static long rounds(Fields fields, int count, long each) {
        long rounds = count * Math.max(1, each);
        if (rounds > MOST_ROUNDS) {
            throw fields.wrong("count", "makes " + rounds + " steps, more than " + MOST_ROUNDS);
        }
        return rounds;
    }

    private static Step.Action memRead(Fields fields) {
        long pa = fields.number("pa");
        Json expect = fields.get("expect");
        byte[] expected = expect == null ? null : expect.hex("expect");
        byte[] mask = fields.has("mask") ? fields.hex("mask") : null;
        if (mask != null && (expected == null || mask.length != expected.length)) {
            throw fields.wrong("mask", "is not as long as expect");
        }
        if (expected == null || fields.has("length")) {
            int length = fields.integer("length", MOST_READ);
            if (expected != null && expected.length != length) {
                throw fields.wrong("length", length + " is not the length of expect, " + expected.length);
            }
        }
        int length = expected != null ? expected.length : fields.integer("length", MOST_READ);
        return machine -> {
            byte[] read = new byte[length];
            machine.memory().read(pa, read, 0, length);
            return Answer.of("hex", HEX.formatHex(read))
                    .against(expect, equal(read, expected, mask))
                    .unmet(() -> MemoryHints.of(machine, pa, read, expected, mask));
        };
    }

    private static boolean equal(byte[] read, byte[] expected, byte[] mask) {
        if (mask == null) {
            return Arrays.equals(read, expected);
        }
        for (int i = 0; i < read.length; i++) {
            if (((read[i] ^ expected[i]) & mask[i]) != 0) {
                return false;
            }
        }
        return true;
    }

    private static Step.Action mmioWrite(Fields fields) {
        long offset = fields.number("off");
        int size = size(fields);
        long value = fields.number("value");
        if (size == Integer.BYTES && value >>> Integer.SIZE != 0) {
            throw fields.wrong("value", Json.hex(value) + " exceeds 4 bytes");
        }
        String rel = rel(fields);
        return machine -> {
            machine.unit().writeRegister(place(machine, rel, offset), size, value);
            return Answer.done();
        };
    }

    private static Step.Action mmioRead(Fields fields) {
        long offset = fields.number("off");
        int size = size(fields);
        String rel = rel(fields);
        Json expect = fields.get("expect");
        long expected = expect == null ? 0 : expect.number("expect");
        long mask = fields.number("mask", -1L);
        return machine -> {
            long value = machine.unit().readRegister(place(machine, rel, offset), size);
            return Answer.of("value", Json.hex(value))
                    .against(expect, ((value ^ expected) & mask) == 0)
                    .unmet(() -> registers(machine, offset, size, value, expected));
        };
    }

    /** Command lines for the value that was read, then for the expected one; a register that moves goes by the offset of cases. */
    private static List<String> registers(Machine machine, long offset, int size, long value, long expected) {
        ExplainHints hints = machine.hints();
        int generation = machine.unit().subVersion();
        return Stream.concat(
                        hints.registers(generation, offset, size, value).stream(),
                        hints.registers(generation, offset, size, expected).stream())
                .distinct()
                .toList();
    }

    private static int size(Fields fields) {
        int size = fields.integer("size", Integer.MAX_VALUE);
        if (size != Integer.BYTES && size != Long.BYTES) {
            throw fields.wrong("size", size + " is not 4 or 8");
        }
        return size;
    }

    private static String rel(Fields fields) {
        return fields.has("rel") ? fields.text("rel") : null;
    }

    private static long place(Machine machine, String rel, long offset) {
        return rel == null ? offset : machine.support().relocated(rel, offset, machine.port());
    }

    private Step dma(String op, Fields fields, DmaAccess.AddressType fixed) {
        int requester = requester(fields);
        int pasid = fields.integer("pasid", Integer.MAX_VALUE, NO_PASID);
        long iova = fields.number("iova");
        String label = fields.text("access");
        Access.Kind kind = Access.Kind.of(label);
        if (kind == null) {
            throw fields.wrong("access", "'" + label + "' is not one of read, write, atomic, execute");
        }
        boolean privileged = fields.flag("privileged");
        DmaAccess.AddressType type = fixed;
        byte[] data = null;
        if (type == null) {
            type = fields.flag("translated") ? DmaAccess.AddressType.TRANSLATED : DmaAccess.AddressType.UNTRANSLATED;
            data = fields.has("data") ? fields.hex("data") : null;
        }
        int length = fields.integer("len", MOST_BYTES, data == null ? 1 : data.length);
        if (data != null && data.length != length) {
            throw fields.wrong("len", length + " is not the length of data, " + data.length);
        }
        Json expect = fields.get("expect");
        AccessExpectation expectation = expect == null ? null : AccessExpectation.of(expect);
        Access access = new Access(requester, pasid, iova, length, kind, type, privileged, data);
        byte[] wanted = data;
        Step.Action action = machine -> {
            boolean reads = wanted != null && !kind.stores();
            Access.Result result = access.run(machine, expectation != null || reads);
            Answer answer = Answer.of(result.toJson());
            if (!access.broughtBack(result) || (expectation == null && reads && result.fault() != null)) {
                answer = answer.against(Map.of("data", HEX.formatHex(wanted)), false);
            } else {
                answer = answer.against(expect, expectation == null || expectation.holds(result));
            }
            return answer.unmet(() -> entries(machine, result.walk()));
        };
        return fields.has("during") ? new Step(op, Needs.OBSERVED, during(fields, action)) : plain(op, action);
    }

    /** An access during which somebody writes: between two reads of the walk. */
    private Step.Action during(Fields step, Step.Action access) {
        Fields fields = new Fields(step.require("during"), "during");
        long after = fields.number("after");
        long pa = fields.number("pa");
        byte[] bytes = content(fields);
        fields.end();
        return machine -> {
            machine.writeWhen(after, pa, bytes);
            Answer answer = access.run(machine);
            if (!machine.endWriteWhen()) {
                throw new StepFailure("nothing was written: the chip did not read " + Json.hex(after));
            }
            return answer;
        };
    }

    private static List<String> entries(Machine machine, List<Access.Entry> walk) {
        return walk.stream()
                .map(entry -> machine.hints().entry(entry.what(), entry.pa(), entry.word(), machine.memory()))
                .filter(hint -> !hint.isEmpty())
                .distinct()
                .toList();
    }

    /** A number, a PCI function as 00:1f.2, or the name of a device. */
    private int requester(Fields fields) {
        Json given = fields.require("requester");
        Integer device = given.isText() ? devices.get(given.text("requester")) : null;
        if (device != null) {
            return device;
        }
        OptionalInt function = given.isText() ? Requester.parse(given.text("requester")) : OptionalInt.empty();
        if (function.isPresent()) {
            return function.getAsInt();
        }
        long requester = given.number("requester");
        if (requester >>> Integer.SIZE != 0) {
            throw fields.wrong("requester", Json.hex(requester) + " exceeds 32 bits");
        }
        return (int) requester;
    }

    private static Step.Action events(Fields fields) {
        Json expect = fields.get("expect");
        List<Event> expected = new ArrayList<>();
        if (expect != null) {
            for (Json element : expect.list("expect")) {
                Fields event = new Fields(element, "expect");
                byte[] hex = event.has("hex") ? event.hex("hex") : null;
                int code = event.integer("code", Integer.MAX_VALUE, -1);
                if (hex == null && code < 0) {
                    throw element.wrong("expect", "names neither hex nor code");
                }
                event.end();
                expected.add(new Event(hex, code));
            }
        }
        return machine -> {
            List<byte[]> records = new ArrayList<>();
            machine.unit().takeEvents(records::add);
            List<Object> taken = new ArrayList<>();
            boolean same = records.size() == expected.size();
            for (int i = 0; i < records.size(); i++) {
                byte[] record = records.get(i);
                int code = machine.support().eventCode(record);
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("hex", HEX.formatHex(record));
                if (code >= 0) {
                    one.put("code", Json.hex(code));
                }
                taken.add(one);
                same = same && expected.get(i).matches(record, code);
            }
            return Answer.of("events", taken)
                    .against(expect, same)
                    .unmet(() -> events(machine.hints(), records, expected));
        };
    }

    /** The first record that differs, and what was expected in its place. */
    private static List<String> events(ExplainHints hints, List<byte[]> records, List<Event> expected) {
        int at = 0;
        while (at < records.size()
                && at < expected.size()
                && (expected.get(at).hex == null || Arrays.equals(expected.get(at).hex, records.get(at)))) {
            at++;
        }
        // If the bytes are as expected, or there are none, the code differs.
        int first = at == records.size() && at == expected.size() ? 0 : at;
        return ExplainHints.list(
                first < records.size() ? hints.event(records.get(first)) : "",
                first < expected.size() && expected.get(first).hex != null ? hints.event(expected.get(first).hex) : "");
    }

    /** A record that is expected: by its bytes, its code or both. */
    private record Event(byte[] hex, int code) {
        boolean matches(byte[] record, int recordCode) {
            return (hex == null || Arrays.equals(hex, record)) && (code < 0 || code == recordCode);
        }
    }

    private static Step.Action irq(Fields fields) {
        int min = fields.integer("min", Integer.MAX_VALUE, 0);
        int max = fields.integer("max", Integer.MAX_VALUE, Integer.MAX_VALUE);
        Map<String, Object> expected = new LinkedHashMap<>();
        if (fields.has("min")) {
            expected.put("min", min);
        }
        if (fields.has("max")) {
            expected.put("max", max);
        }
        return machine -> {
            int count = machine.takeInterrupts();
            return Answer.of("count", count)
                    .against(expected.isEmpty() ? null : expected, count >= min && count <= max);
        };
    }

    private static Step.Action step(Fields fields) {
        int commands = fields.integer("n", Integer.MAX_VALUE);
        return machine -> Answer.of("consumed", machine.unit().step(commands));
    }

    private Step repeat(Fields fields) {
        int count = fields.integer("count", MOST_ROUNDS);
        List<Step> steps = parse(fields.require("steps"), "steps");
        Needs needs = Needs.NOTHING;
        for (Step step : steps) {
            needs = needs.and(step.needs());
        }
        long rounds =
                rounds(fields, count, steps.stream().mapToLong(Step::rounds).sum());
        return new Step("repeat", needs, rounds, machine -> {
            Finding.Place place = machine.units().place();
            for (int round = 0; round < count; round++) {
                for (int i = 0; i < steps.size(); i++) {
                    machine.progress().again();
                    String where = "round " + round + ", step " + i + " ("
                            + steps.get(i).op() + ")";
                    String outer = place.within();
                    machine.units().at(place.within(outer.isEmpty() ? where : outer + ": " + where));
                    Answer answer;
                    try {
                        answer = steps.get(i).action().run(machine);
                    } catch (StepFailure | BackendException e) {
                        throw new StepFailure(where + ": " + e.getMessage(), e);
                    }
                    if (!answer.met()) {
                        return answer.at(where);
                    }
                }
            }
            return Answer.of("count", count);
        });
    }

    /** A list of steps. */
    List<Step> parse(Json list, String key) {
        List<Step> steps = new ArrayList<>();
        for (Json step : list.list(key)) {
            steps.add(parse(step));
        }
        return steps;
    }

    private Step.Action attach(Fields fields) {
        String container = ContractSteps.container(fields);
        int requester = requester(fields);
        long table = fields.number("table", NO_TABLE);
        int levels = table == NO_TABLE ? 0 : fields.integer("levels", MOST_LEVELS);
        Json expect = fields.get("expect");
        ContractSteps.Expected expected = ContractSteps.Expected.of(expect);
        SavedMachine.Request request = new SavedMachine.Request(container, "attach", (domain, completion) -> {
            if (table == NO_TABLE) {
                domain.attach(requester, completion);
            } else {
                domain.attach(requester, table, levels, completion);
            }
        });
        return machine -> ContractSteps.answer(expect, expected, null, completion -> machine.done(request, completion));
    }

    private Step.Action detach(Fields fields) {
        String container = ContractSteps.container(fields);
        int requester = requester(fields);
        Json expect = fields.get("expect");
        ContractSteps.Expected expected = ContractSteps.Expected.of(expect);
        SavedMachine.Request request = new SavedMachine.Request(
                container, "detach", (domain, completion) -> domain.detach(requester, completion));
        return machine -> ContractSteps.answer(expect, expected, null, completion -> machine.done(request, completion));
    }

    private static Step.Action natives(Fields fields) {
        Json expect = fields.get("expect");
        List<String> expected = new ArrayList<>();
        if (expect != null) {
            for (Json hex : expect.list("expect")) {
                expected.add(HEX.formatHex(hex.hex("expect")));
            }
        }
        return machine -> {
            List<String> all = new ArrayList<>();
            List<String> working = new ArrayList<>();
            for (byte[] command : machine.takeAllCommands()) {
                all.add(HEX.formatHex(command));
                if (!machine.formats().isCompletion(command)) {
                    working.add(HEX.formatHex(command));
                }
            }
            // The driver decides where it waits for completions: an expected list without waits need not name them.
            return Answer.of("commands", all)
                    .against(expect, all.equals(expected) || working.equals(expected))
                    .unmet(() -> commands(machine.hints(), working, expected));
        };
    }

    /** The first command that differs, and what was expected in its place. */
    private static List<String> commands(ExplainHints hints, List<String> got, List<String> expected) {
        int at = 0;
        while (at < got.size() && at < expected.size() && got.get(at).equals(expected.get(at))) {
            at++;
        }
        return ExplainHints.list(
                at < got.size() ? hints.command(HEX.parseHex(got.get(at))) : "",
                at < expected.size() ? hints.command(HEX.parseHex(expected.get(at))) : "");
    }
}
