package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.shim.ShimEquivalencePropertyTest.Scene;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations that have chips. */
class ShimLawsTest {
    private static final int CASES = 400;

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new SmmuBackend(),
                (client, chip, other) -> new Scene(
                        // A guest of 0x0301 may have ranges, which the default chip has not.
                        client == chip && chip == SmmuGeneration.V3_1 ? SmmuGeneration.V3_2 : chip,
                        Math.min(chip, Math.min(client, other)) > SmmuGeneration.V3_0),
                (client, other, random) -> ShimEquivalencePropertyTest.request(client, random),
                shim -> !ShimEquivalencePropertyTest.losesLevels(shim),
                (request, refusal) -> false);
        for (int client : SmmuGeneration.OF_CHIPS) {
            for (int chip : SmmuGeneration.OF_CHIPS) {
                laws.check(client, chip, CASES);
            }
        }
        assertEquals(
                Set.of("L1", "L2", "L3", "L4", "L5", "L6", "L8", "L9"),
                laws.counts().keySet());
    }
}
