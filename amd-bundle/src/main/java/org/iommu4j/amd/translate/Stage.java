package org.iommu4j.amd.translate;

/** A context with the host domain id that tags its translations, and the PASIDs that are bound in it. */
final class Stage {
    private static final int[] NONE = {};

    private final Context context;
    private final int domainId;
    private int users;
    private int[] pasids = NONE;
    private boolean openPasids;
    private int[] guestDomains = NONE;

    /** A stage without users. */
    Stage(Context context, int domainId) {
        this.context = context;
        this.domainId = domainId;
    }

    Context context() {
        return context;
    }

    int domainId() {
        return domainId;
    }

    int users() {
        return users;
    }

    void users(int count) {
        users = count;
    }

    /** PASIDs that the host has bound, in ascending order; PASID 0 not if it stands for requests without one. */
    int[] pasids() {
        return pasids;
    }

    /**
     * Sets what is bound.
     *
     * @param bound PASIDs that the host has bound
     * @param open true if the guest binds PASIDs in a GCR3 table of its own, so that any may be in use
     */
    void pasids(int[] bound, boolean open) {
        pasids = bound;
        openPasids = open;
    }

    /** True if any PASID may be in use: the guest has a GCR3 table of its own. */
    boolean hasOpenPasids() {
        return openPasids;
    }

    /** True if a PASID may be in use. */
    boolean hasPasid(int pasid) {
        if (!context.hasGuest()) {
            return false;
        }
        if (openPasids || (pasid == 0 && context.giov())) {
            return true;
        }
        for (int bound : pasids) {
            if (bound == pasid) {
                return true;
            }
        }
        return false;
    }

    /** Sets under which names guests use it. */
    void guestDomains(int[] names) {
        guestDomains = names;
    }

    /** True if a device is bound to it under a name of the guest. */
    boolean hasGuestDomain(int name) {
        for (int guestDomain : guestDomains) {
            if (guestDomain == name) {
                return true;
            }
        }
        return false;
    }
}
