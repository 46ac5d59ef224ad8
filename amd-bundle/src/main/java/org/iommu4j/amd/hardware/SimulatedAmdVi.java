package org.iommu4j.amd.hardware;

import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.UnitRegisters;
import org.iommu4j.amd.front.AmdViFront;
import org.iommu4j.amd.table.GuestWalker;
import org.iommu4j.amd.table.HostWalker;
import org.iommu4j.amd.table.WalkerConfig;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * One AMD IOMMU of generations 0x0100 to 0x0320. Which registers, commands and table formats exist follows its capability
 * registers; {@link AmdViSettings} lists the choices where the readers of the specification disagree.
 *
 * <p>Not modelled: interrupt remapping (the half of a device table entry for interrupts is checked and its IntCtl followed, no
 * table is read), guest virtual APIC, second logs, performance counters, commands 9 and 0xa, and delays: a command is over before
 * the next begins, a table write is seen at once.
 */
public final class SimulatedAmdVi implements Hardware {
    /** Version of the state that {@link #save} writes; see the package's description. */
    public static final int STATE_VERSION = 1;

    private final HardwareConfig config;
    private final RegisterFile registers;
    private final TranslationCaches caches;
    private final DmaRemapper remapper;
    private final PageRequests pageRequests;
    private final AmdViFront front;
    private final PhysicalMemory memory;
    private final long[] event = new long[AmdViEvents.BYTES / Long.BYTES];

    /** The observer, or null. */
    private final TranslationObserver observer;

    private SimulatedAmdVi(
            HardwareConfig config,
            Platform platform,
            BiFunction<CacheConfig, SettingValues, TranslationCaches> cachesFactory) {
        this.config = config;
        SettingValues chosen = AmdViSettings.TABLE.read(config);
        AmdViCapabilities unit = AmdViCapabilities.of(chosen);
        registers = new RegisterFile(UnitRegisters.of(unit));
        memory = platform.memory();
        WalkerConfig walking = WalkerConfig.of(unit, chosen);
        HostWalker hostWalker = new HostWalker(memory, platform.guestTables(), walking);
        GuestWalker guestWalker = new GuestWalker(memory, platform.guestTables(), walking, hostWalker);
        caches = cachesFactory.apply(config.cache(), chosen);
        observer = platform.sanitizer();
        remapper = new DmaRemapper(
                unit,
                chosen,
                registers,
                memory,
                platform.guestTables(),
                hostWalker,
                guestWalker,
                caches,
                new AccessWatch(observer == null ? TranslationObserver.nobody() : observer));
        CacheEffects effects = observer == null
                ? new CacheEffects(caches, remapper, platform.devices())
                : new ObservedEffects(caches, remapper, platform.devices(), new CommandReports(observer));
        front = new AmdViFront(config.subVersion(), unit, chosen, registers, memory, platform.interrupts(), effects);
        remapper.recordTo(front.events());
        remapper.configure();
        pageRequests = new PageRequests(unit, registers, memory, front.pageRequests(), platform.devices());
    }

    /**
     * A unit fresh from reset.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or an ability that is not modelled,
     *     {@code EINVAL} for an unknown capability, register or option, and for a value that does not fit
     */
    public static SimulatedAmdVi create(HardwareConfig config, Platform platform) {
        return create(config, platform, TranslationCaches::new);
    }

    /** A unit fresh from reset with caches of one's own, which may be broken. */
    static SimulatedAmdVi create(
            HardwareConfig config,
            Platform platform,
            BiFunction<CacheConfig, SettingValues, TranslationCaches> caches) {
        return new SimulatedAmdVi(config, platform, caches);
    }

    /**
     * A unit that goes on where another stopped; its caches are empty.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for another state version, {@code EINVAL} for a damaged state
     */
    public static SimulatedAmdVi restore(Snapshot state, Platform platform) {
        SnapshotReader in =
                new SnapshotReader(state).require(IommuModel.AMD, Snapshot.Kind.HARDWARE, STATE_VERSION, STATE_VERSION);
        SimulatedAmdVi restored = create(ConfigState.load(in.section("config")), platform);
        restored.registers.load(in.section("registers"));
        in.endSection();
        restored.front.load(in.section("front"));
        in.endSection();
        restored.remapper.configure();
        return restored;
    }

    @Override
    public HardwareConfig config() {
        return config;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return registers.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        registers.write(offset, sizeBytes, value);
    }

    @Override
    public void translate(DmaAccess access) {
        if (observer == null) {
            remapper.translate(access);
            return;
        }
        observer.begins(access, remapper.deviceTable());
        try {
            remapper.translate(access);
        } finally {
            observer.ends();
        }
    }

    @Override
    public PageRequest.Outcome request(PageRequest request) {
        return pageRequests.request(request);
    }

    @Override
    public void stepping(boolean on) {
        front.commands().stepping(on);
    }

    @Override
    public int step(int commands) {
        return front.commands().run(commands);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.HARDWARE, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        registers.save(out.section("registers"));
        front.save(out.section("front"));
        return out.build();
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        Layout entry = AmdViEvent.IO_PAGE_FAULT.layout();
        while (front.takeEvent(memory, event)) {
            sink.accept(entry.encode(event));
        }
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        caches.visit(visitor);
    }

    @Override
    public HardwareCounters counters() {
        return new HardwareCounters(
                front.commands().commands(),
                remapper.answers().hits(),
                remapper.answers().walks(),
                remapper.answers().refused(),
                caches.dropped());
    }
}
