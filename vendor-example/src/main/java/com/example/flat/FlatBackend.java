package com.example.flat;

import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
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
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Version;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/** Describes the bundle, and makes chips and drivers. */
@Component(
        service = Backend.class,
        property = {"model=intel", "generations:Integer=" + FlatFormats.GENERATION})
public final class FlatBackend implements Backend {
    static final int STATE_VERSION = 1;
    static final int ADDRESS_WIDTH = 48;

    private final String version;

    /** Takes the version from the bundle. */
    @Activate
    public FlatBackend(BundleContext context) {
        Version bundle = context.getBundle().getVersion();
        version = bundle.getMajor() + "." + bundle.getMinor() + "." + bundle.getMicro();
    }

    @Override
    public BackendDescription describe() {
        Generation generation = new Generation(
                FlatFormats.GENERATION,
                "Flat",
                Set.of(0),
                FlatFormats.PAGE_SHIFT,
                0,
                ADDRESS_WIDTH,
                Set.of(),
                Set.of());
        return new BackendDescription(
                IommuModel.INTEL, "Flat", version, List.of(generation), STATE_VERSION, STATE_VERSION);
    }

    /** A configuration that can be had: there is nothing to choose but the generation. */
    static HardwareConfig checked(HardwareConfig config) {
        generation(config.subVersion());
        if (!config.fields().isEmpty()
                || !config.registers().isEmpty()
                || !config.options().isEmpty()) {
            throw new BackendException(
                    Errno.EINVAL, "no such capability: " + config.fields() + config.registers() + config.options());
        }
        return config;
    }

    private static void generation(int subVersion) {
        if (subVersion != FlatFormats.GENERATION) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "sub_version 0x" + Integer.toHexString(subVersion) + " is no generation");
        }
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return new FlatChip(checked(config), platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return FlatChip.restored(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        generation(subVersion);
        return new FlatDriver(port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return FlatDriver.restored(state, port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        throw new BackendException(Errno.EOPNOTSUPP, "there is no virtual Flat");
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        throw new BackendException(Errno.EOPNOTSUPP, "there is no virtual Flat");
    }

    @Override
    public List<Layout> layouts() {
        return FlatFormats.LAYOUTS;
    }

    @Override
    public List<Register> registers(int subVersion) {
        return subVersion == FlatFormats.GENERATION ? FlatFormats.REGISTERS : List.of();
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of(FlatFormats.BIND_FORMAT);
    }

    @Override
    public List<Shim> shims() {
        return List.of();
    }

    @Override
    public BenchSupport bench() {
        return new FlatSoftware();
    }
}
