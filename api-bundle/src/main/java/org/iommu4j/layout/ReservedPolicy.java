package org.iommu4j.layout;

/** The treatment of bits that no field claims. */
public enum ReservedPolicy {
    /** Must be zero; a set bit is an error that is reported. */
    CHECKED,
    /** Any value is accepted and has no effect. */
    IGNORED
}
