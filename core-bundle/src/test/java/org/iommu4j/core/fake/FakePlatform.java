package org.iommu4j.core.fake;

import java.util.BitSet;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Errno;

/** A machine with 64 KiB of memory, and pages of the host above it that nobody reads. */
public final class FakePlatform implements Platform {
    /** Bytes of memory. */
    public static final int MEMORY_BYTES = 65536;

    /** From here on there is memory that nobody reads or writes, for maps that are longer than the rest. */
    public static final long FAR_MEMORY = 1L << 40;

    /** Bytes of a page. */
    public static final int PAGE_BYTES = 4096;

    private final PlatformConfig config;
    private final byte[] bytes = new byte[MEMORY_BYTES];
    private final BitSet hostPages = new BitSet();

    /** A page of the memory that devices do not reach; negative for none. */
    private volatile long kept = -1;

    /** A machine of that configuration. */
    public FakePlatform(PlatformConfig config) {
        this.config = config;
    }

    @Override
    public PhysicalMemory memory() {
        return new Memory();
    }

    @Override
    public PhysicalMemory deviceMemory() {
        return new DeviceMemory();
    }

    /** From now on devices do not reach that page. */
    public void keepFromDevices(long page) {
        kept = page;
    }

    @Override
    public InterruptSink interrupts() {
        return config.interrupts();
    }

    @Override
    public DevicePort devices() {
        return config.devices();
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
    }

    @Override
    public int hostAddressWidth() {
        return config.hostAddressWidth();
    }

    @Override
    public synchronized long allocatePages(int pages) {
        int first = hostPages.length();
        hostPages.set(first, first + pages);
        return MEMORY_BYTES + ((long) first << 12);
    }

    @Override
    public synchronized void freePages(long pa, int pages) {
        int first = (int) ((pa - MEMORY_BYTES) >> 12);
        if (hostPages.nextClearBit(first) < first + pages) {
            throw new BackendException(Errno.EINVAL, "not all allocated");
        }
        hostPages.clear(first, first + pages);
    }

    /** Pages of the host that are in use. */
    public synchronized int allocated() {
        return hostPages.cardinality();
    }

    private class Memory implements PhysicalMemory {
        @Override
        public long readLongLe(long pa) {
            return Long.reverseBytes(readLongBe(pa));
        }

        @Override
        public long readLongBe(long pa) {
            long value = 0;
            for (int i = 0; i < Long.BYTES; i++) {
                value = value << Byte.SIZE | (bytes[at(pa + i)] & 0xff);
            }
            return value;
        }

        @Override
        public int readIntLe(long pa) {
            int value = 0;
            for (int i = Integer.BYTES - 1; i >= 0; i--) {
                value = value << Byte.SIZE | (bytes[at(pa + i)] & 0xff);
            }
            return value;
        }

        @Override
        public void writeLongLe(long pa, long value) {
            writeLongBe(pa, Long.reverseBytes(value));
        }

        @Override
        public void readPairLe(long pa, long[] target) {
            target[0] = readLongLe(pa);
            target[1] = readLongLe(pa + Long.BYTES);
        }

        @Override
        public void writePairLe(long pa, long first, long second) {
            writeLongLe(pa, first);
            writeLongLe(pa + Long.BYTES, second);
        }

        @Override
        public void writeLongBe(long pa, long value) {
            for (int i = 0; i < Long.BYTES; i++) {
                bytes[at(pa + i)] = (byte) (value >>> (Long.SIZE - Byte.SIZE - i * Byte.SIZE));
            }
        }

        @Override
        public void writeIntLe(long pa, int value) {
            for (int i = 0; i < Integer.BYTES; i++) {
                bytes[at(pa + i)] = (byte) (value >>> (i * Byte.SIZE));
            }
        }

        @Override
        public void read(long pa, byte[] target, int offset, int length) {
            System.arraycopy(bytes, at(pa), target, offset, length);
        }

        @Override
        public void write(long pa, byte[] source, int offset, int length) {
            System.arraycopy(source, offset, bytes, at(pa), length);
        }

        @Override
        public boolean contains(long pa, long length) {
            return pa >= FAR_MEMORY || isNear(pa, length);
        }

        private boolean isNear(long pa, long length) {
            return pa >= 0 && length <= MEMORY_BYTES && pa <= MEMORY_BYTES - length;
        }

        private int at(long pa) {
            if (!isNear(pa, 1)) {
                throw new BusErrorException(pa);
            }
            return (int) pa;
        }
    }

    private final class DeviceMemory extends Memory {
        @Override
        public boolean contains(long pa, long length) {
            return super.contains(pa, length) && (kept < 0 || pa >= kept + PAGE_BYTES || pa + length <= kept);
        }
    }
}
