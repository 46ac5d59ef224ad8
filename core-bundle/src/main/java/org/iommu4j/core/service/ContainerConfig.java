package org.iommu4j.core.service;

import org.iommu4j.contract.Abi;

/**
 * How a client speaks.
 *
 * @param abi the image in which it writes; the one that the offer says, if it does
 * @param offer the generations that it can speak
 * @param waitNanos longest wait in nanoseconds for a backend before a request fails with {@code ENODEV}
 * @param maxParked most requests of the container that may wait at once; one more fails with {@code EBUSY}
 * @param bounded true if calls come back soon after {@code waitNanos} even if the backend hangs with the call inside, with
 *     {@code ETIMEDOUT}: then they run in a thread that the container has for them, which costs a thread switch each, and the
 *     bytes of a request are copied. Whether the request is carried out later nobody knows. False if they run in the caller's
 *     thread, which stays inside until the backend lets it go
 */
public record ContainerConfig(Abi abi, Offer offer, long waitNanos, int maxParked, boolean bounded) {
    /** Longest wait in nanoseconds if nothing else is said. */
    public static final long DEFAULT_WAIT_NANOS = 5_000_000_000L;

    /** Most waiting requests if nothing else is said. */
    public static final int DEFAULT_MAX_PARKED = 1024;

    /** A client whose calls run in its own thread. */
    public ContainerConfig(Abi abi, Offer offer, long waitNanos, int maxParked) {
        this(abi, offer, waitNanos, maxParked, false);
    }

    /** A copy for a client whose calls come back in time even if the backend hangs. */
    public ContainerConfig asBounded() {
        return new ContainerConfig(abi, offer, waitNanos, maxParked, true);
    }

    /** A client of the image that its offer says, else LP64 little-endian, with default bounds. */
    public static ContainerConfig of(Offer offer) {
        return new ContainerConfig(
                offer.image() == null ? Abi.LP64_LE : offer.image(), offer, DEFAULT_WAIT_NANOS, DEFAULT_MAX_PARKED);
    }
}
