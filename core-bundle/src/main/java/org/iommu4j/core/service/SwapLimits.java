package org.iommu4j.core.service;

/**
 * How long the steps of a swap may take before it is rolled back.
 *
 * @param drainNanos longest wait in nanoseconds for requests in flight
 * @param handoverNanos longest time in nanoseconds for saving and restoring
 */
public record SwapLimits(long drainNanos, long handoverNanos) {
    /** Two seconds each. */
    public static final SwapLimits DEFAULT = new SwapLimits(2_000_000_000L, 2_000_000_000L);
}
