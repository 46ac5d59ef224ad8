package org.iommu4j.simulation.platform;

import org.iommu4j.backend.MemoryReadListener;
import org.iommu4j.backend.PhysicalMemory;

/** Memory of a machine with somebody who sees each read. */
final class ObservedMemory implements PhysicalMemory {
    private static final int IN_WORD = Long.BYTES - 1;

    private final PhysicalMemory memory;
    private final MemoryReadListener listener;

    /** Shows the reads of a memory. */
    ObservedMemory(PhysicalMemory memory, MemoryReadListener listener) {
        this.memory = memory;
        this.listener = listener;
    }

    @Override
    public long readLongLe(long pa) {
        long value = memory.readLongLe(pa);
        listener.read(pa, Long.BYTES);
        return value;
    }

    @Override
    public long readLongBe(long pa) {
        long value = memory.readLongBe(pa);
        listener.read(pa, Long.BYTES);
        return value;
    }

    @Override
    public int readIntLe(long pa) {
        int value = memory.readIntLe(pa);
        listener.read(pa, Integer.BYTES);
        return value;
    }

    @Override
    public void readPairLe(long pa, long[] target) {
        memory.readPairLe(pa, target);
        listener.read(pa, 2 * Long.BYTES);
    }

    /** Word by word: no bus reads more in one piece. */
    @Override
    public void read(long pa, byte[] target, int offset, int length) {
        int done = 0;
        do {
            int piece = Math.min(length - done, Long.BYTES - ((int) (pa + done) & IN_WORD));
            memory.read(pa + done, target, offset + done, piece);
            listener.read(pa + done, piece);
            done += piece;
        } while (done < length);
    }

    @Override
    public void writeLongLe(long pa, long value) {
        memory.writeLongLe(pa, value);
    }

    @Override
    public void writeLongBe(long pa, long value) {
        memory.writeLongBe(pa, value);
    }

    @Override
    public void writeIntLe(long pa, int value) {
        memory.writeIntLe(pa, value);
    }

    @Override
    public void writePairLe(long pa, long first, long second) {
        memory.writePairLe(pa, first, second);
    }

    @Override
    public void write(long pa, byte[] source, int offset, int length) {
        memory.write(pa, source, offset, length);
    }

    @Override
    public boolean contains(long pa, long length) {
        return memory.contains(pa, length);
    }
}
