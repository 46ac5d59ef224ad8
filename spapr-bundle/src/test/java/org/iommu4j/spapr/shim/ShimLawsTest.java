package org.iommu4j.spapr.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. */
class ShimLawsTest {
    private static final int CASES = 400;

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new SpaprBackend(),
                (client, chip, other) -> new ShimPropertyTest.Scene(client, chip),
                (client, other, random) -> ShimPropertyTest.request(client, random),
                shim -> true,
                (request, refusal) -> false);
        for (int client = SpaprGeneration.TCE_V1; client <= SpaprGeneration.IODA3_PEKILL; client++) {
            for (int chip = SpaprGeneration.TCE_V1; chip <= SpaprGeneration.IODA3_PEKILL; chip++) {
                laws.check(client, chip, CASES);
            }
        }
        assertEquals(
                Set.of("L1", "L2", "L3", "L4", "L5", "L6", "L8", "L9"),
                laws.counts().keySet());
    }
}
