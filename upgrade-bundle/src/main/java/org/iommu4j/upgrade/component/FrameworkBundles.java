package org.iommu4j.upgrade.component;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.atomic.AtomicLong;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.bundles.VendorBundles;
import org.iommu4j.upgrade.bundles.VendorJar;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** A vendor's bundles in the framework that this bundle runs in. */
final class FrameworkBundles implements VendorBundles {
    /** Each installation has a location of its own, so that two of one file can be there. */
    private static final AtomicLong INSTALLATIONS = new AtomicLong();

    private static final long NONE = -1;

    private final BundleContext context;

    FrameworkBundles(BundleContext context) {
        this.context = context;
    }

    @Override
    public long serving(VendorJar like) {
        long found = NONE;
        for (Bundle bundle : context.getBundles()) {
            if (like.symbolicName().equals(bundle.getSymbolicName()) && bundle.getState() == Bundle.ACTIVE) {
                if (found != NONE) {
                    throw new UpgradeException("bundles " + found + " and " + bundle.getBundleId() + " are both "
                            + like.symbolicName() + ": uninstall one first");
                }
                found = bundle.getBundleId();
            }
        }
        if (found == NONE) {
            throw new UpgradeException("no bundle " + like.symbolicName() + " is active in the container");
        }
        return found;
    }

    @Override
    public String symbolicName(IommuModel model) {
        try {
            // By what the service says of itself: the backend is not asked, as it might not answer.
            for (ServiceReference<Backend> reference :
                    context.getServiceReferences(Backend.class, "(model=" + model.label() + ")")) {
                Bundle bundle = reference.getBundle();
                if (bundle != null) {
                    return bundle.getSymbolicName();
                }
            }
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
        throw new UpgradeException("no bundle serves model " + model.label());
    }

    @Override
    public long install(VendorJar jar) {
        String location = "upgrade:" + INSTALLATIONS.incrementAndGet() + ":" + jar.file();
        Bundle bundle = null;
        try (InputStream in = open(jar)) {
            bundle = context.installBundle(location, in);
            bundle.start();
            return bundle.getBundleId();
        } catch (IOException | BundleException | IllegalStateException e) {
            // An illegal state is that of a bundle that somebody else has uninstalled.
            if (bundle != null && isInstalled(bundle.getBundleId())) {
                uninstall(bundle.getBundleId());
            }
            throw new UpgradeException("cannot install " + jar.file() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public boolean isInstalled(long id) {
        return context.getBundle(id) != null;
    }

    @Override
    public void update(long id, VendorJar jar) {
        Bundle bundle = bundle(id);
        try (InputStream in = open(jar)) {
            bundle.update(in);
            if (bundle.getState() != Bundle.ACTIVE) {
                bundle.start();
            }
        } catch (IOException | BundleException | IllegalStateException e) {
            throw new UpgradeException("cannot update to " + jar.file() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void uninstall(long id) {
        try {
            bundle(id).uninstall();
        } catch (BundleException | IllegalStateException e) {
            throw new UpgradeException("cannot uninstall bundle " + id + ": " + e.getMessage(), e);
        }
    }

    private Bundle bundle(long id) {
        Bundle bundle = context.getBundle(id);
        if (bundle == null) {
            throw new UpgradeException("bundle " + id + " is gone");
        }
        return bundle;
    }

    private static InputStream open(VendorJar jar) throws IOException {
        return new ByteArrayInputStream(jar.bytes());
    }
}
