package org.iommu4j.upgrade;

import java.util.List;
import java.util.stream.Stream;

/**
 * How long something took that was done several times.
 *
 * @param p50 median in nanoseconds
 * @param p99 99th percentile in nanoseconds
 * @param max longest in nanoseconds
 * @param n how often; of nothing all are 0
 */
public record Times(long p50, long p99, long max, long n) {
    /** Nothing was done. */
    public static final Times NONE = new Times(0, 0, 0, 0);

    /** The times of each one, in nanoseconds and any order. */
    public static Times of(List<Long> each) {
        List<Long> sorted = each.stream().sorted().toList();
        return sorted.isEmpty()
                ? NONE
                : new Times(
                        percentile(sorted, 50), percentile(sorted, 99), sorted.get(sorted.size() - 1), sorted.size());
    }

    /** All of both. */
    public static Times of(List<Long> some, List<Long> others) {
        return of(Stream.concat(some.stream(), others.stream()).toList());
    }

    /** The smallest value that is at least as large as that share of all. */
    private static long percentile(List<Long> sorted, int percent) {
        return sorted.get((sorted.size() * percent + 99) / 100 - 1);
    }
}
