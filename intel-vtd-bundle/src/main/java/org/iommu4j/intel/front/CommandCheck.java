package org.iommu4j.intel.front;

import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.layout.BitField;

/** Check of descriptors of one type on one unit: its row of {@link VtdCommand}, worked out in advance. */
final class CommandCheck {
    /** Nothing is wrong. */
    static final int OK = -1;

    private static final int TYPES = 16;

    private final VtdCommand command;
    private final String name;
    private final long reserved0;
    private final long reserved1;

    /** The bits that the unit looks at: not those of a domain id or an address that it does not have, VT-d 6.5.2.3. */
    private final long meant0;

    private final long meant1;

    /** The granularity: where it stands in the first word, and a bit for each legal value. */
    private final int granularityShift;

    private final int granularityMask;
    private final int legalGranularities;

    /** The largest value of a field at one granularity; any value if {@link #limited} is 0. */
    private final int limited;

    private final boolean limitInWord1;
    private final int limitShift;
    private final long limitMask;
    private final long most;

    private CommandCheck(VtdCommand command, int subVersion, VtdCapabilities unit) {
        this.command = command;
        name = command.layout().name();
        BitField domain = command.domain();
        BitField address = command.address();
        meant0 = domain == null ? -1L : ~(domain.mask() & (-1L << (domain.shift() + unit.domainIdBits())));
        meant1 = address == null ? -1L : ~(address.mask() & ~unit.addressMask());
        reserved0 = command.layout().reservedMask(0, subVersion, unit::has);
        reserved1 = command.layout().reservedMask(1, subVersion, unit::has);
        BitField granularity = command.granularity();
        granularityShift = granularity == null ? 0 : granularity.shift();
        granularityMask = granularity == null ? 0 : (1 << granularity.width()) - 1;
        int legal = granularity == null ? 1 : 0;
        if (granularity != null) {
            for (var code : granularity.codes()) {
                legal |= 1 << code.value();
            }
        }
        legalGranularities = legal;
        VtdCommand.Limit limit = command.limit();
        limited = limit == null ? 0 : 1 << limit.granularity();
        limitInWord1 = limit != null && limit.field().word() == 1;
        limitShift = limit == null ? 0 : limit.field().shift();
        limitMask = limit == null ? 0 : (1L << limit.field().width()) - 1;
        most = limit == null ? 0 : limit.most().applyAsInt(unit);
    }

    /** The checks of a unit by type; null where the unit has no such command. */
    static CommandCheck[] of(int subVersion, VtdCapabilities unit) {
        CommandCheck[] checks = new CommandCheck[TYPES];
        for (VtdCommand command : VtdCommand.values()) {
            if (command.capability().isEmpty() || unit.has(command.capability())) {
                checks[command.opcode()] = new CommandCheck(command, subVersion, unit);
            }
        }
        return checks;
    }

    /** The command. */
    VtdCommand command() {
        return command;
    }

    /** Name of its descriptor. */
    String name() {
        return name;
    }

    /** The first word without the bits that the unit ignores. */
    long meant0(long word0) {
        return word0 & meant0;
    }

    /** The second word without the bits that the unit ignores. */
    long meant1(long word1) {
        return word1 & meant1;
    }

    /** The bits of the first word that are 0 in a command in which there is nothing to refuse or to ignore. */
    long doubtful0() {
        return reserved0 | ~meant0 | (limitInWord1 ? 0 : doubtfulLimit());
    }

    /** The bits of the second word that are 0 in a command in which there is nothing to refuse or to ignore. */
    long doubtful1() {
        return reserved1 | ~meant1 | (limitInWord1 ? doubtfulLimit() : 0);
    }

    /** The bits of the limited field that are 0 in the values below the largest power of two that is legal. */
    private long doubtfulLimit() {
        return (limitMask & -Long.highestOneBit(most + 1)) << limitShift;
    }

    /** {@link #OK} or a code of IQEI. */
    int check(long word0, long word1) {
        if (((word0 & reserved0) | (word1 & reserved1)) != 0) {
            return QueueError.RESERVED_FIELD;
        }
        int granularity = (int) (word0 >>> granularityShift) & granularityMask;
        boolean legal = (legalGranularities >>> granularity & 1) != 0;
        boolean tooMuch = (limited >>> granularity & 1) != 0
                && ((limitInWord1 ? word1 : word0) >>> limitShift & limitMask) > most;
        return legal && !tooMuch ? OK : QueueError.RESERVED_FIELD;
    }

    /** Text for people about what {@link #check} found, or that the effect did not come about. */
    String reason(long word0, long word1) {
        if (check(word0, word1) == OK) {
            return name + " was not carried out";
        }
        if (((word0 & reserved0) | (word1 & reserved1)) != 0) {
            return name + ": a reserved bit is set";
        }
        BitField granularity = command.granularity();
        return granularity.isReservedValue(granularity.get(word0))
                ? name + ": reserved granularity"
                : name + ": " + command.limit().field().name() + " exceeds "
                        + command.limit().name();
    }
}
