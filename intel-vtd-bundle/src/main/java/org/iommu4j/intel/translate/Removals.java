package org.iommu4j.intel.translate;

/** Which commands drop what the chip may keep of an entry that was replaced: {@link LegacyRemovals} and {@link ScalableRemovals}. */
interface Removals {
    /**
     * Drops what the chip may keep of a context entry.
     *
     * @param domainId of the binding before; 0 if there was none
     * @param newBus true if the root entry was absent until now
     */
    void dropContext(int requester, int domainId, boolean newBus);

    /** Drops all translations with a domain id, and the entries of devices that have it. */
    void dropDomain(int domainId);

    /**
     * Drops what the chip may keep of the entry of one PASID while the context entry stays; only where there are PASIDs.
     *
     * @param before what the entry said; null if it was absent
     * @param last true if nobody uses that any more
     */
    void dropPasid(int pasid, Stage before, boolean last);

    /** Drops all that a device's own TLB may keep, with and without PASID. */
    void dropDevice(int requester);

    /** Drops all that a device's own TLB may keep of one PASID; only where there are PASIDs. */
    void dropDevicePasid(int requester, int pasid);
}
