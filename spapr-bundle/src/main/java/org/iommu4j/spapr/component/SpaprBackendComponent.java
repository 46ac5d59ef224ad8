package org.iommu4j.spapr.component;

import org.iommu4j.backend.Backend;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers the sPAPR TCE backend as a service. */
@Component(
        service = Backend.class,
        property = {
            "model=spapr",
            "generations:Integer=" + SpaprGeneration.TCE_V1,
            "generations:Integer=" + SpaprGeneration.TCE_V1_MULTI,
            "generations:Integer=" + SpaprGeneration.IODA2,
            "generations:Integer=" + SpaprGeneration.IODA3,
            "generations:Integer=" + SpaprGeneration.IODA3_PEKILL
        },
        properties = "OSGI-INF/version.properties")
public final class SpaprBackendComponent extends SpaprBackend {
    /** Takes the version from the bundle. */
    @Activate
    public SpaprBackendComponent(BundleContext context) {
        super(version(context.getBundle().getVersion()));
    }

    private static String version(Version bundle) {
        return bundle.getMajor() + "." + bundle.getMinor() + "." + bundle.getMicro();
    }
}
