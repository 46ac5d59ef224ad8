package org.iommu4j.core.fake;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.IommuModel;

/**
 * A chip of 64-bit registers. Register {@code MAP + 8 * requester} holds the base address of a device plus one, or zero for
 * a blocked device; a write to {@code COMMAND} is a command, one to {@code RAISE} an interrupt.
 */
final class FakeHardware implements Hardware {
    static final long COMMAND = 0x10;
    static final long RAISE = 0x18;
    static final long MAP = 0x1000;
    private static final int REGISTERS = 1024;

    private final FakeBackend backend;
    private final HardwareConfig config;
    private final Platform platform;
    private final long[] registers = new long[REGISTERS];
    private final List<byte[]> faults = new ArrayList<>();
    private long commands;
    private long hits;
    private boolean stepping;

    FakeHardware(FakeBackend backend, HardwareConfig config, Platform platform) {
        this.backend = backend;
        this.config = config;
        this.platform = platform;
    }

    static FakeHardware restored(FakeBackend backend, Snapshot state, Platform platform) {
        ByteBuffer in = ByteBuffer.wrap(state.bytes());
        FakeHardware hardware = new FakeHardware(backend, HardwareConfig.of(in.getInt()), platform);
        while (in.hasRemaining()) {
            hardware.registers[in.getInt()] = in.getLong();
        }
        return hardware;
    }

    @Override
    public HardwareConfig config() {
        backend.traps().pass("config");
        return config;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        backend.traps().pass("readRegister");
        return registers[(int) offset / Long.BYTES];
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        backend.traps().pass("writeRegister");
        if (offset == COMMAND) {
            commands++;
        } else if (offset == RAISE) {
            platform.interrupts().raise(0xfee00000L, (int) value);
        } else {
            registers[(int) offset / Long.BYTES] = value;
        }
    }

    @Override
    public void call(NativeCall call) {
        backend.traps().pass("call");
        call.result(call.function() + 1L);
    }

    @Override
    public void translate(DmaAccess access) {
        backend.traps().pass("translate");
        long base = registers[(int) MAP / Long.BYTES + access.requester()];
        if (base == 0) {
            access.fault(1, true);
            faults.add(new byte[] {FakeBackend.FAULT, (byte) access.requester()});
        } else {
            hits++;
            access.translated(base - 1 + access.iova(), 4096, access.rights(), true);
        }
    }

    @Override
    public PageRequest.Outcome request(PageRequest request) {
        backend.traps().pass("request");
        backend.pageRequests().add(request);
        return PageRequest.Outcome.QUEUED;
    }

    @Override
    public void stepping(boolean on) {
        backend.traps().pass("stepping");
        stepping = on;
    }

    @Override
    public int step(int count) {
        backend.traps().pass("step");
        return stepping ? count : 0;
    }

    @Override
    public Snapshot save() {
        backend.traps().pass("saveHardware");
        ByteBuffer out = ByteBuffer.allocate(Integer.BYTES + REGISTERS * (Integer.BYTES + Long.BYTES));
        out.putInt(config.subVersion());
        for (int i = 0; i < REGISTERS; i++) {
            out.putInt(i).putLong(registers[i]);
        }
        return new Snapshot(IommuModel.INTEL, Snapshot.Kind.HARDWARE, backend.stateWritten(), out.array());
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        backend.traps().pass("takeEvents");
        if (faults.isEmpty()) {
            sink.accept(new byte[] {1});
            sink.accept(new byte[] {2});
        }
        faults.forEach(sink);
        faults.clear();
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        backend.traps().pass("visitCache");
        visitor.entry("iotlb", 1, -1, 0x1000, 4096, 0x2000);
    }

    @Override
    public HardwareCounters counters() {
        backend.traps().pass("counters");
        return new HardwareCounters(commands, hits, 0, 0, 0);
    }
}
