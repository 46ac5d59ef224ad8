package org.iommu4j.amd.shim;

import java.util.EnumSet;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.shim.ShimEquivalencePropertyTest.Guests;
import org.iommu4j.amd.shim.ShimEquivalencePropertyTest.Scene;
import org.iommu4j.testing.MovedPages;
import org.iommu4j.testing.ShimLaws;
import org.iommu4j.testing.ShimLaws.Law;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. */
class ShimLawsTest {
    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new AmdViBackend(),
                (client, chip, other) -> {
                    Guests guests = ShimEquivalencePropertyTest.guests(client, client == chip ? other : chip);
                    return new MovedPages(new Scene(client, chip, guests, client == AmdViGeneration.NESTED));
                },
                (client, other, random) -> ShimEquivalencePropertyTest.requests(
                        client, ShimEquivalencePropertyTest.guests(client, other), random)[0],
                (shim, request) -> true,
                (request, refusal) -> false);
        laws.check(AmdViGeneration.ALL, EnumSet.allOf(Law.class));
    }
}
