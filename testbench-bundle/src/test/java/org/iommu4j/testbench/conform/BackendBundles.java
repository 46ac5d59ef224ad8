package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.testing.ForwardingBackend;

/** Bundles without a framework: installing a jar brings a backend to a core. */
public final class BackendBundles implements BundleService {
    private final IommuCore core;
    private final Function<Path, Backend> backends;
    private final Map<Long, Backend> installed = new HashMap<>();
    private long installations;

    /**
     * Bundles of a core.
     *
     * @param backends which backend a jar brings
     */
    public BackendBundles(IommuCore core, Function<Path, Backend> backends) {
        this.core = core;
        this.backends = backends;
    }

    @Override
    public long install(Path jar, byte[] bytes) {
        // Each installation has a backend of its own, as each bundle has its own classes.
        Backend backend = new ForwardingBackend(backends.apply(jar));
        core.arrived(backend);
        installations++;
        installed.put(installations, backend);
        return installations;
    }

    @Override
    public void update(long bundle, Path jar, byte[] bytes) {
        core.leaving(installed.get(bundle));
        Backend backend = new ForwardingBackend(backends.apply(jar));
        installed.put(bundle, backend);
        core.arrived(backend);
    }

    @Override
    public void uninstall(long bundle) {
        core.leaving(installed.remove(bundle));
    }

    @Override
    public boolean isInstalled(long bundle) {
        return installed.containsKey(bundle);
    }

    @Override
    public List<Long> active(String symbolicName) {
        return installed.entrySet().stream()
                .filter(entry -> entry.getValue().describe().model().label().equals(symbolicName))
                .map(Map.Entry::getKey)
                .toList();
    }

    @Override
    public String symbolicName(IommuModel model) {
        return model.label();
    }

    @Override
    public Supplier<List<String>> remains(long bundle) {
        return List::of;
    }
}
