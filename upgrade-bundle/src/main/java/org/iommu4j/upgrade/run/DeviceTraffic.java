package org.iommu4j.upgrade.run;

import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.core.service.Unit;
import org.iommu4j.upgrade.replay.Devices;

/**
 * Devices that access a guest's pages while another thread edits and invalidates them. An access may see any edit from the
 * last that was complete when it began to the last that was made when it ended.
 */
final class DeviceTraffic implements Runnable {
    /** Devices rest after so many accesses, so that they do not starve the clients. */
    private static final int BURST = 32;

    private static final long REST_NANOS = 50_000;

    private final Unit unit;
    private final ExplainHints hints;
    private final List<EditedPage> pages;
    private final SplittableRandom random;
    private final BooleanSupplier goOn;
    private final Problems problems;
    private final DmaAccess access = new DmaAccess();
    private long stale;
    private long blocked;
    private final Latencies latencies = new Latencies();
    private final AtomicLong accesses = new AtomicLong();

    /** Devices of a guest. */
    DeviceTraffic(LoadGuest guest, long seed, BooleanSupplier goOn, Problems problems) {
        unit = guest.unit();
        hints = guest.hints();
        pages = guest.pages();
        random = new SplittableRandom(seed);
        this.goOn = goOn;
        this.problems = problems;
    }

    @Override
    public void run() {
        try {
            while (goOn.getAsBoolean()) {
                for (int i = 0; i < BURST; i++) {
                    access(pages.get(random.nextInt(pages.size())));
                }
                LockSupport.parkNanos(REST_NANOS);
            }
        } catch (Throwable e) {
            problems.add("the devices", e);
        }
    }

    private void access(EditedPage page) {
        long oldest = page.completed();
        long begin = System.nanoTime();
        Devices.access(unit, access.begin(page.requester, page.iova, DmaAccess.WRITE));
        latencies.add(System.nanoTime() - begin);
        accesses.incrementAndGet();
        if (access.outcome() != DmaAccess.Outcome.TRANSLATED) {
            blocked++;
            problems.add(
                    "an access to 0x" + Long.toHexString(page.iova) + " ended as " + access.outcome(),
                    page.explain(hints));
        } else if (!page.shows(access.spa(), oldest, page.edited())) {
            stale++;
        }
    }

    /** Accesses so far; for other threads too. */
    long accesses() {
        return accesses.get();
    }

    /** Accesses that saw what was no longer legal. */
    long stale() {
        return stale;
    }

    /** Accesses that were not translated. */
    long blocked() {
        return blocked;
    }

    /** Times of its requests and accesses. */
    Latencies latencies() {
        return latencies;
    }
}
