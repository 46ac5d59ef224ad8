package org.iommu4j.arm.shim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.List;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.layout.Layout;

/**
 * Takes the commands of one generation to the next older or newer one, docs/spec/arm-smmu.md 1.3. Nearly all are the same in both;
 * what differs are ranges:
 *
 * <ul>
 *   <li>S1, S3: a generation without ranges gets a command for each granule, without the hint of a level.
 *   <li>S2, S22: a range of too many granules, or with a SCALE of six bits, is left to the generic part of the request, which names
 *       no less. That may be more than the command, so the request is widened.
 *   <li>S24: a level 1 of 16 KiB granules says nothing before 0x0304 and something from then on: the hint is dropped.
 * </ul>
 *
 * What is illegal in a command stays illegal: the driver refuses it.
 */
public final class GenerationShim implements Shim {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = CommandFields.COMMAND_BYTES;
    private static final int MOST_COMMANDS = InvalidateRequest.SCRATCH_BYTES / BYTES;
    private static final int FIRST_LEVEL = 1;
    private static final Layout RANGE = SmmuCommand.TLBI_NH_VA.layout();
    private static final long RANGE_BITS_0 = CommandFields.NUM.mask() | CommandFields.SCALE.mask();
    private static final long RANGE_BITS_1 = CommandFields.TG.mask() | CommandFields.TTL.mask();

    private final int from;
    private final int to;

    private GenerationShim(int from, int to) {
        this.from = from;
        this.to = to;
    }

    /** The handlers between neighbours, up and down. */
    public static List<Shim> all() {
        return List.of(
                new GenerationShim(SmmuGeneration.V3_0, SmmuGeneration.V3_1),
                new GenerationShim(SmmuGeneration.V3_1, SmmuGeneration.V3_2),
                new GenerationShim(SmmuGeneration.V3_2, SmmuGeneration.V3_3),
                new GenerationShim(SmmuGeneration.V3_3, SmmuGeneration.V3_4),
                new GenerationShim(SmmuGeneration.V3_4, SmmuGeneration.V3_3),
                new GenerationShim(SmmuGeneration.V3_3, SmmuGeneration.V3_2),
                new GenerationShim(SmmuGeneration.V3_2, SmmuGeneration.V3_1),
                new GenerationShim(SmmuGeneration.V3_1, SmmuGeneration.V3_0));
    }

    @Override
    public IommuModel model() {
        return IommuModel.ARM_SMMU;
    }

    @Override
    public int from() {
        return from;
    }

    @Override
    public int to() {
        return to;
    }

    @Override
    public String name() {
        return "commands of 0x" + Integer.toHexString(from) + " to 0x" + Integer.toHexString(to);
    }

    /** Going to a generation that lacks something of ranges may drop more. */
    @Override
    public Fidelity fidelity() {
        return losesRanges() || losesScale() ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    private boolean losesRanges() {
        return from == SmmuGeneration.V3_2 && to == SmmuGeneration.V3_1;
    }

    private boolean losesScale() {
        return from == SmmuGeneration.V3_4;
    }

    private boolean gainsLevel() {
        return to == SmmuGeneration.V3_4;
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int length = request.payloadLength();
        if (!losesRanges() && !losesScale() && !gainsLevel()) {
            request.retag(to);
            return 0;
        }
        if (length % BYTES != 0) {
            return completion.refuse(
                    Rule.V33, "length", -1, length, "the vendor part is a multiple of " + BYTES + " bytes");
        }
        int written = 0;
        boolean changed = false;
        boolean rangesOnly = true;
        boolean tooMany = false;
        byte[] source = request.payload().clone();
        int start = request.payloadOffset();
        for (int at = start; at < start + length; at += BYTES) {
            long word0 = (long) WORD.get(source, at);
            long word1 = (long) WORD.get(source, at + Long.BYTES);
            SmmuCommand command = SmmuCommand.of(SmmuCommand.opcodeOf(word0));
            rangesOnly &= command == SmmuCommand.TLBI_NH_VA
                    || command == SmmuCommand.TLBI_NH_VAA
                    || command == SmmuCommand.ATC_INV;
            boolean range = command != null && command.takesRange() && isRange(word0, word1);
            long pieces = range ? pieces(word0) : 1;
            changed |= range && isChanged(word0, word1);
            tooMany |= pieces > MOST_COMMANDS - written;
            for (long piece = 0; piece < pieces && !tooMany; piece++) {
                store(request, written++, word0, word1, range, piece);
            }
        }
        if (!changed) {
            request.retag(to);
            return 0;
        }
        if (!tooMany) {
            request.replacePayload(to, written * BYTES);
            return 0;
        }
        if (!rangesOnly) {
            return completion.refuse(
                    Rule.V34,
                    Errno.EOPNOTSUPP,
                    RANGE,
                    CommandFields.TG,
                    0,
                    "too many commands without ranges, beside commands that the generic part does not name");
        }
        completion.widened("ranges that the chip's generation has no commands for: what the generic part names");
        request.replacePayload(to, 0);
        return 0;
    }

    /** True for a legal range: TG, and something that it counts or a level. */
    private static boolean isRange(long word0, long word1) {
        return CommandFields.TG.get(word1) != 0
                && ((word0 & RANGE_BITS_0) != 0
                        || CommandFields.SCALE_HIGH.isSet(word0)
                        || CommandFields.TTL.get(word1) != 0);
    }

    private boolean isChanged(long word0, long word1) {
        return losesRanges()
                || (losesScale() && (CommandFields.SCALE_HIGH.isSet(word0) || isFirstLevelOf16K(word1)))
                || (gainsLevel() && isFirstLevelOf16K(word1));
    }

    private static boolean isFirstLevelOf16K(long word1) {
        return Granule.ofRange(CommandFields.TG.getInt(word1)) == Granule.K16
                && CommandFields.TTL.getInt(word1) == FIRST_LEVEL;
    }

    /** How many commands a range becomes; more than there is room for if it cannot be expressed. */
    private long pieces(long word0) {
        if (losesScale() && CommandFields.SCALE_HIGH.isSet(word0)) {
            return Long.MAX_VALUE;
        }
        return losesRanges() ? (CommandFields.NUM.get(word0) + 1) << CommandFields.SCALE.getInt(word0) : 1;
    }

    private void store(InvalidateRequest request, int index, long word0, long word1, boolean range, long piece) {
        long first = word0;
        long second = word1;
        if (range && losesRanges()) {
            int shift = Granule.ofRange(CommandFields.TG.getInt(word1)).shift();
            long address = (CommandFields.ADDRESS.get(word1) & -1L << shift) + (piece << shift);
            first &= ~RANGE_BITS_0;
            second = CommandFields.ADDRESS.set(word1 & ~RANGE_BITS_1, address);
        } else if (range && isFirstLevelOf16K(word1)) {
            // Without the hint one granule by range is a reserved form.
            boolean one = (word0 & RANGE_BITS_0) == 0;
            second &= ~(one ? RANGE_BITS_1 : CommandFields.TTL.mask());
        }
        WORD.set(request.scratch(), index * BYTES, first);
        WORD.set(request.scratch(), index * BYTES + Long.BYTES, second);
    }
}
