package org.iommu4j.arm.shim;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.GuestCommands;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Effect.Target;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;

/**
 * A guest's commands of one generation of SMMUv3, docs/spec/arm-smmu.md 1.3 and 1.4. Its generation's chip may have everything that the
 * generation can have when they are read, and nothing but what each has when they are written.
 *
 * <ul>
 *   <li>S1, S3: for a generation whose chips may have no ranges, one becomes a command for each granule, without the hint of a level. From
 *       0x0302 on every chip has them.
 *   <li>S22: a SCALE of six bits, which only 0x0304 has, becomes pieces of the largest range of five. A range ends at the end of its half
 *       of the address space.
 *   <li>S2: what would be too many commands becomes one that drops the whole of the stage.
 *   <li>S24, S25: level 1 of a 16 KiB granule says nothing before 0x0304 and something from then on.
 * </ul>
 */
final class CommandForm implements EffectForm {
    static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES = CommandFields.COMMAND_BYTES;
    private static final int FIRST_LEVEL = 1;
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE_MASK = (1L << PAGE_SHIFT) - 1;

    /** Input address bits of one half of the address space with IDR5.DS, the most there are. */
    private static final int HALF_BITS = 52;

    private static final int LARGEST_SCALE = (1 << CommandFields.SCALE.width()) - 1;
    private static final String TOO_MANY = "ranges that the host's generation needs too many commands for: everything";

    private final int generation;
    private final GuestCommands guests;

    CommandForm(int generation) {
        this.generation = generation;
        guests = new GuestCommands(SmmuCapabilities.mostOf(generation));
    }

    @Override
    public int subVersion() {
        return generation;
    }

    @Override
    public String name() {
        return "SMMUv3 commands";
    }

    @Override
    public int commandBytes() {
        return BYTES;
    }

    /** True if a chip of the generation has ranges, whatever else it lacks. */
    private static boolean hasRanges(int generation) {
        return generation >= SmmuGeneration.V3_2;
    }

    /** True if ranges may have a SCALE of six bits, and level 1 of 16 KiB a meaning. */
    private static boolean hasWideRanges(int generation) {
        return generation >= SmmuGeneration.V3_4;
    }

    @Override
    public List<Conversion> conversions(int client) {
        if (client == SmmuGeneration.V2) {
            return RegisterForm.CONVERSIONS;
        }
        List<Conversion> conversions = new ArrayList<>();
        conversions.add(Conversion.lossless("commands without a range", "S4", "the same bits"));
        if (client > SmmuGeneration.V3_0 && !hasRanges(generation)) {
            conversions.add(Conversion.lossless("ranges", "S1", "a command for each granule"));
            conversions.add(Conversion.widened("ranges of many granules", "S2", TOO_MANY));
            conversions.add(Conversion.lossless("hints of a level", "S3", "dropped"));
        }
        if (hasWideRanges(client)) {
            conversions.add(Conversion.widened(
                    "ranges with a SCALE above 31",
                    "S22",
                    "pieces up to the end of that half of the addresses, or all"));
        }
        if (hasWideRanges(client) || hasWideRanges(generation)) {
            conversions.add(Conversion.lossless(
                    "level 1 of granules of 16 KiB", hasWideRanges(client) ? "S25" : "S24", "the hint is dropped"));
        }
        if (client >= SmmuGeneration.V3_3) {
            conversions.add(Conversion.lossless("several command queues", "S19", "the container has one"));
        }
        if (client >= SmmuGeneration.V3_3 && generation < SmmuGeneration.V3_3) {
            conversions.add(Conversion.refused(
                    "contexts with E0PD bits", "S18", null, "", "a client that has them requires the capability e0pd"));
        }
        if (client >= SmmuGeneration.V3_1 && generation < SmmuGeneration.V3_1) {
            conversions.add(
                    Conversion.refused("BIND_PASID", "S12", Rule.V37, "flag", "the host's generation has no PASIDs"));
        }
        conversions.add(Conversion.refused(
                "binds of tables that the chip cannot walk", "S14", null, "", "granule, widths, format, PASIDs"));
        return conversions;
    }

    @Override
    public int read(InvalidateRequest request, int at, Effect effect, Completion completion) {
        long word0 = (long) WORD.get(request.payload(), at);
        long word1 = (long) WORD.get(request.payload(), at + Long.BYTES);
        int refused = guests.check(word0, word1, completion);
        if (refused == 0) {
            read(SmmuCommand.of(SmmuCommand.opcodeOf(word0)), word0, word1, effect);
        }
        return refused;
    }

    /** Reads a guest's command that is legal. */
    void read(SmmuCommand command, long word0, long word1, Effect effect) {
        switch (command) {
            case TLBI_NH_ALL -> effect.all(Target.TRANSLATIONS);
            case TLBI_NH_ASID -> effect.all(Target.TRANSLATIONS).ofSpace(CommandFields.ASID.getInt(word0), false);
            case TLBI_NH_VA -> {
                effect.all(Target.TRANSLATIONS).ofSpace(CommandFields.ASID.getInt(word0), true);
                readRange(word0, word1, effect);
            }
            case TLBI_NH_VAA -> readRange(word0, word1, effect.all(Target.TRANSLATIONS));
            case TLBI_S12_VMALL -> effect.all(Target.OUTER_TRANSLATIONS);
            case TLBI_S2_IPA -> readRange(word0, word1, effect.all(Target.OUTER_TRANSLATIONS));
            case CFGI_CD ->
                effect.all(Target.CONTEXTS)
                        .ofRequester(CommandFields.SID.getInt(word0))
                        .ofSpace(CommandFields.SSID.getInt(word0), false)
                        .leafOnly(CommandFields.LEAF.isSet(word1));
            case CFGI_CD_ALL -> effect.all(Target.CONTEXTS).ofRequester(CommandFields.SID.getInt(word0));
            case ATC_INV -> readDevice(word0, word1, effect);
            default -> effect.carried(word0, word1);
        }
    }

    private void readRange(long word0, long word1, Effect effect) {
        Granule granule = Granule.ofRange(CommandFields.TG.getInt(word1));
        long first = CommandFields.ADDRESS.get(word1);
        effect.leafOnly(CommandFields.LEAF.isSet(word1));
        if (granule == null) {
            effect.within(first, first | PAGE_MASK);
            return;
        }
        first = CommandFields.firstOfRange(granule, first);
        long last = CommandFields.lastOfRange(granule, first, word0);
        long lastOfHalf = first >>> HALF_BITS == 0 ? (1L << HALF_BITS) - 1 : -1L;
        boolean beyond = hasWideRanges(generation) && Long.compareUnsigned(last, lastOfHalf) > 0;
        int level = CommandFields.TTL.getInt(word1);
        effect.within(first, beyond ? lastOfHalf : last)
                .ofGranule(granule.shift(), isLevel(granule, level, generation) ? level : 0);
    }

    private static boolean isLevel(Granule granule, int level, int ofGeneration) {
        return level != FIRST_LEVEL || granule != Granule.K16 || hasWideRanges(ofGeneration);
    }

    private static void readDevice(long word0, long word1, Effect effect) {
        boolean substream = CommandFields.SSV.isSet(word0);
        effect.all(Target.DEVICE_TLBS)
                .ofRequester(CommandFields.SID.getInt(word0))
                .ofSpace(
                        substream ? CommandFields.SSID.getInt(word0) : Effect.NO_PASID,
                        substream && CommandFields.GLOBAL.isSet(word0));
        int order = CommandFields.SIZE.getInt(word1);
        if (order != CommandFields.SIZE_ALL) {
            long bytes = 1L << (order + PAGE_SHIFT);
            long first = CommandFields.ADDRESS.get(word1) & -bytes;
            effect.within(first, first + bytes - 1);
        }
    }

    @Override
    public int write(Effect effect, byte[] bytes, int at, int end, Completion completion) {
        return switch (effect.target()) {
            case NOTHING -> 0;
            case CARRIED -> put(bytes, at, effect.word0(), effect.word1());
            case TRANSLATIONS -> {
                boolean any = effect.space() == Effect.ANY;
                long asid = any ? 0 : CommandFields.ASID.of(effect.space());
                yield writeTranslations(
                        effect,
                        (any ? SmmuCommand.TLBI_NH_ALL : SmmuCommand.TLBI_NH_ASID).word() | asid,
                        (any ? SmmuCommand.TLBI_NH_VAA : SmmuCommand.TLBI_NH_VA).word() | asid,
                        SmmuCommand.TLBI_NH_ALL,
                        bytes,
                        at,
                        end,
                        completion);
            }
            case OUTER_TRANSLATIONS ->
                writeTranslations(
                        effect,
                        SmmuCommand.TLBI_S12_VMALL.word(),
                        SmmuCommand.TLBI_S2_IPA.word(),
                        SmmuCommand.TLBI_S12_VMALL,
                        bytes,
                        at,
                        end,
                        completion);
            case CONTEXTS -> {
                boolean all = effect.space() == Effect.ANY;
                long sid = CommandFields.SID.of(effect.requester());
                yield put(
                        bytes,
                        at,
                        all
                                ? SmmuCommand.CFGI_CD_ALL.word() | sid
                                : SmmuCommand.CFGI_CD.word() | sid | CommandFields.SSID.of(effect.space()),
                        leaf(effect));
            }
            case DEVICE_TLBS -> writeDevice(effect, bytes, at);
        };
    }

    private static long leaf(Effect effect) {
        return effect.isLeafOnly() ? CommandFields.LEAF.mask() : 0;
    }

    private static int writeDevice(Effect effect, byte[] bytes, int at) {
        boolean substream = effect.space() != Effect.NO_PASID;
        int order = effect.isEverywhere()
                ? CommandFields.SIZE_ALL
                : Long.numberOfTrailingZeros(effect.last() - effect.first() + 1) - PAGE_SHIFT;
        return put(
                bytes,
                at,
                SmmuCommand.ATC_INV.word()
                        | CommandFields.SID.of(effect.requester())
                        | (substream ? CommandFields.SSV.mask() | CommandFields.SSID.of(effect.space()) : 0)
                        | (effect.globals() ? CommandFields.GLOBAL.mask() : 0),
                CommandFields.SIZE.of(order) | CommandFields.ADDRESS.of(effect.first()));
    }

    /**
     * Writes what is dropped of a TLB.
     *
     * @param whole first word of the command for all addresses
     * @param byAddress first word of the command for some
     * @param wider what takes the place of too many commands
     */
    private int writeTranslations(
            Effect effect,
            long whole,
            long byAddress,
            SmmuCommand wider,
            byte[] bytes,
            int at,
            int end,
            Completion completion) {
        if (effect.isEverywhere()) {
            return put(bytes, at, whole, 0);
        }
        if (effect.granuleShift() == 0) {
            return put(bytes, at, byAddress, CommandFields.ADDRESS.of(effect.first()) | leaf(effect));
        }
        int written = writeRange(effect, byAddress, bytes, at, end);
        if (written == 0) {
            completion.widened(TOO_MANY);
            effect.all(effect.target());
            written = put(bytes, at, wider.word(), 0);
        }
        return written;
    }

    /** Writes a range as one command or as several; 0 if there is no room for them. */
    private int writeRange(Effect effect, long word0, byte[] bytes, int at, int end) {
        Granule granule = granule(effect.granuleShift());
        int level = isLevel(granule, effect.level(), generation) ? effect.level() : 0;
        long granules = ((effect.last() - effect.first()) >>> granule.shift()) + 1;
        int written = 0;
        long address = effect.first();
        while (granules > 0) {
            if (at + written + BYTES > end) {
                return 0;
            }
            // The largest unit of which it is a multiple, or of which it has few enough.
            int bits = Long.SIZE - Long.numberOfLeadingZeros(granules - 1);
            int least = Math.max(0, bits - CommandFields.NUM.width());
            int scale = Math.min(scaleLimit(), Math.max(Long.numberOfTrailingZeros(granules), least));
            long units = Math.min(1L << CommandFields.NUM.width(), ((granules - 1) >>> scale) + 1);
            boolean one = !hasRanges(generation) || (units == 1 && scale == 0 && level == 0);
            long count = one ? 1 : units << scale;
            long word1 = CommandFields.ADDRESS.of(address) | leaf(effect);
            written += put(
                    bytes,
                    at + written,
                    one ? word0 : word0 | scaled(scale) | CommandFields.NUM.of(units - 1),
                    one ? word1 : word1 | CommandFields.TG.of(granule.rangeCode()) | CommandFields.TTL.of(level));
            granules -= Math.min(count, granules);
            address += count << granule.shift();
        }
        return written;
    }

    private int scaleLimit() {
        return hasWideRanges(generation) ? 2 * LARGEST_SCALE + 1 : LARGEST_SCALE;
    }

    private static long scaled(int scale) {
        return scale > LARGEST_SCALE
                ? CommandFields.SCALE.of(scale - LARGEST_SCALE - 1L) | CommandFields.SCALE_HIGH.mask()
                : CommandFields.SCALE.of(scale);
    }

    private static Granule granule(int shift) {
        return shift == Granule.K4.shift() ? Granule.K4 : shift == Granule.K16.shift() ? Granule.K16 : Granule.K64;
    }

    private static int put(byte[] bytes, int at, long word0, long word1) {
        WORD.set(bytes, at, word0);
        WORD.set(bytes, at + Long.BYTES, word1);
        return BYTES;
    }
}
