package org.iommu4j.upgrade.run;

import java.util.List;
import java.util.function.UnaryOperator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeFormats;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Shim;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;

/** A backend with a changed driver. */
public final class ChangedBackend implements Backend {
    private final Backend backend;
    private final UnaryOperator<Translator> change;

    /** That backend with another driver. */
    public ChangedBackend(Backend backend, UnaryOperator<Translator> change) {
        this.backend = backend;
        this.change = change;
    }

    /** The driver is the changed one in service only: the trial before it passes. */
    private Translator changed(Translator driver) {
        return Thread.currentThread().getName().equals("iommu4j-trial") ? driver : change.apply(driver);
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
        return changed(backend.createTranslator(subVersion, port));
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return changed(backend.restoreTranslator(state, port));
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
    public List<CallFormat> calls() {
        return backend.calls();
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
    public List<BindFormat> bindFormats() {
        return backend.bindFormats();
    }

    @Override
    public NativeFormats formats() {
        return backend.formats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return backend.captureFormats();
    }

    @Override
    public BenchSupport bench() {
        return backend.bench();
    }

    @Override
    public List<Shim> shims() {
        return backend.shims();
    }
}
