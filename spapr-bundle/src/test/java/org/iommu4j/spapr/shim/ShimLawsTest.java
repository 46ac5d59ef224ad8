package org.iommu4j.spapr.shim;

import java.util.EnumSet;
import java.util.List;
import org.iommu4j.backend.Generation;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testing.ShimLaws;
import org.iommu4j.testing.ShimLaws.Law;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. */
class ShimLawsTest {
    private static final List<Integer> GENERATIONS = new SpaprBackend()
            .describe().generations().stream().map(Generation::subVersion).toList();

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new SpaprBackend(),
                (client, chip, other) -> new ShimPropertyTest.Scene(client, chip),
                (client, other, random) -> ShimPropertyTest.request(client, random),
                (shim, request) -> true,
                (request, refusal) -> false);
        laws.check(GENERATIONS, EnumSet.allOf(Law.class));
    }
}
