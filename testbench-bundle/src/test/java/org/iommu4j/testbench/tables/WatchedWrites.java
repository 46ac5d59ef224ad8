package org.iommu4j.testbench.tables;

import org.iommu4j.backend.PhysicalMemory;

/** Memory that tells of each write, after it. */
final class WatchedWrites implements PhysicalMemory {
    private final PhysicalMemory target;
    private Runnable action;

    WatchedWrites(PhysicalMemory target) {
        this.target = target;
    }

    /** Has this run after each write; null for nothing. */
    void afterEach(Runnable newAction) {
        action = newAction;
    }

    private void written() {
        if (action != null) {
            action.run();
        }
    }

    @Override
    public long readLongLe(long pa) {
        return target.readLongLe(pa);
    }

    @Override
    public long readLongBe(long pa) {
        return target.readLongBe(pa);
    }

    @Override
    public int readIntLe(long pa) {
        return target.readIntLe(pa);
    }

    @Override
    public void writeLongLe(long pa, long value) {
        target.writeLongLe(pa, value);
        written();
    }

    @Override
    public void readPairLe(long pa, long[] words) {
        target.readPairLe(pa, words);
    }

    @Override
    public void writePairLe(long pa, long first, long second) {
        target.writePairLe(pa, first, second);
        written();
    }

    @Override
    public void writeLongBe(long pa, long value) {
        target.writeLongBe(pa, value);
        written();
    }

    @Override
    public void writeIntLe(long pa, int value) {
        target.writeIntLe(pa, value);
        written();
    }

    @Override
    public void read(long pa, byte[] bytes, int offset, int length) {
        target.read(pa, bytes, offset, length);
    }

    @Override
    public void write(long pa, byte[] source, int offset, int length) {
        target.write(pa, source, offset, length);
        written();
    }

    @Override
    public boolean contains(long pa, long length) {
        return target.contains(pa, length);
    }
}
