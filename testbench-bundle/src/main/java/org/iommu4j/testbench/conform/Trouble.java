package org.iommu4j.testbench.conform;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.contract.Errno;

/** Misbehaviour of a host towards a chip and its driver, and how much they asked of it. Used by one thread. */
final class Trouble {
    /** Value of a register that nobody answers for. */
    static final long ALL_ONES = -1;

    private static final int NEVER = Integer.MAX_VALUE;

    private int refusedAllocation = NEVER;
    private int failingUse = NEVER;
    private boolean deaf;
    private boolean gone;
    private int allocations;
    private int uses;
    private int reads;
    private int writes;
    private long pages;

    /** Refuses memory from the allocation of that number on, counted from 0 and from now. */
    void refuseMemory(int from) {
        allocations = 0;
        refusedAllocation = from;
    }

    /** Fails the use of the port of that number, counted from 0 and from now. */
    void failUse(int number) {
        uses = 0;
        failingUse = number;
    }

    /** No device answers from now on. */
    void deafDevices() {
        deaf = true;
    }

    /** The chip is not reachable from now on. */
    void takeChipAway() {
        gone = true;
        uses = 0;
        reads = 0;
    }

    /** All is well again. */
    void end() {
        refusedAllocation = NEVER;
        failingUse = NEVER;
        deaf = false;
        gone = false;
    }

    /** True if the trouble has happened. */
    boolean happened() {
        return allocations > refusedAllocation || uses > failingUse || (gone && uses > 0);
    }

    /** Pages of the host that are taken and not given back. */
    long pages() {
        return pages;
    }

    /** Uses of the port since trouble was last made. */
    int uses() {
        return uses;
    }

    /** Devices as this host has them. */
    DevicePort devices() {
        return (requester, pasid, iova, lengthBytes) -> !deaf;
    }

    /** Interrupts go nowhere. */
    static InterruptSink lost() {
        return (address, data) -> {};
    }

    /** Allocations since memory was last made scarce, or since the beginning. */
    int allocations() {
        return allocations;
    }

    /** Register reads since trouble was last made. */
    int reads() {
        return reads;
    }

    /** Register writes and calls so far. */
    int writes() {
        return writes;
    }

    /** Somebody takes pages. */
    void allocating(int count) {
        if (allocations++ >= refusedAllocation) {
            throw new BackendException(Errno.ENOMEM, "the host has no memory left, as planted");
        }
        pages += count;
    }

    /** Somebody gives pages back. */
    void freeing(int count) {
        pages -= count;
    }

    /** The driver uses the chip's port; false if nobody answers. */
    boolean using(boolean writing) {
        writes += writing ? 1 : 0;
        reads += writing ? 0 : 1;
        if (uses++ == failingUse) {
            throw new BackendException(Errno.EIO, "the port fails, as planted");
        }
        return !gone;
    }
}
