package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCommand;

/**
 * What a command does once the front has accepted it: the chip drops cache entries, a virtual unit asks the host. Legality and
 * reserved bits have been checked. A range is given as a naturally aligned block of 2^shift bytes; a shift of
 * {@link org.iommu4j.amd.command.SizeEncoding#ALL} is the whole address space.
 */
public interface CommandEffects {
    /** A command or answer without PASID. */
    int NO_PASID = -1;

    /** How it ended. */
    enum Outcome {
        /** It is done. */
        DONE,
        /** It could not be done, so it is not acknowledged: the command buffer stops at it. */
        NOT_DONE,
        /** The device did not answer in time: an event, and what follows goes on. */
        NO_ANSWER
    }

    /** Drops a device table entry, 48882 2.4.2. */
    Outcome deviceEntry(int deviceId);

    /**
     * Drops translations, 48882 2.4.3.
     *
     * @param pasid the PASID whose guest translations are meant, or {@link #NO_PASID} for those of the host tables
     * @param directories true if cached directory entries go, too
     */
    Outcome pages(int domain, int pasid, long base, int shift, boolean directories);

    /**
     * Drops translations that a device holds, 48882 2.4.4.
     *
     * @param pasid the PASID of the request's prefix, or {@link #NO_PASID} for a request without prefix
     */
    Outcome deviceTlb(int deviceId, int pasid, long base, int shift);

    /** Drops interrupt table entries, 48882 2.4.5. */
    Outcome interruptTable(int deviceId);

    /** Drops a range of a device's domain before translations are fetched in advance, 48882 2.4.6. */
    Outcome prefetchInvalidates(int deviceId, int pasid, long base, int shift);

    /** Answers page requests of a device, 48882 2.4.7. */
    Outcome pageResponse(int deviceId, int pasid, int group, int response);

    /** Drops everything that the unit keeps, 48882 2.4.8. */
    Outcome everything();

    /** A completion wait is over, and everything before it. */
    void waited();

    /** Software has been told that everything so far is done. */
    void completed();

    /** A command that drops something is done, and whoever was asked has answered. */
    void carriedOut(AmdViCommand command, long word0, long word1);

    /** A command was refused. */
    void refused(String reason);

    /** Software has written the control register, or where a device table is. */
    void configured();
}
