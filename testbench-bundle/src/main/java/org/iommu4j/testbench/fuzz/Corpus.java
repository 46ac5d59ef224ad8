package org.iommu4j.testbench.fuzz;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.run.CaseLines;
import org.iommu4j.testbench.run.StepRunner;

/** Known cases, to be mutated. Their expectations are left out. */
final class Corpus {
    private static final int MOST_ROUNDS = 16;
    private static final int MOST_BYTES = 8192;
    private static final int MOST_CHANGES = 6;

    /** Most characters of all files together: each takes many bytes of memory as a case. */
    private static final int MOST_CHARACTERS = 4 << 20;

    private final List<Known> known = new ArrayList<>();
    private long characters;

    /** A case of a file. */
    private record Known(int subVersion, String config, List<Map<String, Object>> steps) {}

    /** A changed case. */
    record Changed(Setup setup, List<Action> actions) {}

    /**
     * The cases of a model.
     *
     * @throws CaseFileException if a file cannot be read
     */
    static Corpus read(List<Path> files, IommuModel model) {
        Corpus corpus = new Corpus();
        for (Path file : files) {
            new CaseLines(file).forEach((number, line) -> corpus.add(file, number, line, model));
        }
        return corpus;
    }

    private void add(Path file, long number, String line, IommuModel model) {
        characters += line.length();
        if (characters > MOST_CHARACTERS) {
            throw new CaseFileException(
                    file.toString(),
                    number,
                    0,
                    "",
                    "more than " + MOST_CHARACTERS + " characters of known cases, which are all kept",
                    null);
        }
        try {
            add(StepRunner.parse(line), model);
        } catch (CaseFileException | ClassCastException e) {
            throw new CaseFileException(file.toString(), number, 0, "", "no case: " + e.getMessage(), e);
        }
    }

    @SuppressWarnings("unchecked") // keys of JSON objects are texts
    private void add(Object tree, IommuModel model) {
        Map<String, Object> fields = (Map<String, Object>) tree;
        if (!model.label().equals(fields.get("model"))) {
            return;
        }
        List<Map<String, Object>> steps = new ArrayList<>();
        for (Object step : (List<Object>) fields.getOrDefault("steps", List.of())) {
            steps.add((Map<String, Object>) step);
        }
        known.add(new Known(
                (int) Steps.number(fields, "subVersion", 0),
                fields.get("config") == null ? "" : StepRunner.json(fields.get("config")),
                steps));
    }

    /** True if there is none. */
    boolean isEmpty() {
        return known.isEmpty();
    }

    /** A case with a few changes. */
    Changed change(IommuModel model, long seed, boolean twin) {
        SplittableRandom random = new SplittableRandom(seed);
        Values values = new Values(random, FuzzScene.EMPTY, -1);
        Known one = values.any(known);
        List<Map<String, Object>> steps = new ArrayList<>();
        one.steps().forEach(step -> steps.add(plain(step)));
        for (int i = random.nextInt(MOST_CHANGES); i > 0 && !steps.isEmpty(); i--) {
            int at = random.nextInt(steps.size());
            switch (random.nextInt(6)) {
                case 0 -> steps.remove(at);
                case 1 -> steps.add(random.nextInt(steps.size() + 1), new LinkedHashMap<>(steps.get(at)));
                case 2 -> steps.add(steps.remove(random.nextInt(steps.size())));
                default -> change(steps.get(at), values);
            }
        }
        boolean driver = uses(steps, Steps.CONTRACT);
        List<Action> actions = new ArrayList<>();
        steps.forEach(step -> actions.add(new Action.Plain(step)));
        Setup setup = new Setup(
                model,
                one.subVersion(),
                one.config(),
                driver,
                uses(steps, java.util.Set.of("step")),
                uses(steps, java.util.Set.of("irq")),
                twin);
        return new Changed(setup, actions);
    }

    private static boolean uses(List<Map<String, Object>> steps, java.util.Set<String> ops) {
        return steps.stream()
                .anyMatch(step -> ops.contains(Steps.text(step, "op"))
                        || (step.get("steps") instanceof List<?> inner && uses(maps(inner), ops)));
    }

    @SuppressWarnings("unchecked") // keys of JSON objects are texts
    private static List<Map<String, Object>> maps(List<?> steps) {
        return steps.stream().map(step -> (Map<String, Object>) step).toList();
    }

    /** A step without what it expects, and not longer than it need be. */
    private static Map<String, Object> plain(Map<String, Object> step) {
        Map<String, Object> plain = new LinkedHashMap<>(step);
        if (step.get("expect") instanceof String expected
                && Steps.text(step, "op").equals("mem_read")) {
            plain.put("length", expected.length() / 2);
        }
        plain.remove("expect");
        plain.remove("mask");
        plain.remove("comment");
        if (Steps.text(step, "op").equals("irq")) {
            plain.remove("min");
            plain.remove("max");
        }
        limit(plain, "count", MOST_ROUNDS);
        limit(plain, "len", MOST_BYTES);
        limit(plain, "length", MOST_BYTES);
        if (step.get("steps") instanceof List<?> inner) {
            plain.put("steps", maps(inner).stream().map(Corpus::plain).toList());
        }
        return plain;
    }

    private static void limit(Map<String, Object> step, String key, long most) {
        if (step.containsKey(key) && Long.compareUnsigned(Steps.number(step, key, 0), most) > 0) {
            step.put(key, most);
        }
    }

    private static void change(Map<String, Object> step, Values values) {
        List<String> keys =
                step.keySet().stream().filter(key -> !key.equals("op")).toList();
        if (keys.isEmpty()) {
            return;
        }
        String key = values.any(keys);
        Object value = step.get(key);
        if (Steps.isNumber(value)) {
            int width = key.equals("value") || key.equals("iova") || key.equals("pa") ? Long.SIZE : Integer.SIZE;
            long changed =
                    values.oneIn(2) ? Steps.number(value) ^ 1L << values.below(width) : values.number(key, width);
            step.put(key, Steps.hex(width == Integer.SIZE ? changed & 0xffff_ffffL : changed));
            limit(step, "count", MOST_ROUNDS);
            limit(step, "len", MOST_BYTES);
            limit(step, "length", MOST_BYTES);
        } else if (key.equals("words") && value instanceof List<?> words && !words.isEmpty()) {
            List<Object> changed = new ArrayList<>(words);
            int at = values.below(changed.size());
            changed.set(at, Steps.hex(Steps.number(changed.get(at)) ^ 1L << values.below(Long.SIZE)));
            step.put(key, changed);
        } else if (key.equals("hex") && value instanceof String text && !text.isEmpty()) {
            byte[] bytes = Steps.bytes(step, key);
            bytes[values.below(bytes.length)] ^= (byte) (1 << values.below(Byte.SIZE));
            step.put(key, Steps.hex(bytes));
        } else if (value instanceof Boolean flag) {
            step.put(key, !flag);
        }
    }
}
