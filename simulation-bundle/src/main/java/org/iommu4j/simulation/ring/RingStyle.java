package org.iommu4j.simulation.ring;

/** The form in which head and tail registers name an entry of a ring. */
public enum RingStyle {
    /** Byte offset from the base; head and tail equal means empty, so one entry stays unused. */
    BYTE_OFFSET,
    /** Index with a bit above it that flips on every lap; every entry can be used. */
    WRAP_BIT
}
