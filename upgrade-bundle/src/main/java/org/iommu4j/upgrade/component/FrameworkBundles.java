package org.iommu4j.upgrade.component;

import java.io.IOException;
import java.util.List;
import java.util.function.Supplier;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.bundles.VendorBundles;
import org.iommu4j.upgrade.bundles.VendorJar;

/** A vendor's bundles in the framework, whose refusals end an upgrade. */
final class FrameworkBundles implements VendorBundles {
    private final BundleService bundles;

    FrameworkBundles(BundleService bundles) {
        this.bundles = bundles;
    }

    @Override
    public long serving(VendorJar like) {
        List<Long> active = bundles.active(like.symbolicName());
        if (active.isEmpty()) {
            throw new UpgradeException("no bundle " + like.symbolicName() + " is active in the container");
        }
        if (active.size() > 1) {
            throw new UpgradeException("bundles " + active.get(0) + " and " + active.get(1) + " are both "
                    + like.symbolicName() + ": uninstall one first");
        }
        return active.get(0);
    }

    @Override
    public String symbolicName(IommuModel model) {
        String name = bundles.symbolicName(model);
        if (name.isEmpty()) {
            throw new UpgradeException("no bundle serves model " + model.label());
        }
        return name;
    }

    @Override
    public long install(VendorJar jar) {
        byte[] bytes = bytes(jar);
        return unlessRefused(() -> bundles.install(jar.file(), bytes));
    }

    @Override
    public boolean isInstalled(long id) {
        return bundles.isInstalled(id);
    }

    @Override
    public void update(long id, VendorJar jar) {
        byte[] bytes = bytes(jar);
        unlessRefused(() -> {
            bundles.update(id, jar.file(), bytes);
            return id;
        });
    }

    @Override
    public void uninstall(long id) {
        unlessRefused(() -> {
            bundles.uninstall(id);
            return id;
        });
    }

    private static byte[] bytes(VendorJar jar) {
        try {
            return jar.bytes();
        } catch (IOException e) {
            throw new UpgradeException(jar.file() + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static long unlessRefused(Supplier<Long> change) {
        try {
            return change.get();
        } catch (BundleService.BundleRefusedException e) {
            throw new UpgradeException(e.getMessage(), e);
        }
    }
}
