package org.iommu4j.driver.queue;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;

/**
 * A ring of commands: its size, and how its registers tell positions. Both fields begin at the same bit, so that a position is the
 * number of an entry, or its offset in bytes where the field begins at bit 4.
 *
 * @param entries number of entries, a power of two, at least 16
 * @param laps true if the bit above the number of an entry flips with every lap, so that a full ring is told from an empty one;
 *     false if an entry stays unused for that
 * @param head register of the next command that the chip takes
 * @param headField the position in it
 * @param tail register of the next command that software writes; writing it is the doorbell
 * @param tailField the position in it
 * @param commandBytes size of a command: 16, or 32 with an upper half of zeroes
 */
public record RingFormat(
        int entries,
        boolean laps,
        Register head,
        BitField headField,
        Register tail,
        BitField tailField,
        int commandBytes) {
    private static final int OFFSET_SHIFT = 4;

    /** A ring of commands of 128 bits. */
    public RingFormat(int entries, boolean laps, Register head, BitField headField, Register tail, BitField tailField) {
        this(entries, laps, head, headField, tail, tailField, CommandQueue.COMMAND_BYTES);
    }

    /** Checks that every position fits in the fields. */
    public RingFormat {
        if (commandBytes != CommandQueue.COMMAND_BYTES && commandBytes != 2 * CommandQueue.COMMAND_BYTES) {
            throw new IllegalArgumentException("commands of " + commandBytes + " bytes");
        }
        if (Integer.bitCount(entries) != 1 || entries < 2 * CommandQueue.RESERVED_ENTRIES) {
            throw new IllegalArgumentException("a ring of " + entries + " entries");
        }
        int bits = Integer.numberOfTrailingZeros(entries) + (laps ? 1 : 0);
        if (headField.shift() != tailField.shift() || headField.width() < bits || tailField.width() < bits) {
            throw new IllegalArgumentException(headField.name() + " and " + tailField.name()
                    + " do not tell positions in " + entries + " entries");
        }
    }

    /** Lowest bit of the entry number in the head and tail registers. */
    int positionShift() {
        return tailField.shift() == OFFSET_SHIFT ? Integer.numberOfTrailingZeros(commandBytes) : tailField.shift();
    }
}
