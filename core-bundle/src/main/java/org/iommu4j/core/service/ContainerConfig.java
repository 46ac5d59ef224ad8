package org.iommu4j.core.service;

import org.iommu4j.contract.Abi;

/**
 * How a client speaks.
 *
 * @param abi the image in which it writes
 * @param offer the generations that it can speak
 * @param waitNanos longest wait in nanoseconds for a backend before a request fails with {@code ENODEV}
 * @param maxParked most requests of the container that may wait at once; one more fails with {@code EBUSY}
 */
public record ContainerConfig(Abi abi, Offer offer, long waitNanos, int maxParked) {
    /** Longest wait in nanoseconds if nothing else is said. */
    public static final long DEFAULT_WAIT_NANOS = 5_000_000_000L;

    /** Most waiting requests if nothing else is said. */
    public static final int DEFAULT_MAX_PARKED = 1024;

    /** An LP64 little-endian client with default bounds. */
    public static ContainerConfig of(Offer offer) {
        return new ContainerConfig(Abi.LP64_LE, offer, DEFAULT_WAIT_NANOS, DEFAULT_MAX_PARKED);
    }
}
