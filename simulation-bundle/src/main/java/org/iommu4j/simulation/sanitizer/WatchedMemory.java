package org.iommu4j.simulation.sanitizer;

import java.nio.ByteOrder;
import org.iommu4j.backend.PhysicalMemory;

/** Memory of a machine with a sanitizer: shows it what a chip reads during an access, and every write. */
public final class WatchedMemory implements PhysicalMemory {
    private static final long IN_WORD = Long.BYTES - 1;

    private final PhysicalMemory memory;
    private final TranslationSanitizer sanitizer;

    /** Watches a memory. */
    public WatchedMemory(PhysicalMemory memory, TranslationSanitizer sanitizer) {
        this.memory = memory;
        this.sanitizer = sanitizer;
    }

    @Override
    public long readLongLe(long pa) {
        return readLong(pa, ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public long readLongBe(long pa) {
        return Long.reverseBytes(readLong(pa, ByteOrder.BIG_ENDIAN));
    }

    /** The little-endian word, which somebody reads in that order. */
    private long readLong(long pa, ByteOrder order) {
        if (!sanitizer.isWalking()) {
            return memory.readLongLe(pa);
        }
        synchronized (sanitizer) {
            long value = memory.readLongLe(pa);
            sanitizer.wordRead(pa, order);
            return value;
        }
    }

    @Override
    public void readPairLe(long pa, long[] target) {
        if (!sanitizer.isWalking()) {
            memory.readPairLe(pa, target);
            return;
        }
        synchronized (sanitizer) {
            memory.readPairLe(pa, target);
            sanitizer.wordRead(pa, ByteOrder.LITTLE_ENDIAN);
            sanitizer.wordRead(pa + Long.BYTES, ByteOrder.LITTLE_ENDIAN);
        }
    }

    @Override
    public int readIntLe(long pa) {
        if (!sanitizer.isWalking()) {
            return memory.readIntLe(pa);
        }
        synchronized (sanitizer) {
            int value = memory.readIntLe(pa);
            sanitizer.wordRead(pa & ~IN_WORD, ByteOrder.LITTLE_ENDIAN);
            return value;
        }
    }

    @Override
    public void writeLongLe(long pa, long value) {
        synchronized (sanitizer) {
            memory.writeLongLe(pa, value);
            sanitizer.written(pa, Long.BYTES);
        }
    }

    @Override
    public void writePairLe(long pa, long first, long second) {
        synchronized (sanitizer) {
            memory.writePairLe(pa, first, second);
            sanitizer.written(pa, 2 * Long.BYTES);
        }
    }

    @Override
    public void writeLongBe(long pa, long value) {
        writeLongLe(pa, Long.reverseBytes(value));
    }

    @Override
    public void writeIntLe(long pa, int value) {
        synchronized (sanitizer) {
            memory.writeIntLe(pa, value);
            sanitizer.written(pa, Integer.BYTES);
        }
    }

    @Override
    public void read(long pa, byte[] target, int offset, int length) {
        if (!sanitizer.isWalking()) {
            memory.read(pa, target, offset, length);
            return;
        }
        synchronized (sanitizer) {
            memory.read(pa, target, offset, length);
            for (long word = pa & ~IN_WORD; word < pa + length; word += Long.BYTES) {
                sanitizer.wordRead(word, ByteOrder.LITTLE_ENDIAN);
            }
        }
    }

    @Override
    public void write(long pa, byte[] source, int offset, int length) {
        synchronized (sanitizer) {
            memory.write(pa, source, offset, length);
            sanitizer.written(pa, length);
        }
    }

    @Override
    public boolean contains(long pa, long length) {
        return memory.contains(pa, length);
    }
}
