package org.iommu4j.s390.shim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. */
class ShimLawsTest {
    private static final int CASES = 800;

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new ZpciBackend(),
                (client, chip, other) -> new ShimPropertyTest.Scene(chip),
                (client, other, random) -> ShimPropertyTest.request(client, random),
                shim -> true,
                (request, refusal) -> false);
        for (int client = ZpciGeneration.BASE; client <= ZpciGeneration.RELAXED; client++) {
            for (int chip = ZpciGeneration.BASE; chip <= ZpciGeneration.RELAXED; chip++) {
                laws.check(client, chip, CASES);
            }
        }
        assertTrue(laws.counts().keySet().containsAll(Set.of("L1", "L2", "L4", "L5", "L8", "L9")));
    }
}
