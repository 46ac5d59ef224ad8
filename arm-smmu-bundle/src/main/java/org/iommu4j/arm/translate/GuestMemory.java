package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuErrata;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.table.Stage2Descriptor;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.table.EntryFormat;
import org.iommu4j.driver.table.MapPolicy;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MemoryMaps;

/**
 * The memory of a container: stage-2 tables with 4 KiB granules (DDI 0487 D8.3) that the host writes, in pages of its own, and that
 * every stream of the container has below its stage 1.
 *
 * <p>The upper half of the intermediate addresses is the host's. With two stages a stream table entry names its context descriptors
 * by an intermediate address (IHI 0070 5.2 S1ContextPtr), so those that the host makes are shown there, read-only.
 */
final class GuestMemory implements EntryFormat {
    private static final long PAGE_BYTES = 4096;

    /** Most bits of an address that descriptors of 4 KiB granules hold, without IDR5.DS. */
    private static final int MOST_BITS = 48;

    /** Fewest bits of an intermediate address with which a walk begins at level 0, docs/spec/arm-smmu.md 3.6. */
    private static final int LEAST_BITS_OF_FOUR_LEVELS = 40;

    private static final int FOUR_LEVELS = 4;
    private static final int START_CODE_OF_LEVEL_0 = 2;

    /** MemAttr and SH of normal memory: write-back, inner shareable. */
    private static final int WRITE_BACK = 15;

    private static final int INNER_SHAREABLE = 3;

    private final SmmuCapabilities chip;

    /** Bits of intermediate and of physical addresses. */
    private final int bits;

    private final int levels;

    GuestMemory(SmmuCapabilities chip) {
        this.chip = chip;
        bits = Math.min(MOST_BITS, chip.outputBits());
        levels = bits >= LEAST_BITS_OF_FOUR_LEVELS ? FOUR_LEVELS : FOUR_LEVELS - 1;
    }

    /**
     * The memory maps that the chip can carry out: the lower half of its intermediate addresses, if it has stage 2 in
     * little-endian 4 KiB granules.
     */
    MemoryMaps<Domain> maps(Platform platform, MapPolicy<Domain> policy) {
        boolean there = chip.hasStage2()
                && chip.hasGranule(Granule.K4)
                && chip.hasTables(false)
                && SmmuErrata.canNest(chip)
                // Such a chip stalls every fault of stage 2, and nobody would resume it.
                && !chip.alwaysStalls();
        MemoryMapSupport support = there ? new MemoryMapSupport(MapTables.PAGE_SIZES, bits - 1) : MemoryMapSupport.NONE;
        return new MemoryMaps<>(platform, this, levels, support, policy);
    }

    /** The words of a stream table entry, without stage 2 so far, with a map as its stage 2; what bypassed has stage 2 alone. */
    long[] below(long[] ste, MapTables map) {
        long[] words = ste.clone();
        boolean stage1 = StreamTableEntry.hasStage1(StreamTableEntry.CONFIG.getInt(words[0]));
        words[0] = StreamTableEntry.CONFIG.set(words[0], stage1 ? StreamTableEntry.NESTED : StreamTableEntry.STAGE_2);
        words[2] |= StreamTableEntry.S2_T0SZ.of(Long.SIZE - bits)
                | StreamTableEntry.S2_SL0.of(START_CODE_OF_LEVEL_0 - (FOUR_LEVELS - levels))
                | StreamTableEntry.S2_TG.of(Granule.K4.stage2Code())
                | StreamTableEntry.S2_PS.of(Idr5.OAS.get(chip.idr5()))
                | StreamTableEntry.S2_AA64.mask()
                | StreamTableEntry.S2_R.mask();
        words[3] |= StreamTableEntry.S2_TTB.of(map.root());
        return words;
    }

    /** Intermediate address at which a page of the host is shown. */
    long ipaOf(long page) {
        long half = 1L << (bits - 1);
        return half | (page & (half - 1));
    }

    /**
     * Shows a page of the host to the chip.
     *
     * @return its intermediate address
     * @throws BackendException {@code ENOMEM} if there are no pages for tables, or it is beyond what descriptors hold
     */
    long show(long page, MapTables map) {
        if (page >>> bits != 0) {
            throw new BackendException(Errno.ENOMEM, "a page of the host is beyond the addresses of stage 2");
        }
        long ipa = ipaOf(page);
        map.map(new Mapping(ipa, page, PAGE_BYTES, Uapi.MAP_FLAG_READ));
        return ipa;
    }

    // ---- stage-2 descriptors; a level is counted from the pages upwards

    @Override
    public long table(int level, long pa) {
        return Stage2Descriptor.VALID.mask() | Stage2Descriptor.TABLE.mask() | pa;
    }

    @Override
    public long leaf(int level, long pa, int flags) {
        return Stage2Descriptor.VALID.mask()
                | Stage2Descriptor.TABLE.of(level == 0 ? 1 : 0)
                | Stage2Descriptor.MEM_ATTR.of(WRITE_BACK)
                | Stage2Descriptor.SH.of(INNER_SHAREABLE)
                | Stage2Descriptor.AF.mask()
                | Stage2Descriptor.READ.of((flags & Uapi.MAP_FLAG_READ) != 0 ? 1 : 0)
                | Stage2Descriptor.WRITE.of((flags & Uapi.MAP_FLAG_WRITE) != 0 ? 1 : 0)
                | pa;
    }

    @Override
    public boolean isPresent(long entry) {
        return Stage2Descriptor.VALID.isSet(entry);
    }

    @Override
    public boolean isTable(int level, long entry) {
        return level != 0 && Stage2Descriptor.TABLE.isSet(entry);
    }

    @Override
    public long address(int level, long entry) {
        return entry & ((1L << MOST_BITS) - PAGE_BYTES);
    }

    @Override
    public int outputBits() {
        return bits;
    }
}
