package org.iommu4j.intel;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.MemoryMapSupport;
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
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.capture.VtdCaptureFormat;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.ExtendedIotlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdMeanings;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.intel.fuzz.VtdFuzzSupport;
import org.iommu4j.intel.guest.VtdGuestDecoder;
import org.iommu4j.intel.hardware.SimulatedVtd;
import org.iommu4j.intel.hardware.VtdLayouts;
import org.iommu4j.intel.shim.DescriptorShim;
import org.iommu4j.intel.shim.DescriptorToRegisterImage;
import org.iommu4j.intel.shim.ExtendedContextShim;
import org.iommu4j.intel.shim.RegisterImageToDescriptor;
import org.iommu4j.intel.translate.VtdTranslator;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * Intel VT-d: generations 0x0100 (registers only) and 0x0110 (invalidation queue) in legacy mode, 0x0300, 0x0400 and 0x0500 in scalable
 * mode. Clients may also speak 0x0200, extended-context mode, which shims turn into those.
 */
public class VtdBackend implements Backend {
    /** Version of the state that every part writes. */
    static final int STATE_VERSION = 1;

    private static final List<Generation> GENERATIONS = List.of(
            new Generation(
                    VtdGeneration.LEGACY_REG,
                    "VTD_LEGACY_REG",
                    Set.of(0, RegisterImage.LAYOUT.sizeBytes()),
                    12,
                    0,
                    39,
                    Set.of("page-selective", "leaf-hint", MemoryMapSupport.CAPABILITY),
                    Set.of()),
            new Generation(
                    VtdGeneration.LEGACY_QI,
                    "VTD_LEGACY_QI",
                    Set.of(0, RegisterImage.LAYOUT.sizeBytes()),
                    12,
                    0,
                    48,
                    Set.of(
                            "page-selective",
                            "leaf-hint",
                            "queue",
                            "device-tlb",
                            "pass-through",
                            MemoryMapSupport.CAPABILITY),
                    Set.of()),
            scalable(VtdGeneration.SCALABLE, "VTD_SM3", Set.of()),
            scalable(VtdGeneration.WIDE_TYPE, "VTD_SM4", Set.of("accessed-dirty")),
            scalable(VtdGeneration.HOST_PERMISSIONS, "VTD_SM5", Set.of("accessed-dirty", "supervisor")));

    private static Generation scalable(int subVersion, String name, Set<String> more) {
        Set<String> capabilities = new HashSet<>(
                Set.of("page-selective", "leaf-hint", "queue", "device-tlb", "pass-through", "pasid", "first-stage"));
        capabilities.add(MemoryMapSupport.CAPABILITY);
        capabilities.addAll(more);
        return new Generation(
                subVersion, name, Set.of(0, RegisterImage.LAYOUT.sizeBytes()), 12, 20, 48, capabilities, Set.of());
    }

    private final BackendDescription description;

    /** The backend as it is built, outside a framework. */
    public VtdBackend() {
        this("1.3.0");
    }

    /**
     * The backend of a bundle.
     *
     * @param version of the bundle, as {@code major.minor.micro}
     */
    public VtdBackend(String version) {
        description = new BackendDescription(
                IommuModel.INTEL, "Intel VT-d", version, GENERATIONS, STATE_VERSION, STATE_VERSION);
    }

    @Override
    public BackendDescription describe() {
        return description;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return SimulatedVtd.create(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return SimulatedVtd.restore(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return VtdTranslator.create(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return VtdTranslator.restore(state, port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return new VtdGuestDecoder(config, memory);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return VtdGuestDecoder.restore(state, memory);
    }

    @Override
    public List<Layout> layouts() {
        return VtdLayouts.all();
    }

    @Override
    public List<CommandFormat> commands() {
        return List.of(VtdCommand.values());
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return switch (subVersion) {
            case VtdGeneration.LEGACY_REG -> List.of(RegisterImage.LAYOUT);
            case VtdGeneration.EXTENDED_CONTEXT ->
                List.of(
                        IotlbInvalidate.LAYOUT,
                        DeviceTlbInvalidate.LAYOUT,
                        ExtendedIotlbInvalidate.LAYOUT,
                        PasidCacheInvalidate.LAYOUT,
                        PasidDeviceTlbInvalidate.LAYOUT);
            case VtdGeneration.LEGACY_QI,
                    VtdGeneration.SCALABLE,
                    VtdGeneration.WIDE_TYPE,
                    VtdGeneration.HOST_PERMISSIONS ->
                commands().stream()
                        .filter(command -> command.since() <= subVersion)
                        .map(CommandFormat::layout)
                        .toList();
            default -> List.of();
        };
    }

    @Override
    public List<Register> registers(int subVersion) {
        return description.generation(subVersion) == null
                ? List.of()
                : UnitRegisters.of(VtdCapabilities.defaultOf(subVersion));
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return VtdMeanings.of(layout, field, words);
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of(
                new BindFormat(
                        Uapi.BIND_PGTABLE,
                        IommuModel.INTEL,
                        VtdGeneration.LEGACY_REG,
                        BindPgtable.FLAGS,
                        BindPgtable.LAYOUT),
                new BindFormat(
                        Uapi.BIND_PGTABLE,
                        IommuModel.INTEL,
                        VtdGeneration.SCALABLE,
                        BindPgtable.SCALABLE_FLAGS,
                        BindPgtable.LAYOUT),
                new BindFormat(
                        Uapi.BIND_PASID,
                        IommuModel.INTEL,
                        VtdGeneration.EXTENDED_CONTEXT,
                        BindPgtable.EXTENDED_CONTEXT_FLAGS,
                        BindPasid.LAYOUT),
                new BindFormat(
                        Uapi.BIND_PASID,
                        IommuModel.INTEL,
                        VtdGeneration.SCALABLE,
                        BindPgtable.SCALABLE_FLAGS,
                        BindPasid.LAYOUT));
    }

    @Override
    public List<Setting> settings() {
        return VtdSettings.TABLE.settings();
    }

    @Override
    public List<Shim> shims() {
        List<Shim> shims = new ArrayList<>(DescriptorShim.all());
        shims.addAll(ExtendedContextShim.all());
        shims.add(new RegisterImageToDescriptor());
        shims.add(new DescriptorToRegisterImage());
        return List.copyOf(shims);
    }

    @Override
    public List<Unbridgeable> unbridgeable() {
        return Stream.of(
                        VtdGeneration.EXTENDED_CONTEXT,
                        VtdGeneration.SCALABLE,
                        VtdGeneration.WIDE_TYPE,
                        VtdGeneration.HOST_PERMISSIONS)
                .map(from -> new Unbridgeable(
                        from, VtdGeneration.LEGACY_REG, "S13", "registers can drop neither PASIDs nor device TLBs"))
                .toList();
    }

    @Override
    public NativeFormats formats() {
        return new VtdFormats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return List.of(VtdCaptureFormat.FORMAT);
    }

    @Override
    public BenchSupport bench() {
        return new VtdBenchSupport(new VtdFuzzSupport());
    }
}
