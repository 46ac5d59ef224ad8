package org.iommu4j.core.backends;

import java.util.ArrayDeque;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.backends.CoreLog.Level;
import org.iommu4j.core.foreign.Thrown;
import org.iommu4j.core.service.SwapReport;
import org.iommu4j.core.service.SwapReport.Outcome;

/**
 * Logs the arrival, failure and departure of backends, swaps and the end of agreements, a line each. Lines are written by a thread of its own and in order, so that
 * a log that is slow holds nobody up; until there is a log the last ones are kept for it.
 */
public final class CoreEvents implements AutoCloseable {
    /** Takes events of entries that belong to no core, and drops them. */
    public static final CoreEvents UNHEARD = new CoreEvents();

    private static final int MOST_KEPT = 256;

    private record Line(Level level, String text) {}

    /** Lines that are not written yet; guarded by this. */
    private final ArrayDeque<Line> lines = new ArrayDeque<>();

    /** Number of lines that were dropped since there was no room; guarded by this. */
    private long dropped;

    /** The log; null while there is none; guarded by this. */
    private CoreLog log;

    private final ExecutorService writer;

    public CoreEvents() {
        ThreadPoolExecutor one = new ThreadPoolExecutor(
                1,
                1,
                1,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                work -> {
                    Thread thread = new Thread(null, work, "iommu4j-log", 0, false);
                    thread.setDaemon(true);
                    return thread;
                },
                new ThreadPoolExecutor.DiscardPolicy());
        one.allowCoreThreadTimeOut(true);
        writer = one;
    }

    /** Writes to that log from now on; null for none. */
    public void to(CoreLog other) {
        synchronized (this) {
            log = other;
        }
        writer.execute(this::write);
    }

    private void add(Level level, String text) {
        synchronized (this) {
            if (this == UNHEARD) {
                return;
            }
            if (lines.size() == MOST_KEPT) {
                lines.removeFirst();
                dropped++;
            }
            lines.addLast(new Line(level, text));
            if (log == null) {
                return;
            }
        }
        writer.execute(this::write);
    }

    private void write() {
        for (; ; ) {
            CoreLog to;
            Line line;
            synchronized (this) {
                to = log;
                if (to == null || lines.isEmpty()) {
                    return;
                }
                line = dropped == 0
                        ? lines.removeFirst()
                        : new Line(Level.WARNING, dropped + " lines of the log were lost");
                dropped = 0;
            }
            write(to, line);
        }
    }

    private void write(CoreLog to, Line line) {
        try {
            to.log(line.level, line.text);
        } catch (Throwable e) {
            // The log is foreign: a line that it does not take is lost, the next one has its own chance.
            synchronized (this) {
                dropped++;
            }
        }
    }

    /** A backend has come and was looked at. */
    public void arrived(BackendEntry entry) {
        if (entry.description() != null) {
            add(
                    Level.INFO,
                    label(entry) + " arrived: generations "
                            + entry.status().subVersions().stream()
                                    .map(Generation::text)
                                    .collect(Collectors.joining(" "))
                            + ", reads states " + entry.description().stateOldestRead() + " to "
                            + entry.description().stateWritten());
        }
    }

    /** A backend leaves. */
    public void leaving(BackendEntry entry) {
        add(Level.INFO, label(entry) + " leaves");
    }

    /** A backend counts as failed. */
    void failed(BackendEntry entry, String reason) {
        add(Level.WARNING, label(entry) + " failed: " + reason);
    }

    /** A backend threw something that no client saw as it was. */
    void contained(BackendEntry entry, Thrown thrown) {
        add(
                Level.WARNING,
                label(entry) + " threw " + thrown.text() + (thrown.trace().isEmpty() ? "" : "\n" + thrown.trace()));
    }

    /** A backend has begun to serve where nobody did and nothing had to be moved. */
    public void serves(BackendEntry entry) {
        add(Level.INFO, label(entry) + " serves");
    }

    /** No backend serves a model any more, although some are present. */
    public void nobodyServes(IommuModel model, String reason) {
        add(Level.ERROR, "nobody serves model " + model.label() + ": " + reason);
    }

    /** A swap has ended. */
    public void swapped(SwapReport report, Way way) {
        StringBuilder line = new StringBuilder("swap of ")
                .append(report.model().label())
                .append(" from ")
                .append(report.from().isEmpty() ? "nobody" : report.from())
                .append(" to ")
                .append(report.to().isEmpty() ? "nobody" : report.to())
                .append(", ")
                .append(way.label)
                .append(": ")
                .append(report.outcome().name().toLowerCase(Locale.ROOT).replace('_', ' '))
                .append(", units ")
                .append(report.units())
                .append(", parked ")
                .append(report.parked())
                .append(", pause ")
                .append(String.format(Locale.ROOT, "%.3f", report.pauseNanos() / 1e6))
                .append(" ms");
        if (!report.reason().isEmpty()) {
            line.append("; ").append(report.reason());
        }
        add(report.outcome() == Outcome.DONE && report.lost().isEmpty() ? Level.INFO : Level.WARNING, line.toString());
        if (report.outcome() == Outcome.DONE) {
            report.lost().forEach(this::agreementEnded);
        }
    }

    /** How a swap was done. */
    public enum Way {
        /** Old and new backend are both there. */
        SIDE_BY_SIDE("side by side"),
        /** The old backend has left before the new one came. */
        IN_PLACE("in place"),
        /** The backend that serves leaves, and one that stood by takes over. */
        SUCCESSION("succession"),
        /** The backend that serves leaves, and none takes over. */
        DEPARTURE("departure");

        private final String label;

        Way(String label) {
            this.label = label;
        }
    }

    /** A virtual IOMMU could not go over to the backend that serves its unit. */
    public void guestStays(String unit, BackendEntry with, String reason) {
        add(Level.WARNING, "a virtual IOMMU of " + unit + " stays with " + label(with) + ": " + reason);
    }

    /** A container cannot go on. */
    public void agreementEnded(String containerAndReason) {
        add(Level.WARNING, "agreement ended: " + containerAndReason);
    }

    /** A container goes on by other shims. */
    public void agreementChanged(String containerAndKind) {
        add(Level.INFO, "agreement changed: " + containerAndKind);
    }

    /** A shim was not let in. */
    public void shimRefused(String reason) {
        add(Level.WARNING, "a shim is not used: " + reason);
    }

    /** A listener or an interposer threw. */
    public void onlookerFailed(String who, Thrown thrown) {
        add(Level.WARNING, who + " threw " + thrown.text() + "\n" + thrown.trace());
    }

    private static String label(BackendEntry entry) {
        return "backend #" + entry.id() + " "
                + (entry.model() == null ? "" : entry.model().label() + " ") + entry;
    }

    @Override
    public void close() {
        writer.shutdown();
    }
}
