package org.iommu4j.testbench.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.BundleService.BundleRefusedException;
import org.iommu4j.core.service.IommuService;

/** Installs bundles and waits for their backends. */
public final class Arrivals {
    private static final long WAIT_NANOS = 10_000_000_000L;
    private static final long POLL_NANOS = 1_000_000L;

    private final IommuService service;
    private final BundleService bundles;

    /** Bundles of that container, with backends of that core. */
    public Arrivals(IommuService service, BundleService bundles) {
        this.service = service;
        this.bundles = bundles;
    }

    /** A bundle that is there, with its backend. */
    public final class Arrival implements AutoCloseable {
        private final long bundle;
        private final BackendStatus status;
        private final Supplier<List<String>> remains;
        private boolean there = true;

        private Arrival(long bundle, BackendStatus status) {
            this.bundle = bundle;
            this.status = status;
            remains = bundles.remains(bundle);
        }

        /** The backend as it was when it came. */
        public BackendStatus status() {
            return status;
        }

        /** The bundle's id. */
        long bundle() {
            return bundle;
        }

        /** Objects that are left of it in the container after it was uninstalled, a sentence each. */
        public List<String> left() {
            return remains.get();
        }

        /** Uninstalls it, unless that is done. */
        @Override
        public void close() {
            if (there) {
                there = false;
                bundles.uninstall(bundle);
            }
        }
    }

    /**
     * Installs a bundle and waits until its backend is usable or has failed.
     *
     * @throws BundleRefusedException if the container refuses it, or no backend comes
     */
    public Arrival install(Path jar) {
        Set<Integer> before = ids();
        long bundle = bundles.install(jar, bytes(jar));
        BackendStatus status = awaited(before);
        if (status == null) {
            String why = why(before);
            bundles.uninstall(bundle);
            throw new BundleRefusedException("it was started, and its backend did not come in 10 s" + why, null);
        }
        return new Arrival(bundle, status);
    }

    /** The numbers of the backends that are or were there. */
    Set<Integer> ids() {
        Set<Integer> ids = new HashSet<>();
        service.backends().forEach(status -> ids.add(status.id()));
        return ids;
    }

    /** Waits for a backend that was not there before, until it is usable or has failed; null if none comes. */
    BackendStatus awaited(Set<Integer> before) {
        long deadline = System.nanoTime() + WAIT_NANOS;
        while (System.nanoTime() - deadline < 0) {
            for (BackendStatus status : service.backends()) {
                if (!before.contains(status.id()) && isSettled(status)) {
                    return status;
                }
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
        return null;
    }

    /** The bytes of a jar. */
    static byte[] bytes(Path jar) {
        try {
            return Files.readAllBytes(jar);
        } catch (IOException e) {
            throw new BundleRefusedException(jar + " cannot be read: " + e.getMessage(), e);
        }
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
}
