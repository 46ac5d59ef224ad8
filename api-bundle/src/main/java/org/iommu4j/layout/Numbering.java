package org.iommu4j.layout;

/** How a specification numbers the bits of a structure. */
public enum Numbering {
    /** Bit 0 is the least significant bit (Intel, Arm, AMD). */
    LSB0,
    /** Bit 0 is the most significant bit of the first word, bit 64 that of the second (PAPR, z/Architecture). */
    MSB0
}
