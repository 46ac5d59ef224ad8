package org.iommu4j.testbench.run;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.BundleService.BundleRefusedException;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.testbench.BundleJars;

/** Swaps the bundle that serves a model, as the steps of a case ask. When it is closed, whoever served before serves again. */
final class Swaps implements AutoCloseable {
    private static final String JAR = ".jar";

    private final IommuService service;

    /** Null where there is no container of bundles. */
    private final BundleService bundles;

    private final BundleJars jars;
    private final Deque<Runnable> undo = new ArrayDeque<>();

    /** Swaps in that container; {@code bundles} is null where there is none. */
    Swaps(IommuService service, BundleService bundles, BundleJars jars) {
        this.service = service;
        this.bundles = bundles;
        this.jars = jars;
    }

    /**
     * Swaps beside what serves, which stands by afterwards.
     *
     * @param to version or jar; empty for another copy of the version that was built last
     */
    SwapReport sideBySide(IommuModel model, String to) {
        BackendStatus before = serving(model);
        BackendStatus wanted = present(model, to);
        if (wanted == null) {
            Arrivals.Arrival arrival = refusable(() -> new Arrivals(service, bundles).install(jar(model, to)));
            undo.push(arrival::close);
            wanted = arrival.status();
        }
        if (wanted.model() != model) {
            throw new Step.StepFailure(
                    "'" + to + "' is a bundle of " + wanted.name() + ", not of model " + model.label());
        }
        undo.push(() -> serve(model, before));
        SwapReport last = lastTo(model, wanted);
        return serves(wanted.id()) && last != null ? last : service.swap(model, "#" + wanted.id(), SwapLimits.DEFAULT);
    }

    /**
     * Updates the bundle that serves in its place: requests wait until the new version is there.
     *
     * @param to as of {@link #sideBySide}
     */
    SwapReport inPlace(IommuModel model, String to) {
        BackendStatus before = serving(model);
        Path next = jar(model, to);
        List<Long> active = bundles.active(bundles.symbolicName(model));
        Path present = jars.find(bundles.symbolicName(model), plain(before.version()));
        if (active.size() != 1 || present == null) {
            throw new Step.StepFailure("in place needs one bundle that serves, and its jar to put it back: there are "
                    + active.size() + (present == null ? ", and no jar of " + before.version() : ""));
        }
        long bundle = active.get(0);
        undo.push(() -> update(bundle, present));
        update(bundle, next);
        return service.swaps().stream()
                .filter(report -> report.model() == model)
                .reduce((earlier, later) -> later)
                .orElseThrow(() -> new Step.StepFailure("nobody served model " + model.label()));
    }

    private void update(long bundle, Path jar) {
        refusable(() -> {
            Arrivals arrivals = new Arrivals(service, bundles);
            Set<Integer> before = arrivals.ids();
            bundles.update(bundle, jar, Arrivals.bytes(jar));
            if (arrivals.awaited(before) == null) {
                throw new BundleRefusedException("its backend did not come in 10 s", null);
            }
            return bundle;
        });
    }

    /** A change that the container may refuse. */
    @FunctionalInterface
    private interface Change<T> {
        /** Makes it. */
        T make();
    }

    private <T> T refusable(Change<T> change) {
        if (bundles == null) {
            throw new Step.StepFailure("there is no container of bundles here: nothing can be swapped");
        }
        try {
            return change.make();
        } catch (BundleRefusedException e) {
            throw new Step.StepFailure(e.getMessage(), e);
        }
    }

    private Path jar(IommuModel model, String to) {
        if (bundles == null) {
            throw new Step.StepFailure("there is no container of bundles here: nothing can be swapped");
        }
        if (to.endsWith(JAR)) {
            return Path.of(to);
        }
        String name = bundles.symbolicName(model);
        Path jar = jars.find(name, to);
        if (jar == null) {
            throw new Step.StepFailure(
                    "no jar of " + name + (to.isEmpty() ? " was built" : " has version " + to) + ": name one");
        }
        return jar;
    }

    private BackendStatus serving(IommuModel model) {
        // Unlike a listing, this waits until the first backend of the model has had its trial.
        String absence = service.absence(model);
        return service.backends().stream()
                .filter(status -> status.model() == model && status.state() == BackendStatus.State.ACTIVE)
                .findFirst()
                .orElseThrow(() -> new Step.StepFailure("nobody serves model " + model.label() + " " + absence));
    }

    private boolean serves(int id) {
        return service.backends().stream()
                .anyMatch(status -> status.id() == id && status.state() == BackendStatus.State.ACTIVE);
    }

    /** A newer version is swapped in as soon as it comes. */
    private SwapReport lastTo(IommuModel model, BackendStatus wanted) {
        return service.swaps().stream()
                .filter(report -> report.model() == model && report.to().equals(wanted.version()))
                .reduce((earlier, later) -> later)
                .orElse(null);
    }

    /** A backend that stands by with that version. */
    private BackendStatus present(IommuModel model, String version) {
        return service.backends().stream()
                .filter(status -> status.model() == model
                        && status.state() == BackendStatus.State.STANDBY
                        && plain(status.version()).equals(version))
                .findFirst()
                .orElse(null);
    }

    /** A version without its qualifier, which a build adds. */
    private static String plain(String version) {
        String[] parts = version.split("[.-]", -1);
        return parts.length < 3 ? version : String.join(".", parts[0], parts[1], parts[2]);
    }

    private void serve(IommuModel model, BackendStatus before) {
        if (!serves(before.id())) {
            SwapReport report = service.swap(model, "#" + before.id(), SwapLimits.DEFAULT);
            if (report.outcome() != SwapReport.Outcome.DONE) {
                throw new BackendException(
                        Errno.EIO,
                        "version " + before.version() + " does not serve again: " + report.outcome() + " "
                                + report.reason());
            }
        }
    }

    @Override
    public void close() {
        while (!undo.isEmpty()) {
            undo.pop().run();
        }
    }
}
