package org.iommu4j.intel.front;

import org.iommu4j.intel.command.VtdCommand;

/**
 * What a command does once the front has accepted it: the chip drops cache entries, a virtual unit asks the host. Legality,
 * reserved bits and granularity have been checked; fields have the meaning of the descriptors, without bits that the unit
 * ignores.
 */
public interface CommandEffects {
    /** Stands for every PASID of a function. */
    int EVERY_PASID = -2;

    /** Outcome of a command. */
    enum Outcome {
        /** It is done. */
        DONE,
        /** It could not be done, so it is not acknowledged: the queue stops at it, a register reports granularity 0. */
        NOT_DONE,
        /** The device did not answer in time, VT-d 6.5.2.11: the waits behind it do not complete. */
        NO_ANSWER
    }

    /** SRTP: the root table address register takes effect; with CAP.ESRTPS everything is dropped. */
    void rootTable(long rootTableAddress, long command);

    /** TE has changed. */
    void translation(boolean on, long command);

    /** Drops context entries, VT-d 6.5.2.1. */
    Outcome contextCache(int granularity, int domain, int sourceId, int functionMask);

    /**
     * Drops translations, VT-d 6.5.2.3.
     *
     * @param address any address of the aligned block of pages, if they are selected
     * @param addressMask the block has 2^addressMask pages of 4 KiB
     * @param leafOnly true to keep the paging-structure caches
     */
    Outcome iotlb(int granularity, int domain, long address, int addressMask, boolean leafOnly);

    /**
     * Drops translations that a device holds, VT-d 6.5.2.5.
     *
     * @param word1 second word of the descriptor: address and size
     */
    Outcome deviceTlb(int sourceId, long word1);

    /** Drops PASID entries, VT-d 6.5.2.2. */
    Outcome pasidCache(int granularity, int domain, int pasid);

    /**
     * Drops translations of one PASID, VT-d 6.5.2.4.
     *
     * @param address any address of the aligned block of pages, if they are selected
     * @param addressMask the block has 2^addressMask pages of 4 KiB
     * @param leafOnly true to keep the paging-structure caches
     */
    Outcome pasidIotlb(int granularity, int domain, int pasid, long address, int addressMask, boolean leafOnly);

    /**
     * Drops translations with PASID that a device holds, VT-d 6.5.2.6.
     *
     * @param pasid the PASID, or {@link #EVERY_PASID}
     * @param range address and size, as the second word of {@link #deviceTlb} has them
     */
    Outcome pasidDeviceTlb(int sourceId, int pasid, long range);

    /** Answers the requests for pages of one group, VT-d 7.6.1. */
    Outcome pageGroupResponse(long word0, long word1);

    /**
     * Drops host permissions, VT-d 6.5.2.7.
     *
     * @param address any address of the aligned block of pages, if they are selected
     * @param addressMask the block has 2^addressMask pages of 4 KiB
     * @param hint the levels from 1 on that are dropped, but one
     */
    Outcome hostPermissions(int granularity, int domain, long address, int addressMask, int hint);

    /** Drops interrupt entries, VT-d 6.5.2.8. */
    Outcome interruptEntryCache();

    /** A wait is over, and everything before it. */
    void waited();

    /** Software has been told that everything so far is done. */
    void completed();

    /**
     * A command that drops something is done, and whoever was asked has answered.
     *
     * @param word0 first word of its descriptor, made up if software used registers
     * @param word1 second word
     * @param name of the descriptor or register that software used
     * @param value0 what software wrote: first word, or the register
     * @param value1 second word, or the address register
     */
    void carriedOut(VtdCommand command, long word0, long word1, String name, long value0, long value1);

    /** A command was refused. */
    void refused(String reason);
}
