package org.iommu4j.testbench.fuzz;

import org.iommu4j.backend.Platform;
import org.iommu4j.testbench.FuzzFailure.Kind;
import org.iommu4j.testbench.run.StepRunner;

/** Compares what is kept after a number of rounds with what is kept after twice as many. */
final class Growth {
    private static final int SLACK_ENTRIES = 8;
    private static final long BYTES_A_ROUND = 16;
    private static final int TRIES = 3;

    private final StepRunner runner;
    private int entries;
    private long page;
    private long bytes;

    Growth(StepRunner runner) {
        this.runner = runner;
    }

    /** After the first rounds. */
    void first(boolean measured) {
        entries = entries();
        page = lowestFreePage();
        bytes = measured ? usedBytes() : 0;
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

    /** Memory that something else took may be there once, not again and again. */
    private void checkBytes(int rounds, Runnable again) {
        long before = bytes;
        long grown = 0;
        for (int i = 0; i < TRIES; i++) {
            long now = usedBytes();
            grown = now - before;
            if (grown < rounds * BYTES_A_ROUND) {
                return;
            }
            before = now;
            again.run();
        }
        throw new Failed(Kind.GROWTH, rounds + " rounds keep " + grown / rounds + " bytes each, again and again");
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

    private static long usedBytes() {
        Runtime runtime = Runtime.getRuntime();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 2; i++) {
            System.gc();
            least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
        }
        return least;
    }
}
