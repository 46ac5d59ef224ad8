package org.iommu4j.intel.shim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.shim.DescriptorShimPropertyTest.Scene;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations with a queue. */
class ShimLawsTest {
    private static final int CASES = 60;
    private static final List<Integer> GENERATIONS = List.of(
            VtdGeneration.LEGACY_QI, VtdGeneration.SCALABLE, VtdGeneration.WIDE_TYPE, VtdGeneration.HOST_PERMISSIONS);

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new VtdBackend(),
                (client, chip, other) -> new Scene(
                        chip,
                        !DescriptorShimPropertyTest.isLegacy(client)
                                && !DescriptorShimPropertyTest.isLegacy(chip)
                                && !DescriptorShimPropertyTest.isLegacy(other)),
                (client, other, random) -> DescriptorShimPropertyTest.request(client, random),
                shim -> true,
                (request, refusal) -> false);
        for (int client : GENERATIONS) {
            for (int chip : GENERATIONS) {
                laws.check(client, chip, CASES);
            }
        }
        assertTrue(laws.counts().keySet().containsAll(Set.of("L1", "L2", "L3", "L4", "L5", "L8", "L9")));
    }
}
