package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.junit.jupiter.api.Test;

class GuestContainersTest {
    @Test
    void shouldSayHowToExplainTheFirstRequestThatWasRefusedForAReason() throws Exception {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            core.arrived(new VtdBackend());
            try (Unit unit = core.openUnit(UnitConfig.of(IommuModel.INTEL, HardwareConfig.of(0x110)))) {
                GuestContainers containers = new GuestContainers(unit, 0x110);
                List<String> reasons = new ArrayList<>();
                containers.onRefusal(reasons::add);
                byte[] first = {12, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0};
                byte[] second = {13, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0};

                assertEquals(Errno.EOPNOTSUPP, containers.request(0, first).errno());
                containers.request(0, second);

                assertEquals(2, reasons.size());
                assertEquals(reasons.get(0), reasons.get(1), "equal reasons are counted together");
                assertEquals(
                        "EOPNOTSUPP V5 flag at byte 4 = 0x10: flag has no bit but the four operations (mask 0xf);"
                                + " the first: ./iommu4j explain --model intel --contract lp64-le --sub-version 0x0110"
                                + " 0c0000001000000000000000",
                        reasons.get(0));
            }
        }
    }
}
