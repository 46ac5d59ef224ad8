package org.iommu4j.arm.table;

import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.backend.PhysicalMemory;

/** Finds the entry of a stream, IHI 0070 3.3.1: in a linear table, or one of two levels. It reads no memory. */
public final class StreamTable {
    /** There is no entry: C_BAD_STREAMID. */
    public static final long NONE = -1;

    private static final int TWO_LEVELS = 1;
    private static final int[] SPLITS = {6, 8, 10};

    /** log2 of the smallest aligned table of level-1 descriptors in bytes. */
    private static final int LEAST_LEVEL_1_BITS = 6;

    private final int streamIdBits;
    private final long addressBits;
    private long base;
    private long streams;
    private int split;
    private boolean twoLevels;

    /** The table of a chip of which no register has been written. */
    public StreamTable(SmmuCapabilities chip) {
        streamIdBits = chip.streamIdBits();
        addressBits = (1L << chip.outputBits()) - 1;
        configure(0, 0);
    }

    /**
     * Takes the registers. For the range and the index LOG2SIZE counts up to IDR1.SIDSIZE, for the alignment of the table as it
     * is.
     *
     * @param baseRegister STRTAB_BASE
     * @param config STRTAB_BASE_CFG
     */
    public void configure(long baseRegister, long config) {
        int log2Size = StreamTableBase.LOG2SIZE.getInt(config);
        streams = 1L << Math.min(log2Size, streamIdBits);
        twoLevels = StreamTableBase.FMT.getInt(config) == TWO_LEVELS;
        split = SPLITS[0];
        for (int known : SPLITS) {
            split = StreamTableBase.SPLIT.getInt(config) == known ? known : split;
        }
        int entryBits = twoLevels
                ? Math.max(LEAST_LEVEL_1_BITS, log2Size - split + log2(StreamTableLevel1.BYTES))
                : log2Size + log2(StreamTableEntry.BYTES);
        base = StreamTableBase.ADDR.get(baseRegister) & addressBits & (entryBits < Long.SIZE ? -1L << entryBits : 0);
    }

    private static int log2(int bytes) {
        return Integer.numberOfTrailingZeros(bytes);
    }

    /** Physical address of the table. */
    public long base() {
        return base;
    }

    /** True if a StreamID is below the table's size. */
    public boolean contains(int streamId) {
        return Integer.toUnsignedLong(streamId) < streams;
    }

    /** True if level-1 descriptors lead to the entries. */
    public boolean hasTwoLevels() {
        return twoLevels;
    }

    /** StreamID bits that the second level resolves. */
    public int split() {
        return split;
    }

    /** Physical address of the level-1 descriptor of a stream. */
    public long level1Address(int streamId) {
        return base + (Integer.toUnsignedLong(streamId) >>> split) * StreamTableLevel1.BYTES;
    }

    /** Physical address of the entry of a stream in a linear table. */
    public long entryAddress(int streamId) {
        return base + Integer.toUnsignedLong(streamId) * StreamTableEntry.BYTES;
    }

    /** Physical address of the entry of a stream, or {@link #NONE}, IHI 0070 7.3.3. */
    public long entryAddress(int streamId, long level1) {
        int span = StreamTableLevel1.SPAN.getInt(level1);
        long index = Integer.toUnsignedLong(streamId) & ((1L << split) - 1);
        if (span == 0 || span > StreamTableLevel1.MOST_SPAN || span > split + 1 || index >= 1L << (span - 1)) {
            return NONE;
        }
        // The second level is aligned to its own size.
        long alignment = (long) StreamTableEntry.BYTES << (span - 1);
        return (StreamTableLevel1.L2_PTR.get(level1) & addressBits & -alignment) + index * StreamTableEntry.BYTES;
    }

    /**
     * Reads the entry of a stream from memory, IHI 0070 3.3.1.
     *
     * @param ste gets its words
     * @return false if there is none
     * @throws org.iommu4j.backend.BusErrorException if memory does not answer
     */
    public boolean read(int streamId, PhysicalMemory memory, long[] ste) {
        if (!contains(streamId)) {
            return false;
        }
        long at =
                twoLevels ? entryAddress(streamId, memory.readLongLe(level1Address(streamId))) : entryAddress(streamId);
        for (int word = 0; at != NONE && word < ste.length; word++) {
            ste[word] = memory.readLongLe(at + (long) word * Long.BYTES);
        }
        return at != NONE;
    }
}
