package org.iommu4j.amd.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.shim.ShimEquivalencePropertyTest.Guests;
import org.iommu4j.amd.shim.ShimEquivalencePropertyTest.Scene;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. */
class ShimLawsTest {
    private static final int CASES = 400;

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new AmdViBackend(),
                (client, chip, other) -> {
                    Guests guests = ShimEquivalencePropertyTest.guests(client, client == chip ? other : chip);
                    return new Scene(client, chip, guests, client == AmdViGeneration.NESTED);
                },
                (client, other, random) -> ShimEquivalencePropertyTest.requests(
                        client, ShimEquivalencePropertyTest.guests(client, other), random)[0],
                shim -> true,
                (request, refusal) -> false);
        for (int client : AmdViGeneration.ALL) {
            for (int chip : AmdViGeneration.ALL) {
                laws.check(client, chip, CASES);
            }
        }
        assertEquals(
                Set.of("L1", "L2", "L3", "L4", "L5", "L6", "L8", "L9"),
                laws.counts().keySet());
    }
}
