package org.iommu4j.backend;

import org.osgi.annotation.versioning.ProviderType;

/** Makes the machine around a unit; a service, so that the core need not know who simulates it. */
@ProviderType
public interface PlatformFactory {
    /** A machine with empty memory. */
    Platform create(PlatformConfig config);
}
