package org.iommu4j.amd.translate;

/**
 * A context with the host domain id that tags its translations, and the PASIDs that are bound in it. From generation 0x0320 on it
 * serves one domain id of the guest, docs/spec/amd-vi.md 1.2.
 */
final class Stage {
    private static final int[] NONE = {};

    private final Context context;
    private final int guestDomain;
    private final int domainId;
    private int users;
    private int[] pasids = NONE;
    private boolean openPasids;

    /**
     * A stage without users.
     *
     * @param guestDomain the guest's domain id that it serves; 0 in generations whose guests name none
     * @param domainId the host's
     */
    Stage(Context context, int guestDomain, int domainId) {
        this.context = context;
        this.guestDomain = guestDomain;
        this.domainId = domainId;
    }

    Context context() {
        return context;
    }

    /** The guest's domain id that it serves; 0 in generations whose guests name none. */
    int guestDomain() {
        return guestDomain;
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
}
