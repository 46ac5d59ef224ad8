package org.iommu4j.testing;

import java.util.List;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.EffectForm;
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
import org.iommu4j.contract.BindFormat;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** A backend that passes every call on to another one. A test changes what it needs to by overriding it. */
public class ForwardingBackend implements Backend {
    private final Backend target;

    /** Passes calls on to {@code target}. */
    public ForwardingBackend(Backend target) {
        this.target = target;
    }

    @Override
    public BackendDescription describe() {
        return target.describe();
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return target.createHardware(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return target.restoreHardware(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return target.createTranslator(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return target.restoreTranslator(state, port);
    }

    @Override
    public void checkGuest(HardwareConfig guest, HardwareConfig host) {
        target.checkGuest(guest, host);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return target.createGuestDecoder(config, memory);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return target.restoreGuestDecoder(state, memory);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, Platform platform) {
        return target.createGuestDecoder(config, platform);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, Platform platform) {
        return target.restoreGuestDecoder(state, platform);
    }

    @Override
    public List<Layout> layouts() {
        return target.layouts();
    }

    @Override
    public List<CommandFormat> commands() {
        return target.commands();
    }

    @Override
    public List<CallFormat> calls() {
        return target.calls();
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return target.payloads(subVersion);
    }

    @Override
    public List<Register> registers(int subVersion) {
        return target.registers(subVersion);
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return target.meaning(layout, field, words);
    }

    @Override
    public List<Setting> settings() {
        return target.settings();
    }

    @Override
    public List<BindFormat> bindFormats() {
        return target.bindFormats();
    }

    @Override
    public List<Shim> shims() {
        return target.shims();
    }

    @Override
    public List<EffectForm> effectForms() {
        return target.effectForms();
    }

    @Override
    public List<Unbridgeable> unbridgeable() {
        return target.unbridgeable();
    }

    @Override
    public NativeFormats formats() {
        return target.formats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return target.captureFormats();
    }

    @Override
    public BenchSupport bench() {
        return target.bench();
    }
}
