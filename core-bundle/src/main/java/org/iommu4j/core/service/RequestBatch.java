package org.iommu4j.core.service;

import org.iommu4j.contract.Completion;

/** Invalidations that are submitted together. Reused by its owner; adding allocates nothing. */
public final class RequestBatch {
    private final byte[][] bytes;
    private final int[] offsets;
    private final int[] readable;
    private final Completion[] completions;
    private int count;

    /** An empty batch for at most {@code capacity} requests. */
    public RequestBatch(int capacity) {
        bytes = new byte[capacity][];
        offsets = new int[capacity];
        readable = new int[capacity];
        completions = new Completion[capacity];
        for (int i = 0; i < capacity; i++) {
            completions[i] = new Completion();
        }
    }

    /** Forgets all requests. */
    public void clear() {
        count = 0;
    }

    /**
     * Adds one request; its bytes are read when the batch is submitted.
     *
     * @return false if the batch is full
     */
    public boolean add(byte[] requestBytes, int offset, int readableBytes) {
        if (count == bytes.length) {
            return false;
        }
        bytes[count] = requestBytes;
        offsets[count] = offset;
        readable[count] = readableBytes;
        count++;
        return true;
    }

    /** Number of requests. */
    public int count() {
        return count;
    }

    /** The memory of a request. */
    public byte[] bytes(int index) {
        return bytes[index];
    }

    /** Where in it the request begins. */
    public int offset(int index) {
        return offsets[index];
    }

    /** How many bytes can be read from there. */
    public int readable(int index) {
        return readable[index];
    }

    /** The answer to a request, after the batch was submitted. */
    public Completion completion(int index) {
        return completions[index];
    }
}
