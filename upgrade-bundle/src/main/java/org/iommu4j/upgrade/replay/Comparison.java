package org.iommu4j.upgrade.replay;

import org.iommu4j.upgrade.Tally;

/** Counts comparisons. */
final class Comparison {
    private long equal;
    private long different;

    /** Counts one; returns what it was given. */
    boolean count(boolean isEqual) {
        if (isEqual) {
            equal++;
        } else {
            different++;
        }
        return isEqual;
    }

    Tally tally() {
        return new Tally(equal + different, equal, different);
    }
}
