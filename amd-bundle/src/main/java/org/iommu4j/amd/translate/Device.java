package org.iommu4j.amd.translate;

/** A device in a domain, and how it is bound. */
final class Device {
    private final int requester;
    private Stage stage;
    private PasidTable pasids;
    private boolean hostBound;
    private boolean deviceTlb;
    private int guestDomainId;

    /** A blocked device. */
    Device(int requester) {
        this.requester = requester;
    }

    int requester() {
        return requester;
    }

    /** What it translates through, or null if it is blocked. */
    Stage stage() {
        return stage;
    }

    /** True if a host table or pass-through was bound for it, apart from guest tables. */
    boolean hostBound() {
        return hostBound;
    }

    void hostBound(boolean bound) {
        hostBound = bound;
    }

    /** The host's GCR3 table for it; null if it has none. */
    PasidTable pasids() {
        return pasids;
    }

    void pasids(PasidTable table) {
        pasids = table;
    }

    /** True if it has a TLB of its own that invalidations must reach. */
    boolean deviceTlb() {
        return deviceTlb;
    }

    void deviceTlb(boolean has) {
        deviceTlb = has;
    }

    /** The guest's name for the domain that it bound the device in. */
    int guestDomainId() {
        return guestDomainId;
    }

    void guestDomainId(int domain) {
        guestDomainId = domain;
    }

    void stage(Stage newStage) {
        stage = newStage;
    }
}
