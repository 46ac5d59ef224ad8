package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;

/**
 * What makes a command of one opcode illegal on one unit, 48882 2.4: its row of {@link AmdViCommand}, worked out in advance. A
 * field without its capability is reserved, and so is a code that its field does not list.
 */
final class CommandCheck {
    private final AmdViCommand command;
    private final long reserved0;
    private final long reserved1;

    /** The coded field of the second word: where it stands and a bit for each legal code; every code if there is none. */
    private final int codedShift;

    private final int codedMask;
    private final int legalCodes;

    private CommandCheck(AmdViCommand command, int subVersion, AmdViCapabilities unit) {
        this.command = command;
        reserved0 = command.layout().reservedMask(0, subVersion, unit::has);
        reserved1 = command.layout().reservedMask(1, subVersion, unit::has);
        int shift = 0;
        int mask = 0;
        int legal = 1;
        for (BitField field : command.layout().fields()) {
            if (field.word() == 1 && !field.codes().isEmpty()) {
                shift = field.shift();
                mask = (1 << field.width()) - 1;
                legal = 0;
                for (Code code : field.codes()) {
                    legal |= 1 << code.value();
                }
            }
        }
        codedShift = shift;
        codedMask = mask;
        legalCodes = legal;
    }

    /** The checks of a unit by opcode; null where the unit has no such command. */
    static CommandCheck[] of(int subVersion, AmdViCapabilities unit) {
        CommandCheck[] checks = new CommandCheck[1 << (Byte.SIZE / 2)];
        for (AmdViCommand command : AmdViCommand.values()) {
            if (command.capability().isEmpty() || unit.has(command.capability())) {
                checks[command.opcode()] = new CommandCheck(command, subVersion, unit);
            }
        }
        return checks;
    }

    /** True if nothing is wrong. */
    boolean isLegal(long word0, long word1) {
        return ((word0 & reserved0) | (word1 & reserved1)) == 0
                && (legalCodes >>> ((int) (word1 >>> codedShift) & codedMask) & 1) != 0;
    }

    /** The fault in words; if {@link #isLegal}, that the effect did not come about. */
    String reason(long word0, long word1) {
        if (isLegal(word0, word1)) {
            return command.name() + " was not carried out";
        }
        return command.name()
                + (((word0 & reserved0) | (word1 & reserved1)) != 0
                        ? ": a reserved bit is set"
                        : ": a reserved code of a field");
    }
}
