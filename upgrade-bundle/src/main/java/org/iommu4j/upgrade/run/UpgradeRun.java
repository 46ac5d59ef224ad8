package org.iommu4j.upgrade.run;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.SanitizerReport;
import org.iommu4j.core.service.Container;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.upgrade.ReplayResult.RequestTally;
import org.iommu4j.upgrade.Times;
import org.iommu4j.upgrade.UpgradeException;
import org.iommu4j.upgrade.UpgradeOptions;
import org.iommu4j.upgrade.UpgradeProgress;
import org.iommu4j.upgrade.UpgradeResult;
import org.iommu4j.upgrade.UpgradeService;
import org.iommu4j.upgrade.bundles.VendorBundles;
import org.iommu4j.upgrade.bundles.VendorJar;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.replay.Captures;
import org.iommu4j.upgrade.replay.Replay;

/**
 * Swaps a vendor's bundle while three threads are at work: one replays the captured guest, one edits and invalidates pages of
 * a second guest, one is that guest's devices.
 *
 * <p>That no request is lost, doubled or reordered is shown three ways: by what the clients were answered, by what the
 * containers counted, and by the addresses in the native commands, in order.
 */
public final class UpgradeRun implements UpgradeService {
    private static final long PROGRESS_NANOS = 1_000_000_000L;
    private static final long SLICE_MILLIS = 20;
    private static final double NANOS_PER_SECOND = 1e9;

    private final IommuService service;
    private final VendorBundles bundles;
    private final long limitNanos;

    /** Runs through a core, in a container; what does not get on in the tools' usual time hangs. */
    public UpgradeRun(IommuService service, VendorBundles bundles) {
        this(service, bundles, Watch.DEFAULT_LIMIT_NANOS);
    }

    /** The same with another limit. */
    UpgradeRun(IommuService service, VendorBundles bundles, long limitNanos) {
        this.service = service;
        this.bundles = bundles;
        this.limitNanos = limitNanos;
    }

    @Override
    public synchronized UpgradeResult run(UpgradeOptions options, Consumer<UpgradeProgress> progress) {
        VendorJar built = VendorJar.read(options.builtJar());
        VendorJar released = VendorJar.before(options.releasedJars(), built);
        Capture capture = Captures.open(service, options.capture());
        if (capture.model() != options.model()) {
            throw new UpgradeException(options.capture() + " is a guest of model "
                    + capture.model().label() + ", not of "
                    + options.model().label());
        }
        CaptureScan scan = CaptureScan.of(capture);
        Problems problems = new Problems();
        try (SwapDriver swaps = new SwapDriver(service, options.model(), bundles, built, released, problems);
                Watch watch = new Watch(limitNanos)) {
            return watch.run(steps -> run(options, progress, built, released, capture, scan, swaps, problems, steps));
        } catch (Watch.HangException e) {
            throw e.toUsers("the guest of the load");
        }
    }

    private UpgradeResult run(
            UpgradeOptions options,
            Consumer<UpgradeProgress> progress,
            VendorJar built,
            VendorJar released,
            Capture capture,
            CaptureScan scan,
            SwapDriver swaps,
            Problems problems,
            Progress steps) {
        Map<String, HardwareConfig> configs = Replay.configs(service, capture, scan, options.cache());
        AtomicBoolean goOn = new AtomicBoolean(true);
        try (LoadGuest load = new LoadGuest(
                service, capture, scan, configs.get(scan.firstUnit()), swaps.generations(), options.seed(), steps)) {
            Invalidator invalidator = new Invalidator(load, options.seed(), goOn::get, problems);
            DeviceTraffic devices = new DeviceTraffic(load, ~options.seed(), goOn::get, problems);
            GuestLoop guest = new GuestLoop(service, capture, scan, configs, swaps.generations(), goOn::get, problems);
            invalidator.prepare();
            long begin = System.nanoTime();
            List<Worker> workers = List.of(
                    new Worker("the replayed guest", guest, guest::records, limitNanos),
                    new Worker("the invalidating client", invalidator, invalidator::sent, limitNanos),
                    new Worker("the devices", devices, devices::accesses, limitNanos));
            workers.forEach(Worker::start);
            Attendance watch = new Attendance(progress, steps, swaps, guest, invalidator, devices, workers);
            try {
                boolean allGetOn = true;
                for (int i = 0; i < options.swaps() && allGetOn; i++) {
                    long next = begin + options.durationNanos() * (i + 1) / (options.swaps() + 1);
                    allGetOn = watch.until(
                            next, (double) i / options.swaps(), "swap " + (i + 1) + " of " + options.swaps());
                    if (allGetOn) {
                        steps.begin(i + 1, "swap");
                        swaps.swap();
                    }
                }
                if (allGetOn) {
                    swaps.finish();
                    watch.until(begin + options.durationNanos(), 1, "after the last swap");
                }
            } finally {
                goOn.set(false);
                watch.join();
                watch.hanging().forEach(problems::add);
            }
            double seconds = (System.nanoTime() - begin) / NANOS_PER_SECOND;
            return result(options, built, released, seconds, swaps, load, guest, invalidator, devices, problems);
        }
    }

    private static UpgradeResult result(
            UpgradeOptions options,
            VendorJar built,
            VendorJar released,
            double seconds,
            SwapDriver swaps,
            LoadGuest load,
            GuestLoop guest,
            Invalidator invalidator,
            DeviceTraffic devices,
            Problems problems) {
        RequestTally sent = guest.requests().plus(load.containers().requests()).plus(invalidator.requests());
        RequestTally counted = guest.counted();
        long parked = guest.parked();
        for (Container container : load.containers().containers()) {
            ContainerCounters counters = container.counters();
            counted = counted.plus(new RequestTally(
                    counters.received(), counters.completed(), counters.widened(), counters.refused()));
            parked += counters.parked();
        }
        long received = counted.sent();
        long missing = Math.max(0, sent.sent() - received);
        long surplus = Math.max(0, received - sent.sent());
        if (!sent.equals(counted)) {
            problems.add("the clients saw " + sent + ", the containers counted " + counted);
        }
        if (guest.replays() == 0) {
            problems.add("the guest was not replayed to its end");
        }
        long exactlyOnce = sent.equals(counted) ? sent.completed() + sent.refusedTotal() : received - surplus;
        SanitizerReport found = load.findings();
        return new UpgradeResult(
                options.model(),
                released.version().toString(),
                built.version().toString(),
                options.capture().getFileName().toString(),
                seconds,
                guest.replays(),
                sent,
                exactlyOnce - invalidator.lost(),
                invalidator.deliberate(),
                missing + invalidator.lost(),
                surplus + invalidator.doubled(),
                invalidator.reordered(),
                guest.translations(),
                guest.notJudged(),
                invalidator.accesses() + devices.accesses(),
                invalidator.stale() + devices.stale() + guest.stale() + problems.stale("load", found, load.hints()),
                invalidator.blocked() + devices.blocked(),
                new UpgradeResult.Swaps(
                        swaps.sideBySide(),
                        swaps.inPlace(),
                        swaps.failed(),
                        Times.of(swaps.pausesBeside(), swaps.pausesInPlace()),
                        Times.of(swaps.pausesBeside()),
                        Times.of(swaps.pausesInPlace()),
                        parked,
                        invalidator.latencies().plus(devices.latencies()).times()),
                guest.findings().plus(found),
                problems.lines(),
                released.sha256(),
                built.sha256());
    }

    /** Waits while the workers are at work, until one hangs; tells of progress once a second. */
    private static final class Attendance {
        private final Consumer<UpgradeProgress> progress;
        private final Progress steps;
        private final SwapDriver swaps;
        private final GuestLoop guest;
        private final Invalidator invalidator;
        private final DeviceTraffic devices;
        private final List<Worker> workers;
        private long nextReport = System.nanoTime();

        private Attendance(
                Consumer<UpgradeProgress> progress,
                Progress steps,
                SwapDriver swaps,
                GuestLoop guest,
                Invalidator invalidator,
                DeviceTraffic devices,
                List<Worker> workers) {
            this.progress = progress;
            this.steps = steps;
            this.swaps = swaps;
            this.guest = guest;
            this.invalidator = invalidator;
            this.devices = devices;
            this.workers = workers;
        }

        /** The workers that make no progress, with their stack frames. */
        private List<String> hanging() {
            return workers.stream()
                    .map(Worker::hang)
                    .filter(hang -> !hang.isEmpty())
                    .toList();
        }

        private void report(double fraction, String doing) {
            steps.again();
            if (System.nanoTime() - nextReport < 0) {
                return;
            }
            nextReport += PROGRESS_NANOS;
            progress.accept(new UpgradeProgress(
                    fraction,
                    swaps.sideBySide() + swaps.inPlace(),
                    guest.sent() + invalidator.sent(),
                    guest.translated() + devices.accesses(),
                    doing));
        }

        /** Waits until then; false at once if a worker hangs. */
        private boolean until(long nanoTime, double fraction, String doing) {
            report(fraction, doing);
            boolean allGetOn = hanging().isEmpty();
            while (allGetOn && System.nanoTime() - nanoTime < 0) {
                sleep();
                report(fraction, doing);
                allGetOn = hanging().isEmpty();
            }
            return allGetOn;
        }

        /** Waits for all that get on. */
        private void join() {
            for (Worker worker : workers) {
                while (worker.isAlive() && worker.hang().isEmpty()) {
                    sleep();
                    report(1, "the last replay ends");
                }
            }
        }

        private static void sleep() {
            try {
                Thread.sleep(SLICE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new UpgradeException("interrupted", e);
            }
        }
    }
}
