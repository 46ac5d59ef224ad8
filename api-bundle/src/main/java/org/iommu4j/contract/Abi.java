package org.iommu4j.contract;

import java.nio.ByteOrder;

/** The images in which the structures of the proposal exist. The caller declares its own; it is never guessed. */
public enum Abi {
    /** 64-bit or 32-bit Arm, little endian: 64-bit fields are aligned to 8. */
    LP64_LE("lp64-le", ByteOrder.LITTLE_ENDIAN, 8),
    /** s390x and big-endian powerpc: 64-bit fields are aligned to 8. */
    LP64_BE("lp64-be", ByteOrder.BIG_ENDIAN, 8),
    /** 32-bit x86: 64-bit fields are aligned to 4. */
    I386("i386", ByteOrder.LITTLE_ENDIAN, 4);

    private final String label;
    private final ByteOrder byteOrder;
    private final int longAlignment;

    Abi(String label, ByteOrder byteOrder, int longAlignment) {
        this.label = label;
        this.byteOrder = byteOrder;
        this.longAlignment = longAlignment;
    }

    /** The name on command lines and in test cases. */
    public String label() {
        return label;
    }

    /** Byte order of header fields. */
    public ByteOrder byteOrder() {
        return byteOrder;
    }

    /** True if header fields have their most significant byte first. */
    public boolean bigEndian() {
        return byteOrder == ByteOrder.BIG_ENDIAN;
    }

    /** Alignment in bytes of a 64-bit field. */
    public int longAlignment() {
        return longAlignment;
    }

    /** The image of that label, or null. */
    public static Abi ofLabel(String label) {
        for (Abi abi : values()) {
            if (abi.label.equals(label)) {
                return abi;
            }
        }
        return null;
    }
}
