package org.iommu4j.amd.component;

import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.backend.Backend;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers the AMD-Vi backend as a service. */
@Component(
        service = Backend.class,
        property = {
            "model=amd",
            "generations:Integer=" + AmdViGeneration.V1,
            "generations:Integer=" + AmdViGeneration.V2,
            "generations:Integer=" + AmdViGeneration.V3,
            "generations:Integer=" + AmdViGeneration.SNP,
            "generations:Integer=" + AmdViGeneration.NESTED
        },
        properties = "OSGI-INF/version.properties")
public final class AmdViBackendComponent extends AmdViBackend {
    /** Takes the version from the bundle. */
    @Activate
    public AmdViBackendComponent(BundleContext context) {
        super(version(context.getBundle().getVersion()));
    }

    private static String version(Version bundle) {
        return bundle.getMajor() + "." + bundle.getMinor() + "." + bundle.getMicro();
    }
}
