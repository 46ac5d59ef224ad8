package org.iommu4j.upgrade.run;

import org.iommu4j.upgrade.Times;

/**
 * Times of many requests in a fixed room: a counter for each eighth of a power of two, so that a percentile is at most an eighth
 * above the true one. Used by one thread; its owner reads when it has ended.
 */
final class Latencies {
    private static final int PARTS_BITS = 3;
    private static final int PARTS = 1 << PARTS_BITS;

    private final long[] counts = new long[Long.SIZE * PARTS];
    private long count;
    private long longest;

    /** Adds a time in nanoseconds. */
    void add(long nanos) {
        counts[slot(nanos)]++;
        count++;
        longest = Math.max(longest, nanos);
    }

    /** Adds all of another one. */
    Latencies plus(Latencies other) {
        Latencies sum = new Latencies();
        for (int i = 0; i < counts.length; i++) {
            sum.counts[i] = counts[i] + other.counts[i];
        }
        sum.count = count + other.count;
        sum.longest = Math.max(longest, other.longest);
        return sum;
    }

    /** Median, 99th percentile, longest and number. */
    Times times() {
        return new Times(percentile(50), percentile(99), longest, count);
    }

    /** The upper end of the slot in which the percentile is; never more than the longest. */
    private long percentile(int percent) {
        long rank = (count * percent + 99) / 100;
        long seen = 0;
        for (int slot = 0; slot < counts.length && rank > 0; slot++) {
            seen += counts[slot];
            if (seen >= rank) {
                return Math.min(longest, end(slot));
            }
        }
        return 0;
    }

    private static int slot(long nanos) {
        if (nanos < PARTS) {
            return (int) Math.max(0, nanos);
        }
        int power = Long.SIZE - 1 - Long.numberOfLeadingZeros(nanos);
        int part = (int) (nanos >>> (power - PARTS_BITS)) & (PARTS - 1);
        return (power - PARTS_BITS + 1) * PARTS + part;
    }

    private static long end(int slot) {
        if (slot < PARTS) {
            return slot;
        }
        int power = slot / PARTS + PARTS_BITS - 1;
        long width = 1L << (power - PARTS_BITS);
        return (1L << power) + (slot % PARTS + 1) * width - 1;
    }
}
