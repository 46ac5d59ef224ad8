package org.iommu4j.upgrade.record;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.iommu4j.backend.PhysicalMemory;

/**
 * A unit's memory as its clients have it: what they write is recorded, in order with what the chip does. The chip itself has
 * the plain memory.
 */
final class RecordedMemory implements PhysicalMemory {
    private final PhysicalMemory memory;
    private final RecordedUnit unit;

    RecordedMemory(PhysicalMemory memory, RecordedUnit unit) {
        this.memory = memory;
        this.unit = unit;
    }

    @Override
    public long readLongLe(long pa) {
        return memory.readLongLe(pa);
    }

    @Override
    public long readLongBe(long pa) {
        return memory.readLongBe(pa);
    }

    @Override
    public int readIntLe(long pa) {
        return memory.readIntLe(pa);
    }

    @Override
    public void readPairLe(long pa, long[] target) {
        memory.readPairLe(pa, target);
    }

    @Override
    public void read(long pa, byte[] target, int offset, int length) {
        memory.read(pa, target, offset, length);
    }

    @Override
    public boolean contains(long pa, long length) {
        return memory.contains(pa, length);
    }

    @Override
    public void writeLongLe(long pa, long value) {
        unit.wrote(() -> memory.writeLongLe(pa, value), pa, words(ByteOrder.LITTLE_ENDIAN, value));
    }

    @Override
    public void writePairLe(long pa, long first, long second) {
        unit.wrote(() -> memory.writePairLe(pa, first, second), pa, words(ByteOrder.LITTLE_ENDIAN, first, second));
    }

    @Override
    public void writeLongBe(long pa, long value) {
        unit.wrote(() -> memory.writeLongBe(pa, value), pa, words(ByteOrder.BIG_ENDIAN, value));
    }

    @Override
    public void writeIntLe(long pa, int value) {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        unit.wrote(() -> memory.writeIntLe(pa, value), pa, bytes.putInt(value).flip());
    }

    @Override
    public void write(long pa, byte[] source, int offset, int length) {
        // The memory itself says what is wrong with the place in the array.
        boolean sound = offset >= 0 && length >= 0 && length <= source.length - offset;
        ByteBuffer bytes = sound ? ByteBuffer.wrap(source, offset, length) : ByteBuffer.allocate(0);
        unit.wrote(() -> memory.write(pa, source, offset, length), pa, bytes);
    }

    private static ByteBuffer words(ByteOrder order, long... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Long.BYTES).order(order);
        for (long value : values) {
            bytes.putLong(value);
        }
        return bytes.flip();
    }
}
