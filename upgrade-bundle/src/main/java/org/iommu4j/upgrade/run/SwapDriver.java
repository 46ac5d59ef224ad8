package org.iommu4j.upgrade.run;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.bundles.ModelBackends;
import org.iommu4j.upgrade.bundles.VendorBundles;
import org.iommu4j.upgrade.bundles.VendorJar;

/**
 * Swaps a vendor's bundle between two versions: by turns beside the serving bundle, which is uninstalled afterwards, and in
 * its place. Measures how long the units stood still.
 */
final class SwapDriver implements AutoCloseable {
    private final IommuService service;
    private final IommuModel model;
    private final ModelBackends backends;
    private final VendorBundles bundles;
    private final VendorJar built;
    private final VendorJar released;
    private final Problems problems;
    private final AutoCloseable listening;
    private final List<Long> pausesBeside = new ArrayList<>();
    private final List<Long> pausesInPlace = new ArrayList<>();
    private final List<Stop> stops = new ArrayList<>();
    private final Set<Integer> generations;
    private boolean builtServes;
    private long bundle;
    private int sideBySide;
    private int inPlace;
    private int failed;

    /** A time in which the units stood still. */
    private record Stop(long begin, long end, SwapReport report) {}

    SwapDriver(
            IommuService service,
            IommuModel model,
            VendorBundles bundles,
            VendorJar built,
            VendorJar released,
            Problems problems) {
        this.service = service;
        this.model = model;
        backends = new ModelBackends(service, model);
        this.bundles = bundles;
        this.built = built;
        this.released = released;
        this.problems = problems;
        bundle = bundles.serving(built);
        builtServes = true;
        generations = Set.copyOf(common());
        listening = service.onSwap(this::stopped);
    }

    /**
     * Generations that both versions serve: the released one comes once to say so. Those of the built one if they have none in
     * common, or the released one does not come; the first swap then tells why.
     */
    private Set<Integer> common() {
        Set<Integer> before = backends.ids();
        Set<Integer> served = new HashSet<>(backends.serving().subVersions());
        long arrived = bundles.install(released);
        BackendStatus entry = backends.arrival(before);
        bundles.uninstall(arrived);
        Set<Integer> both = new HashSet<>(served);
        both.retainAll(entry == null ? Set.of() : entry.subVersions());
        return both.isEmpty() ? served : both;
    }

    /** Generations that a chip may have so that both versions serve it. */
    Set<Integer> generations() {
        return generations;
    }

    private void stopped(SwapReport report) {
        long now = System.nanoTime();
        if (report.model() == model) {
            synchronized (stops) {
                stops.add(new Stop(now - report.pauseNanos(), now, report));
            }
        }
    }

    /**
     * Makes one swap to the other version; the ways take turns. A swap that fails is a problem of the run and does not end it,
     * whatever others did to the bundles meanwhile.
     */
    void swap() {
        boolean beside = (sideBySide + inPlace + failed) % 2 == 0;
        synchronized (stops) {
            stops.clear();
        }
        VendorJar present = builtServes ? built : released;
        VendorJar target = builtServes ? released : built;
        if (tried(beside, present, target)) {
            builtServes = !builtServes;
            (beside ? pausesBeside : pausesInPlace).add(pause());
            if (beside) {
                sideBySide++;
            } else {
                inPlace++;
            }
        } else {
            failed++;
        }
    }

    private boolean tried(boolean beside, VendorJar present, VendorJar target) {
        try {
            return beside ? beside(target) : inPlace(present, target);
        } catch (UpgradeException | BackendException e) {
            problems.add("swap to " + target.version() + (beside ? " side by side" : " in place"), e);
            bringBack(present);
            return false;
        }
    }

    /** Somebody else has uninstalled the bundle that was meant to serve: another of its version takes its place. */
    private void bringBack(VendorJar present) {
        if (bundles.isInstalled(bundle)) {
            return;
        }
        problems.add("bundle " + bundle + " (" + present.version() + ") was uninstalled by somebody else");
        try {
            Set<Integer> before = backends.ids();
            bundle = bundles.install(present);
            backends.arrival(before);
        } catch (UpgradeException e) {
            problems.add("installing " + present.version() + " again", e);
        }
    }

    /** Makes the built version serve. */
    void finish() {
        if (!builtServes) {
            swap();
        }
        if (!builtServes) {
            problems.add("the built version does not serve at the end");
        }
    }

    private boolean beside(VendorJar target) {
        Set<Integer> before = backends.ids();
        long arrived = bundles.install(target);
        BackendStatus entry = backends.arrival(before);
        SwapReport report = null;
        if (entry != null && entry.state() != BackendStatus.State.ACTIVE) {
            report = service.swap(model, "#" + entry.id(), SwapLimits.DEFAULT);
        }
        if (entry == null || !backends.serves(entry.id())) {
            problems.add("swap to " + target.version() + " side by side failed: "
                    + (report == null ? "its backend did not come" : report.outcome() + " " + report.reason()));
            bundles.uninstall(arrived);
            return false;
        }
        long left = bundle;
        bundle = arrived;
        if (bundles.isInstalled(left)) {
            bundles.uninstall(left);
        } else {
            problems.add("bundle " + left + " was uninstalled by somebody else");
        }
        return true;
    }

    private boolean inPlace(VendorJar present, VendorJar target) {
        Set<Integer> before = backends.ids();
        bundles.update(bundle, target);
        BackendStatus entry = backends.arrival(before);
        if (entry == null || !backends.serves(entry.id())) {
            problems.add("swap to " + target.version() + " in place failed: "
                    + (entry == null ? "its backend did not come" : entry.state() + " " + entry.reason()));
            Set<Integer> beforeReturn = backends.ids();
            bundles.update(bundle, present);
            backends.arrival(beforeReturn);
            return false;
        }
        return true;
    }

    /** From the first unit's stop to the last unit's going on; an update in place stops and goes on separately. */
    private long pause() {
        synchronized (stops) {
            long begin = Long.MAX_VALUE;
            long end = Long.MIN_VALUE;
            for (Stop stop : stops) {
                if (stop.report().outcome() == SwapReport.Outcome.DONE) {
                    begin = Math.min(begin, stop.begin());
                    end = Math.max(end, stop.end());
                }
            }
            return Math.max(0, end - begin);
        }
    }

    /** Swaps to a bundle beside the serving one. */
    int sideBySide() {
        return sideBySide;
    }

    /** Swaps in place. */
    int inPlace() {
        return inPlace;
    }

    /** Swaps that did not succeed. */
    int failed() {
        return failed;
    }

    /** Pauses of swaps side by side in nanoseconds, in order of time. */
    List<Long> pausesBeside() {
        return pausesBeside;
    }

    /** Pauses of swaps in place in nanoseconds, in order of time. */
    List<Long> pausesInPlace() {
        return pausesInPlace;
    }

    @Override
    public void close() {
        try {
            listening.close();
        } catch (Exception e) {
            throw new UpgradeException("cannot stop listening to swaps: " + e.getMessage(), e);
        }
    }
}
