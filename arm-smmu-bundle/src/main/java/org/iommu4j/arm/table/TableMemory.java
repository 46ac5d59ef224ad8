package org.iommu4j.arm.table;

import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.memory.TableCursors;

/** Descriptors of translation tables in memory, in either byte order, DDI 0487 D8.3: what both stages have in common. */
final class TableMemory {
    /** Last level. */
    static final int LAST_LEVEL = 3;

    /** Place in an address of descriptor bits 15:12 with 64 KiB granules; with smaller ones they stay where they are. */
    private static final int HIGH_SHIFT = 48;

    private static final int WIDE_BITS = 52;
    private static final int WIDE_ALIGNMENT = 64;
    private static final int LEAST_ALIGNMENT = 16;

    private final TableCursors tables;
    private final boolean wideBlocks;
    private boolean aborted;

    TableMemory(PhysicalMemory memory, SmmuCapabilities chip) {
        tables = new TableCursors(memory, LAST_LEVEL + 1);
        wideBlocks = chip.outputBits() == WIDE_BITS;
    }

    /** A descriptor of a level; {@link #wasAborted} says whether it could be read. */
    long read(int level, long pa, boolean bigEndian) {
        int height = LAST_LEVEL - level;
        try {
            aborted = false;
            return bigEndian ? tables.readLongBe(height, pa) : tables.readLongLe(height, pa);
        } catch (BusErrorException e) {
            aborted = true;
            return 0;
        }
    }

    /** Stores a descriptor; false if it could not. */
    boolean write(long pa, long descriptor, boolean bigEndian) {
        try {
            if (bigEndian) {
                tables.memory().writeLongBe(pa, descriptor);
            } else {
                tables.memory().writeLongLe(pa, descriptor);
            }
            return true;
        } catch (BusErrorException | BackendException e) {
            return false;
        }
    }

    /** True if the last {@link #read} was aborted. */
    boolean wasAborted() {
        return aborted;
    }

    /** True if a descriptor is valid and of a kind that its level can have, DDI 0487 D8.3. */
    boolean isLegal(long descriptor, Granule granule, int level) {
        if (!Stage1Descriptor.VALID.isSet(descriptor)) {
            return false;
        }
        if (Stage1Descriptor.TABLE.isSet(descriptor)) {
            return true;
        }
        return switch (level) {
            case 1 -> granule == Granule.K4 || (granule == Granule.K64 && wideBlocks);
            case 2 -> true;
            default -> false;
        };
    }

    /** True if a legal descriptor ends the walk. */
    static boolean isLeaf(long descriptor, int level) {
        return level == LAST_LEVEL || !Stage1Descriptor.TABLE.isSet(descriptor);
    }

    /**
     * The address in a descriptor. With 64 KiB granules bits 51:48 stand in bits 15:12; on a part with less they count all the
     * same, and are beyond its size.
     *
     * @param shift log2 of what the address is aligned to
     */
    static long address(long descriptor, Granule granule, int shift) {
        long address = Stage1Descriptor.ADDRESS.get(descriptor);
        address |= granule == Granule.K64
                ? Stage1Descriptor.HIGH_ADDRESS.get(descriptor) << HIGH_SHIFT
                : descriptor & Stage1Descriptor.HIGH_ADDRESS.mask();
        return address & -1L << shift;
    }

    /**
     * A table's base with the bits that its size leaves 0, IHI 0070 5.4 TTB0: 16 bytes at least, 64 with 52-bit addresses.
     *
     * @param entries of the first table, all that are concatenated
     * @param addressBits effective output size
     */
    static long base(long address, long entries, int addressBits) {
        long least = addressBits == WIDE_BITS ? WIDE_ALIGNMENT : LEAST_ALIGNMENT;
        return address & -Math.max(entries * Long.BYTES, least);
    }

    /**
     * log2 of the run of entries that a leaf is one of, DDI 0487 D8.7: its own size if it has no contiguous hint, or if the
     * run does not map to one range.
     */
    static int runShift(long leaf, Granule granule, int level, long input, long output) {
        int shift = granule.shiftOf(level);
        if (!Stage1Descriptor.CONTIGUOUS.isSet(leaf)) {
            return shift;
        }
        int run = shift + granule.contiguousBits(level);
        long between = (1L << run) - (1L << shift);
        return ((input ^ output) & between) == 0 ? run : shift;
    }
}
