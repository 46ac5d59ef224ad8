package org.iommu4j.spapr.component;

import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.spapr.SpaprBackend;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Registers the sPAPR TCE backend as a service. */
@Component(service = Backend.class, property = "model=spapr")
public final class SpaprBackendComponent implements Backend {
    private final SpaprBackend backend;

    /** Takes the version from the bundle. */
    @Activate
    public SpaprBackendComponent(BundleContext context) {
        Version version = context.getBundle().getVersion();
        backend = new SpaprBackend(version.getMajor() + "." + version.getMinor() + "." + version.getMicro());
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
    public GuestDecoder createGuestDecoder(HardwareConfig config, Platform platform) {
        return backend.createGuestDecoder(config, platform);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, Platform platform) {
        return backend.restoreGuestDecoder(state, platform);
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
    public String meaning(Layout layout, BitField field, long... words) {
        return backend.meaning(layout, field, words);
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
    public BenchSupport bench() {
        return backend.bench();
    }
}
