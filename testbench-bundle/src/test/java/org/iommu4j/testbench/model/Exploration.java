package org.iommu4j.testbench.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

/**
 * All interleavings of steps, in the order of their length. Two that lead to the same state, caches included, are one: it is gone on
 * from the first. Tables and ledger can be taken back, a chip cannot: a step after one that has changed the chip begins with all the
 * steps before it.
 */
final class Exploration {
    private static final int BITS = 6;
    private static final long OP = (1L << BITS) - 1;
    private static final long NONE = -1;

    private final Supplier<ModelMachine> machines;
    private final int mostSteps;
    private final int mostStates;
    private final HashSetOfLongs seen;
    private ModelMachine machine;
    private int deepest;
    private boolean complete = true;

    /**
     * An exploration.
     *
     * @param machines makes a machine; one is used for all interleavings, from which every device is taken before each
     * @param mostSteps of an interleaving, at most 10
     * @param mostStates after how many it ends
     */
    Exploration(Supplier<ModelMachine> machines, int mostSteps, int mostStates) {
        this.machines = machines;
        this.mostSteps = mostSteps;
        this.mostStates = mostStates;
        seen = new HashSetOfLongs(mostStates);
    }

    /** The steps that end in something wrong; null if none do. */
    List<ModelOp> run() {
        machine = machines.get();
        LongList level = new LongList();
        level.add(0);
        for (int steps = 0; steps < mostSteps && level.size() > 0; steps++) {
            LongList next = new LongList();
            for (int i = 0; i < level.size(); i++) {
                long path = expand(level.get(i), steps, next);
                if (path != NONE) {
                    return steps(path, steps + 1);
                }
                if (!complete) {
                    return null;
                }
            }
            deepest = steps + 1;
            level = next;
        }
        return null;
    }

    /** Does each step that is possible in a state; the path that ends in something wrong, or {@link #NONE}. */
    private long expand(long path, int steps, LongList next) {
        go(path, steps);
        long chip = machine.chipHash();
        int ledger = machine.ledger();
        boolean isHere = true;
        for (int op = 0; op < ModelOp.ALL.size(); op++) {
            if (seen.size() >= mostStates) {
                complete = false;
                return NONE;
            }
            if (!isHere) {
                go(path, steps);
            }
            isHere = true;
            if (machine.isPossible(ModelOp.ALL.get(op))) {
                long longer = path | (long) op << (steps * BITS);
                if (machine.apply(ModelOp.ALL.get(op)) != null && isWrong(longer, steps + 1)) {
                    return longer;
                }
                if (seen.add(machine.stateHash())) {
                    next.add(longer);
                }
                isHere = machine.chipHash() == chip;
                if (isHere) {
                    machine.takeBack(ledger);
                }
            }
        }
        return NONE;
    }

    /** True if it goes wrong on a new machine, too, which takes the place of the one that earlier interleavings may have spoiled. */
    private boolean isWrong(long path, int steps) {
        machine = machines.get();
        return machine.replay(steps(path, steps)) != null;
    }

    /** Goes to a state again. */
    private void go(long path, int steps) {
        machine.begin();
        for (int step = 0; step < steps; step++) {
            machine.apply(ModelOp.ALL.get((int) ((path >>> (step * BITS)) & OP)));
        }
    }

    private static List<ModelOp> steps(long path, int count) {
        List<ModelOp> ops = new ArrayList<>();
        for (int step = 0; step < count; step++) {
            ops.add(ModelOp.ALL.get((int) ((path >>> (step * BITS)) & OP)));
        }
        return ops;
    }

    /** Different states so far. */
    int states() {
        return seen.size();
    }

    /** Number of steps of which all interleavings have been done. */
    int deepest() {
        return deepest;
    }

    /** False if it ended because of the number of states. */
    boolean isComplete() {
        return complete;
    }

    private static final class LongList {
        private long[] values = new long[64];
        private int size;

        void add(long value) {
            if (size == values.length) {
                values = Arrays.copyOf(values, 2 * size);
            }
            values[size++] = value;
        }

        long get(int index) {
            return values[index];
        }

        int size() {
            return size;
        }
    }

    /** Numbers, of which most are different; 0 stands for none. */
    private static final class HashSetOfLongs {
        private final long[] slots;
        private int size;

        HashSetOfLongs(int most) {
            slots = new long[Integer.highestOneBit(Math.max(64, most)) * 4];
        }

        boolean add(long value) {
            long stored = value == 0 ? 1 : value;
            int at = (int) (stored ^ (stored >>> 32)) & (slots.length - 1);
            while (slots[at] != 0) {
                if (slots[at] == stored) {
                    return false;
                }
                at = (at + 1) & (slots.length - 1);
            }
            slots[at] = stored;
            size++;
            return true;
        }

        int size() {
            return size;
        }
    }
}
