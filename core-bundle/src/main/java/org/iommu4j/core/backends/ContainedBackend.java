package org.iommu4j.core.backends;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Setting;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.log.LogFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * A backend as users of the core have it, who may keep it for longer than its bundle stays. What it throws becomes a
 * {@link BackendException}, whatever it is; once its bundle is leaving every question is answered with {@code ENODEV}, as its
 * classes may be unloaded at any moment. Nothing of the bundle is held here.
 */
final class ContainedBackend implements Backend {
    private final BackendEntry entry;
    private final NativeFormats formats = new ContainedFormats();
    private final BenchSupport bench = new ContainedBench();

    ContainedBackend(BackendEntry entry) {
        this.entry = entry;
    }

    private <T> T asked(Function<Backend, T> question) {
        BackendEntry.Parts present = entry.parts();
        if (present == null) {
            throw Contained.hasLeft(entry);
        }
        return Contained.asked(entry, () -> question.apply(present.backend()));
    }

    /** Plain data, known since it came. */
    @Override
    public BackendDescription describe() {
        return entry.description();
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return asked(backend -> backend.createHardware(config, platform));
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return asked(backend -> backend.restoreHardware(state, platform));
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return asked(backend -> backend.createTranslator(subVersion, port));
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return asked(backend -> backend.restoreTranslator(state, port));
    }

    @Override
    public void checkGuest(HardwareConfig guest, HardwareConfig host) {
        asked(backend -> {
            backend.checkGuest(guest, host);
            return null;
        });
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return asked(backend -> backend.createGuestDecoder(config, memory));
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return asked(backend -> backend.restoreGuestDecoder(state, memory));
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, Platform platform) {
        return asked(backend -> backend.createGuestDecoder(config, platform));
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, Platform platform) {
        return asked(backend -> backend.restoreGuestDecoder(state, platform));
    }

    @Override
    public List<Layout> layouts() {
        return asked(Backend::layouts);
    }

    @Override
    public List<CommandFormat> commands() {
        return asked(Backend::commands);
    }

    @Override
    public List<CallFormat> calls() {
        return asked(Backend::calls);
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return asked(backend -> backend.payloads(subVersion));
    }

    @Override
    public List<Register> registers(int subVersion) {
        return asked(backend -> backend.registers(subVersion));
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return asked(backend -> backend.meaning(layout, field, words));
    }

    @Override
    public List<Setting> settings() {
        return asked(Backend::settings);
    }

    @Override
    public List<BindFormat> bindFormats() {
        return asked(Backend::bindFormats);
    }

    @Override
    public List<Shim> shims() {
        return asked(Backend::shims);
    }

    @Override
    public List<EffectForm> effectForms() {
        return asked(Backend::effectForms);
    }

    @Override
    public List<Unbridgeable> unbridgeable() {
        return asked(Backend::unbridgeable);
    }

    @Override
    public NativeFormats formats() {
        return formats;
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return asked(Backend::captureFormats);
    }

    @Override
    public BenchSupport bench() {
        return bench;
    }

    /** The formats that the backend recognizes in bytes; contained as the backend itself is. */
    private final class ContainedFormats implements NativeFormats {
        private <T> T ask(Function<NativeFormats, T> question) {
            return asked(backend -> question.apply(backend.formats()));
        }

        @Override
        public String eventFormat(byte[] record) {
            return ask(known -> known.eventFormat(record));
        }

        @Override
        public OptionalInt eventRequester(byte[] record) {
            return ask(known -> known.eventRequester(record));
        }

        @Override
        public int deviceBits() {
            return ask(NativeFormats::deviceBits);
        }

        @Override
        public String entryFormat(String what) {
            return ask(known -> known.entryFormat(what));
        }

        @Override
        public String commandRegister(byte[] command) {
            return ask(known -> known.commandRegister(command));
        }

        @Override
        public boolean isCompletion(byte[] command) {
            return ask(known -> known.isCompletion(command));
        }

        @Override
        public List<LogFormat> logFormats() {
            return ask(NativeFormats::logFormats);
        }
    }

    /** The backend's support of test benches; contained as the backend itself is. */
    private final class ContainedBench implements BenchSupport {
        private <T> T ask(Function<BenchSupport, T> question) {
            return asked(backend -> question.apply(backend.bench()));
        }

        @Override
        public int generation() {
            return ask(BenchSupport::generation);
        }

        @Override
        public int hostAddressWidth(HardwareConfig config) {
            return ask(support -> support.hostAddressWidth(config));
        }

        @Override
        public String faultName(int code) {
            return ask(support -> support.faultName(code));
        }

        @Override
        public int eventCode(byte[] record) {
            return ask(support -> support.eventCode(record));
        }

        @Override
        public String eventFormat(byte[] record) {
            return ask(support -> support.eventFormat(record));
        }

        @Override
        public String entryFormat(String what) {
            return ask(support -> support.entryFormat(what));
        }

        @Override
        public String commandRegister(byte[] command) {
            return ask(support -> support.commandRegister(command));
        }

        @Override
        public void enableInterrupts(NativePort port) {
            ask(support -> {
                support.enableInterrupts(port);
                return null;
            });
        }

        @Override
        public long relocated(String anchor, long offset, NativePort port) {
            return ask(support -> support.relocated(anchor, offset, port));
        }

        @Override
        public boolean isCompletion(byte[] command) {
            return ask(support -> support.isCompletion(command));
        }

        @Override
        public byte[] completeBlock(CallFormat format, byte[] given) {
            return ask(support -> support.completeBlock(format, given));
        }

        @Override
        public FuzzSupport fuzz() {
            return ask(BenchSupport::fuzz);
        }
    }
}
