package org.iommu4j.backend.capture;

import org.iommu4j.layout.BitField;

/**
 * A number of a record, or a part of it.
 *
 * @param form how it is written
 * @param key where it stands in the record; null for a constant
 * @param secondKey where the last of a range, or log2 of a unit in bytes, stands; else null
 * @param constant the number if it does not come from the record; else bits that are set beside
 * @param shift lowest bit that counts
 * @param mask of the bits that count, after the shift
 */
public record CapturedNumber(Form form, String key, String secondKey, long constant, int shift, long mask) {
    /** How numbers are written in records. */
    public enum Form {
        /** The number does not come from the record. */
        CONSTANT,
        /** A text with 0x, or a JSON number. */
        NUMBER,
        /** The first number of a list. */
        FIRST,
        /** Eight bytes in hex without 0x, in the byte order of the model. */
        BYTES,
        /** A power of two, of which the exponent counts. */
        LOG2,
        /** First and last of a range, of which the length counts. */
        LENGTH,
        /** A number of units, of which another number is log2 of the size in bytes. */
        SCALED
    }

    private static final long ALL = -1L;

    /** The number under a key. */
    public static CapturedNumber of(String key) {
        return new CapturedNumber(Form.NUMBER, key, null, 0, 0, ALL);
    }

    /** A number that is the same in every record. */
    public static CapturedNumber constant(long value) {
        return new CapturedNumber(Form.CONSTANT, null, null, value, 0, ALL);
    }

    /** The first number of the list under a key. */
    public static CapturedNumber first(String key) {
        return new CapturedNumber(Form.FIRST, key, null, 0, 0, ALL);
    }

    /** Eight bytes under a key. */
    public static CapturedNumber bytes(String key) {
        return new CapturedNumber(Form.BYTES, key, null, 0, 0, ALL);
    }

    /** The exponent of the power of two under a key. */
    public static CapturedNumber log2(String key) {
        return new CapturedNumber(Form.LOG2, key, null, 0, 0, ALL);
    }

    /** The length of the range whose first and last number, inclusive, stand under two keys. */
    public static CapturedNumber length(String firstKey, String lastKey) {
        return new CapturedNumber(Form.LENGTH, firstKey, lastKey, 0, 0, ALL);
    }

    /** The number under a key, shifted left by the number under another one. */
    public static CapturedNumber scaled(String key, String shiftKey) {
        return new CapturedNumber(Form.SCALED, key, shiftKey, 0, 0, ALL);
    }

    /** The more significant half of the 64-bit number under a key. */
    public static CapturedNumber high(String key) {
        return of(key).bits(Integer.SIZE, Integer.SIZE);
    }

    /** The less significant half of the 64-bit number under a key. */
    public static CapturedNumber low(String key) {
        return of(key).bits(0, Integer.SIZE);
    }

    /** The value of a field in the number under a key. */
    public static CapturedNumber field(String key, BitField field) {
        return of(key).bits(field.shift(), field.width());
    }

    /**
     * Some bits of this number.
     *
     * @param lowest position of the least significant one
     * @param width number of bits, 1 to 64
     */
    public CapturedNumber bits(int lowest, int width) {
        return new CapturedNumber(form, key, secondKey, constant, lowest, ALL >>> (Long.SIZE - width));
    }

    /** The bits that count of the whole number that stands in a record. */
    public long part(long whole) {
        return ((whole >>> shift) & mask) | constant;
    }

    /** This number with some bits set beside. */
    public CapturedNumber with(long bits) {
        return new CapturedNumber(form, key, secondKey, bits, shift, mask);
    }
}
