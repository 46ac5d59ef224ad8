package org.iommu4j.arm.capture;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.table.Stage1Descriptor;
import org.iommu4j.arm.table.Stage1Walker;
import org.iommu4j.arm.table.Stage2Descriptor;
import org.iommu4j.arm.table.Stage2Walker;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.capture.GapRecords;

/**
 * How gaps of captures are filled: descriptors of pages and blocks of both stages, DDI 0487 D8.3, for all three granules; and
 * commands that drop everything for those whose operands are not known, IHI 0070 4.3 and 4.4.
 */
final class SmmuGaps {
    private static final int LOWEST_LEVEL = 3;
    private static final int HIGHEST_BLOCK_LEVEL = 1;

    /** Granules of 4, 16 and 64 KiB. */
    private static final int[] GRANULE_SHIFTS = {12, 14, 16};

    /** log2 of a descriptor's size: a table of one granule has 2^(granule - 3) of them. */
    private static final int ENTRY_SHIFT = 3;

    static final GapRecords RECORDS = new GapRecords(List.of("asid", "vmid"), entries(), substitutes());

    private SmmuGaps() {}

    private static Map<String, String> substitutes() {
        String everyStream =
                hex(SmmuCommand.CFGI_STE_RANGE, CommandFields.RANGE.of((1L << CommandFields.RANGE.width()) - 1));
        Map<String, String> substitutes = new HashMap<>();
        for (SmmuCommand command : SmmuCommand.values()) {
            String name = command.name();
            if (name.startsWith("TLBI_") && !name.startsWith("TLBI_EL2")) {
                substitutes.put(name, hex(SmmuCommand.TLBI_NSNH_ALL, 0));
            } else if (name.startsWith("TLBI_EL2")) {
                substitutes.put(name, hex(SmmuCommand.TLBI_EL2_ALL, 0));
            } else if (name.startsWith("CFGI_")) {
                substitutes.put(name, everyStream);
            } else if (command == SmmuCommand.SYNC || name.startsWith("PREFETCH_")) {
                substitutes.put(name, hex(SmmuCommand.SYNC, 0));
            }
        }
        return substitutes;
    }

    private static String hex(SmmuCommand command, long secondWord) {
        return HexFormat.of().formatHex(command.layout().encode(command.word(), secondWord));
    }

    private static List<GapRecords.Entry> entries() {
        List<GapRecords.Entry> entries = new ArrayList<>();
        for (int granule : GRANULE_SHIFTS) {
            for (int level = LOWEST_LEVEL; level >= HIGHEST_BLOCK_LEVEL; level--) {
                long size = 1L << (granule + (LOWEST_LEVEL - level) * (granule - ENTRY_SHIFT));
                boolean page = level == LOWEST_LEVEL;
                entries.add(new GapRecords.Entry(Stage1Walker.STEP + level, size, stage1(page)));
                entries.add(new GapRecords.Entry(Stage2Walker.STEP + level, size, stage2(page)));
            }
        }
        return entries;
    }

    /** Stage 1 lets every page be read that is mapped. */
    private static Map<Integer, Long> stage1(boolean page) {
        long both = Stage1Descriptor.VALID.mask()
                | (page ? Stage1Descriptor.TABLE.mask() : 0)
                | Stage1Descriptor.UNPRIVILEGED.mask()
                | Stage1Descriptor.AF.mask()
                | Stage1Descriptor.NOT_GLOBAL.mask();
        return Map.of(
                DmaAccess.READ,
                both | Stage1Descriptor.READ_ONLY.mask(),
                DmaAccess.WRITE,
                both,
                DmaAccess.READ | DmaAccess.WRITE,
                both);
    }

    private static Map<Integer, Long> stage2(boolean page) {
        long none =
                Stage2Descriptor.VALID.mask() | (page ? Stage2Descriptor.TABLE.mask() : 0) | Stage2Descriptor.AF.mask();
        return Map.of(
                DmaAccess.READ,
                none | Stage2Descriptor.READ.mask(),
                DmaAccess.WRITE,
                none | Stage2Descriptor.WRITE.mask(),
                DmaAccess.READ | DmaAccess.WRITE,
                none | Stage2Descriptor.READ.mask() | Stage2Descriptor.WRITE.mask());
    }
}
