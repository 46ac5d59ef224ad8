package org.iommu4j.core.fake;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.MemoryMapSupport;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Code;
import org.iommu4j.layout.Layout;

/** A vendor of a simple chip: what a test wants to go wrong does. */
public final class FakeBackend implements Backend {
    private static final AtomicInteger MADE = new AtomicInteger();

    /** The vendor part of a bind: requester and base address. */
    public static final Layout BIND = bind();

    /** The one call that its chips explain. */
    private static final CallFormat CALL = new CallFormat(
            CallFormat.Kind.INSTRUCTION,
            "FAKE_CALL",
            0xb9d3,
            List.of(
                    CallFormat.Operand.field("handle", 0, 32, 32, "function"),
                    CallFormat.Operand.word("start", 1, "first address")),
            List.of(CallFormat.Operand.field("status", 0, 24, 8, "")),
            List.of(Code.code(0, "done")),
            "2.3");

    private final String version;
    private final Journal journal;
    private final Traps traps = new Traps();
    /** First byte of a record of a fault; the second is the device. */
    static final byte FAULT = 7;

    private final List<PageRequest> pageRequests = new ArrayList<>();
    private final List<PageRequest> answered = new ArrayList<>();
    private final int number = MADE.incrementAndGet();
    private final List<Shim> shims = new ArrayList<>();
    private final List<Unbridgeable> unbridgeable = new ArrayList<>();
    private final List<BindFormat> bindFormats = new ArrayList<>();
    private final List<EffectForm> effectForms = new ArrayList<>();
    private UnaryOperator<BackendDescription> description = UnaryOperator.identity();
    private Consumer<NativePort> portUser = port -> {};
    private List<Generation> generations;
    private int stateWritten = 1;
    private Consumer<Completion> completions = completion -> {};
    private long piecePages = Long.MAX_VALUE;
    private int stateOldestRead = 1;
    private MemoryMapSupport memoryMaps = new MemoryMapSupport(1L << 12 | 1L << 21 | 1L << 30, 48);
    private FakeTranslator driver;

    /** Pages of the host that each of its drivers and virtual IOMMUs takes. */
    public static final int DRIVER_PAGES = 2;

    /** A sound backend of generations 1 and 2. */
    public FakeBackend(String version, Journal journal) {
        this.version = version;
        this.journal = journal;
        this.generations = List.of(generation(1), generation(2));
    }

    private static Layout bind() {
        Layout.Builder layout = Layout.named("FAKE_BIND").size(128).littleEndian();
        layout.bits("requester", 15, 0);
        layout.bits("base", 127, 64);
        return layout.build();
    }

    /** A generation with payloads of 0 or 16 bytes. */
    public static Generation generation(int subVersion, String... capabilities) {
        return new Generation(subVersion, "g" + subVersion, Set.of(0, 16), 12, 20, 46, Set.of(capabilities), Set.of());
    }

    /** Serves other generations. */
    public FakeBackend serving(Generation... others) {
        generations = Arrays.asList(others);
        return this;
    }

    /** Reads and writes other state versions. */
    public FakeBackend states(int oldestRead, int written) {
        stateOldestRead = oldestRead;
        stateWritten = written;
        return this;
    }

    /** Brings a shim. */
    public FakeBackend with(Shim shim) {
        shims.add(shim);
        return this;
    }

    /** Has another format of binds, beside that of all generations from 1 on. */
    public FakeBackend with(BindFormat format) {
        bindFormats.add(format);
        return this;
    }

    /** Has a form of effects. */
    public FakeBackend with(EffectForm form) {
        effectForms.add(form);
        return this;
    }

    /** Forbids a pair of generations. */
    public FakeBackend forbidding(int from, int to) {
        unbridgeable.add(new Unbridgeable(from, to, "F1", "it would not do"));
        return this;
    }

    /** Says something else about itself. */
    public FakeBackend saying(UnaryOperator<BackendDescription> lie) {
        description = lie;
        return this;
    }

    /** Lets its drivers do something with their port before each invalidation. */
    public FakeBackend portUser(Consumer<NativePort> use) {
        portUser = use;
        return this;
    }

    void usePort(NativePort port) {
        if (!Traps.isTrial()) {
            portUser.accept(port);
        }
    }

    /** The traps of the backend, by which it goes wrong. */
    public Traps traps() {
        return traps;
    }

    /** The version of the backend. */
    public String version() {
        return version;
    }

    /** Takes other memory maps, or none. */
    public FakeBackend memoryMaps(MemoryMapSupport other) {
        memoryMaps = other;
        return this;
    }

    MemoryMapSupport memoryMaps() {
        return memoryMaps;
    }

    /** Mappings that its newest driver has in a domain; null if the domain has no map. */
    public List<Mapping> memoryOf(int domain) {
        return driver.memoryOf(domain);
    }

    @Override
    public NativeFormats formats() {
        return new NativeFormats() {
            @Override
            public OptionalInt eventRequester(byte[] record) {
                traps.pass("eventRequester");
                return record[0] == FAULT ? OptionalInt.of(record[1]) : OptionalInt.empty();
            }
        };
    }

    /** The page requests that its newest chip has taken, and that no driver has handed on. */
    public List<PageRequest> pageRequests() {
        return pageRequests;
    }

    /** The groups that were answered, by their last requests. */
    public List<PageRequest> answered() {
        return answered;
    }

    /** Carries long requests out so many pages at a time. */
    public FakeBackend pieces(long pages) {
        piecePages = pages;
        return this;
    }

    /** Shows the completions that it is given. */
    public void completions(Consumer<Completion> listener) {
        completions = listener;
    }

    void given(Completion completion) {
        completions.accept(completion);
    }

    long piecePages() {
        return piecePages;
    }

    int stateWritten() {
        return stateWritten;
    }

    Journal journal() {
        return journal;
    }

    @Override
    public BackendDescription describe() {
        traps.pass("describe");
        return description.apply(
                new BackendDescription(IommuModel.INTEL, "fake", version, generations, stateWritten, stateOldestRead));
    }

    /** Number that tells this backend from others of its kind. */
    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        traps.pass("meaning");
        return "fake " + number;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        traps.pass("createHardware");
        return new FakeHardware(this, config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        traps.pass("restoreHardware");
        readable(state);
        return FakeHardware.restored(this, state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        traps.pass("createTranslator");
        port.platform().allocatePages(DRIVER_PAGES);
        driver = new FakeTranslator(this, subVersion, port);
        return driver;
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        traps.pass("restoreTranslator");
        readable(state);
        driver = FakeTranslator.restored(this, state, port);
        return driver;
    }

    @Override
    public void checkGuest(HardwareConfig guest, HardwareConfig host) {
        traps.pass("checkGuest");
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        traps.pass("createGuestDecoder");
        return new FakeDecoder(this, 0);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        traps.pass("restoreGuestDecoder");
        readable(state);
        return FakeDecoder.restored(this, state);
    }

    @Override
    public List<Layout> layouts() {
        traps.pass("layouts");
        return List.of(BIND);
    }

    @Override
    public List<CallFormat> calls() {
        traps.pass("calls");
        return List.of(CALL);
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        traps.pass("captureFormats");
        return List.of();
    }

    @Override
    public List<BindFormat> bindFormats() {
        traps.pass("bindFormats");
        List<BindFormat> formats = new ArrayList<>(bindFormats);
        formats.add(new BindFormat(Uapi.BIND_PGTABLE, IommuModel.INTEL, 1, 0, BIND, BIND.field("base")));
        return List.copyOf(formats);
    }

    @Override
    public List<Shim> shims() {
        traps.pass("shims");
        return List.copyOf(shims);
    }

    @Override
    public List<EffectForm> effectForms() {
        traps.pass("effectForms");
        return List.copyOf(effectForms);
    }

    @Override
    public List<Unbridgeable> unbridgeable() {
        traps.pass("unbridgeable");
        return List.copyOf(unbridgeable);
    }

    private void readable(Snapshot state) {
        if (state.version() < stateOldestRead || state.version() > stateWritten) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "state version " + state.version());
        }
    }

    @Override
    public String toString() {
        return "fake " + version;
    }
}
