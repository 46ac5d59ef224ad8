package org.iommu4j.arm.command;

import java.util.Arrays;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** The commands that a guest may give as vendor part of an invalidation, whatever is attached and bound, docs/spec/arm-smmu.md 5.6. */
public final class GuestCommands {
    /** The two words of any command. */
    public static final Layout WORDS = SmmuCommand.TLBI_NH_ALL.layout();

    private static final BitField OPCODE = SmmuCommand.TLBI_NH_ALL.opcodeField();

    private final CommandCheck[] checks;

    /** Those of {@link #checks} whose command a guest may give; null for all others. */
    private final CommandCheck[] ofGuests;

    private final boolean reachesDevices;

    /** Those that a chip carries out. */
    public GuestCommands(SmmuCapabilities chip) {
        checks = CommandCheck.of(chip, true);
        ofGuests = Arrays.stream(checks)
                .map(check -> check != null && check.command().isOfGuests() ? check : null)
                .toArray(CommandCheck[]::new);
        reachesDevices = chip.has("ATS");
    }

    /** S9: true if no device can hold anything, so that a guest's command for devices is done. */
    public boolean isDone(SmmuCommand command) {
        return command == SmmuCommand.ATC_INV && !reachesDevices;
    }

    /**
     * Checks a command.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    public int check(long word0, long word1, Completion completion) {
        CommandCheck check = ofGuests[SmmuCommand.opcodeOf(word0)];
        return check != null && check.isLegal(word0, word1) ? 0 : refuse(word0, word1, completion);
    }

    /** Refuses a command that breaks a rule; 0 if there is nothing to be done for it. */
    private int refuse(long word0, long word1, Completion completion) {
        int opcode = SmmuCommand.opcodeOf(word0);
        SmmuCommand command = SmmuCommand.of(opcode);
        if (command == null || (checks[opcode] == null && !isDone(command))) {
            return completion.refuse(
                    Rule.V34, Rule.V34.errno(), WORDS, OPCODE, opcode, "no command of this generation has that opcode");
        }
        if (!command.isOfGuests()) {
            return completion.refuse(
                    Rule.V36,
                    Rule.V36.errno(),
                    command.layout(),
                    OPCODE,
                    opcode,
                    "this command is the host's, never a guest's");
        }
        return isDone(command)
                ? 0
                : completion.refuse(
                        Rule.V34,
                        Rule.V34.errno(),
                        command.layout(),
                        OPCODE,
                        opcode,
                        checks[opcode].reason(word0, word1));
    }
}
