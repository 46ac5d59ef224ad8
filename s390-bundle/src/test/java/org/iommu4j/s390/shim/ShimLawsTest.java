package org.iommu4j.s390.shim;

import java.util.EnumSet;
import java.util.List;
import org.iommu4j.backend.Generation;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.testing.MovedPages;
import org.iommu4j.testing.ShimLaws;
import org.iommu4j.testing.ShimLaws.Law;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. Its shims refuse nothing, so that none asks L6. */
class ShimLawsTest {
    private static final List<Integer> GENERATIONS = new ZpciBackend()
            .describe().generations().stream().map(Generation::subVersion).toList();

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new ZpciBackend(),
                (client, chip, other) -> new MovedPages(new ShimPropertyTest.Scene(chip)),
                (client, other, random) -> ShimPropertyTest.request(client, random),
                (shim, request) -> true,
                (request, refusal) -> false);
        laws.check(GENERATIONS, EnumSet.complementOf(EnumSet.of(Law.L6)));
    }
}
