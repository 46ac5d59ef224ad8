package org.iommu4j.core.service;

import org.iommu4j.contract.Completion;

/** Invalidations that are submitted together. Reused by its owner; adding allocates nothing. */
public final class RequestBatch {
    private final Entry[] entries;
    private int count;

    /** An empty batch for at most {@code capacity} requests. */
    public RequestBatch(int capacity) {
        entries = new Entry[capacity];
        for (int i = 0; i < capacity; i++) {
            entries[i] = new Entry();
        }
    }

    /** One request with its answer. */
    private static final class Entry {
        private final Completion completion = new Completion();
        private byte[] bytes;
        private int offset;
        private int readable;
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
        if (count == entries.length) {
            return false;
        }
        Entry entry = entries[count++];
        entry.bytes = requestBytes;
        entry.offset = offset;
        entry.readable = readableBytes;
        return true;
    }

    /** Number of requests. */
    public int count() {
        return count;
    }

    /** The memory of a request. */
    public byte[] bytes(int index) {
        return entries[index].bytes;
    }

    /** Offset in bytes of the request in its array. */
    public int offset(int index) {
        return entries[index].offset;
    }

    /** How many bytes can be read from there. */
    public int readable(int index) {
        return entries[index].readable;
    }

    /** The answer to a request, after the batch was submitted. */
    public Completion completion(int index) {
        return entries[index].completion;
    }
}
