package org.iommu4j.arm.front;

import org.iommu4j.arm.command.SmmuCommand;

/**
 * What a command does once the front has accepted it: the chip drops cache entries, a virtual SMMU asks the host. Legality and
 * reserved bits have been checked.
 */
public interface CommandEffects {
    /** How it ended. */
    enum Outcome {
        /** It is done. */
        DONE,
        /** It could not be done, so it is not acknowledged: the queue stops at it. */
        NOT_DONE,
        /** The device did not complete it in time, IHI 0070 3.9.1.4: the next CMD_SYNC fails. */
        NO_ANSWER
    }

    /** CR0.SMMUEN has changed. */
    void translation(boolean on);

    /** Carries out a command other than CMD_SYNC. */
    Outcome carryOut(SmmuCommand command, long word0, long word1);

    /**
     * A CMD_SYNC: everything before it has to be done.
     *
     * @return {@link Outcome#NOT_DONE} if something before it has failed
     */
    Outcome await();

    /** Software has been told that everything so far is done. */
    void completed();

    /** A command was refused. */
    void refused(String reason);
}
