package org.iommu4j.s390.front;

/** The address translation of a facility's functions: a chip's, or a host's. Methods are called after the checks of the instruction. */
public interface AddressTranslation {
    /** Outcome: done. */
    int DONE = 0;

    /** Outcome: busy, the instruction is to be repeated. */
    int BUSY = -1;

    /**
     * Address translation is registered for a function that has none, or anew: what was known of the old one is gone.
     *
     * @param again true if the function keeps its old registration should this fail
     * @return {@link #DONE}, {@link #BUSY} or a status of {@link org.iommu4j.s390.command.Status}
     */
    int register(PciFunction function, long pba, long pal, long iota, boolean again);

    /** Address translation of a function ends; nothing of it may be used any more. */
    int unregister(PciFunction function);

    /**
     * Refreshes the translations of a range.
     *
     * @param first address, inside of the aperture
     * @param last address, inclusive, inside of the aperture
     * @return {@link #DONE}, {@link #BUSY} or a status; an error of the tables has been reported
     */
    int refresh(PciFunction function, long first, long last);

    /**
     * A function leaves the error state; what is registered stays.
     *
     * @return {@link #DONE}, {@link #BUSY} or a status
     */
    int recover(PciFunction function);
}
