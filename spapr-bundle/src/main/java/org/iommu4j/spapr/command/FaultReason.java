package org.iommu4j.spapr.command;

import org.iommu4j.layout.BitField;

/**
 * Why an access of a device was refused, docs/spec/spapr-tce.md 3.5 and 3.6. The low byte of a code is the number of
 * the bit that the fault sets in the fault record; several reasons share the page fault's.
 */
public enum FaultReason {
    TCE_PAGE_FAULT(0x12, PestEntry.TCE_PAGE_FAULT, "the entry, or one on the way to it, is not valid"),
    TCE_ACCESS_FAULT(0x13, PestEntry.TCE_ACCESS_FAULT, "the entry does not allow the direction"),
    TCE_EXTENT_ERROR(0x112, PestEntry.TCE_PAGE_FAULT, "the address is beyond the window's table"),
    NO_WINDOW(0x212, PestEntry.TCE_PAGE_FAULT, "no window is set up at the address"),
    TCE_ACCESS_ERROR(0x312, PestEntry.TCE_PAGE_FAULT, "the entry cannot be read"),
    /** Bits 0 to 3 of the address are neither 0 nor 1. */
    ADDRESS_INVALID(0x412, PestEntry.TCE_PAGE_FAULT, "the address is neither DMA nor MSI");

    private final int code;
    /** Immutable, though its class cannot say so to the static analysis. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final BitField bit;

    private final String text;

    FaultReason(int code, BitField bit, String text) {
        this.code = code;
        this.bit = bit;
        this.text = text;
    }

    /** The fault code of an access. */
    public int code() {
        return code;
    }

    /** The bit that it sets in word 0 of the fault record. */
    public BitField bit() {
        return bit;
    }

    /** Description, a few words. */
    public String text() {
        return text;
    }

    /** The reason of a code, or null. */
    public static FaultReason of(int code) {
        for (FaultReason reason : values()) {
            if (reason.code == code) {
                return reason;
            }
        }
        return null;
    }
}
