package org.iommu4j.core.component;

import java.io.ByteArrayInputStream;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.OneLine;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.wiring.BundleWiring;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** The vendors' bundles of the framework that this bundle runs in. */
@Component(service = BundleService.class)
public final class FrameworkBundles implements BundleService {
    /** Each installation has a location of its own, so that two of one file can be there. */
    private static final AtomicLong INSTALLATIONS = new AtomicLong();

    /** How often the collector is asked before classes count as held, and the time between. */
    private static final int COLLECTIONS = 100;

    private static final long BETWEEN_NANOS = 30_000_000L;

    private final BundleContext context;

    /** The bundles of that framework. */
    @Activate
    public FrameworkBundles(BundleContext context) {
        this.context = context;
    }

    @Override
    public long install(Path jar, byte[] bytes) {
        String location = "iommu4j:" + INSTALLATIONS.incrementAndGet() + ":" + jar;
        Bundle bundle = null;
        try {
            bundle = context.installBundle(location, new ByteArrayInputStream(bytes));
            bundle.start();
            return bundle.getBundleId();
        } catch (BundleException | IllegalStateException e) {
            // An illegal state is that of a bundle that somebody else has uninstalled.
            if (bundle != null && isInstalled(bundle.getBundleId())) {
                uninstall(bundle.getBundleId());
            }
            throw new BundleRefusedException(
                    "cannot install " + jar + ": " + OneLine.unresolved(String.valueOf(e.getMessage())), e);
        }
    }

    @Override
    public void update(long id, Path jar, byte[] bytes) {
        Bundle bundle = bundle(id);
        try {
            bundle.update(new ByteArrayInputStream(bytes));
            if (bundle.getState() != Bundle.ACTIVE) {
                bundle.start();
            }
        } catch (BundleException | IllegalStateException e) {
            throw new BundleRefusedException(
                    "cannot update to " + jar + ": " + OneLine.unresolved(String.valueOf(e.getMessage())), e);
        }
    }

    @Override
    public void uninstall(long id) {
        try {
            bundle(id).uninstall();
        } catch (BundleException | IllegalStateException e) {
            throw new BundleRefusedException("cannot uninstall bundle " + id + ": " + e.getMessage(), e);
        }
    }

    @Override
    public boolean isInstalled(long id) {
        return context.getBundle(id) != null;
    }

    private Bundle bundle(long id) {
        Bundle bundle = context.getBundle(id);
        if (bundle == null) {
            throw new BundleRefusedException("bundle " + id + " is gone", null);
        }
        return bundle;
    }

    @Override
    public List<Long> active(String symbolicName) {
        List<Long> found = new ArrayList<>();
        for (Bundle bundle : context.getBundles()) {
            if (symbolicName.equals(bundle.getSymbolicName()) && bundle.getState() == Bundle.ACTIVE) {
                found.add(bundle.getBundleId());
            }
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
            return "";
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public Supplier<List<String>> remains(long id) {
        BundleWiring wiring = bundle(id).adapt(BundleWiring.class);
        WeakReference<ClassLoader> loader = new WeakReference<>(wiring == null ? null : wiring.getClassLoader());
        return () -> left(loader);
    }

    private static List<String> left(WeakReference<ClassLoader> loader) {
        for (int i = 0; i < COLLECTIONS && loader.get() != null; i++) {
            System.gc();
            LockSupport.parkNanos(BETWEEN_NANOS);
        }
        List<String> left = new ArrayList<>();
        if (loader.get() != null) {
            left.add("its class loader is still held after it was uninstalled");
            Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getContextClassLoader() == loader.get()
                            || thread.getClass().getClassLoader() == loader.get())
                    .forEach(thread -> left.add("thread '" + thread.getName() + "' is one of its own"));
        }
        return left;
    }
}
