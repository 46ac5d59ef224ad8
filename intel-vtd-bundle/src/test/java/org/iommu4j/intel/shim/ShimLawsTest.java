package org.iommu4j.intel.shim;

import java.util.EnumSet;
import java.util.List;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.shim.DescriptorShimPropertyTest.Scene;
import org.iommu4j.testing.ShimLaws;
import org.iommu4j.testing.ShimLaws.Law;
import org.junit.jupiter.api.Test;

/** The laws of {@link ShimLaws} for every path between the generations. */
class ShimLawsTest {
    private static final List<Integer> GENERATIONS = List.of(
            VtdGeneration.LEGACY_REG,
            VtdGeneration.LEGACY_QI,
            VtdGeneration.SCALABLE,
            VtdGeneration.WIDE_TYPE,
            VtdGeneration.HOST_PERMISSIONS);

    @Test
    void shouldHoldOnEveryPath() {
        ShimLaws laws = new ShimLaws(
                new VtdBackend(),
                (client, chip, other) -> new Scene(
                        chip,
                        !DescriptorShimPropertyTest.isLegacy(client)
                                && !DescriptorShimPropertyTest.isLegacy(chip)
                                && !DescriptorShimPropertyTest.isLegacy(other)),
                (client, other, random) -> DescriptorShimPropertyTest.requestOfAny(client, random),
                (shim, request) -> true,
                (request, refusal) -> false);
        laws.check(GENERATIONS, EnumSet.allOf(Law.class));
    }
}
