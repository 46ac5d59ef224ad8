package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.contract.Effect.Target;
import org.iommu4j.testing.EffectLaws;
import org.junit.jupiter.api.Test;

/** The laws of {@link EffectLaws} for every generation as client and every one that has chips. */
class EffectLawsTest {
    private static final int CASES = 2000;

    @Test
    void shouldHoldForEveryPair() {
        assertEquals(
                Set.of(Target.values()),
                EffectLaws.check(
                        SmmuForms.ALL,
                        SmmuGeneration.OF_CHIPS,
                        ShimEquivalencePropertyTest::requestOfAny,
                        Integer.getInteger("laws.cases", CASES)));
    }
}
