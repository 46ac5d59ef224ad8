package org.iommu4j.driver.queue;

/** The chip's side of a command queue: switching it on and off, and its errors. A vendor implements it. */
public interface QueueControl {
    /** Errors that a chip reports of its queue. */
    enum Fault {
        /** Nothing. */
        NONE,
        /** The command at the head is wrong; the chip does not go on until software has replaced it. */
        WRONG_COMMAND,
        /** Something did not answer in time; the completion command that waited for it is lost. */
        NO_ANSWER
    }

    /** Takes the commands of {@link #dropEverything}. */
    interface Sink {
        /** Takes one command. */
        void put(long word0, long word1);
    }

    /**
     * Switches the queue on, empty: head and tail at its first entry.
     *
     * @throws org.iommu4j.backend.BackendException {@code EIO} if the chip does not answer
     */
    void start();

    /**
     * Clears all faults and switches the queue off if it is on.
     *
     * @throws org.iommu4j.backend.BackendException {@code EIO} if the chip does not answer
     */
    void stop();

    /** The error that the chip reports now. */
    Fault fault();

    /** Clears what is reported; the chip goes on with the command at its head. */
    void clearFaults();

    /** Puts the commands that empty every cache, in order; fewer than half of the ring. */
    void dropEverything(Sink sink);
}
