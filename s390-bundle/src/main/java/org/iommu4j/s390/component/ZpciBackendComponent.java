package org.iommu4j.s390.component;

import org.iommu4j.backend.Backend;
import org.iommu4j.s390.ZpciBackend;
import org.iommu4j.s390.command.ZpciGeneration;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers the zPCI backend as a service. */
@Component(
        service = Backend.class,
        property = {
            "model=s390",
            "generations:Integer=" + ZpciGeneration.BASE,
            "generations:Integer=" + ZpciGeneration.REFRESH,
            "generations:Integer=" + ZpciGeneration.LARGE,
            "generations:Integer=" + ZpciGeneration.TABLES,
            "generations:Integer=" + ZpciGeneration.RELAXED
        },
        properties = "OSGI-INF/version.properties")
public final class ZpciBackendComponent extends ZpciBackend {
    /** Takes the version from the bundle. */
    @Activate
    public ZpciBackendComponent(BundleContext context) {
        super(version(context.getBundle().getVersion()));
    }

    private static String version(Version bundle) {
        return bundle.getMajor() + "." + bundle.getMinor() + "." + bundle.getMicro();
    }
}
