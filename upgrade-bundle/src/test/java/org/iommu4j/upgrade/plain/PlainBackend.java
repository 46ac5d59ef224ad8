package org.iommu4j.upgrade.plain;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;
import org.iommu4j.upgrade.Formats;

/** A vendor of a model with calls, for captures of real guests: an oracle that shares nothing with the vendors' bundles. */
public final class PlainBackend implements Backend {
    static final Layout BIND = bind();

    /** States are handed over as the objects that they are. */
    private static final Map<Integer, Object> KEPT = new ConcurrentHashMap<>();

    private final IommuModel model;
    private final String version;
    private final Function<Platform, PlainMachine> machines;

    private PlainBackend(IommuModel model, String version, Function<Platform, PlainMachine> machines) {
        this.model = model;
        this.version = version;
        this.machines = machines;
    }

    /** One for captures of sPAPR guests. */
    public static PlainBackend tce(String version) {
        return new PlainBackend(IommuModel.SPAPR, version, PlainTce::new);
    }

    /** One for captures of IBM Z guests. */
    public static PlainBackend zpci(String version) {
        return new PlainBackend(IommuModel.S390, version, PlainZpci::new);
    }

    private static Layout bind() {
        Layout.Builder layout = Layout.named("PLAIN_BIND").size(256).bigEndian();
        layout.bits("requester", 31, 0);
        layout.bits("first", 127, 64);
        layout.bits("second", 191, 128);
        layout.bits("third", 255, 192);
        return layout.build();
    }

    IommuModel model() {
        return model;
    }

    Snapshot keep(Snapshot.Kind kind, Object state) {
        int key = System.identityHashCode(state);
        KEPT.put(key, state);
        return new Snapshot(
                model, kind, 1, ByteBuffer.allocate(Integer.BYTES).putInt(key).array());
    }

    private static Object kept(Snapshot state) {
        return KEPT.get(ByteBuffer.wrap(state.bytes()).getInt());
    }

    @Override
    public BackendDescription describe() {
        List<Generation> generations = List.of(generation(1), generation(2), generation(3));
        return new BackendDescription(model, "plain", version, generations, 1, 1);
    }

    private static Generation generation(int number) {
        return new Generation(number, "g" + number, Set.of(0), 12, 0, 52, Set.of(), Set.of());
    }

    @Override
    public List<CallFormat> calls() {
        return model == IommuModel.SPAPR ? PlainTce.CALLS : PlainZpci.CALLS;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return new PlainChip(this, config, machines.apply(platform));
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return ((PlainChip) kept(state)).on(platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return new PlainDriver(this, subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return ((PlainDriver) kept(state)).on(port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, Platform platform) {
        return new PlainGuest(this, config.subVersion(), machines.apply(platform));
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        throw new UnsupportedOperationException("the virtual IOMMU needs pages");
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, Platform platform) {
        return ((PlainGuest) kept(state)).on(platform);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        throw new UnsupportedOperationException("the virtual IOMMU needs pages");
    }

    @Override
    public List<Layout> layouts() {
        return List.of(BIND);
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of(new BindFormat(Uapi.BIND_PGTABLE, model, 1, 0, BIND));
    }

    /** Those of the vendor whose guests it serves: what a capture means is no matter of the chip. */
    @Override
    public List<CaptureFormat> captureFormats() {
        return List.of(Formats.of(model.label()));
    }

    @Override
    public List<Shim> shims() {
        return List.of();
    }
}
