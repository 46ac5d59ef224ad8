package org.iommu4j.arm.table;

/**
 * Finds the context descriptor of a substream, IHI 0070 5.3: in a linear table, or one of two levels. It reads no memory.
 */
public final class ContextTable {
    private static final int SMALL_LEAF_BITS = 6;
    private static final int LARGE_LEAF_BITS = 10;
    private static final int SMALL_LEAVES = 1;
    private static final int LARGE_LEAVES = 2;
    private static final int LEAST_LEVEL_1_BYTES = 64;

    private ContextTable() {}

    /** log2 of the descriptors of a leaf of two levels; 0 for a linear table. */
    public static int leafBits(long ste0) {
        if (StreamTableEntry.S1_CD_MAX.getInt(ste0) == 0) {
            return 0;
        }
        return switch (StreamTableEntry.S1_FORMAT.getInt(ste0)) {
            case SMALL_LEAVES -> SMALL_LEAF_BITS;
            case LARGE_LEAVES -> LARGE_LEAF_BITS;
            default -> 0;
        };
    }

    /** Address of a descriptor in a linear table; the bits of the pointer below the table's size are taken as 0. */
    public static long entryAddress(long ste0, int index) {
        long bytes = (long) ContextDescriptor.BYTES << StreamTableEntry.S1_CD_MAX.getInt(ste0);
        return (StreamTableEntry.S1_CONTEXT_PTR.get(ste0) & -bytes) + (long) index * ContextDescriptor.BYTES;
    }

    /** Address of the level-1 descriptor of a substream. */
    public static long level1Address(long ste0, int index) {
        int leafBits = leafBits(ste0);
        int upperBits = Math.max(0, StreamTableEntry.S1_CD_MAX.getInt(ste0) - leafBits);
        long bytes = Math.max(LEAST_LEVEL_1_BYTES, (long) ContextLevel1.BYTES << upperBits);
        return (StreamTableEntry.S1_CONTEXT_PTR.get(ste0) & -bytes) + (long) (index >>> leafBits) * ContextLevel1.BYTES;
    }

    /** Address of the table of descriptors to which a level-1 descriptor leads; aligned to the size of a leaf. */
    public static long leafTable(long ste0, long level1) {
        return ContextLevel1.L2_PTR.get(level1) & -((long) ContextDescriptor.BYTES << leafBits(ste0));
    }

    /** Address of a descriptor in that table. */
    public static long entryInLeaf(long ste0, long leafTable, int index) {
        return leafTable + (long) (index & ((1 << leafBits(ste0)) - 1)) * ContextDescriptor.BYTES;
    }
}
