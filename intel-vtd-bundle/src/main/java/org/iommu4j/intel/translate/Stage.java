package org.iommu4j.intel.translate;

/** A translation that devices of a domain have, and the host domain id by which cached translations are told apart. */
final class Stage {
    private final Translation translation;
    private final int domainId;
    private int users;
    private boolean shared;

    /**
     * A stage without users.
     *
     * @param domainId the host's
     */
    Stage(Translation translation, int domainId) {
        this.translation = translation;
        this.domainId = domainId;
    }

    Translation translation() {
        return translation;
    }

    int domainId() {
        return domainId;
    }

    /** How many pairs of device and PASID use it. */
    int users() {
        return users;
    }

    void users(int count) {
        users = count;
    }

    /** True if several PASIDs use it: then no command for all its translations drops those of one PASID alone. */
    boolean isShared() {
        return shared;
    }

    void shared(boolean byPasids) {
        shared = byPasids;
    }
}
