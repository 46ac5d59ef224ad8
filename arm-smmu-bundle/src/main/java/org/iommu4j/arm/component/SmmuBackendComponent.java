package org.iommu4j.arm.component;

import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Backend;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers the SMMU backend as a service. */
@Component(
        service = Backend.class,
        property = {
            "model=arm",
            "generations:Integer=" + SmmuGeneration.V3_0,
            "generations:Integer=" + SmmuGeneration.V3_1,
            "generations:Integer=" + SmmuGeneration.V3_2,
            "generations:Integer=" + SmmuGeneration.V3_3,
            "generations:Integer=" + SmmuGeneration.V3_4
        },
        properties = "OSGI-INF/version.properties")
public final class SmmuBackendComponent extends SmmuBackend {
    /** Takes the version from the bundle. */
    @Activate
    public SmmuBackendComponent(BundleContext context) {
        super(version(context.getBundle().getVersion()));
    }

    private static String version(Version bundle) {
        return bundle.getMajor() + "." + bundle.getMinor() + "." + bundle.getMicro();
    }
}
