package org.iommu4j.amd.capture;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.table.EntryFormats;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.capture.GapRecords;

/**
 * How gaps of captures are filled: entries of pages of host tables in their level's own size, AMD 48882 2.2.3; and for
 * invalidations whose operands are not known INVALIDATE_IOMMU_ALL, 2.4.8.
 */
final class AmdViGaps {
    private static final int HIGHEST_LEVEL = 3;

    static final GapRecords RECORDS = new GapRecords(List.of("did"), entries(), substitutes());

    private AmdViGaps() {}

    private static Map<String, String> substitutes() {
        Map<String, String> substitutes = new HashMap<>();
        for (AmdViCommand command : AmdViCommand.values()) {
            if (command.name().startsWith("INVALIDATE_")) {
                substitutes.put(command.name(), hex(AmdViCommand.INVALIDATE_IOMMU_ALL));
            }
        }
        substitutes.put(AmdViCommand.COMPLETION_WAIT.name(), hex(AmdViCommand.COMPLETION_WAIT));
        return substitutes;
    }

    /** A command all of whose operands are 0. */
    private static String hex(AmdViCommand command) {
        return HexFormat.of().formatHex(command.layout().encode(CompletionWait.OPCODE.of(command.opcode()), 0));
    }

    private static List<GapRecords.Entry> entries() {
        long present = HostPte.PR.mask();
        Map<Integer, Long> words = Map.of(
                DmaAccess.READ,
                present | HostPte.IR.mask(),
                DmaAccess.WRITE,
                present | HostPte.IW.mask(),
                DmaAccess.READ | DmaAccess.WRITE,
                present | HostPte.IR.mask() | HostPte.IW.mask());
        List<GapRecords.Entry> entries = new ArrayList<>();
        for (int level = 1; level <= HIGHEST_LEVEL; level++) {
            entries.add(new GapRecords.Entry(EntryFormats.HOST_PAGE + level, 1L << TableLevel.shift(level), words));
        }
        return entries;
    }
}
