package org.iommu4j.backend;

/** For whom pages of the host are taken, in the order of how far they are kept from guests. */
public enum PageOwner {
    /** The user of a unit: nothing is kept from anybody. */
    CLIENT,
    /** A virtual IOMMU, for tables that it keeps for its guest: a chip walks them, no device reaches them. */
    VIRTUAL_IOMMU,
    /** A chip or its driver: no device reaches them, and no table of a guest is there. */
    HOST
}
