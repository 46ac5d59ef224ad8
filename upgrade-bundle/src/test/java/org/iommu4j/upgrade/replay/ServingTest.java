package org.iommu4j.upgrade.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.junit.jupiter.api.Test;

class ServingTest {
    @Test
    void shouldBeADeviceThatIsNotThereWhileABundleIsUpdatedInPlace() {
        try (IommuCore core = new IommuCore(new SimulatedPlatformFactory())) {
            Backend backend = new VtdBackend();
            core.arrived(backend);
            assertEquals(
                    backend.describe(), Serving.backend(core, IommuModel.INTEL).describe());
            core.leaving(backend);

            BackendException refusal =
                    assertThrows(BackendException.class, () -> Serving.backend(core, IommuModel.INTEL));

            assertEquals(Errno.ENODEV, refusal.errno());
        }
    }
}
