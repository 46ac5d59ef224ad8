package org.iommu4j.core;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.BackendEntry;
import org.iommu4j.core.backends.BackendSource;
import org.iommu4j.core.backends.CoreEvents;
import org.iommu4j.core.backends.CoreLog;
import org.iommu4j.core.backends.Trial;
import org.iommu4j.core.containers.CoreUnit;
import org.iommu4j.core.foreign.Thrown;
import org.iommu4j.core.foreign.VendorFailure;
import org.iommu4j.core.foreign.VendorThread;
import org.iommu4j.core.negotiation.BackendVersion;
import org.iommu4j.core.negotiation.ShimLink;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.NegotiationTable;
import org.iommu4j.core.service.Offer;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.Unit;
import org.iommu4j.core.service.UnitConfig;
import org.iommu4j.core.service.UnitInterposer;
import org.iommu4j.core.swap.ModelRegistry;

/**
 * The core: one registry for each model, and what is common to all of them. Backends and shims come and go by
 * {@link #arrived(Backend)} and {@link #leaving(Backend)}, whoever finds them.
 */
public final class IommuCore implements IommuService, AutoCloseable {
    private static final int REPORTS_KEPT = 256;
    private static final int RETIRED_KEPT = 128;

    /** Longest time in nanoseconds in which a vendor's component makes its backend. */
    private static final long MAKING_NANOS = 5_000_000_000L;

    /** Longest time in nanoseconds that a listing waits for first trials: one that takes longer is listed as it is. */
    private static final long LISTING_NANOS = 1_000_000_000L;

    private final PlatformFactory platforms;
    private final Map<IommuModel, ModelRegistry> registries = new EnumMap<>(IommuModel.class);
    private final AtomicInteger backendIds = new AtomicInteger();
    private final AtomicInteger unitIds = new AtomicInteger();
    private final List<Consumer<SwapReport>> listeners = new CopyOnWriteArrayList<>();
    private final List<UnitInterposer> interposers = new CopyOnWriteArrayList<>();

    /** Every backend that is or was there; guarded by itself. */
    private final List<BackendEntry> entries = new ArrayList<>();

    /** The last reports; guarded by itself. */
    private final ArrayDeque<SwapReport> reports = new ArrayDeque<>();

    private final CoreEvents events = new CoreEvents();
    private final Supplier<List<BackendStatus>> notServing;

    /** A core without backends. */
    public IommuCore(PlatformFactory platforms) {
        this(platforms, List::of);
    }

    /**
     * A core without backends.
     *
     * @param platforms makes the machines
     * @param notServing tells of vendors' bundles that are there and bring no backend, and why
     */
    public IommuCore(PlatformFactory platforms, Supplier<List<BackendStatus>> notServing) {
        this.platforms = platforms;
        this.notServing = notServing;
        for (IommuModel model : IommuModel.values()) {
            registries.put(model, new ModelRegistry(model, platforms, events));
        }
    }

    /** Writes its log there from now on, what happened before included; null for nowhere. */
    public void logTo(CoreLog log) {
        events.to(log);
    }

    /**
     * A backend has come. It is tried before it serves: the first one of a model when it is first used, later ones now. If it is
     * newer than the one that serves its model, it has taken over when this returns.
     */
    public void arrived(Backend backend) {
        arrived(BackendSource.of(backend), backend);
    }

    /**
     * A backend has come, or may be made. One that is not made in five seconds has failed.
     *
     * @return false if its source had none to give
     */
    public boolean arrived(BackendSource source) {
        return arrived(source, source);
    }

    private boolean arrived(BackendSource source, Object key) {
        BackendEntry entry = ask(source);
        if (entry == null) {
            return false;
        }
        remember(entry.from(key));
        if (entry.description() != null) {
            events.arrived(entry);
            if (!registries.get(entry.model()).keptUntilUsed(entry)) {
                ModelRegistry registry = used(entry.model());
                entry.tried(Trial.of(entry, platforms));
                record(registry.arrived(entry));
            }
        }
        return true;
    }

    /** A backend is leaving. When this returns no call is inside it, unless one has not come out in a bounded time. */
    public void leaving(Backend backend) {
        left(backend);
    }

    /** The same for a backend that came by that source. */
    public void leaving(BackendSource source) {
        left(source);
    }

    private void left(Object key) {
        BackendEntry entry = null;
        synchronized (entries) {
            for (BackendEntry candidate : entries) {
                if (candidate.isFrom(key)) {
                    entry = candidate;
                }
            }
        }
        if (entry == null) {
            return;
        }
        if (entry.description() == null) {
            entry.retire();
        } else {
            events.leaving(entry);
            record(registries.get(entry.model()).leaving(entry));
        }
    }

    /**
     * A shim has come. One that does not make sense is not used.
     *
     * @param version of the bundle that brings it; null if nobody knows it
     */
    public void arrived(Shim shim, String version) {
        try (VendorThread thread = new VendorThread("iommu4j-ask")) {
            ShimLink link = thread.callWithoutHaste(
                    "asking a shim",
                    SwapLimits.DEFAULT.handoverNanos(),
                    () -> ShimLink.of(shim, BackendVersion.parse(version)));
            registries.get(link.model()).arrived(link);
        } catch (VendorFailure e) {
            events.shimRefused(e.getMessage());
        }
    }

    /** A shim has come, of a bundle whose version nobody knows. */
    public void arrived(Shim shim) {
        arrived(shim, null);
    }

    /** A shim is leaving. When this returns no request goes through it. */
    public void leaving(Shim shim) {
        for (ModelRegistry registry : registries.values()) {
            registry.leaving(shim);
        }
    }

    private ModelRegistry registry(IommuModel model) {
        if (model == null) {
            throw new BackendException(Errno.EINVAL, "the model is missing");
        }
        return registries.get(model);
    }

    /** The registry of a model that is about to be used: its first backend has had its trial. */
    private ModelRegistry used(IommuModel model) {
        ModelRegistry registry = registry(model);
        record(registry.useFirst());
        return registry;
    }

    /** Null if the source has no backend to give. */
    private BackendEntry ask(BackendSource source) {
        int id = backendIds.incrementAndGet();
        Backend backend = null;
        try (VendorThread thread = new VendorThread("iommu4j-ask")) {
            Backend made = thread.callWithoutHaste("making a backend", MAKING_NANOS, source.maker()::get);
            if (made == null) {
                return null;
            }
            backend = made;
            BackendEntry.Answers answers = thread.callWithoutHaste(
                    "asking a backend", SwapLimits.DEFAULT.handoverNanos(), () -> BackendEntry.ask(made));
            return BackendEntry.usable(id, backend, answers).heardBy(events);
        } catch (VendorFailure e) {
            BackendEntry broken = BackendEntry.broken(id, backend, source).heardBy(events);
            broken.contained(e.thrown());
            broken.become(BackendStatus.State.FAILED, e.getMessage());
            return broken;
        }
    }

    private void remember(BackendEntry entry) {
        synchronized (entries) {
            entries.add(entry);
            int retired = 0;
            for (int i = entries.size() - 1; i >= 0; i--) {
                if (entries.get(i).state() == BackendStatus.State.RETIRED && ++retired > RETIRED_KEPT) {
                    entries.remove(i);
                }
            }
        }
    }

    private SwapReport record(SwapReport report) {
        if (report == null) {
            return null;
        }
        synchronized (reports) {
            reports.addLast(report);
            if (reports.size() > REPORTS_KEPT) {
                reports.removeFirst();
            }
        }
        for (Consumer<SwapReport> listener : listeners) {
            tell(listener, report);
        }
        return report;
    }

    private void tell(Consumer<SwapReport> listener, SwapReport report) {
        try {
            listener.accept(report);
        } catch (Throwable t) {
            // A listener that fails has had its chance; the next one gets its own.
            events.onlookerFailed("a listener to swaps", Thrown.inTime(t));
        }
    }

    /** Has first backends tried that nobody has used yet, all at the same time; waits for them, but not for long. */
    private void tryUnused() {
        List<Thread> trials = new ArrayList<>();
        for (ModelRegistry registry : registries.values()) {
            if (registry.unused() != null) {
                Thread trial = new Thread(null, () -> record(registry.useFirst()), "iommu4j-first-use", 0, false);
                trial.setDaemon(true);
                trial.start();
                trials.add(trial);
            }
        }
        long deadline = System.nanoTime() + LISTING_NANOS;
        try {
            for (Thread trial : trials) {
                trial.join(Duration.ofNanos(Math.max(1_000_000, deadline - System.nanoTime()))
                        .toMillis());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public List<BackendStatus> backends() {
        tryUnused();
        List<BackendStatus> statuses = new ArrayList<>();
        synchronized (entries) {
            for (BackendEntry entry : entries) {
                statuses.add(entry.status());
            }
        }
        statuses.addAll(notServing.get());
        return statuses;
    }

    @Override
    public String absence(IommuModel model) {
        if (used(model).active() != null) {
            return "";
        }
        StringJoiner reasons = new StringJoiner("; ");
        for (BackendStatus status : backends()) {
            boolean concerned = status.model() == model || status.model() == null;
            if (concerned && status.state() == BackendStatus.State.FAILED) {
                String version = status.version().isEmpty() ? "" : " " + status.version();
                reasons.add(status.name() + version + ": " + status.reason());
            }
        }
        return reasons.toString();
    }

    /** A refusal since nobody serves a model says why. */
    private BackendException withAbsence(IommuModel model, BackendException refusal) {
        String why = refusal.errno() == Errno.ENODEV ? absence(model) : "";
        return why.isEmpty() ? refusal : new BackendException(Errno.ENODEV, refusal.getMessage() + ": " + why);
    }

    @Override
    public Backend backend(IommuModel model) {
        ModelRegistry registry = registry(model);
        BackendEntry unused = registry.unused();
        BackendEntry described = unused == null ? registry.active() : unused;
        return described == null ? null : described.clientView();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        List<BackendEntry> newestFirst;
        synchronized (entries) {
            newestFirst = entries.stream()
                    .filter(entry -> entry.version() != null)
                    .sorted(Comparator.comparing(BackendEntry::version).reversed())
                    .toList();
        }
        Map<String, CaptureFormat> formats = new TreeMap<>();
        for (BackendEntry entry : newestFirst) {
            BackendEntry.Parts parts = entry.parts();
            if (parts != null) {
                parts.captureFormats().forEach(format -> formats.putIfAbsent(format.arch(), format));
            }
        }
        return List.copyOf(formats.values());
    }

    @Override
    public Unit openUnit(UnitConfig config) {
        if (config == null
                || config.model() == null
                || config.hardware() == null
                || config.interrupts() == null
                || config.devices() == null) {
            throw new BackendException(Errno.EINVAL, "the unit's configuration is incomplete");
        }
        CoreUnit unit;
        try {
            unit = used(config.model()).openUnit(unitIds::incrementAndGet, config);
        } catch (BackendException e) {
            throw withAbsence(config.model(), e);
        }
        for (UnitInterposer interposer : interposers) {
            interpose(interposer, unit);
        }
        return unit.clientView();
    }

    private void interpose(UnitInterposer interposer, CoreUnit unit) {
        try {
            Unit view = interposer.interpose(unit.clientView(), unit.config());
            if (view != null) {
                unit.showToClients(view);
            }
        } catch (Throwable t) {
            // An onlooker must not keep a client from its unit.
            events.onlookerFailed("an interposer of units", Thrown.inTime(t));
        }
    }

    @Override
    public List<Unit> units() {
        List<Unit> open = new ArrayList<>();
        for (ModelRegistry registry : registries.values()) {
            registry.units().forEach(unit -> open.add(unit.clientView()));
        }
        return open;
    }

    @Override
    public Agreement negotiate(Offer offer, int hostSubVersion) {
        return used(offer == null ? null : offer.model()).negotiate(offer, hostSubVersion);
    }

    @Override
    public NegotiationTable negotiationTable(IommuModel model) {
        return used(model).negotiationTable();
    }

    @Override
    public SwapReport swap(IommuModel model, String version, SwapLimits limits) {
        if (limits == null) {
            throw new BackendException(Errno.EINVAL, "a swap needs limits");
        }
        return record(used(model).swap(version, limits));
    }

    @Override
    public SwapReport forceSwap(IommuModel model, String version, SwapLimits limits) {
        if (limits == null) {
            throw new BackendException(Errno.EINVAL, "a swap needs limits");
        }
        return record(used(model).force(version, limits));
    }

    @Override
    public SwapReport preview(IommuModel model, String version) {
        return used(model).preview(version);
    }

    @Override
    public List<SwapReport> swaps() {
        synchronized (reports) {
            return new ArrayList<>(reports);
        }
    }

    @Override
    public AutoCloseable onSwap(Consumer<SwapReport> listener) {
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }

    @Override
    public AutoCloseable interpose(UnitInterposer interposer) {
        interposers.add(interposer);
        return () -> interposers.remove(interposer);
    }

    /** Closes all units; whoever waits gets {@code ENODEV}. */
    @Override
    public void close() {
        for (ModelRegistry registry : registries.values()) {
            registry.close();
        }
        events.close();
    }
}
