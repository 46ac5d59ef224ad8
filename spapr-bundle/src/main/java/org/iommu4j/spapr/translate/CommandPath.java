package org.iommu4j.spapr.translate;

import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;

/** Invalidations on the platform, by hypercalls or by kills. Ranges are whole pages of the window. */
interface CommandPath {
    /** The operation of a vendor part that asks for nothing else. */
    int defaultOp();

    /**
     * Drops a range of a window of a domain.
     *
     * @param first first address, at the start of a page
     * @param entries pages
     * @param completion is told if more is dropped
     * @return {@code OK}, or an error after which nothing counts as dropped
     */
    Errno invalidate(Domain domain, Window window, long first, long entries, Completion completion);

    /** Drops a whole window, or if {@code window} is null all of a domain's. */
    Errno invalidateAll(Domain domain, Window window, Completion completion);

    /** Completes everything so far. */
    Errno finish();

    /** Shows each native command; null for nobody. */
    void tap(NativeCommandListener listener);

    /** True if {@link #finish} still has something to complete. */
    boolean isUnfinished();

    /** Goes on from a saved state. */
    void resume(boolean unfinished);
}
