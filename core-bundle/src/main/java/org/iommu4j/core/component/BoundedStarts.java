package org.iommu4j.core.component;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.hooks.bundle.EventHook;
import org.osgi.framework.wiring.BundleWiring;
import org.osgi.service.component.annotations.Component;

/**
 * Starts vendors' bundles whose components are to be made at once ({@code immediate}) in a thread of their own. Declarative
 * services make such a component in the thread that starts its bundle: the launcher's, or that of a watched folder, which a
 * constructor that hangs would keep. So declarative services are not told that the bundle has started; it is stopped, and started
 * again in a thread that is waited for no longer than a vendor's backend may take to be made. Immediate itself, so that what it
 * knows is kept between two events.
 */
@Component(
        service = {EventHook.class, BoundedStarts.class},
        immediate = true)
public final class BoundedStarts implements EventHook {
    /** Longest time in nanoseconds in which a vendor's bundle starts, its immediate components included. */
    private static final long STARTING_NANOS = 5_000_000_000L;

    private static final String EXTENDER = "osgi.extender";
    private static final String DECLARATIVE_SERVICES = "osgi.component";

    private final Set<Thread> starting = ConcurrentHashMap.newKeySet();

    /** By the ids of their bundles, why they did not start in time. */
    private final Map<Long, String> failures = new ConcurrentHashMap<>();

    @Override
    public void event(BundleEvent event, Collection<BundleContext> receivers) {
        Bundle bundle = event.getBundle();
        int type = event.getType();
        if (type == BundleEvent.UNINSTALLED || type == BundleEvent.UPDATED) {
            failures.remove(bundle.getBundleId());
        }
        if ((type == BundleEvent.STARTED || type == BundleEvent.LAZY_ACTIVATION)
                && !starting.contains(Thread.currentThread())
                && VendorBundles.makesBackendAtOnce(bundle)
                && receivers.removeIf(BoundedStarts::isDeclarativeServices)) {
            startAgain(bundle);
        }
    }

    private void startAgain(Bundle bundle) {
        try (VendorThread thread = new VendorThread("iommu4j-start")) {
            thread.callWithoutHaste("starting its bundle", STARTING_NANOS, () -> {
                starting.add(Thread.currentThread());
                try {
                    bundle.stop(Bundle.STOP_TRANSIENT);
                    bundle.start(Bundle.START_TRANSIENT);
                } finally {
                    starting.remove(Thread.currentThread());
                }
                failures.remove(bundle.getBundleId());
                return null;
            });
        } catch (VendorFailure e) {
            failures.put(bundle.getBundleId(), e.getMessage());
        }
    }

    /** Why a bundle did not start in time; null if it did. */
    String failure(Bundle bundle) {
        return failures.get(bundle.getBundleId());
    }

    private static boolean isDeclarativeServices(BundleContext receiver) {
        BundleWiring wiring = receiver.getBundle().adapt(BundleWiring.class);
        return wiring != null
                && wiring.getCapabilities(EXTENDER).stream()
                        .anyMatch(capability -> DECLARATIVE_SERVICES.equals(
                                capability.getAttributes().get(EXTENDER)));
    }
}
