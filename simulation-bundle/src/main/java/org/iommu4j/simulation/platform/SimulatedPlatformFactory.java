package org.iommu4j.simulation.platform;

import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformFactory;

/** Makes simulated machines. */
public final class SimulatedPlatformFactory implements PlatformFactory {
    @Override
    public Platform create(PlatformConfig config) {
        return new SimulatedPlatform(config);
    }
}
