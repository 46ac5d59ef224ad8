package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.core.IommuCore;
import org.iommu4j.testing.ForwardingBackend;

/** Bundles without a framework: installing a jar brings a backend to a core. */
final class BackendBundles implements Bundles {
    private final IommuCore core;
    private final Function<Path, Backend> backends;

    /**
     * Bundles of a core.
     *
     * @param backends which backend a jar brings
     */
    BackendBundles(IommuCore core, Function<Path, Backend> backends) {
        this.core = core;
        this.backends = backends;
    }

    @Override
    public Installed install(Path jar) {
        // Each installation has a backend of its own, as each bundle has its own classes.
        Backend backend = new ForwardingBackend(backends.apply(jar));
        core.arrived(backend);
        return new Installed() {
            private boolean there = true;

            @Override
            public void uninstall() {
                if (there) {
                    core.leaving(backend);
                }
                there = false;
            }

            @Override
            public List<String> left() {
                return List.of();
            }
        };
    }
}
