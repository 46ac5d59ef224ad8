package org.iommu4j.arm.command;

import java.util.Set;
import java.util.stream.Collectors;
import org.iommu4j.layout.BitField;

/**
 * What makes a command of one opcode illegal on one chip, IHI 0070 4.1.3: its row of {@link SmmuCommand}, worked out in
 * advance.
 */
public final class CommandCheck {
    private static final int OPCODES = 256;
    private static final int UNUSABLE_16K_LEVEL = 1;

    /** Bits of the first word that are set if a range has more than one granule. */
    private static final long MORE_THAN_ONE =
            CommandFields.NUM.mask() | CommandFields.SCALE.mask() | CommandFields.SCALE_HIGH.mask();

    private static final Set<SmmuCommand> GUEST_QUEUE =
            Set.of(SmmuCommand.TLBI_NH_ASID, SmmuCommand.TLBI_NH_VA, SmmuCommand.ATC_INV, SmmuCommand.SYNC);

    private final SmmuCommand command;
    private final long reserved0;
    private final long reserved1;
    private final BitField[] coded;
    private final boolean takesRange;
    private final boolean limitsSize;

    /** CMD_SYNC of a queue that raises no signal. */
    private final boolean isQuiet;

    /** TTL=1 names a level of a 16K table: IDR5.DS. */
    private final boolean hasLevel1Of16K;

    private CommandCheck(SmmuCommand command, SmmuCapabilities chip, boolean refusesReserved, boolean ofGuest) {
        this.command = command;
        isQuiet = ofGuest && command == SmmuCommand.SYNC;
        reserved0 = refusesReserved ? command.layout().reservedMask(0, chip.subVersion(), chip::has) : 0;
        reserved1 = refusesReserved ? command.layout().reservedMask(1, chip.subVersion(), chip::has) : 0;
        takesRange = command.takesRange() && chip.has(CommandFields.TG.capability());
        limitsSize = command == SmmuCommand.ATC_INV;
        hasLevel1Of16K = chip.has("DS");
        // A field of which every value is legal, and the opcode, need no look.
        coded = command.layout().fields().stream()
                .filter(field -> !field.codes().isEmpty()
                        && field.shift() + field.word() != 0
                        && field.codes().size() < 1 << field.width())
                .toArray(BitField[]::new);
    }

    /**
     * The checks of a chip by opcode; null where it has no such command.
     *
     * @param refusesReserved true if a reserved bit makes a command illegal; otherwise it is ignored
     */
    public static CommandCheck[] of(SmmuCapabilities chip, boolean refusesReserved) {
        return of(Set.of(SmmuCommand.values()), chip, refusesReserved, false);
    }

    /** The checks of a chip's queue that a guest writes itself, see {@link SmmuSettings#GUEST_QUEUE}. */
    public static CommandCheck[] ofGuestQueue(SmmuCapabilities chip, boolean refusesReserved) {
        return of(GUEST_QUEUE, chip, refusesReserved, true);
    }

    private static CommandCheck[] of(
            Set<SmmuCommand> commands, SmmuCapabilities chip, boolean refusesReserved, boolean ofGuest) {
        CommandCheck[] checks = new CommandCheck[OPCODES];
        for (SmmuCommand command : commands) {
            if (command.gate().isOpen(chip)) {
                checks[command.opcode()] = new CommandCheck(command, chip, refusesReserved, ofGuest);
            }
        }
        return checks;
    }

    /** The command. */
    public SmmuCommand command() {
        return command;
    }

    /** True unless the command is illegal. */
    public boolean isLegal(long word0, long word1) {
        if (((word0 & reserved0) | (word1 & reserved1)) != 0) {
            return false;
        }
        for (BitField field : coded) {
            if (field.meaningOf(field.get(field.word() == 0 ? word0 : word1)) == null) {
                return false;
            }
        }
        return !(takesRange && isReservedRange(word0, word1))
                && !(limitsSize && isTooLarge(word1))
                && !(isQuiet && CommandFields.CS.getInt(word0) != CommandFields.SIG_NONE);
    }

    /** IHI 0070 4.4.1.1: what the fields of a range may not be together. */
    private boolean isReservedRange(long word0, long word1) {
        boolean oneGranule = (word0 & MORE_THAN_ONE) == 0;
        Granule granule = Granule.ofRange(CommandFields.TG.getInt(word1));
        if (granule == null) {
            return reserved0 != 0 && !(oneGranule && !CommandFields.TTL.isSet(word1));
        }
        return oneGranule && isAnyLevel(granule, CommandFields.TTL.getInt(word1));
    }

    /** True if TTL names no level, IHI 0070 4.4.1. */
    private boolean isAnyLevel(Granule granule, int level) {
        return level == 0 || (granule == Granule.K16 && level == UNUSABLE_16K_LEVEL && !hasLevel1Of16K);
    }

    private static boolean isTooLarge(long word1) {
        return CommandFields.SIZE.getInt(word1) > CommandFields.SIZE_ALL;
    }

    /** The fault in words. */
    public String reason(long word0, long word1) {
        String name = command.layout().name();
        if (isLegal(word0, word1)) {
            return name + " was not carried out";
        }
        if (((word0 & reserved0) | (word1 & reserved1)) != 0) {
            return name + ": a reserved bit is set";
        }
        for (BitField field : coded) {
            long value = field.get(field.word() == 0 ? word0 : word1);
            if (field.meaningOf(value) == null) {
                return name + ": " + field.name() + "=" + value + " is none of "
                        + field.codes().stream()
                                .map(code -> Long.toString(code.value()))
                                .collect(Collectors.joining(", "));
            }
        }
        if (isQuiet) {
            return name + ": the queue raises no signal";
        }
        return limitsSize
                ? name + ": " + CommandFields.SIZE.name() + " exceeds " + CommandFields.SIZE_ALL
                : name + ": TG, NUM, SCALE and TTL are reserved together";
    }
}
