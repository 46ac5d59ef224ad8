package org.iommu4j.spapr;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.Generation;
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
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.spapr.capture.SpaprCaptureFormat;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprMeanings;
import org.iommu4j.spapr.command.SpaprRegisters;
import org.iommu4j.spapr.command.SpaprSettings;
import org.iommu4j.spapr.fuzz.SpaprFuzzSupport;
import org.iommu4j.spapr.guest.SpaprGuestDecoder;
import org.iommu4j.spapr.hardware.SimulatedPhb;
import org.iommu4j.spapr.hardware.SpaprLayouts;
import org.iommu4j.spapr.shim.GenerationShim;
import org.iommu4j.spapr.translate.SpaprTranslator;

/** IBM sPAPR TCE, generations 1 and 2 (hypercalls) and 3 to 5 (IODA2, IODA3, IODA3 with its erratum). */
public class SpaprBackend implements Backend {
    /** Version of the state that every part writes. */
    static final int STATE_VERSION = 1;

    private static final int HOST_ADDRESS_WIDTH = 52;
    private static final Set<Integer> PAYLOADS = Set.of(0, InvalidateData.LAYOUT.sizeBytes());

    private static final List<Generation> GENERATIONS = List.of(
            new Generation(
                    SpaprGeneration.TCE_V1,
                    "TCE_V1",
                    PAYLOADS,
                    12,
                    0,
                    HOST_ADDRESS_WIDTH,
                    Set.of("page-selective", "clear", "eeh"),
                    Set.of()),
            new Generation(
                    SpaprGeneration.TCE_V1_MULTI,
                    "TCE_V1_MULTI",
                    PAYLOADS,
                    12,
                    0,
                    HOST_ADDRESS_WIDTH,
                    Set.of("page-selective", "clear", "eeh", "multi-tce"),
                    Set.of()),
            ioda(SpaprGeneration.IODA2, "IODA2", Set.of("page-selective"), Set.of()),
            ioda(SpaprGeneration.IODA3, "IODA3", Set.of("page-selective", "sync"), Set.of()),
            ioda(SpaprGeneration.IODA3_PEKILL, "IODA3_PEKILL", Set.of("sync"), Set.of("HW560152")));

    private final BackendDescription description;

    private static Generation ioda(int subVersion, String name, Set<String> own, Set<String> errata) {
        Set<String> capabilities =
                new HashSet<>(Set.of("clear", "eeh", "multi-tce", "dynamic-windows", "multi-level", "kill"));
        capabilities.addAll(own);
        return new Generation(subVersion, name, PAYLOADS, 12, 0, HOST_ADDRESS_WIDTH, capabilities, errata);
    }

    /** The backend as it is built, outside a framework. */
    public SpaprBackend() {
        this("1.3.0");
    }

    /**
     * The backend of a bundle.
     *
     * @param version of the bundle, as {@code major.minor.micro}
     */
    public SpaprBackend(String version) {
        description = new BackendDescription(
                IommuModel.SPAPR, "IBM sPAPR TCE", version, GENERATIONS, STATE_VERSION, STATE_VERSION);
    }

    @Override
    public BackendDescription describe() {
        return description;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return SimulatedPhb.create(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return SimulatedPhb.restore(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return SpaprTranslator.create(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return SpaprTranslator.restore(state, port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        throw needsPages();
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        throw needsPages();
    }

    private static BackendException needsPages() {
        return new BackendException(
                Errno.EOPNOTSUPP, "a guest's tables are kept in pages of the host: the whole platform is needed");
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, Platform platform) {
        return SpaprGuestDecoder.create(config, platform);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, Platform platform) {
        return SpaprGuestDecoder.restore(state, platform);
    }

    @Override
    public List<Layout> layouts() {
        return SpaprLayouts.all();
    }

    @Override
    public List<CommandFormat> commands() {
        return List.of(SpaprCommand.values());
    }

    @Override
    public List<CallFormat> calls() {
        return SpaprCall.ALL;
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return description.generation(subVersion) == null ? List.of() : List.of(InvalidateData.LAYOUT);
    }

    @Override
    public List<Register> registers(int subVersion) {
        return description.generation(subVersion) != null && SpaprGeneration.hasRegisters(subVersion)
                ? SpaprRegisters.all()
                : List.of();
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return SpaprMeanings.of(layout, field, words);
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of(
                new BindFormat(Uapi.BIND_PGTABLE, IommuModel.SPAPR, SpaprGeneration.TCE_V1, 0, BindPgtable.LAYOUT));
    }

    @Override
    public List<Setting> settings() {
        return SpaprSettings.TABLE.settings();
    }

    @Override
    public List<Shim> shims() {
        return GenerationShim.all();
    }

    @Override
    public NativeFormats formats() {
        return new SpaprFormats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return List.of(SpaprCaptureFormat.FORMAT);
    }

    @Override
    public BenchSupport bench() {
        return new SpaprBenchSupport(new SpaprFuzzSupport());
    }
}
