package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.testbench.FuzzFailure.Kind;

/**
 * Makes a failed case small: leaves out actions, first in halves, then one by one, as long as a failure of the same kind
 * remains; then does the same with the single steps of what the model's software did; then makes numbers small. How far it
 * gets depends on the case alone, not on time, but for cases that hang.
 */
final class Shrinker {
    /** Most runs for a case. */
    static final int MOST_RUNS = 3000;

    /** Most runs for a case of which each run takes long: one that hangs, or one that measures memory. */
    private static final int MOST_LONG_RUNS = 40;

    private static final int MOST_LATE = 5;

    /** Runs that hang and cannot be interrupted keep a thread for good. */
    private static final int MOST_HANGS = 4;

    private final IommuService service;
    private final Backend backend;
    private final long deadlineNanos;
    private final IntConsumer progress;
    private Setup setup;
    private FuzzScene scene = FuzzScene.EMPTY;
    private Kind kind;
    private List<Action> actions;
    private Attempt best;
    private int mostRuns;
    private int runs;
    private int late;
    private int hangs;

    /**
     * A shrinker.
     *
     * @param deadlineNanos of one run
     * @param mostRuns most runs for a case
     * @param progress is told the number of each run
     */
    Shrinker(IommuService service, Backend backend, long deadlineNanos, int mostRuns, IntConsumer progress) {
        this.service = service;
        this.backend = backend;
        this.deadlineNanos = deadlineNanos;
        this.mostRuns = mostRuns;
        this.progress = progress;
    }

    /** A small case. */
    record Shrunken(Setup setup, List<Map<String, Object>> steps, Failed failed) {}

    /** Makes the case of a failed attempt small. */
    Shrunken shrink(Setup of, Attempt failedAttempt) {
        setup = of;
        kind = failedAttempt.failed().kind();
        actions = new ArrayList<>(failedAttempt.done());
        best = failedAttempt;
        boolean measures = actions.stream().anyMatch(action -> action instanceof Action.Soak soak && soak.measured());
        if (kind == Kind.HANG || (kind == Kind.GROWTH && measures)) {
            mostRuns = Math.min(mostRuns, MOST_LONG_RUNS);
        }
        if (!holds(setup, actions)) {
            // It does not fail a second time: there is nothing to go by.
            return new Shrunken(setup, failedAttempt.steps(), failedAttempt.failed());
        }
        onlyTheLast();
        withoutSwitches();
        removeChunks();
        flatten();
        removeChunks();
        simplify();
        removeChunks();
        return new Shrunken(setup, best.steps(), best.failed());
    }

    private boolean holds(Setup with, List<Action> candidate) {
        if (runs >= mostRuns || late >= MOST_LATE || hangs >= MOST_HANGS) {
            return false;
        }
        progress.accept(++runs);
        Attempt attempt = new Attempt(service, backend, with, scene);
        boolean ended = attempt.run(candidate, begun -> List.of(), deadlineNanos);
        if (!ended) {
            hangs++;
        }
        if (attempt.failed() != null && attempt.failed().kind() == Kind.HANG) {
            late++;
        }
        if (attempt.failed() == null || attempt.failed().kind() != kind) {
            return false;
        }
        setup = with;
        // Actions after the failure are not needed.
        actions = new ArrayList<>(attempt.done());
        best = attempt;
        return true;
    }

    /** Tries the last actions alone, with and without those that set the scene: often they are enough. */
    private void onlyTheLast() {
        if (actions.size() < 2) {
            return;
        }
        Action last = actions.get(actions.size() - 1);
        List<Action> software =
                actions.stream().filter(Action.BringUp.class::isInstance).toList();
        if (!holds(setup, List.of(last)) && !software.isEmpty()) {
            holds(setup, List.of(software.get(0), last));
        }
    }

    private void withoutSwitches() {
        Setup plain = new Setup(
                setup.model(), setup.subVersion(), setup.config(), setup.driver(), false, false, setup.twin());
        List<Action> rest = actions.stream()
                .filter(action -> !(action instanceof Action.Plain step)
                        || !List.of("step", "irq").contains(Steps.text(step.step(), "op")))
                .toList();
        holds(plain, rest);
        Setup ofDefault = new Setup(
                setup.model(),
                setup.subVersion(),
                "",
                setup.driver(),
                setup.stepping(),
                setup.interrupts(),
                setup.twin());
        holds(ofDefault, actions);
    }

    private void removeChunks() {
        for (int size = Math.max(1, actions.size() / 2); size >= 1; size /= 2) {
            boolean again = true;
            while (again) {
                again = false;
                for (int from = actions.size() - size; from >= 0; from -= size) {
                    if (from + size <= actions.size() && holds(setup, without(from, size))) {
                        again = size == 1;
                    }
                }
            }
        }
    }

    private List<Action> without(int from, int count) {
        List<Action> rest = new ArrayList<>(actions);
        rest.subList(from, from + count).clear();
        return rest;
    }

    /** Replaces the scene's set-up by its single steps, in the same order. */
    private void flatten() {
        int at = -1;
        for (int i = 0; i < actions.size(); i++) {
            at = actions.get(i) instanceof Action.BringUp ? i : at;
        }
        if (at < 0) {
            return;
        }
        Attempt software = new Attempt(service, backend, setup, FuzzScene.EMPTY);
        software.run(List.copyOf(actions.subList(0, at + 1)), begun -> List.of(), deadlineNanos);
        List<Action> flat = new ArrayList<>();
        boolean whole = true;
        for (Map<String, Object> step : software.steps()) {
            // A call has to be made as a call, so that what it came to is seen.
            whole &= !List.of("hcall", "rtas", "instruction").contains(Steps.text(step, "op"));
            flat.addAll(single(step));
        }
        if (!whole) {
            return;
        }
        flat.addAll(actions.subList(at + 1, actions.size()));
        FuzzScene before = scene;
        scene = software.scene();
        if (!holds(setup, flat)) {
            scene = before;
        }
    }

    /** Splits a write of several words into writes of one. */
    private static List<Action> single(Map<String, Object> step) {
        if (!(step.get("words") instanceof List<?> words) || words.size() < 2) {
            return List.of(new Action.Plain(step));
        }
        List<Action> steps = new ArrayList<>();
        long pa = Steps.number(step, "pa", 0);
        for (int i = 0; i < words.size(); i++) {
            steps.add(new Action.Plain(Steps.step(
                    "mem_write", "pa", Steps.hex(pa + (long) i * Long.BYTES), "words", List.of(words.get(i)))));
        }
        return steps;
    }

    private void simplify() {
        for (int i = 0; i < actions.size(); i++) {
            if (actions.get(i) instanceof Action.Plain plain) {
                for (String key : List.copyOf(plain.step().keySet())) {
                    if (!key.equals("op")) {
                        simplify(i, key);
                    }
                }
            }
        }
    }

    private void simplify(int at, String key) {
        if (at >= actions.size() || !(actions.get(at) instanceof Action.Plain plain)) {
            return;
        }
        Map<String, Object> step = plain.step();
        Map<String, Object> less = new LinkedHashMap<>(step);
        less.remove(key);
        if (List.of("pasid", "len", "privileged", "translated", "data", "abi", "expect")
                        .contains(key)
                && replaced(at, less)) {
            return;
        }
        Object value = step.get(key);
        if (value instanceof String text && text.startsWith("0x") && Steps.isNumber(value)) {
            replaced(at, with(step, key, Steps.hex(smallest(at, key, Steps.number(value)))));
        } else if (key.equals("words") && value instanceof List<?> words && words.size() == 1) {
            long word = Steps.number(words.get(0));
            for (int bit = Long.SIZE - 1; bit >= 0; bit--) {
                long fewer = word & ~(1L << bit);
                if (fewer != word && replaced(at, with(step, key, List.of(Steps.hex(fewer))))) {
                    word = fewer;
                }
            }
        }
    }

    /** The number with as many bits cleared as can be. */
    private long smallest(int at, String key, long value) {
        long number = value;
        if (number != 0 && replaced(at, with(stepAt(at), key, Steps.hex(0)))) {
            return 0;
        }
        for (int bit = Long.SIZE - 1; bit >= 0; bit--) {
            long fewer = number & ~(1L << bit);
            if (fewer != number && replaced(at, with(stepAt(at), key, Steps.hex(fewer)))) {
                number = fewer;
            }
        }
        return number;
    }

    private Map<String, Object> stepAt(int at) {
        return ((Action.Plain) actions.get(at)).step();
    }

    private static Map<String, Object> with(Map<String, Object> step, String key, Object value) {
        Map<String, Object> changed = new LinkedHashMap<>(step);
        changed.put(key, value);
        return changed;
    }

    private boolean replaced(int at, Map<String, Object> step) {
        if (at >= actions.size()) {
            return false;
        }
        List<Action> candidate = new ArrayList<>(actions);
        candidate.set(at, new Action.Plain(step));
        int before = actions.size();
        List<Action> kept = actions;
        Attempt keptBest = best;
        if (!holds(setup, candidate)) {
            return false;
        }
        if (actions.size() != before) {
            // It failed earlier: places would move while they are counted.
            actions = kept;
            best = keptBest;
            return false;
        }
        return true;
    }
}
