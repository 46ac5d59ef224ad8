package org.iommu4j.driver.queue;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/**
 * A ring of commands of 128 bits: its size, and how its registers tell positions. Both fields begin at the same bit, so that a
 * position is the number of an entry, or its offset in bytes where the field begins at bit 4.
 *
 * @param entries number of entries, a power of two, at least 16
 * @param laps true if the bit above the number of an entry flips with every lap, so that a full ring is told from an empty one;
 *     false if an entry stays unused for that
 * @param head register of the next command that the chip takes
 * @param headField the position in it
 * @param tail register of the next command that software writes; writing it is the doorbell
 * @param tailField the position in it
 */
public record RingFormat(
        int entries, boolean laps, Register head, BitField headField, Register tail, BitField tailField) {
    /** Checks that every position fits in the fields. */
    public RingFormat {
        if (Integer.bitCount(entries) != 1 || entries < 2 * CommandQueue.RESERVED_ENTRIES) {
            throw new IllegalArgumentException("a ring of " + entries + " entries");
        }
        int bits = Integer.numberOfTrailingZeros(entries) + (laps ? 1 : 0);
        if (headField.shift() != tailField.shift() || headField.width() < bits || tailField.width() < bits) {
            throw new IllegalArgumentException(headField.name() + " and " + tailField.name()
                    + " do not tell positions in " + entries + " entries");
        }
    }
}
