package org.iommu4j.amd.translate;

import java.util.Arrays;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.backend.DmaAccess;

/** A device in a domain, and how it is bound. */
final class Device {
    private final Domain domain;
    private final int requester;
    private Stage stage;
    private PasidTable pasids;
    private boolean hostBound;
    private int flags;
    private int guestDomain;
    private int guestDomainBelow;

    /** A blocked device. */
    Device(Domain domain, int requester) {
        this.domain = domain;
        this.requester = requester;
    }

    int requester() {
        return requester;
    }

    /** True if the container has a memory map, which is the host table of all that is bound. */
    boolean isMapped() {
        return domain.memory() != null;
    }

    /** A context as it is in the device's domain. */
    Context placed(Context context) {
        return domain.placed(context);
    }

    /** The binding that it translates through, or null if it is blocked. */
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
        return BindPgtable.FLAG_DEVICE_TLB.isSet(flags);
    }

    /** True if it may ask for pages. */
    boolean pageRequests() {
        return BindPgtable.FLAG_PAGE_REQUESTS.isSet(flags);
    }

    /** Those of {@link BindPgtable#DEVICE_FLAGS} with which it is bound. */
    int flags() {
        return flags;
    }

    void flags(int withFlags) {
        flags = withFlags;
    }

    /** The guest's domain id for what the device is bound to now. */
    int guestDomain() {
        return guestDomain;
    }

    void guestDomain(int domain) {
        guestDomain = domain;
    }

    /** The guest's domain id for the host table or pass-through that is bound, which counts when no guest table is above. */
    int guestDomainBelow() {
        return guestDomainBelow;
    }

    void guestDomainBelow(int domain) {
        guestDomainBelow = domain;
    }

    /** True if it translates through guest tables. */
    boolean hasGuest() {
        return stage != null && stage.context().hasGuest();
    }

    /** True if it translates through a host table, or would if something were bound. */
    boolean hasHostTable() {
        return isMapped() || (stage != null && stage.context().mode() != 0);
    }

    /** True if the guest has bound a GCR3 table of its own. */
    boolean hasOpenPasids() {
        return stage != null && stage.hasOpenPasids();
    }

    /**
     * True if it may ask for pages.
     *
     * @param pasid the PASID of its request, or {@link DmaAccess#NO_PASID}
     */
    boolean mayAsk(int pasid) {
        if (!pageRequests() || stage == null) {
            return false;
        }
        return pasid == DmaAccess.NO_PASID || stage.hasOpenPasids() || (pasids != null && pasids.table(pasid) != null);
    }

    /** PASIDs that the host has bound, for requests: PASID 0 is told apart where it stands for requests without PASID. */
    int[] boundPasids() {
        int[] all = pasids.pasids();
        return stage.context().giov() && all.length > 0 && all[0] == 0 ? Arrays.copyOfRange(all, 1, all.length) : all;
    }

    void stage(Stage newStage) {
        stage = newStage;
    }
}
