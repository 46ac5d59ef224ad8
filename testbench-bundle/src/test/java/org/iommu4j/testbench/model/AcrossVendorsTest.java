package org.iommu4j.testbench.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.iommu4j.contract.Errno;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/**
 * The contract means the same on all models: the same edits of equal mappings and the same generic requests, through every vendor's driver
 * into its chip, are answered alike and let the same accesses through afterwards, to the same frames. {@code -Dlaws.cases=N} takes N
 * cases.
 */
class AcrossVendorsTest {
    private static final int CASES = Integer.getInteger("laws.cases", 50);
    private static final int STEPS = 14;

    private final List<ModelVendor> vendors = ModelVendor.all().toList();
    private final List<ModelMachine> machines =
            vendors.stream().map(ModelMachine::new).toList();

    /** How many answers and accesses were compared. */
    private final Map<Object, Integer> compared = new HashMap<>();

    @Test
    void shouldAnswerAndTranslateAlike() {
        Property.check(CASES, this::checkOne);
        assertTrue(compared.get(Errno.OK) > CASES, compared::toString);
        assertTrue(compared.get(true) > CASES && compared.get(false) > CASES, compared::toString);
    }

    private void checkOne(SplittableRandom random) {
        List<ModelOp> done = new ArrayList<>();
        try {
            run(random, done);
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + cases(done), e);
        }
    }

    /** The steps as lines of a case file, made as few as they can be, for each vendor whose devices meet something wrong. */
    private String cases(List<ModelOp> done) {
        StringBuilder lines = new StringBuilder();
        for (ModelVendor vendor : vendors) {
            Counterexample example = new Counterexample(vendor, done);
            lines.append(example.isMet() ? "\n" + example.toCase() : "");
        }
        return lines.toString();
    }

    private void run(SplittableRandom random, List<ModelOp> done) {
        machines.forEach(ModelMachine::begin);
        while (done.size() < STEPS) {
            ModelOp op = ModelOp.ALL.get(random.nextInt(ModelOp.ALL.size()));
            if (!machines.get(0).isPossible(op)) {
                continue;
            }
            done.add(op);
            for (ModelMachine machine : machines) {
                assertEquals(null, machine.apply(op), () -> done.toString());
            }
            if (op.kind() == ModelOp.Kind.INVALIDATE) {
                compareAnswers(done);
                compareAccesses(done);
            }
        }
    }

    private void compareAnswers(List<ModelOp> done) {
        Errno first = machines.get(0).last().errno();
        for (int i = 0; i < machines.size(); i++) {
            int number = i;
            assertEquals(
                    first,
                    machines.get(i).last().errno(),
                    () -> vendors.get(number) + " after " + done + ": "
                            + machines.get(number).last());
        }
        compared.merge(first, 1, Integer::sum);
    }

    private void compareAccesses(List<ModelOp> done) {
        for (int device = 0; device < ModelOp.TWO; device++) {
            for (int page = 0; page < ModelOp.TWO; page++) {
                if (!machines.get(0).isSettled(device, page)) {
                    continue;
                }
                OptionalLong first = machines.get(0).meets(device, page);
                for (int i = 1; i < machines.size(); i++) {
                    assertTrue(machines.get(i).isSettled(device, page));
                    assertEquals(
                            first,
                            machines.get(i).meets(device, page),
                            vendors.get(i) + ", device " + device + ", page " + page + ", after " + done);
                }
                compared.merge(first.isPresent(), 1, Integer::sum);
            }
        }
    }
}
