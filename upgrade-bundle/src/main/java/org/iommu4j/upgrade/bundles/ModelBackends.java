package org.iommu4j.upgrade.bundles;

import java.util.HashSet;
import java.util.Set;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.upgrade.UpgradeException;

/** The backends of one model, as they come and serve. */
public final class ModelBackends {
    private static final long WAIT_NANOS = 10_000_000_000L;
    private static final long POLL_MILLIS = 1;

    private final IommuService service;
    private final IommuModel model;

    /** The backends of a model in a core. */
    public ModelBackends(IommuService service, IommuModel model) {
        this.service = service;
        this.model = model;
    }

    /** The numbers of all that are or were there, of any model. */
    public Set<Integer> ids() {
        Set<Integer> ids = new HashSet<>();
        for (BackendStatus status : service.backends()) {
            ids.add(status.id());
        }
        return ids;
    }

    /** Waits for a backend that was not there before; null if it does not come or fails. */
    public BackendStatus arrival(Set<Integer> before) {
        long deadline = System.nanoTime() + WAIT_NANOS;
        while (System.nanoTime() - deadline < 0) {
            for (BackendStatus status : service.backends()) {
                boolean settled = status.state() == BackendStatus.State.ACTIVE
                        || status.state() == BackendStatus.State.STANDBY
                        || status.state() == BackendStatus.State.FAILED;
                if (status.model() == model && !before.contains(status.id()) && settled) {
                    return status;
                }
            }
            sleep();
        }
        return null;
    }

    /** True if the backend of that number serves. */
    public boolean serves(int id) {
        BackendStatus serving = serving();
        return serving != null && serving.id() == id;
    }

    /** The backend that serves, or null. */
    public BackendStatus serving() {
        // Unlike a listing, this waits until the first backend of the model has had its trial.
        service.absence(model);
        for (BackendStatus status : service.backends()) {
            if (status.model() == model && status.state() == BackendStatus.State.ACTIVE) {
                return status;
            }
        }
        return null;
    }

    private static void sleep() {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new UpgradeException("interrupted while waiting for a backend", e);
        }
    }
}
