package org.iommu4j.amd.hardware;

/**
 * The tags under which an observer is told of entries: the domain id, and above it what the removal of an entry depends on besides
 * domain and PASID. Guest entries that were made while nested go with every INVALIDATE_IOMMU_PAGES GN=0 of their domain; software
 * must not count on that for others, docs/spec/amd-vi.md 4.2. GCR3 entries go only with commands for everything.
 */
final class ObservedTags {
    private static final int DOMAIN_BITS = 16;
    private static final long DOMAIN_MASK = (1L << DOMAIN_BITS) - 1;
    private static final long NESTED = 1L << DOMAIN_BITS;
    private static final long GCR3 = 1L << (DOMAIN_BITS + 1);

    private ObservedTags() {}

    /** Of a page or directory. */
    static long of(int domain, int pasid, boolean nested) {
        return pasid != TranslationCaches.NO_PASID && nested ? domain | NESTED : domain;
    }

    /** Of a GCR3 entry. */
    static long ofGcr3(int domain, boolean nested) {
        return of(domain, 0, nested) | GCR3;
    }

    /** The domain of a tag. */
    static long domain(long tag) {
        return tag & DOMAIN_MASK;
    }

    /** True for the tag of a GCR3 entry. */
    static boolean isGcr3(long tag) {
        return (tag & GCR3) != 0;
    }
}
