package org.iommu4j.simulation.component;

import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.simulation.platform.SimulatedPlatformFactory;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers {@link SimulatedPlatformFactory} as a service. */
@Component
public final class PlatformFactoryComponent implements PlatformFactory {
    private final PlatformFactory factory = new SimulatedPlatformFactory();

    /** Nothing to wait for. */
    @Activate
    public PlatformFactoryComponent() {}

    @Override
    public Platform create(PlatformConfig config) {
        return factory.create(config);
    }
}
