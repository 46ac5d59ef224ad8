package org.iommu4j.testbench.fuzz;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.iommu4j.backend.FuzzScene;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprCall;
import org.junit.jupiter.api.Test;

/** A case is done again on a machine that looks the same to software. */
class TwinTest {
    private static final int LIOBN = 0x8000_0000;
    private static final long HOST_PAGES = 1L << 51;

    @Test
    void shouldHaveTheHostsTablesWhereTheCaseHadThem() {
        SpaprBackend backend = new SpaprBackend();
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(backend);
            Setup setup = new Setup(IommuModel.SPAPR, 1, "", false, false, false, true);
            try (CaseRun run = new CaseRun(core, setup, FuzzScene.EMPTY, new Coverage(backend))) {
                long[] window = {Integer.toUnsignedLong(LIOBN), 0, 0, 12, 30, 1, 0, HOST_PAGES, 0};
                run.run(new Action.Call(SpaprCall.H_SET_TCE_TABLE, window));
                run.run(new Action.Plain(Steps.step("dma", "requester", "0x0", "iova", "0x0", "access", "write")));

                assertEquals(2, run.steps().size());
                assertDoesNotThrow(run::finish);
            }
        }
    }
}
