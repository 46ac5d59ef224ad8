package org.iommu4j.intel.component;

import org.iommu4j.backend.Backend;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.intel.command.VtdGeneration;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers the VT-d backend as a service. */
@Component(
        service = Backend.class,
        property = {
            "model=intel",
            "generations:Integer=" + VtdGeneration.LEGACY_REG,
            "generations:Integer=" + VtdGeneration.LEGACY_QI,
            "generations:Integer=" + VtdGeneration.SCALABLE,
            "generations:Integer=" + VtdGeneration.WIDE_TYPE,
            "generations:Integer=" + VtdGeneration.HOST_PERMISSIONS
        },
        properties = "OSGI-INF/version.properties")
public final class VtdBackendComponent extends VtdBackend {
    /** Takes the version from the bundle. */
    @Activate
    public VtdBackendComponent(BundleContext context) {
        super(version(context.getBundle().getVersion()));
    }

    private static String version(Version bundle) {
        return bundle.getMajor() + "." + bundle.getMinor() + "." + bundle.getMicro();
    }
}
