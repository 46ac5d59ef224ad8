package org.iommu4j.amd;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.iommu4j.amd.capture.AmdViCaptureFormat;
import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.UnitRegisters;
import org.iommu4j.amd.guest.AmdViGuestDecoder;
import org.iommu4j.amd.hardware.AmdViLayouts;
import org.iommu4j.amd.hardware.SimulatedAmdVi;
import org.iommu4j.amd.shim.GuestCommandShim;
import org.iommu4j.amd.translate.AmdViTranslator;
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
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/** AMD-Vi: generations 0x0100 (host tables) to 0x0320 (guest tables, guest domain ids). */
public class AmdViBackend implements Backend {
    /** Version of the state that every part writes. */
    static final int STATE_VERSION = 1;

    private static final int HOST_ADDRESS_WIDTH = 48;

    /** Largest EFR.PASmax; a chip may have less. */
    private static final int MOST_PASID_BITS = 20;

    private static final List<Generation> GENERATIONS = List.of(
            generation(AmdViGeneration.V1, "AMDVI_V1", Set.of()),
            generation(AmdViGeneration.V2, "AMDVI_V2", Set.of("pasid", "guest-tables")),
            generation(AmdViGeneration.V3, "AMDVI_V3", Set.of("pasid", "guest-tables", "dirty-tracking")),
            generation(AmdViGeneration.SNP, "AMDVI_SNP", Set.of("pasid", "guest-tables", "dirty-tracking", "snp")),
            generation(
                    AmdViGeneration.NESTED,
                    "AMDVI_NESTED",
                    Set.of("pasid", "guest-tables", "dirty-tracking", "guest-domain-ids")));

    private final BackendDescription description;

    /** The backend as it is built, outside a framework. */
    public AmdViBackend() {
        this("1.3.0");
    }

    /**
     * The backend of a bundle.
     *
     * @param version of the bundle, as {@code major.minor.micro}
     */
    public AmdViBackend(String version) {
        description =
                new BackendDescription(IommuModel.AMD, "AMD-Vi", version, GENERATIONS, STATE_VERSION, STATE_VERSION);
    }

    private static Generation generation(int subVersion, String name, Set<String> more) {
        Set<String> capabilities = new TreeSet<>(
                Set.of("page-selective", "leaf-hint", "queue", "device-tlb", MemoryMapSupport.CAPABILITY));
        capabilities.addAll(more);
        if (subVersion != AmdViGeneration.SNP) {
            capabilities.add("pass-through");
        }
        return new Generation(
                subVersion,
                name,
                Set.of(0, AmdViCommand.BYTES),
                12,
                subVersion == AmdViGeneration.V1 ? 0 : MOST_PASID_BITS,
                HOST_ADDRESS_WIDTH,
                capabilities,
                Set.of());
    }

    @Override
    public BackendDescription describe() {
        return description;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return SimulatedAmdVi.create(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return SimulatedAmdVi.restore(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return AmdViTranslator.create(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return AmdViTranslator.restore(state, port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return new AmdViGuestDecoder(config, memory);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return AmdViGuestDecoder.restore(state, memory);
    }

    @Override
    public List<Layout> layouts() {
        return AmdViLayouts.all();
    }

    @Override
    public List<CommandFormat> commands() {
        return List.of(AmdViCommand.values());
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return description.generation(subVersion) == null
                ? List.of()
                : List.of(InvalidateIommuPages.LAYOUT, InvalidateIotlbPages.LAYOUT);
    }

    @Override
    public List<Register> registers(int subVersion) {
        return description.generation(subVersion) == null
                ? List.of()
                : UnitRegisters.of(AmdViCapabilities.defaultOf(subVersion));
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of(
                new BindFormat(
                        Uapi.BIND_PGTABLE, IommuModel.AMD, AmdViGeneration.V1, BindPgtable.FLAGS, BindPgtable.LAYOUT),
                new BindFormat(Uapi.BIND_PASIDTBL, IommuModel.AMD, AmdViGeneration.V2, 0, BindPasidTable.LAYOUT),
                new BindFormat(Uapi.BIND_PASID, IommuModel.AMD, AmdViGeneration.V2, 0, BindPasid.LAYOUT));
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return AmdViMeanings.of(layout, field, words);
    }

    @Override
    public List<Setting> settings() {
        return AmdViSettings.TABLE.settings();
    }

    @Override
    public List<Shim> shims() {
        return GuestCommandShim.all();
    }

    /** Commands would do, but what such a guest binds is a table at an address of its own (docs/spec/amd-vi.md 1.4). */
    @Override
    public List<Unbridgeable> unbridgeable() {
        return Stream.of(AmdViGeneration.V1, AmdViGeneration.V2)
                .map(to -> new Unbridgeable(
                        AmdViGeneration.NESTED, to, "H16", "GCR3 tables at guest addresses need GCR3TRPModeSup"))
                .toList();
    }

    @Override
    public NativeFormats formats() {
        return new AmdViFormats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return List.of(AmdViCaptureFormat.FORMAT);
    }

    @Override
    public BenchSupport bench() {
        return new AmdViBenchSupport();
    }
}
