package org.iommu4j.arm;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.arm.capture.SmmuCaptureFormat;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasid;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuMeanings;
import org.iommu4j.arm.command.SmmuRegisters;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.arm.guest.SmmuGuestDecoder;
import org.iommu4j.arm.hardware.SimulatedSmmu;
import org.iommu4j.arm.hardware.SmmuLayouts;
import org.iommu4j.arm.shim.SmmuForms;
import org.iommu4j.arm.translate.SmmuTranslator;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.EffectForm;
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
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;

/**
 * Arm SMMUv3: generations 0x0300 to 0x0304, which differ in their command format and in the features of their default chips. Guests
 * may also speak 0x0200, SMMUv2's registers, which a shim turns into commands.
 */
public class SmmuBackend implements Backend {
    /** Version of the state that every part writes. */
    static final int STATE_VERSION = 1;

    private static final Set<Integer> PAYLOADS = Set.of(0, -CommandFields.COMMAND_BYTES);
    private static final int GRANULE_SHIFT = 12;

    private static final Set<String> FIRST =
            Set.of(MemoryMapSupport.CAPABILITY, "page-selective", "leaf-hint", "queue", "stage-1", "stage-2");
    private static final Set<String> SECOND = Set.of(
            MemoryMapSupport.CAPABILITY,
            "page-selective",
            "leaf-hint",
            "queue",
            "stage-1",
            "stage-2",
            "pasid",
            "device-tlb");
    private static final Set<String> RANGES = Set.of(
            MemoryMapSupport.CAPABILITY,
            "page-selective",
            "leaf-hint",
            "queue",
            "stage-1",
            "stage-2",
            "pasid",
            "device-tlb",
            "range-invalidation");

    private static final List<Generation> GENERATIONS = List.of(
            generation(SmmuGeneration.V3_0, "SMMUV3_0", FIRST),
            generation(SmmuGeneration.V3_1, "SMMUV3_1", SECOND),
            generation(SmmuGeneration.V3_2, "SMMUV3_2", RANGES),
            generation(SmmuGeneration.V3_3, "SMMUV3_3", RANGES),
            generation(SmmuGeneration.V3_4, "SMMUV3_4", RANGES));

    private final BackendDescription description;

    /** The backend as it is built, outside a framework. */
    public SmmuBackend() {
        this("1.3.0");
    }

    /**
     * The backend of a bundle.
     *
     * @param version of the bundle, as {@code major.minor.micro}
     */
    public SmmuBackend(String version) {
        description = new BackendDescription(
                IommuModel.ARM_SMMU, "Arm SMMUv3", version, GENERATIONS, STATE_VERSION, STATE_VERSION);
    }

    private static Generation generation(int subVersion, String name, Set<String> capabilities) {
        SmmuCapabilities chip = SmmuCapabilities.defaultOf(subVersion);
        Set<String> all = new HashSet<>(capabilities);
        if (chip.has("E0PD")) {
            all.add("e0pd");
        }
        return new Generation(
                subVersion, name, PAYLOADS, GRANULE_SHIFT, chip.substreamIdBits(), chip.outputBits(), all, Set.of());
    }

    @Override
    public BackendDescription describe() {
        return description;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return SimulatedSmmu.create(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return SimulatedSmmu.restore(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return SmmuTranslator.create(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return SmmuTranslator.restore(state, port);
    }

    @Override
    public void checkGuest(HardwareConfig guest, HardwareConfig host) {
        SmmuCapabilities.of(guest).expectNoMoreThan(SmmuCapabilities.of(host));
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return new SmmuGuestDecoder(config, memory);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return SmmuGuestDecoder.restore(state, memory);
    }

    @Override
    public List<Layout> layouts() {
        return SmmuLayouts.all();
    }

    @Override
    public List<CommandFormat> commands() {
        return List.of(SmmuCommand.values());
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return description.generation(subVersion) == null
                ? List.of()
                : commands().stream().map(CommandFormat::layout).toList();
    }

    @Override
    public List<Register> registers(int subVersion) {
        return description.generation(subVersion) == null
                ? List.of()
                : SmmuRegisters.of(SmmuCapabilities.defaultOf(subVersion), false);
    }

    /**
     * One stream table entry says what a device translates through, so that a bind of the whole device takes the place of whatever was there;
     * single PASIDs are bound where nothing is.
     */
    @Override
    public List<BindFormat> bindFormats() {
        return List.of(
                new BindFormat(
                                Uapi.BIND_PASIDTBL,
                                IommuModel.ARM_SMMU,
                                SmmuGeneration.V3_0,
                                BindPasidTable.FLAGS,
                                BindPasidTable.LAYOUT)
                        .replacing(BindFormat.ATTACHED_TABLE | Uapi.BIND_PGTABLE),
                new BindFormat(
                                Uapi.BIND_PGTABLE,
                                IommuModel.ARM_SMMU,
                                SmmuGeneration.V2,
                                BindPasidTable.PAGE_TABLE_FLAGS,
                                BindPageTable.LAYOUT)
                        .replacing(BindFormat.ATTACHED_TABLE | Uapi.BIND_PASIDTBL),
                new BindFormat(
                        Uapi.BIND_PASID,
                        IommuModel.ARM_SMMU,
                        SmmuGeneration.V3_1,
                        BindPasidTable.PASID_FLAGS,
                        BindPasid.LAYOUT));
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return SmmuMeanings.of(layout, field, words);
    }

    @Override
    public List<Setting> settings() {
        return SmmuSettings.TABLE.settings();
    }

    @Override
    public List<Shim> shims() {
        return SmmuForms.shims();
    }

    @Override
    public List<EffectForm> effectForms() {
        return SmmuForms.ALL;
    }

    @Override
    public NativeFormats formats() {
        return new SmmuFormats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return List.of(SmmuCaptureFormat.FORMAT);
    }

    @Override
    public BenchSupport bench() {
        return new SmmuBenchSupport();
    }
}
