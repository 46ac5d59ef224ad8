package org.iommu4j.driver.queue;

import org.iommu4j.layout.BitField;

/**
 * The command that is complete when all before it are, and how software learns of it: the chip stores a number in memory, or
 * software sees that the command has been taken.
 *
 * @param word0 first word of the command, with everything but the number
 * @param word1 second word
 * @param number where in the command the number stands that the chip stores, at least 32 bits; null if it stores none
 * @param status where the chip stores the number, in little-endian order; not looked at if it stores none
 */
public record CompletionCommand(long word0, long word1, BitField number, long status) {
    /** A command that is complete once the chip has taken it from the queue. */
    public static CompletionCommand whenTaken(long word0, long word1) {
        return new CompletionCommand(word0, word1, null, 0);
    }

    /** Checks that the number fits. */
    public CompletionCommand {
        if (number != null && (number.width() < Integer.SIZE || number.word() > 1)) {
            throw new IllegalArgumentException(number.name() + " holds no number of 32 bits");
        }
    }

    /** True if the chip stores a number. */
    boolean stores() {
        return number != null;
    }

    /** A word of the command with that number. */
    long word(int index, int sequence) {
        long word = index == 0 ? word0 : word1;
        return number != null && number.word() == index
                ? word | Integer.toUnsignedLong(sequence) << number.shift()
                : word;
    }
}
