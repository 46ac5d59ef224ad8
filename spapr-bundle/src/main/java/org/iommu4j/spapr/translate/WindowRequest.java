package org.iommu4j.spapr.translate;

/**
 * A window that a bind wants, and what is there.
 *
 * @param requester under whose name
 * @param domain whose it is to be
 * @param wanted what the vendor part says
 * @param bound what the name has now, or null
 * @param inSlot what is where it is to be, or null
 */
record WindowRequest(int requester, Domain domain, Window wanted, Window bound, Window inSlot) {
    /** True if something else is where it is to be. */
    boolean isSlotOthers() {
        return inSlot != null && inSlot != bound;
    }

    /** True if the endpoint has as many windows as it can have. */
    boolean isFull() {
        return domain.window(0) != null && domain.window(1) != null;
    }

    /**
     * True if what one of its names is bound to cannot change alone: others are bound to it too and need it as it is, or it
     * still has the LIOBN under which another device bound it.
     */
    boolean isOthers() {
        if (bound == null) {
            return domain.windowOf(requester) != null;
        }
        return bound.names().size() > 1
                ? bound == inSlot || bound.liobn() == requester
                : requester < 0 && bound.liobn() != requester;
    }

    /** True if it is bound already, under another name. */
    boolean isThere() {
        return isOthers() && inSlot != null && inSlot.is(wanted);
    }
}
