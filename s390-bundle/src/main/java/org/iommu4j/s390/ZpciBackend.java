package org.iommu4j.s390;

import java.util.List;
import java.util.Set;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
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
import org.iommu4j.backend.Unbridgeable;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.s390.capture.ZpciCaptureFormat;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.InvalidateData;
import org.iommu4j.s390.command.ZpciCommand;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.command.ZpciMeanings;
import org.iommu4j.s390.command.ZpciSettings;
import org.iommu4j.s390.fuzz.ZpciFuzzSupport;
import org.iommu4j.s390.guest.ZpciGuestDecoder;
import org.iommu4j.s390.hardware.SimulatedZpci;
import org.iommu4j.s390.hardware.ZpciLayouts;
import org.iommu4j.s390.shim.SameVendorPart;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.translate.ZpciTranslator;

/**
 * IBM Z zPCI: generations 1 (hardware reads the tables), 2 (the host shadows them), 3 (frames of 1 MiB), 4 (tables of two to five
 * levels) and 5 (relaxed translation).
 */
public class ZpciBackend implements Backend {
    /** Version of the state that every part writes. */
    static final int STATE_VERSION = 1;

    private static final Set<Integer> PAYLOADS = Set.of(0, InvalidateData.LAYOUT.sizeBytes());
    private static final int HOST_ADDRESS_WIDTH = 52;

    /** A refresh takes whole pages, but a request need not: it is widened. */
    private static final int GRANULE_SHIFT = 0;

    private static final List<Generation> GENERATIONS = List.of(
            generation(ZpciGeneration.BASE, "ZPCI_BASE", "page-selective"),
            generation(ZpciGeneration.REFRESH, "ZPCI_REFRESH", "page-selective", "shadow-tables"),
            generation(ZpciGeneration.LARGE, "ZPCI_LARGE", "page-selective", "shadow-tables", "large-frames"),
            generation(
                    ZpciGeneration.TABLES, "ZPCI_DT", "page-selective", "shadow-tables", "large-frames", "table-types"),
            generation(
                    ZpciGeneration.RELAXED,
                    "ZPCI_RTR",
                    "page-selective",
                    "shadow-tables",
                    "large-frames",
                    "table-types",
                    "pass-through"));

    /** The bits of {@link BindPgtable#IOTA} that are the table's address; 0 in an anchor without a table. */
    private static final BitField BOUND_TABLE = new BitField(
            BindPgtable.IOTA.name(),
            BindPgtable.IOTA.word(),
            Iota.ORIGIN.shift(),
            Iota.ORIGIN.width(),
            Iota.ORIGIN.inPlace(),
            List.of(),
            0,
            "",
            Iota.ORIGIN.about());

    private final BackendDescription description;

    /** The backend as it is built, outside a framework. */
    public ZpciBackend() {
        this("1.3.0");
    }

    /**
     * The backend of a bundle.
     *
     * @param version of the bundle, as {@code major.minor.micro}
     */
    public ZpciBackend(String version) {
        description = new BackendDescription(
                IommuModel.S390, "IBM Z zPCI", version, GENERATIONS, STATE_VERSION, STATE_VERSION);
    }

    private static Generation generation(int subVersion, String name, String... capabilities) {
        return new Generation(
                subVersion, name, PAYLOADS, GRANULE_SHIFT, 0, HOST_ADDRESS_WIDTH, Set.of(capabilities), Set.of());
    }

    @Override
    public BackendDescription describe() {
        return description;
    }

    @Override
    public Hardware createHardware(HardwareConfig config, Platform platform) {
        return SimulatedZpci.create(config, platform);
    }

    @Override
    public Hardware restoreHardware(Snapshot state, Platform platform) {
        return SimulatedZpci.restore(state, platform);
    }

    @Override
    public Translator createTranslator(int subVersion, NativePort port) {
        return ZpciTranslator.create(subVersion, port);
    }

    @Override
    public Translator restoreTranslator(Snapshot state, NativePort port) {
        return ZpciTranslator.restore(state, port);
    }

    @Override
    public GuestDecoder createGuestDecoder(HardwareConfig config, PhysicalMemory memory) {
        return new ZpciGuestDecoder(config, memory);
    }

    @Override
    public GuestDecoder restoreGuestDecoder(Snapshot state, PhysicalMemory memory) {
        return ZpciGuestDecoder.restore(state, memory);
    }

    @Override
    public List<Layout> layouts() {
        return ZpciLayouts.all();
    }

    @Override
    public List<CommandFormat> commands() {
        return List.of(ZpciCommand.values());
    }

    @Override
    public List<CallFormat> calls() {
        return ZpciInstruction.ALL;
    }

    @Override
    public List<Layout> payloads(int subVersion) {
        return description.generation(subVersion) == null ? List.of() : List.of(InvalidateData.LAYOUT);
    }

    @Override
    public String meaning(Layout layout, BitField field, long... words) {
        return ZpciMeanings.of(layout, field, words);
    }

    @Override
    public List<BindFormat> bindFormats() {
        return List.of(new BindFormat(
                Uapi.BIND_PGTABLE,
                IommuModel.S390,
                ZpciGeneration.BASE,
                BindPgtable.FLAGS,
                BindPgtable.LAYOUT,
                BOUND_TABLE));
    }

    @Override
    public List<Setting> settings() {
        return ZpciSettings.TABLE.settings();
    }

    @Override
    public List<Shim> shims() {
        return SameVendorPart.all();
    }

    @Override
    public List<Unbridgeable> unbridgeable() {
        return SameVendorPart.unbridgeable();
    }

    @Override
    public NativeFormats formats() {
        return new ZpciFormats();
    }

    @Override
    public List<CaptureFormat> captureFormats() {
        return List.of(ZpciCaptureFormat.FORMAT);
    }

    @Override
    public BenchSupport bench() {
        return new ZpciBenchSupport(new ZpciFuzzSupport());
    }
}
