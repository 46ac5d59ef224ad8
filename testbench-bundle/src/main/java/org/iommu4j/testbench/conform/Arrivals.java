package org.iommu4j.testbench.conform;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;

/** Installs bundles, waits for their backends, and makes one of them serve. */
final class Arrivals {
    private static final long WAIT_NANOS = 10_000_000_000L;
    private static final long POLL_NANOS = 1_000_000L;

    private final IommuService service;
    private final Bundles bundles;

    Arrivals(IommuService service, Bundles bundles) {
        this.service = service;
        this.bundles = bundles;
    }

    /**
     * A bundle that is there, with its backend.
     *
     * @param bundle the bundle
     * @param status the backend as it was when it came
     */
    record Arrival(Bundles.Installed bundle, BackendStatus status) implements AutoCloseable {
        @Override
        public void close() {
            bundle.uninstall();
        }
    }

    /**
     * Installs a bundle and waits until its backend is usable or has failed. A trial has limits of time, which a busy machine
     * may miss once: so a bundle that fails it is installed anew, and the second time counts.
     *
     * @throws Check.Unmet if the container refuses it, or no backend comes
     */
    Arrival install(Path jar) {
        Arrival first = once(jar);
        if (first.status().reason().isEmpty()) {
            return first;
        }
        first.close();
        return once(jar);
    }

    private Arrival once(Path jar) {
        Set<Integer> before = new HashSet<>();
        service.backends().forEach(status -> before.add(status.id()));
        Bundles.Installed bundle;
        try {
            bundle = bundles.install(jar);
        } catch (Bundles.BundleRefusedException e) {
            throw new Check.Unmet(e.getMessage(), e);
        }
        long deadline = System.nanoTime() + WAIT_NANOS;
        while (System.nanoTime() - deadline < 0) {
            for (BackendStatus status : service.backends()) {
                if (!before.contains(status.id()) && isSettled(status)) {
                    return new Arrival(bundle, status);
                }
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        String why = why(before);
        bundle.uninstall();
        throw new Check.Unmet("it was started, and its backend did not come in 10 s" + why);
    }

    private String why(Set<Integer> before) {
        List<String> reasons = service.backends().stream()
                .filter(status -> !before.contains(status.id()) || status.id() == 0)
                .filter(status -> !status.reason().isEmpty())
                .map(status -> status.name() + ": " + status.reason())
                .toList();
        return reasons.isEmpty() ? "" : ": " + String.join("; ", reasons);
    }

    private static boolean isSettled(BackendStatus status) {
        return status.id() != 0
                && (status.state() == BackendStatus.State.ACTIVE
                        || status.state() == BackendStatus.State.STANDBY
                        || status.state() == BackendStatus.State.FAILED);
    }

    /**
     * Makes a backend serve its model.
     *
     * @throws Check.Unmet if it does not
     */
    void serve(IommuModel model, int id) {
        for (BackendStatus status : service.backends()) {
            if (status.id() == id && status.state() == BackendStatus.State.ACTIVE) {
                return;
            }
        }
        SwapReport report = service.swap(model, "#" + id, SwapLimits.DEFAULT);
        Check.expect(
                report.outcome() == SwapReport.Outcome.DONE,
                "it does not serve: the swap to it ended as " + report.outcome() + ": " + report.reason());
    }
}
