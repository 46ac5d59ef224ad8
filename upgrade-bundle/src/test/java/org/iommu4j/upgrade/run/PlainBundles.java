package org.iommu4j.upgrade.run;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.IommuCore;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.bundles.VendorBundles;
import org.iommu4j.upgrade.bundles.VendorJar;

/** Bundles that are only backends; one serves from the begin. */
public class PlainBundles implements VendorBundles {
    private final Map<Long, Backend> installed = new HashMap<>();
    private final IommuCore core;
    private final String name;
    private final Function<String, Backend> make;
    private long last;

    /** Bundles of one symbolic name, in a core. */
    public PlainBundles(IommuCore core, String name, String serving, Function<String, Backend> make) {
        this.core = core;
        this.name = name;
        this.make = make;
        arrive(0, serving);
    }

    private void arrive(long id, String version) {
        Backend backend = make.apply(version);
        installed.put(id, backend);
        core.arrived(backend);
    }

    @Override
    public long serving(VendorJar like) {
        return 0;
    }

    @Override
    public String symbolicName(IommuModel model) {
        return name;
    }

    @Override
    public long install(VendorJar jar) {
        last++;
        arrive(last, jar.version().toString());
        return last;
    }

    @Override
    public void update(long bundle, VendorJar jar) {
        core.leaving(existing(bundle));
        arrive(bundle, jar.version().toString());
    }

    @Override
    public void uninstall(long bundle) {
        core.leaving(existing(bundle));
        installed.remove(bundle);
    }

    @Override
    public boolean isInstalled(long bundle) {
        return installed.containsKey(bundle);
    }

    private Backend existing(long bundle) {
        if (!isInstalled(bundle)) {
            throw new UpgradeException("bundle " + bundle + " is gone");
        }
        return installed.get(bundle);
    }
}
