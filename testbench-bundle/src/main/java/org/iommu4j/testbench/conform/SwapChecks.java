package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.ContainerCounters;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.SwapLimits;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.testbench.run.Arrivals;

/**
 * Swaps while clients and devices of every generation are at work: no request is lost or refused, no access ends elsewhere,
 * nothing outdated is used, and no unit has to be rebuilt since its state could not be read.
 */
final class SwapChecks {
    private static final long LOAD_NANOS = 20_000_000L;
    private static final long REST_NANOS = 50_000L;
    private static final long JOIN_MILLIS = 10_000;

    private final Subject subject;
    private final Servers servers;
    private final Path own;
    private final List<Path> released;
    private final int swaps;

    /**
     * Swaps of a bundle.
     *
     * @param own the bundle itself
     * @param released other bundles of its model
     * @param swaps with each
     */
    SwapChecks(Subject subject, Servers servers, Path own, List<Path> released, int swaps) {
        this.subject = subject;
        this.servers = servers;
        this.own = own;
        this.released = released;
        this.swaps = swaps;
    }

    /** With a second copy of itself. */
    String itself(Progress progress) {
        return with(own, progress);
    }

    /** With other releases, from each of them. */
    String released(Progress progress) {
        if (released.isEmpty()) {
            throw new Check.NotCovered("no other bundle of its model was given");
        }
        List<String> seen = new ArrayList<>();
        for (Path jar : released) {
            seen.add(jar.getFileName() + ": " + with(jar, progress));
        }
        return String.join("; ", seen);
    }

    private String with(Path jar, Progress progress) {
        progress.again();
        try (Arrivals.Arrival other = servers.install(jar)) {
            BackendStatus status = other.status();
            expect(
                    status.model() == subject.model(),
                    jar.getFileName() + " is a bundle of " + status.model() + ", and does not fit");
            try {
                return between(status, progress);
            } finally {
                servers.serve(subject.model(), subject.id());
            }
        }
    }

    private String between(BackendStatus other, Progress progress) {
        servers.serve(subject.model(), other.id());
        List<Load> loads = new ArrayList<>();
        try {
            List<String> missed = new ArrayList<>();
            for (Generation generation : subject.description().generations()) {
                if (other.subVersions().contains(generation.subVersion())) {
                    progress.again();
                    try {
                        loads.add(new Load(subject, generation));
                    } catch (Check.NotCovered e) {
                        missed.add("generation " + Generation.text(generation.subVersion()) + " not covered: "
                                + e.getMessage());
                    }
                }
            }
            if (loads.isEmpty()) {
                throw new Check.NotCovered(missed.isEmpty() ? "no generation in common" : String.join("; ", missed));
            }
            String done = swapUnderLoad(loads, other, progress);
            return missed.isEmpty() ? done : done + "; " + String.join("; ", missed);
        } finally {
            loads.forEach(Load::close);
        }
    }

    private String swapUnderLoad(List<Load> loads, BackendStatus other, Progress progress) {
        AtomicBoolean goOn = new AtomicBoolean(true);
        AtomicReference<RuntimeException> failure = new AtomicReference<>();
        List<Thread> workers = List.of(
                worker("conform-requests", goOn, failure, () -> loads.forEach(Load::request)),
                worker("conform-devices", goOn, failure, () -> loads.forEach(Load::access)));
        int done = 0;
        long longest = 0;
        try {
            boolean up = true;
            while (done < swaps && failure.get() == null) {
                LockSupport.parkNanos(LOAD_NANOS);
                progress.again();
                SwapReport report = subject.service()
                        .swap(subject.model(), "#" + (up ? subject.id() : other.id()), SwapLimits.DEFAULT);
                if (!up && !goesBack(report)) {
                    break;
                }
                expectClean(report);
                longest = Math.max(longest, report.pauseNanos());
                up = !up;
                done++;
            }
            LockSupport.parkNanos(LOAD_NANOS);
        } finally {
            goOn.set(false);
            workers.forEach(SwapChecks::join);
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        long requests = 0;
        for (Load load : loads) {
            requests += load.expectAllAnswered();
        }
        return done + " swaps, " + loads.size() + " generations, " + requests + " requests, longest pause "
                + longest / 1_000 + " us";
    }

    /** An older version need not read what a newer one writes; then there is no way back. */
    private static boolean goesBack(SwapReport report) {
        return report.outcome() == SwapReport.Outcome.DONE
                && report.reason().isEmpty()
                && report.lost().isEmpty();
    }

    private static void expectClean(SwapReport report) {
        expect(
                report.outcome() == SwapReport.Outcome.DONE,
                "the swap from " + report.from() + " to " + report.to() + " ended as " + report.outcome() + ": "
                        + report.reason());
        expect(
                report.reason().isEmpty(),
                "the swap from " + report.from() + " to " + report.to() + " did not take the state along: "
                        + report.reason());
        expect(
                report.lost().isEmpty(),
                "the swap from " + report.from() + " to " + report.to() + " lost containers: "
                        + String.join("; ", report.lost()));
    }

    private static Thread worker(
            String name, AtomicBoolean goOn, AtomicReference<RuntimeException> failure, Runnable round) {
        Thread thread = new Thread(
                () -> {
                    try {
                        while (goOn.get()) {
                            round.run();
                            LockSupport.parkNanos(REST_NANOS);
                        }
                    } catch (RuntimeException e) {
                        failure.compareAndSet(null, e);
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private static void join(Thread thread) {
        try {
            thread.join(JOIN_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BackendException(Errno.EIO, "interrupted", e);
        }
        expect(!thread.isAlive(), "a call of " + thread.getName() + " does not come back");
    }

    /** Clients and devices of one generation. */
    private static final class Load implements AutoCloseable {
        private final String name;
        private final UnitClient client;
        private final Workload work;
        private final long before;
        private long sent;

        Load(Subject subject, Generation generation) {
            name = "generation " + Generation.text(generation.subVersion()) + ": ";
            client = new UnitClient(subject.service(), subject.model(), Subject.chip(generation));
            try {
                work = Workload.started(client, subject, Subject.chip(generation));
                work.someWitnesses();
            } catch (RuntimeException e) {
                client.close();
                throw e;
            }
            before = client.container().counters().received();
        }

        void request() {
            Completion all = client.invalidate(0, 0, 0, 0, 0, new byte[0]);
            sent++;
            expect(all.errno() == Errno.OK, name + "an invalidation during swaps is answered " + all);
        }

        void access() {
            work.expectAll(name + "during swaps");
        }

        long expectAllAnswered() {
            ContainerCounters counters = client.container().counters();
            expect(
                    counters.received() - before == sent,
                    name + sent + " requests were sent, " + (counters.received() - before) + " arrived");
            expect(
                    client.findings().chipFaults() == 0,
                    name + "the sanitizer found outdated translations in use, "
                            + client.findings().chipFaults() + " times");
            return sent;
        }

        @Override
        public void close() {
            client.close();
        }
    }
}
