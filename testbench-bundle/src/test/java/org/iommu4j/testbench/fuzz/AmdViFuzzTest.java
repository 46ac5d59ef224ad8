package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.testbench.FuzzOptions;
import org.iommu4j.testbench.FuzzOptions.What;
import org.iommu4j.testbench.FuzzResult;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Cases that the fuzzer makes up for AMD-Vi reach deep, and find nothing in a chip that is right. */
class AmdViFuzzTest {
    private static final int CASES = Integer.getInteger("iommu4j.amd.fuzz.cases", 64);

    @ParameterizedTest
    @EnumSource(names = "ALL", mode = EnumSource.Mode.EXCLUDE)
    void shouldFindNothing(What what) {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new AmdViBackend());
            FuzzOptions options = FuzzOptions.of(
                            IommuModel.AMD, Integer.getInteger("iommu4j.amd.fuzz.seed", 1), Long.MAX_VALUE)
                    .with(what)
                    .withCases(0, CASES);
            FuzzResult result = new Fuzzer(core).run(options, progress -> {});
            assertNull(result.failure(), () -> String.valueOf(result.failure()));
            assertEquals(CASES, result.cases());
            assertTrue(result.reached("accesses", "translated") > 10, result::toText);
            assertTrue(result.compared() > 50, result::toText);
        }
    }
}
