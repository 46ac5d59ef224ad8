package org.iommu4j.testbench.component;

import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.testbench.conform.Bundles;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.wiring.BundleWiring;

/** Bundles in the framework that this bundle runs in. */
final class FrameworkBundles implements Bundles {
    /** Each installation has a location of its own, so that two of one file can be there. */
    private static final AtomicLong INSTALLATIONS = new AtomicLong();

    /** How often the collector is asked before classes count as held, and the time between. */
    private static final int COLLECTIONS = 100;

    private static final long BETWEEN_NANOS = 30_000_000L;

    private final BundleContext context;

    FrameworkBundles(BundleContext context) {
        this.context = context;
    }

    @Override
    public Installed install(Path jar) {
        Bundle bundle = null;
        try (InputStream in = Files.newInputStream(jar)) {
            bundle = context.installBundle("conform:" + INSTALLATIONS.incrementAndGet() + ":" + jar, in);
            bundle.start();
            return new FrameworkBundle(bundle);
        } catch (IOException | BundleException | IllegalStateException e) {
            if (bundle != null) {
                new FrameworkBundle(bundle).uninstall();
            }
            throw new BundleRefusedException("the container refuses it: " + e.getMessage(), e);
        }
    }

    private static final class FrameworkBundle implements Installed {
        private final WeakReference<ClassLoader> loader;
        private Bundle bundle;

        private FrameworkBundle(Bundle bundle) {
            this.bundle = bundle;
            BundleWiring wiring = bundle.adapt(BundleWiring.class);
            loader = new WeakReference<>(wiring == null ? null : wiring.getClassLoader());
        }

        @Override
        public void uninstall() {
            if (bundle == null) {
                return;
            }
            try {
                bundle.uninstall();
            } catch (BundleException | IllegalStateException e) {
                throw new BundleRefusedException("it cannot be uninstalled: " + e.getMessage(), e);
            } finally {
                bundle = null;
            }
        }

        @Override
        public List<String> left() {
            for (int i = 0; i < COLLECTIONS && loader.get() != null; i++) {
                System.gc();
                LockSupport.parkNanos(BETWEEN_NANOS);
            }
            List<String> left = new ArrayList<>();
            if (loader.get() != null) {
                left.add("its class loader is still held after it was uninstalled");
                threads(left);
            }
            return left;
        }

        /** Threads that run its code, which hold it. */
        private void threads(List<String> left) {
            Thread.getAllStackTraces().forEach((thread, frames) -> {
                if (thread.getContextClassLoader() == loader.get()
                        || thread.getClass().getClassLoader() == loader.get()) {
                    left.add("thread '" + thread.getName() + "' is one of its own");
                }
            });
        }
    }
}
