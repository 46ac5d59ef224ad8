package org.iommu4j.arm.shim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.arm.command.CommandCheck;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;

/**
 * A guest's commands between any two generations of SMMUv3, docs/spec/arm-smmu.md 1.3 and 1.4. All have the same bits at the same
 * places. What the guest's own generation does not know is refused here, since the host's may know it; what is illegal everywhere or
 * the host's is left to the driver.
 *
 * <ul>
 *   <li>S1, S3: for a host that may have no ranges, one becomes a command for each granule, without the hint of a level. From 0x0302 on
 *       every chip has them.
 *   <li>S22: a SCALE of six bits, which only 0x0304 has, becomes pieces of the largest range of five, up to the end of that half of
 *       the address space.
 *   <li>S2: what would be too many commands becomes one that drops the whole of stage 1. It is more than was asked, so that the
 *       request says so and names everything.
 *   <li>S24, S25: level 1 of a 16 KiB granule says nothing before 0x0304 and something from then on: the hint is dropped.
 * </ul>
 */
public final class CommandShim implements Shim {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = CommandFields.COMMAND_BYTES;
    private static final int MOST_COMMANDS = InvalidateRequest.SCRATCH_BYTES / BYTES;
    private static final int FIRST_LEVEL = 1;

    /** Input address bits of one half of the address space with IDR5.DS, the most there are. */
    private static final int HALF_BITS = 52;

    private static final long LARGEST_UNITS = 1L << CommandFields.NUM.width();
    private static final int LARGEST_SCALE = (1 << CommandFields.SCALE.width()) - 1;
    private static final long RANGE_BITS_0 =
            CommandFields.NUM.mask() | CommandFields.SCALE.mask() | CommandFields.SCALE_HIGH.mask();
    private static final long RANGE_BITS_1 = CommandFields.TG.mask() | CommandFields.TTL.mask();
    private static final String TOO_MANY = "ranges that the host's generation needs too many commands for: everything";

    private final int from;
    private final int to;
    private final CommandCheck[] guests;
    private final boolean losesRanges;
    private final boolean losesScale;
    private final boolean changesLevel;

    private CommandShim(int from, int to) {
        this.from = from;
        this.to = to;
        guests = CommandCheck.of(SmmuCapabilities.mostOf(from), true);
        losesRanges = from > SmmuGeneration.V3_0 && to < SmmuGeneration.V3_2;
        losesScale = from == SmmuGeneration.V3_4;
        changesLevel = losesScale || to == SmmuGeneration.V3_4;
    }

    /** A shim for every pair of generations. */
    public static List<Shim> all() {
        List<Shim> shims = new ArrayList<>();
        for (int guest : SmmuGeneration.OF_CHIPS) {
            for (int host : SmmuGeneration.OF_CHIPS) {
                if (guest != host) {
                    shims.add(new CommandShim(guest, host));
                }
            }
        }
        return List.copyOf(shims);
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
        return String.format("SMMUv3 commands 0x%04x to 0x%04x", from, to);
    }

    @Override
    public Fidelity fidelity() {
        return losesRanges || losesScale ? Fidelity.WIDENED : Fidelity.EXACT;
    }

    @Override
    public List<Conversion> conversions() {
        List<Conversion> conversions = new ArrayList<>();
        conversions.add(Conversion.lossless("commands without a range", "S4", "the same bits"));
        if (losesRanges) {
            conversions.add(Conversion.lossless("ranges", "S1", "a command for each granule"));
            conversions.add(Conversion.widened("ranges of many granules", "S2", TOO_MANY));
            conversions.add(Conversion.lossless("hints of a level", "S3", "dropped"));
        }
        if (losesScale) {
            conversions.add(Conversion.widened(
                    "ranges with a SCALE above 31",
                    "S22",
                    "pieces up to the end of that half of the addresses, or all"));
        }
        if (changesLevel) {
            conversions.add(Conversion.lossless(
                    "level 1 of granules of 16 KiB", losesScale ? "S25" : "S24", "the hint is dropped"));
        }
        if (from >= SmmuGeneration.V3_3) {
            conversions.add(Conversion.lossless("several command queues", "S19", "the container has one"));
        }
        if (from >= SmmuGeneration.V3_3 && to < SmmuGeneration.V3_3) {
            conversions.add(Conversion.refused(
                    "contexts with E0PD bits", "S18", null, "", "a client that has them requires the capability e0pd"));
        }
        conversions.add(Conversion.refused(
                "binds of tables that the chip cannot walk", "S14", null, "", "granule, widths, format, PASIDs"));
        return conversions;
    }

    @Override
    public int rewrite(InvalidateRequest request, Completion completion) {
        int length = request.payloadLength();
        if (length % BYTES != 0) {
            return request.refuse(
                    Rule.V33,
                    Rule.V33.errno(),
                    Uapi.DATA_LENGTH,
                    "a multiple of the 16 bytes of a command",
                    completion);
        }
        int end = request.payloadOffset() + length;
        boolean changes = false;
        for (int at = request.payloadOffset(); at < end; at += BYTES) {
            long word0 = (long) WORD.get(request.payload(), at);
            long word1 = (long) WORD.get(request.payload(), at + Long.BYTES);
            SmmuCommand command = SmmuCommand.of(SmmuCommand.opcodeOf(word0));
            CommandCheck check = command == null || !command.isOfGuests() ? null : guests[command.opcode()];
            if (check != null && !check.isLegal(word0, word1)) {
                return completion.refuse(
                        Rule.V34,
                        Rule.V34.errno(),
                        command.layout(),
                        command.opcodeField(),
                        command.opcode(),
                        check.reason(word0, word1));
            }
            changes |= isChanged(command, word0, word1);
        }
        if (!changes) {
            request.retag(to);
            return 0;
        }
        return length <= InvalidateRequest.SCRATCH_BYTES
                ? replace(request, completion)
                : request.refuse(
                        Rule.V33, Errno.EOPNOTSUPP, Uapi.DATA_LENGTH, "too many commands to rewrite", completion);
    }

    /** True if the host's generation needs other bits than the guest's for the same. */
    private boolean isChanged(SmmuCommand command, long word0, long word1) {
        return isRange(command, word1)
                && (losesRanges
                        || (losesScale && CommandFields.SCALE_HIGH.isSet(word0))
                        || (changesLevel && isFirstLevelOf16K(word1)));
    }

    private static boolean isRange(SmmuCommand command, long word1) {
        return command != null && command.isOfGuests() && command.takesRange() && CommandFields.TG.get(word1) != 0;
    }

    private static boolean isFirstLevelOf16K(long word1) {
        return Granule.ofRange(CommandFields.TG.getInt(word1)) == Granule.K16
                && CommandFields.TTL.getInt(word1) == FIRST_LEVEL;
    }

    private int replace(InvalidateRequest request, Completion completion) {
        // Another shim may have written where this one writes.
        byte[] source =
                request.payload() == request.scratch() ? request.payload().clone() : request.payload();
        int first = request.payloadOffset();
        int commands = request.payloadLength() / BYTES;
        int written = 0;
        boolean widened = false;
        for (int i = 0; i < commands; i++) {
            long word0 = (long) WORD.get(source, first + i * BYTES);
            long word1 = (long) WORD.get(source, first + i * BYTES + Long.BYTES);
            SmmuCommand command = SmmuCommand.of(SmmuCommand.opcodeOf(word0));
            int room = MOST_COMMANDS - written - (commands - 1 - i);
            long pieces = isChanged(command, word0, word1) ? pieces(word0, word1) : 1;
            if (pieces > room) {
                put(request, written++, everything(command).word(), 0);
                widened = true;
            } else if (isChanged(command, word0, word1)) {
                for (long piece = 0; piece < pieces; piece++) {
                    put(request, written++, word0, word1, piece);
                }
            } else {
                put(request, written++, word0, word1);
            }
        }
        if (widened) {
            completion.widened(TOO_MANY);
            request.set(0, 0, 0, 0, 0, to, request.scratch(), 0, written * BYTES);
        } else {
            request.replacePayload(to, written * BYTES);
        }
        return 0;
    }

    /** The command for all of the VM that a command by range may name. */
    private static SmmuCommand everything(SmmuCommand command) {
        return command.namesStage2() ? SmmuCommand.TLBI_S12_VMALL : SmmuCommand.TLBI_NH_ALL;
    }

    /** How many commands a range becomes. */
    private long pieces(long word0, long word1) {
        if (losesRanges) {
            int scale = CommandFields.scale(word0);
            return scale > LARGEST_SCALE ? Long.MAX_VALUE : (CommandFields.NUM.get(word0) + 1) << scale;
        }
        return CommandFields.SCALE_HIGH.isSet(word0)
                ? (unitsOfHalf(word0, word1) + LARGEST_UNITS - 1) / LARGEST_UNITS
                : 1;
    }

    /** A range in units of the largest SCALE of five bits, up to the end of its half of the address space. */
    private static long unitsOfHalf(long word0, long word1) {
        Granule granule = Granule.ofRange(CommandFields.TG.getInt(word1));
        int unitShift = LARGEST_SCALE + granule.shift();
        long address = CommandFields.firstOfRange(granule, CommandFields.ADDRESS.get(word1));
        long last = CommandFields.lastOfRange(granule, address, word0);
        long lastOfHalf = address >>> HALF_BITS == 0 ? (1L << HALF_BITS) - 1 : -1L;
        long end = Long.compareUnsigned(last, lastOfHalf) > 0 ? lastOfHalf : last;
        return ((end - address) >>> unitShift) + 1;
    }

    /** One piece of a range. */
    private void put(InvalidateRequest request, int index, long word0, long word1, long piece) {
        Granule granule = Granule.ofRange(CommandFields.TG.getInt(word1));
        long address = CommandFields.firstOfRange(granule, CommandFields.ADDRESS.get(word1));
        if (losesRanges) {
            put(
                    request,
                    index,
                    word0 & ~RANGE_BITS_0,
                    CommandFields.ADDRESS.set(word1 & ~RANGE_BITS_1, address + (piece << granule.shift())));
        } else if (CommandFields.SCALE_HIGH.isSet(word0)) {
            long left = unitsOfHalf(word0, word1) - piece * LARGEST_UNITS;
            long base = address + ((piece * LARGEST_UNITS) << (LARGEST_SCALE + granule.shift()));
            put(
                    request,
                    index,
                    (word0 & ~RANGE_BITS_0)
                            | CommandFields.NUM.of(Math.min(left, LARGEST_UNITS) - 1)
                            | CommandFields.SCALE.of(LARGEST_SCALE),
                    CommandFields.ADDRESS.set(withoutLevel(word1), base));
        } else {
            // Without the hint one granule by range is a reserved form.
            boolean one = (word0 & RANGE_BITS_0) == 0;
            put(request, index, word0, one ? word1 & ~RANGE_BITS_1 : withoutLevel(word1));
        }
    }

    private static long withoutLevel(long word1) {
        return isFirstLevelOf16K(word1) ? CommandFields.TTL.set(word1, 0) : word1;
    }

    private static void put(InvalidateRequest request, int index, long word0, long word1) {
        WORD.set(request.scratch(), index * BYTES, word0);
        WORD.set(request.scratch(), index * BYTES + Long.BYTES, word1);
    }
}
