package org.iommu4j.arm.translate;

import java.util.ArrayList;
import java.util.List;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.ContextLevel1;
import org.iommu4j.arm.table.ContextTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.driver.table.MapTables;

/**
 * The table of context descriptors that the host keeps for one stream, IHI 0070 5.3: a page of 64 descriptors, or where the chip has
 * two levels a page of 512 level-1 descriptors, each with a page of 64 that is made when it is first needed. The pages are
 * the host's, which neither guests nor devices reach; what is in them is all there is to know of the table.
 */
final class HostContexts {
    private static final int LEAF_BITS = 6;
    private static final int LEVEL_1_BITS = 9;
    private static final int SMALL_LEAVES = 1;

    private final Platform platform;
    private final PhysicalMemory memory;
    private final Stage stage;
    private final GuestMemory guestMemory;

    /** Through which the chip finds the table; null if it is named by physical addresses. */
    private final MapTables shown;

    /** The table of a stage, which has a page for it, in a container with that memory map or without one. */
    HostContexts(Platform platform, Stage stage, GuestMemory guestMemory, MapTables shown) {
        this.platform = platform;
        memory = platform.memory();
        this.stage = stage;
        this.guestMemory = guestMemory;
        this.shown = shown;
    }

    private long physical(long pointer) {
        return shown == null ? pointer : shown.find(pointer);
    }

    /** log2 of the PASIDs that a chip can have in such a table; 0 if it has none. */
    static int pasidBits(SmmuCapabilities chip) {
        int bits = chip.has("CD2L") ? LEAF_BITS + LEVEL_1_BITS : LEAF_BITS;
        // The ASID of a PASID is the same number.
        return Math.min(bits, Math.min(chip.substreamIdBits(), chip.asidBits()));
    }

    /** Fields of a stream table entry about the table, but for its address: requests without PASID are those of PASID 0. */
    static long[] addTo(long[] ste, SmmuCapabilities chip) {
        int bits = pasidBits(chip);
        ste[0] |= StreamTableEntry.S1_CD_MAX.of(bits)
                | StreamTableEntry.S1_FORMAT.of(bits > LEAF_BITS ? SMALL_LEAVES : 0);
        ste[1] |= StreamTableEntry.S1_DSS.of(StreamTableEntry.DSS_CD_0);
        return ste;
    }

    private boolean hasTwoLevels() {
        return stage.leafBits() != 0;
    }

    /** Address of a PASID's descriptor, or 0 if there is no page for it. */
    private long address(int pasid) {
        if (!hasTwoLevels()) {
            return ContextTable.entryAddress(stage.ste0(), pasid);
        }
        long level1 = memory.readLongLe(ContextTable.level1Address(stage.ste0(), pasid));
        return ContextLevel1.V.isSet(level1)
                ? ContextTable.entryInLeaf(stage.ste0(), physical(ContextTable.leafTable(stage.ste0(), level1)), pasid)
                : 0;
    }

    /** True if the descriptor of a PASID is valid. */
    boolean has(int pasid) {
        long at = address(pasid);
        return at != 0 && ContextDescriptor.V.isSet(memory.readLongLe(at));
    }

    /** True if the descriptor of a PASID has these words. */
    boolean has(int pasid, long[] words) {
        long at = address(pasid);
        for (int word = 0; at != 0 && word < words.length; word++) {
            if (memory.readLongLe(at + (long) word * Long.BYTES) != words[word]) {
                return false;
            }
        }
        return at != 0;
    }

    /** True if no PASID has a valid descriptor. */
    boolean isEmpty() {
        int pasid = 0;
        while (pasid >>> stage.pasidBits() == 0) {
            if (has(pasid)) {
                return false;
            }
            pasid += address(pasid) == 0 ? 1 << LEAF_BITS : 1;
        }
        return true;
    }

    /**
     * Makes room for the descriptor of a PASID.
     *
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    void prepare(int pasid) {
        if (address(pasid) == 0) {
            long page = platform.allocatePages(1);
            memory.writeLongLe(
                    ContextTable.level1Address(stage.ste0(), pasid),
                    ContextLevel1.L2_PTR.of(pointerTo(page)) | ContextLevel1.V.mask());
        }
    }

    private long pointerTo(long page) {
        if (shown == null) {
            return page;
        }
        try {
            return guestMemory.show(page, shown);
        } catch (BackendException e) {
            platform.freePages(page, 1);
            throw e;
        }
    }

    /** Writes a descriptor that is not valid so far: its first word last, so that the chip never sees half of it. */
    void write(int pasid, long[] words) {
        long at = address(pasid);
        for (int word = words.length - 1; word >= 0; word--) {
            memory.writeLongLe(at + (long) word * Long.BYTES, words[word]);
        }
    }

    /** Makes the descriptor of a PASID invalid. */
    void clear(int pasid) {
        memory.writeLongLe(address(pasid), 0);
    }

    /** The pages below the first. */
    List<Long> leaves() {
        List<Long> pages = new ArrayList<>();
        if (hasTwoLevels()) {
            for (int leaf = 0; leaf < 1 << (stage.pasidBits() - LEAF_BITS); leaf++) {
                long level1 = memory.readLongLe(ContextTable.level1Address(stage.ste0(), leaf << LEAF_BITS));
                if (ContextLevel1.V.isSet(level1)) {
                    pages.add(physical(ContextLevel1.L2_PTR.get(level1)));
                }
            }
        }
        return pages;
    }
}
