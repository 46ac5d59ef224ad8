package org.iommu4j.arm.hardware;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.simulation.memory.SparseMemory;

/** A machine of which single words of memory do not answer. */
final class FaultyMachine implements Platform {
    static final int HOST_ADDRESS_WIDTH = 52;

    final Set<Long> aborting = new HashSet<>();
    final PhysicalMemory all = new SparseMemory(List.of());
    private final PhysicalMemory memory = new FaultyMemory();
    private final InterruptSink interrupts;
    private final DevicePort devices;

    FaultyMachine(InterruptSink interrupts, DevicePort devices) {
        this.interrupts = interrupts;
        this.devices = devices;
    }

    @Override
    public PhysicalMemory memory() {
        return memory;
    }

    @Override
    public InterruptSink interrupts() {
        return interrupts;
    }

    @Override
    public DevicePort devices() {
        return devices;
    }

    @Override
    public long nanoTime() {
        return 0;
    }

    @Override
    public int hostAddressWidth() {
        return HOST_ADDRESS_WIDTH;
    }

    @Override
    public long allocatePages(int pages) {
        throw new UnsupportedOperationException("no host here");
    }

    @Override
    public void freePages(long pa, int pages) {
        throw new UnsupportedOperationException("no host here");
    }

    private final class FaultyMemory implements PhysicalMemory {
        private long checked(long pa) {
            if (aborting.contains(pa & -Long.BYTES)) {
                throw new BusErrorException(pa);
            }
            return pa;
        }

        @Override
        public long readLongLe(long pa) {
            return all.readLongLe(checked(pa));
        }

        @Override
        public long readLongBe(long pa) {
            return all.readLongBe(checked(pa));
        }

        @Override
        public int readIntLe(long pa) {
            return all.readIntLe(checked(pa));
        }

        @Override
        public void writeLongLe(long pa, long value) {
            all.writeLongLe(checked(pa), value);
        }

        @Override
        public void readPairLe(long pa, long[] target) {
            all.readPairLe(checked(pa), target);
        }

        @Override
        public void writePairLe(long pa, long first, long second) {
            all.writePairLe(checked(pa), first, second);
        }

        @Override
        public void writeLongBe(long pa, long value) {
            all.writeLongBe(checked(pa), value);
        }

        @Override
        public void writeIntLe(long pa, int value) {
            all.writeIntLe(checked(pa), value);
        }

        @Override
        public void read(long pa, byte[] target, int offset, int length) {
            all.read(checked(pa), target, offset, length);
        }

        @Override
        public void write(long pa, byte[] source, int offset, int length) {
            all.write(checked(pa), source, offset, length);
        }

        @Override
        public boolean contains(long pa, long length) {
            return all.contains(pa, length);
        }
    }
}
