package org.iommu4j.testbench.fuzz;

import org.iommu4j.backend.Platform;
import org.iommu4j.testbench.FuzzFailure.Kind;
import org.iommu4j.testbench.run.StepRunner;

/** Compares caches, records, pages and memory after a number of rounds with those after twice as many. */
final class Growth {
    private static final int SLACK_ENTRIES = 8;
    private static final long BYTES_A_ROUND = 16;
    private static final int WINDOWS = 5;
    private static final int MOST_COLLECTIONS = 8;
    private static final long SETTLED_BYTES = 1 << 14;

    private final StepRunner runner;
    private int entries;
    private long page;

    Growth(StepRunner runner) {
        this.runner = runner;
    }

    /** After the first rounds. */
    void first() {
        entries = entries();
        page = lowestFreePage();
    }

    /**
     * After the second rounds.
     *
     * @param again carries out as many rounds once more
     * @throws Failed if something grows
     */
    void second(int rounds, boolean measured, Runnable again) {
        int now = entries();
        if (now > entries + SLACK_ENTRIES) {
            throw new Failed(
                    Kind.GROWTH,
                    "after " + rounds + " rounds " + entries + " entries were cached, after twice as many " + now);
        }
        long pages = (lowestFreePage() - page) / 4096;
        if (pages >= rounds) {
            throw new Failed(Kind.GROWTH, rounds + " rounds took " + pages + " pages that were not given back");
        }
        if (measured) {
            checkBytes(rounds, again);
        }
    }

    /** Other work of the process may take memory or give it back now and then: a leak shows most times. */
    private void checkBytes(int rounds, Runnable again) {
        long before = usedBytes();
        long grown = 0;
        int times = 0;
        for (int i = 0; i < WINDOWS && times <= WINDOWS / 2; i++) {
            again.run();
            long now = usedBytes();
            if (now - before >= rounds * BYTES_A_ROUND) {
                times++;
                grown = now - before;
            }
            before = now;
        }
        if (times > WINDOWS / 2) {
            throw new Failed(Kind.GROWTH, rounds + " rounds keep " + grown / rounds + " bytes each, again and again");
        }
    }

    private int entries() {
        int[] count = new int[1];
        runner.unit().visitCache((cache, tag, pasid, iova, lengthBytes, pa) -> count[0]++);
        return count[0];
    }

    private long lowestFreePage() {
        Platform platform = runner.unit().platform();
        long free = platform.allocatePages(1);
        platform.freePages(free, 1);
        return free;
    }

    /** Bytes in use once nothing more is given back, so that memory which other threads release late does not count. */
    private static long usedBytes() {
        Runtime runtime = Runtime.getRuntime();
        long used = Long.MAX_VALUE;
        for (int i = 0; i < MOST_COLLECTIONS; i++) {
            long before = used;
            System.gc();
            used = runtime.totalMemory() - runtime.freeMemory();
            if (used > before - SETTLED_BYTES) {
                return used;
            }
        }
        return used;
    }
}
