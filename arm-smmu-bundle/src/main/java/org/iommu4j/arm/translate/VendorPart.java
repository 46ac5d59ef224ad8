package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.GuestCommands;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.layout.Layout;

/**
 * The vendor part of an invalidation: commands of the guest's own queue, docs/spec/arm-smmu.md 5.6. All are checked before the
 * first is written. A guest has no VMIDs, so that field is the host's whatever it says; it may invalidate its own stage 1, its stage 2
 * below that, and its context descriptors, and what its devices hold, and answer for transactions of its devices that are stalled.
 */
final class VendorPart {
    private static final Layout WORDS = GuestCommands.WORDS;
    private static final String OF_HOST = "this command is the host's, never a guest's";
    private static final String TOO_WIDE = "the command drops more than the generic part names";

    private final GuestCommands guests;
    private final QueueCommands queue;

    VendorPart(SmmuCapabilities chip, QueueCommands queue) {
        guests = new GuestCommands(chip);
        this.queue = queue;
    }

    /**
     * Checks every command.
     *
     * @return 0, or a negative errno with {@code completion} filled
     */
    int check(Domain domain, InvalidateRequest request, Completion completion) {
        int end = request.payloadOffset() + request.payloadLength();
        for (int at = request.payloadOffset(); at < end; at += CommandFields.COMMAND_BYTES) {
            long word0 = WORDS.word(request.payload(), at, 0);
            int refused = check(domain, word0, WORDS.word(request.payload(), at, 1), request, completion);
            if (refused != 0) {
                return refused;
            }
        }
        return 0;
    }

    private int check(Domain domain, long word0, long word1, InvalidateRequest request, Completion completion) {
        int refused = guests.check(word0, word1, completion);
        if (refused != 0) {
            return refused;
        }
        SmmuCommand command = SmmuCommand.of(SmmuCommand.opcodeOf(word0));
        if (command.namesStage2() && !hasNestedGuest(domain)) {
            return refuse(Rule.V36, command, OF_HOST, completion);
        }
        if (namesStream(command) && domain.members().device(CommandFields.SID.getInt(word0)) == null) {
            return completion.refuse(
                    Rule.V36,
                    Errno.ENODEV,
                    command.layout(),
                    CommandFields.SID,
                    CommandFields.SID.get(word0),
                    Answers.NOT_ATTACHED);
        }
        return isWider(command, word0, word1, request) ? refuse(Rule.V35, command, TOO_WIDE, completion) : 0;
    }

    private static int refuse(Rule rule, SmmuCommand command, String why, Completion completion) {
        return completion.refuse(rule, rule.errno(), command.layout(), command.opcodeField(), command.opcode(), why);
    }

    /** True if a binding of the domain has a stage 2 of the guest below its stage 1. */
    private static boolean hasNestedGuest(Domain domain) {
        Stage[] stages = domain.inUse();
        for (int i = 0; i < stages.length; i++) {
            if (stages[i].isNestedGuest()) {
                return true;
            }
        }
        return false;
    }

    private static boolean namesStream(SmmuCommand command) {
        return command.layout().fields().contains(CommandFields.SID);
    }

    /** True if a command reaches beyond the generic part: more address spaces, or addresses outside its range. */
    private static boolean isWider(SmmuCommand command, long word0, long word1, InvalidateRequest request) {
        boolean one = request.selectsPasid() || request.noPasid();
        boolean range = request.selectsRange();
        return switch (command) {
            case TLBI_NSNH_ALL, TLBI_NH_ALL, TLBI_S12_VMALL, TLBI_S2_IPA -> one || range;
            case TLBI_NH_ASID -> range;
            case TLBI_NH_VAA -> one || (range && isOutside(word0, word1, request));
            case TLBI_NH_VA -> range && isOutside(word0, word1, request);
            default -> false;
        };
    }

    /** A command that names no range drops the leaf of its address, of whatever size: of a page at least. */
    private static boolean isOutside(long word0, long word1, InvalidateRequest request) {
        Granule granule = Granule.ofRange(CommandFields.TG.getInt(word1));
        long first = CommandFields.ADDRESS.get(word1);
        long last = first;
        if (granule != null) {
            first = CommandFields.firstOfRange(granule, first);
            last = CommandFields.lastOfRange(granule, first, word0);
        }
        long lastNamed = request.lastVaddr() | ~CommandFields.ADDRESS.mask();
        return Long.compareUnsigned(first, request.vaddr() & CommandFields.ADDRESS.mask()) < 0
                || Long.compareUnsigned(last, lastNamed) > 0;
    }

    /** A command for everything becomes one for everything of the stage's VMID. */
    private static long ofHost(SmmuCommand command, long word0, Stage stage) {
        SmmuCommand everything = stage.isNestedGuest() ? SmmuCommand.TLBI_S12_VMALL : SmmuCommand.TLBI_NH_ALL;
        return command == SmmuCommand.TLBI_NSNH_ALL ? everything.word() : word0;
    }

    /** Writes the commands, in the guest's order, for each VMID that its tables have. */
    void write(Domain domain, InvalidateRequest request) {
        int end = request.payloadOffset() + request.payloadLength();
        for (int at = request.payloadOffset(); at < end; at += CommandFields.COMMAND_BYTES) {
            long word0 = WORDS.word(request.payload(), at, 0);
            long word1 = WORDS.word(request.payload(), at, 1);
            SmmuCommand command = SmmuCommand.of(SmmuCommand.opcodeOf(word0));
            if (!namesStream(command)) {
                for (Stage stage : domain.inUse()) {
                    queue.put(CommandFields.VMID.set(ofHost(command, word0, stage), stage.vmid()), word1);
                }
            } else if (!guests.isDone(command)) {
                queue.put(word0, word1);
            }
        }
    }
}
