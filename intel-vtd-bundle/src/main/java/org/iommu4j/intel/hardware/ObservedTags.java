package org.iommu4j.intel.hardware;

/** How an observer is told under which tag results of scalable mode are kept. */
final class ObservedTags {
    /** Beside the domain id: of first-stage tables, and nested; without, of second-stage tables and pass-through. */
    static final int FIRST_STAGE = 1 << 16;

    private ObservedTags() {}

    /** The domain id in a tag. */
    static long domain(long tag) {
        return tag & (FIRST_STAGE - 1);
    }

    /** True if a tag is one of first-stage tables. */
    static boolean isFirstStage(long tag) {
        return (tag & FIRST_STAGE) != 0;
    }
}
