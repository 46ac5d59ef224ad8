package org.iommu4j.intel.translate;

/** A device in a domain, and how it is bound. */
final class Device {
    private final int requester;
    private Stage stage;
    private boolean deviceTlb;
    private int guestDomainId;

    /** A blocked device. */
    Device(int requester) {
        this.requester = requester;
    }

    int requester() {
        return requester;
    }

    /** The stage that it is bound to, or null if it is blocked. */
    Stage stage() {
        return stage;
    }

    /** True if it has a TLB of its own that invalidations must reach. */
    boolean deviceTlb() {
        return deviceTlb;
    }

    /** The guest's name for the domain that it bound the device in. */
    int guestDomainId() {
        return guestDomainId;
    }

    void bind(Stage newStage, boolean withDeviceTlb, int inGuestDomain) {
        stage = newStage;
        deviceTlb = withDeviceTlb;
        guestDomainId = inGuestDomain;
    }
}
