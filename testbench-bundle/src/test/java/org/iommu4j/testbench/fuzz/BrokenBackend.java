package org.iommu4j.testbench.fuzz;

import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.intel.VtdBackend;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** A vendor's bundle with one thing broken. */
class BrokenBackend implements Backend {
    private final Backend backend;

    /** VT-d's bundle. */
    BrokenBackend() {
        this(new VtdBackend());
    }

    /** Any vendor's bundle. */
    BrokenBackend(Backend backend) {
        this.backend = backend;
    }

    @Override
    public BackendDescription describe() {
        return backend.describe();
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return backend.createHardware(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return backend.restoreHardware(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return backend.createTranslator(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return backend.restoreTranslator(state, port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return backend.createGuestDecoder(config, memory);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return backend.restoreGuestDecoder(state, memory);
    }

    @Override
    public List<Layout> layouts() {
        return backend.layouts();
    }

    @Override
    public List<CommandFormat> commands() {
        return backend.commands();
    }

    @Override
    public List<CallFormat> calls() {
        return backend.calls();
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return backend.payloads(subVersion);
    }

    @Override
    public List<Register> registers(int subVersion) {
        return backend.registers(subVersion);
    }

    @Override
    public List<BindFormat> bindFormats() {
        return backend.bindFormats();
    }

    @Override
    public List<Shim> shims() {
        return backend.shims();
    }

    @Override
    public NativeFormats formats() {
        return backend.formats();
    }

    @Override
    public BenchSupport bench() {
        return backend.bench();
    }

    /** VT-d's bundle whose chips are changed. */
    static Backend withChip(UnaryOperator<Hardware> change) {
        return withChip(new VtdBackend(), change);
    }

    /** A bundle whose chips are changed. */
    static Backend withChip(Backend backend, UnaryOperator<Hardware> change) {
        return new BrokenBackend(backend) {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return change.apply(super.createHardware(config, platform));
            }
        };
    }

    /** A bundle whose chips are others, made in place of its own. */
    static Backend withChips(Backend backend, BiFunction<HardwareConfig, Platform, Hardware> make) {
        return new BrokenBackend(backend) {
            @Override
            public Hardware createHardware(HardwareConfig config, Platform platform) {
                return make.apply(config, platform);
            }
        };
    }

    /** VT-d's bundle whose drivers are changed. */
    static Backend withDriver(BiFunction<Translator, NativePort, Translator> change) {
        return withDriver(new VtdBackend(), change);
    }

    /** A bundle whose drivers are changed. */
    static Backend withDriver(Backend backend, BiFunction<Translator, NativePort, Translator> change) {
        return new BrokenBackend(backend) {
            @Override
            public Translator createTranslator(int subVersion, NativePort port) {
                return change.apply(super.createTranslator(subVersion, port), port);
            }
        };
    }

    /** A chip that passes everything on. */
    static class Chip implements Hardware {
        private final Hardware hardware;

        Chip(Hardware hardware) {
            this.hardware = hardware;
        }

        @Override
        public HardwareConfig config() {
            return hardware.config();
        }

        @Override
        public long readRegister(long offset, int sizeBytes) {
            return hardware.readRegister(offset, sizeBytes);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            hardware.writeRegister(offset, sizeBytes, value);
        }

        @Override
        public void translate(DmaAccess access) {
            hardware.translate(access);
        }

        @Override
        public void call(NativeCall call) {
            hardware.call(call);
        }

        @Override
        public void stepping(boolean on) {
            hardware.stepping(on);
        }

        @Override
        public int step(int commands) {
            return hardware.step(commands);
        }

        @Override
        public Snapshot save() {
            return hardware.save();
        }

        @Override
        public void takeEvents(Consumer<byte[]> sink) {
            hardware.takeEvents(sink);
        }

        @Override
        public void visitCache(CacheVisitor visitor) {
            hardware.visitCache(visitor);
        }

        @Override
        public HardwareCounters counters() {
            return hardware.counters();
        }
    }

    /** A driver that passes everything on. */
    static class Driver implements Translator {
        private final Translator translator;

        Driver(Translator translator) {
            this.translator = translator;
        }

        @Override
        public int subVersion() {
            return translator.subVersion();
        }

        @Override
        public int openDomain(int domain, Completion completion) {
            return translator.openDomain(domain, completion);
        }

        @Override
        public int closeDomain(int domain, Completion completion) {
            return translator.closeDomain(domain, completion);
        }

        @Override
        public int attach(int domain, int requester, long table, int levels, Completion completion) {
            return translator.attach(domain, requester, table, levels, completion);
        }

        @Override
        public int detach(int domain, int requester, Completion completion) {
            return translator.detach(domain, requester, completion);
        }

        @Override
        public int bind(int domain, BindRequest request, Completion completion) {
            return translator.bind(domain, request, completion);
        }

        @Override
        public int invalidate(int domain, InvalidateRequest request, Completion completion) {
            return translator.invalidate(domain, request, completion);
        }

        @Override
        public int finish(Completion completion) {
            return translator.finish(completion);
        }

        @Override
        public Snapshot save() {
            return translator.save();
        }

        @Override
        public void tap(NativeCommandListener listener) {
            translator.tap(listener);
        }
    }
}
