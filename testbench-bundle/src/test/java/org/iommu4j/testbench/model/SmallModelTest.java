package org.iommu4j.testbench.model;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * No interleaving of a few steps of software and devices ends in something stale: by default as far as a few thousand states go, with
 * {@code -Diommu4j.model.states=1000000} further.
 */
class SmallModelTest {
    private static final int STATES = Integer.getInteger("iommu4j.model.states", 2500);
    private static final int STEPS = Integer.getInteger("iommu4j.model.steps", 8);
    private static final int FEWEST_STATES = 1000;

    static Stream<ModelVendor> vendors() {
        return ModelVendor.all();
    }

    @ParameterizedTest
    @MethodSource("vendors")
    void shouldUseNothingStale(ModelVendor vendor) {
        Exploration exploration = new Exploration(() -> new ModelMachine(vendor), STEPS, STATES);
        List<ModelOp> wrong = exploration.run();
        assertNull(wrong, () -> vendor + ": " + wrong + ": " + new ModelMachine(vendor).replay(wrong));
        assertTrue(exploration.states() >= Math.min(FEWEST_STATES, STATES));
    }
}
