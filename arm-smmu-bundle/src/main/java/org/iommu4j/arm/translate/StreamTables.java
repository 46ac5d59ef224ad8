package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.arm.table.StreamTableLevel1;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.driver.table.TablePages;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The host's stream table of two levels, IHI 0070 3.3.1: a page of 64 entries is made for a block of StreamIDs when one of them is
 * first needed. Every entry is valid and aborts until its stream is bound.
 */
final class StreamTables {
    /** Pages of the first level, so that one aligned to its size is among them. */
    static final int LEVEL_1_PAGES = 3;

    private static final int SPLIT = 6;
    private static final int SPAN = SPLIT + 1;
    private static final int TWO_LEVELS = 1;
    private static final long PAGE_BYTES = 4096;

    /** StreamIDs that the first level has descriptors for, at most. */
    private static final int MOST_STREAM_BITS = 16;

    private static final int MOST_BLOCKS = 1 << (MOST_STREAM_BITS - SPLIT);

    /** A valid entry that aborts, without an event. */
    private static final long ABORTS = StreamTableEntry.V.mask();

    private final PhysicalMemory memory;
    private final long memoryStart;
    private final long level1;
    private final int streamBits;

    /** The second level, by block of StreamIDs. */
    private final TablePages blocks;

    /**
     * Tables below a first level of zeroes.
     *
     * @param memoryStart the first of {@link #LEVEL_1_PAGES} pages
     */
    StreamTables(Platform platform, long memoryStart, int streamIdBits) {
        memory = platform.memory();
        blocks = new TablePages(platform, MOST_BLOCKS, "block of StreamIDs", "level-2 table");
        this.memoryStart = memoryStart;
        streamBits = Math.min(streamIdBits, MOST_STREAM_BITS);
        long alignment = Math.max(Long.BYTES, (long) StreamTableLevel1.BYTES << Math.max(0, streamBits - SPLIT));
        level1 = (memoryStart + alignment - 1) & -alignment;
    }

    long memoryStart() {
        return memoryStart;
    }

    /** StreamIDs that can be bound. */
    int streams() {
        return 1 << streamBits;
    }

    /** Tells the chip where the table is. */
    void program(NativePort port) {
        port.write(StreamTableBase.REGISTER, StreamTableBase.ADDR.of(level1));
        port.write(
                StreamTableBase.CONFIG,
                StreamTableBase.FMT.of(TWO_LEVELS)
                        | StreamTableBase.SPLIT.of(SPLIT)
                        | StreamTableBase.LOG2SIZE.of(streamBits));
    }

    /** Writes which blocks there are. */
    void save(SnapshotWriter out) {
        blocks.save(out);
    }

    /** Takes over blocks that are there already. */
    void load(SnapshotReader in) {
        blocks.load(in);
    }

    /**
     * Makes the entries of a stream's block if there are none.
     *
     * @return true if it made them: the chip may have cached that there are none
     * @throws org.iommu4j.backend.BackendException {@code ENOMEM}
     */
    boolean prepare(int streamId) {
        int block = streamId >>> SPLIT;
        if (blocks.has(block)) {
            return false;
        }
        long table = blocks.make(block);
        for (long at = table; at < table + PAGE_BYTES; at += StreamTableEntry.BYTES) {
            memory.writeLongLe(at, ABORTS);
        }
        memory.writeLongLe(
                level1 + (long) block * StreamTableLevel1.BYTES,
                StreamTableLevel1.L2_PTR.of(table) | StreamTableLevel1.SPAN.of(SPAN));
        return true;
    }

    /** Makes a stream abort; the rest of its entry is ignored then. */
    void block(int streamId) {
        if (blocks.has(streamId >>> SPLIT)) {
            memory.writeLongLe(entry(streamId), ABORTS);
        }
    }

    /** Replaces the entry of a stream that aborts: its first word last, so that the chip never sees half of each. */
    void write(int streamId, long[] words) {
        long entry = entry(streamId);
        for (int word = StreamTableEntry.WORDS - 1; word >= 0; word--) {
            memory.writeLongLe(entry + (long) word * Long.BYTES, words[word]);
        }
    }

    private long entry(int streamId) {
        return blocks.address(streamId >>> SPLIT) + (long) (streamId & ((1 << SPLIT) - 1)) * StreamTableEntry.BYTES;
    }
}
