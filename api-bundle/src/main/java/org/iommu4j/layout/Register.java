package org.iommu4j.layout;

/**
 * A hardware register as a row of data. Bits in no mask read as they were reset and ignore writes.
 *
 * @param name the specification's name
 * @param offset in bytes from the start of the register block
 * @param widthBits 32 or 64
 * @param reset value after reset
 * @param writable bits that take the written value
 * @param writeOneToClear bits that a written 1 clears
 * @param readable bits that can be read; the others read as 0
 * @param sticky true if the value survives a reset
 * @param layout its fields
 */
public record Register(
        String name,
        int offset,
        int widthBits,
        long reset,
        long writable,
        long writeOneToClear,
        long readable,
        boolean sticky,
        Layout layout) {

    /** Checks the place, and that values and masks fit and do not contradict each other. */
    public Register {
        if (widthBits != 32 && widthBits != 64) {
            throw new IllegalArgumentException(name + ": width " + widthBits);
        }
        if (offset < 0 || offset % Integer.BYTES != 0) {
            throw new IllegalArgumentException(name + ": offset " + offset);
        }
        if (((reset | writable | writeOneToClear) & ~(-1L >>> (Long.SIZE - widthBits))) != 0) {
            throw new IllegalArgumentException(name + ": reset value or mask exceeds " + widthBits + " bits");
        }
        if ((writable & writeOneToClear) != 0) {
            throw new IllegalArgumentException(name + ": a bit is both writable and write-1-clear");
        }
    }

    /** A register that software can only read. */
    public static Register readOnly(String name, int offset, int widthBits, long reset, Layout layout) {
        return new Register(name, offset, widthBits, reset, 0, 0, -1L, false, layout);
    }

    /** A register with writable bits. */
    public static Register readWrite(String name, int offset, int widthBits, long reset, long writable, Layout layout) {
        return new Register(name, offset, widthBits, reset, writable, 0, -1L, false, layout);
    }

    /** The same register, with bits that a written 1 clears. */
    public Register clearing(long mask) {
        return new Register(name, offset, widthBits, reset, writable, mask, readable, sticky, layout);
    }

    /** The same register, of which only some bits can be read. */
    public Register reading(long mask) {
        return new Register(name, offset, widthBits, reset, writable, writeOneToClear, mask, sticky, layout);
    }

    /** The same register, whose value survives a reset. */
    public Register surviving() {
        return new Register(name, offset, widthBits, reset, writable, writeOneToClear, readable, true, layout);
    }

    /** The same register with another reset value, as a device's capabilities give it. */
    public Register resetTo(long value) {
        return new Register(name, offset, widthBits, value, writable, writeOneToClear, readable, sticky, layout);
    }
}
