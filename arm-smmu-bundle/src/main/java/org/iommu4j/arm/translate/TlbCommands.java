package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.driver.range.RangeCover;

/**
 * TLB and device-TLB invalidations of the host, IHI 0070 4.4 and 4.5. A range becomes commands by range, where the chip has them,
 * else one command a granule, else the next wider command. Allocates nothing.
 */
final class TlbCommands {
    /** Most granules that eight commands by range cover: beyond, the wide command is cheaper and covers all. */
    private static final long MOST_GRANULES = 1L << 36;

    private static final int MOST_SCALE = 31;
    private static final int MOST_NUM = 31;

    /** Single commands cost as much as the wide one from 2^(granule shift - 3) granules on, docs/spec/arm-smmu.md 5.5. */
    private static final int THRESHOLD_SHIFT = 3;

    private final QueueCommands queue;
    private final boolean hasRanges;
    private final long lastIntermediate;

    TlbCommands(QueueCommands queue, SmmuCapabilities chip) {
        this.queue = queue;
        hasRanges = chip.has("RIL");
        lastIntermediate = (1L << chip.outputBits()) - 1;
    }

    /** Drops what stage 1 has of a VMID, global entries too. */
    void vm(int vmid) {
        queue.put(SmmuCommand.TLBI_NH_ALL.word() | CommandFields.VMID.of(vmid), 0);
    }

    /** Drops what both stages have of a VMID. */
    void bothStages(int vmid) {
        queue.put(SmmuCommand.TLBI_S12_VMALL.word() | CommandFields.VMID.of(vmid), 0);
    }

    /** Drops what an address space has; what is global stays. */
    void asid(int vmid, int asid) {
        queue.put(SmmuCommand.TLBI_NH_ASID.word() | CommandFields.VMID.of(vmid) | CommandFields.ASID.of(asid), 0);
    }

    /**
     * Drops a range of an address space, and what is global in it.
     *
     * @return false if it is too long: the whole VMID has been dropped
     */
    boolean addresses(int vmid, int asid, Granule granule, long first, long last, boolean leafOnly) {
        long word0 = SmmuCommand.TLBI_NH_VA.word() | CommandFields.VMID.of(vmid) | CommandFields.ASID.of(asid);
        if (cover(word0, granule, first, last, leafOnly)) {
            return true;
        }
        vm(vmid);
        return false;
    }

    /**
     * Drops a range of every address space of a VMID. Their granules are not known: a command by range names one, so each that the
     * chip has gets its own.
     *
     * @return false if it is too long: the whole VMID has been dropped
     */
    boolean addressesOfAll(int vmid, SmmuCapabilities chip, long first, long last, boolean leafOnly) {
        long word0 = SmmuCommand.TLBI_NH_VAA.word() | CommandFields.VMID.of(vmid);
        boolean onePage = first >>> Granule.K4.shift() == last >>> Granule.K4.shift();
        if (onePage) {
            queue.put(word0, CommandFields.ADDRESS.get(first) | leaf(leafOnly));
            return true;
        }
        Granule smallest =
                chip.hasGranule(Granule.K4) ? Granule.K4 : chip.hasGranule(Granule.K16) ? Granule.K16 : Granule.K64;
        if (granules(smallest, first, last) > limit(smallest)) {
            vm(vmid);
            return false;
        }
        if (!hasRanges) {
            return cover(word0, smallest, first, last, leafOnly);
        }
        coverOf(chip, Granule.K4, word0, first, last, leafOnly);
        coverOf(chip, Granule.K16, word0, first, last, leafOnly);
        coverOf(chip, Granule.K64, word0, first, last, leafOnly);
        return true;
    }

    private void coverOf(SmmuCapabilities chip, Granule granule, long word0, long first, long last, boolean leafOnly) {
        if (chip.hasGranule(granule)) {
            cover(word0, granule, first, last, leafOnly);
        }
    }

    /**
     * Drops a range of stage 2; beyond the intermediate address size there is nothing.
     *
     * @return false if it is too long: the whole VMID has been dropped
     */
    boolean intermediate(int vmid, Granule granule, long first, long last, boolean leafOnly) {
        if (Long.compareUnsigned(first, lastIntermediate) > 0) {
            return true;
        }
        long end = Long.compareUnsigned(last, lastIntermediate) > 0 ? lastIntermediate : last;
        long word0 = SmmuCommand.TLBI_S2_IPA.word() | CommandFields.VMID.of(vmid);
        if (cover(word0, granule, first, end, leafOnly)) {
            return true;
        }
        bothStages(vmid);
        return false;
    }

    /**
     * Drops what a device holds itself.
     *
     * @param pasid or -1 for what has none; then what has one goes, too
     * @param order log2 of the pages of 4 KiB, {@link RangeCover#WHOLE_SPACE_ORDER} for all
     */
    void device(int streamId, int pasid, long address, int order) {
        long who = SmmuCommand.ATC_INV.word() | CommandFields.SID.of(Integer.toUnsignedLong(streamId));
        long whose = pasid < 0 ? 0 : CommandFields.SSV.mask() | CommandFields.SSID.of(pasid);
        queue.put(who | whose, CommandFields.ADDRESS.get(address) | CommandFields.SIZE.of(order));
    }

    private static long leaf(boolean leafOnly) {
        return leafOnly ? CommandFields.LEAF.mask() : 0;
    }

    private static long granules(Granule granule, long first, long last) {
        return (last >>> granule.shift()) - (first >>> granule.shift()) + 1;
    }

    private long limit(Granule granule) {
        return hasRanges ? MOST_GRANULES : (1L << (granule.shift() - THRESHOLD_SHIFT)) - 1;
    }

    /**
     * The range as commands, docs/spec/arm-smmu.md 5.5: at most eight with ranges.
     *
     * @return false, and nothing was written, if there would be too many
     */
    private boolean cover(long word0, Granule granule, long first, long last, boolean leafOnly) {
        long left = granules(granule, first, last);
        if (left > limit(granule)) {
            return false;
        }
        long at = first >>> granule.shift() << granule.shift();
        while (left > 0) {
            int scale = hasRanges ? Math.min(Long.numberOfTrailingZeros(left), MOST_SCALE) : 0;
            long units = hasRanges ? units(left, scale) : 1;
            long word1 = CommandFields.ADDRESS.of(at) | leaf(leafOnly);
            if (scale == 0 && units == 1) {
                // One granule by range would be a reserved form.
                queue.put(word0, word1);
            } else {
                queue.put(
                        word0 | CommandFields.NUM.of(units - 1) | CommandFields.SCALE.of(scale),
                        word1 | CommandFields.TG.of(granule.rangeCode()));
            }
            at += units << scale << granule.shift();
            left -= units << scale;
        }
        return true;
    }

    private static long units(long left, int scale) {
        return scale == MOST_SCALE ? Math.min(left >>> scale, MOST_NUM + 1) : left >>> scale & MOST_NUM;
    }
}
