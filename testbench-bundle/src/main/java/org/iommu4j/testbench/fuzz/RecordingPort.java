package org.iommu4j.testbench.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntPredicate;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/**
 * The port through which a model's software works on a case's machine: every write and every call that does more than ask
 * becomes a step; adjacent writes to memory become one. Pages come from low memory, the same ones each time.
 */
final class RecordingPort implements NativePort {
    private static final long FIRST_PAGE = 0x10_0000;
    private static final int PAGE_BYTES = 4096;

    private final NativePort port;
    private final IntPredicate free;
    private final Sink sink;
    private final Machine platform = new Machine();
    private final Memory memory = new Memory();
    private final ByteArrayOutputStream pending = new ByteArrayOutputStream();
    private long pendingAt;
    private long nextPage = FIRST_PAGE;

    /** Carries out the actions of software. */
    interface Sink {
        /** A write to memory. */
        void memory(long pa, byte[] bytes);

        /** A register write. */
        void register(long offset, int sizeBytes, long value);

        /** A call, whose outcome stands in it afterwards. */
        void call(NativeCall call);
    }

    /**
     * A port of a case.
     *
     * @param free true of calls that only ask, by their function
     */
    RecordingPort(NativePort port, IntPredicate free, Sink sink) {
        this.port = port;
        this.free = free;
        this.sink = sink;
    }

    /** Carries out the writes to memory that were collected. */
    void flush() {
        if (pending.size() > 0) {
            byte[] bytes = pending.toByteArray();
            pending.reset();
            sink.memory(pendingAt, bytes);
        }
    }

    @Override
    public Platform platform() {
        return platform;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        flush();
        return port.readRegister(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        flush();
        sink.register(offset, sizeBytes, value);
    }

    @Override
    public void call(NativeCall call) {
        flush();
        if (free.test(call.function())) {
            port.call(call);
        } else {
            sink.call(call);
        }
    }

    private void write(long pa, byte[] bytes) {
        if (pending.size() > 0 && pa != pendingAt + pending.size()) {
            flush();
        }
        if (pending.size() == 0) {
            pendingAt = pa;
        }
        pending.writeBytes(bytes);
    }

    /** The machine as software sees it. */
    private final class Machine implements Platform {
        @Override
        public PhysicalMemory memory() {
            return memory;
        }

        @Override
        public InterruptSink interrupts() {
            return port.platform().interrupts();
        }

        @Override
        public DevicePort devices() {
            return port.platform().devices();
        }

        @Override
        public long nanoTime() {
            return 0;
        }

        @Override
        public int hostAddressWidth() {
            return port.platform().hostAddressWidth();
        }

        @Override
        public long allocatePages(int pages) {
            long pa = nextPage;
            nextPage += (long) pages * PAGE_BYTES;
            return pa;
        }

        @Override
        public void freePages(long pa, int pages) {
            // A case's software never ends: what it took it keeps.
        }
    }

    /** Memory, with every write noted. */
    private final class Memory implements PhysicalMemory {
        private PhysicalMemory real() {
            flush();
            return port.platform().memory();
        }

        @Override
        public long readLongLe(long pa) {
            return real().readLongLe(pa);
        }

        @Override
        public long readLongBe(long pa) {
            return real().readLongBe(pa);
        }

        @Override
        public int readIntLe(long pa) {
            return real().readIntLe(pa);
        }

        @Override
        public void readPairLe(long pa, long[] target) {
            real().readPairLe(pa, target);
        }

        @Override
        public void read(long pa, byte[] target, int offset, int length) {
            real().read(pa, target, offset, length);
        }

        @Override
        public boolean contains(long pa, long length) {
            return port.platform().memory().contains(pa, length);
        }

        @Override
        public void writeLongLe(long pa, long value) {
            RecordingPort.this.write(pa, words(ByteOrder.LITTLE_ENDIAN, value));
        }

        @Override
        public void writePairLe(long pa, long first, long second) {
            RecordingPort.this.write(pa, words(ByteOrder.LITTLE_ENDIAN, first, second));
        }

        @Override
        public void writeLongBe(long pa, long value) {
            RecordingPort.this.write(pa, words(ByteOrder.BIG_ENDIAN, value));
        }

        @Override
        public void writeIntLe(long pa, int value) {
            RecordingPort.this.write(
                    pa,
                    ByteBuffer.allocate(Integer.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(value)
                            .array());
        }

        @Override
        public void write(long pa, byte[] source, int offset, int length) {
            RecordingPort.this.write(pa, java.util.Arrays.copyOfRange(source, offset, offset + length));
        }

        private static byte[] words(ByteOrder order, long... values) {
            ByteBuffer buffer = ByteBuffer.allocate(values.length * Long.BYTES).order(order);
            for (long value : values) {
                buffer.putLong(value);
            }
            return buffer.array();
        }
    }
}
