package org.iommu4j.backend;

/** The answer to a group of page requests, PCI Express Page Request Interface. */
public enum PageResponse {
    /** The pages are there, or will be at another try: the device uses its addresses again. */
    SUCCESS,
    /** At least one page is not the device's to use. */
    INVALID,
    /** Something went wrong for good: the device sends no more requests. */
    FAILURE
}
