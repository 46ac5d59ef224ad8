package org.iommu4j.upgrade.trace;

import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.upgrade.ReplayResult.Step;
import org.iommu4j.upgrade.replay.StoppedMachine;

/**
 * The tables in an image of a guest's memory: a chip that is brought up as the guest's was walks them for every page that a device
 * used, and is given each page of memory that it reads.
 */
final class ImageTables {
    /** Most pages of tables: as many as a capture may have. */
    private static final int MOST_TABLES = 1 << 13;

    /** A walk reads fewer entries; each time it may need one page more. */
    private static final int MOST_TRIES = 64;

    private final MemoryImage image;
    private final StoppedMachine machine;
    private final Map<Long, byte[]> tables = new TreeMap<>(Long::compareUnsigned);
    private final Set<String> walks = new LinkedHashSet<>();
    private long outside;

    ImageTables(MemoryImage image, StoppedMachine machine) {
        this.image = image;
        this.machine = machine;
    }

    /** Walks for a page; what the trace showed last of it, if anything, is kept as a mapping if the image agrees. */
    void walk(TraceConverter.Page page, TraceConverter.Mapping shown) {
        int rights = shown != null && shown.rights() == DmaAccess.WRITE ? DmaAccess.WRITE : DmaAccess.READ;
        DmaAccess access = machine.access(page.requester(), page.iova(), rights);
        for (int i = 0; i < MOST_TRIES && hasNewPage(); i++) {
            access = machine.access(page.requester(), page.iova(), rights);
        }
        boolean mapped = access.outcome() == DmaAccess.Outcome.TRANSLATED && access.pageBytes() > 0;
        if (!mapped || shown == null) {
            return;
        }
        long target = (shown.pa() & ~shown.mask()) | (page.iova() & shown.mask());
        int granted = access.grantedRights() & (DmaAccess.READ | DmaAccess.WRITE);
        if (access.spa() == target && (shown.rights() < 0 || shown.rights() == granted)) {
            // The page has the size that the image has for it; whoever uses it in several places is one mapping.
            long size = access.pageBytes();
            walks.add("{\"dev\":\"0x" + Integer.toHexString(page.requester()) + "\",\"iova\":\"0x"
                    + Long.toHexString(page.iova() & -size) + "\",\"pa\":\"0x" + Long.toHexString(target & -size)
                    + "\",\"perm\":" + granted + ",\"size\":\"0x" + Long.toHexString(size) + "\"}");
        }
    }

    /** Gives the chip the pages that it read last and did not have. */
    private boolean hasNewPage() {
        boolean added = false;
        for (Step step : machine.steps()) {
            long pa = step.pa() & -MemoryImage.PAGE_BYTES;
            if (!tables.containsKey(pa) && tables.size() < MOST_TABLES) {
                byte[] bytes = image.page(pa);
                outside += bytes == null ? 1 : 0;
                byte[] kept = bytes == null ? new byte[MemoryImage.PAGE_BYTES] : bytes;
                tables.put(pa, kept);
                machine.memory().write(pa, kept, 0, kept.length);
                added = true;
            }
        }
        return added;
    }

    /** Number of pages. */
    int size() {
        return tables.size();
    }

    /** Number of pages that the chip read and the image does not have. */
    long outside() {
        return outside;
    }

    /** The pages as lines of a capture. */
    Iterable<String> pageLines() {
        return () -> tables.entrySet().stream()
                .map(page -> "{\"pa\":\"0x" + Long.toHexString(page.getKey()) + "\",\"hex\":\""
                        + HexFormat.of().formatHex(page.getValue()) + "\"}")
                .iterator();
    }

    /** The mappings that trace and image agree on, as lines of a capture. */
    List<String> walkLines() {
        return List.copyOf(walks);
    }
}
