package org.iommu4j.arm.hardware;

import java.nio.ByteOrder;
import java.util.function.Consumer;
import java.util.function.Function;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Idr5;
import org.iommu4j.arm.command.SmmuRegisters.StreamTableBase;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.arm.front.FaultReports;
import org.iommu4j.arm.front.SmmuFront;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.Stage1Walker;
import org.iommu4j.arm.table.Stage2Walker;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * One SMMUv3, generations 0x0300 to 0x0304: its Non-secure programming interface. What it can do follows its identification
 * registers; {@link SmmuSettings} lists the choices that the architecture leaves open.
 *
 * <p>Not modelled: memory attributes (every access is coherent), AArch32 and 128-bit tables, Secure and Realm interfaces, address
 * translation operations, several command queues, memory partitioning, the merging of events, TLB conflicts, prefetches.
 */
public final class SimulatedSmmu implements Hardware {
    /** Version of the state that {@link #save} writes; see the package's description. */
    public static final int STATE_VERSION = 1;

    private final HardwareConfig config;
    private final RegisterFile registers;
    private final TranslationCaches caches;
    private final StreamTable table;
    private final StallTable stalls;
    private final StreamRemapper remapper;
    private final SmmuFront front;
    private final PageRequests pageRequests;

    /** The observer, or null. */
    private final TranslationObserver observer;

    private SimulatedSmmu(
            HardwareConfig config, Platform platform, Function<CacheConfig, TranslationCaches> cachesFactory) {
        this.config = config;
        SettingValues chosen = SmmuSettings.TABLE.read(config);
        SmmuCapabilities chip = SmmuCapabilities.of(chosen);
        registers = registerFile(chip, chosen);
        caches = cachesFactory.apply(config.cache());
        table = new StreamTable(chip);
        observer = platform.sanitizer();
        CacheEffects effects = observer == null
                ? new CacheEffects(chip, chosen, registers, caches, table, platform.devices())
                : new ObservedEffects(
                        chip, chosen, registers, caches, table, platform.devices(), new CommandReports(observer, chip));
        front = new SmmuFront(chip, chosen, registers, platform.memory(), platform.interrupts(), effects);
        stalls = new StallTable(front.events(), Math.max(1, Idr5.STALL_MAX.getInt(chip.idr5())));
        ConfigurationRules rules = new ConfigurationRules(chip);
        WalkFault fault = new WalkFault();
        AccessWatch watch = new AccessWatch(observer == null ? TranslationObserver.nobody() : observer);
        StreamConfiguration configuration = new StreamConfiguration(
                table,
                rules,
                caches.configuration,
                platform.memory(),
                platform.guestTables(),
                chip.outputBits(),
                watch);
        Stage2Translation second = new Stage2Translation(
                new Stage2Walker(chip, platform.memory(), platform.guestTables()), caches.stage2, fault, watch);
        remapper = new StreamRemapper(
                chip,
                registers,
                rules,
                configuration,
                new Stage1Walker(chip, platform.guestTables()),
                second,
                caches,
                fault,
                new FaultReports(front.events()),
                stalls,
                watch);
        effects.connect(stalls, remapper);
        pageRequests = new PageRequests(chip, front, table, rules, platform.memory(), platform.devices());
        registers.onWrite(StreamTableBase.REGISTER, (before, after, written, lanes) -> takeStreamTable());
        registers.onWrite(StreamTableBase.CONFIG, (before, after, written, lanes) -> takeStreamTable());
        takeStreamTable();
    }

    private static RegisterFile registerFile(SmmuCapabilities chip, SettingValues chosen) {
        boolean poisoned = chosen.isSet(SmmuSettings.POISON_RESET);
        boolean locks = !chosen.isSet(SmmuSettings.LEGACY_GUARDS);
        return new RegisterFile(ByteOrder.LITTLE_ENDIAN, SmmuRegisters.of(chip, poisoned), locks);
    }

    private void takeStreamTable() {
        table.configure(registers.get(StreamTableBase.REGISTER), registers.get(StreamTableBase.CONFIG));
    }

    /**
     * A chip fresh from reset.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or an ability that is not modelled,
     *     {@code EINVAL} for an unknown capability, register or option, and for a value that does not fit
     */
    public static SimulatedSmmu create(HardwareConfig config, Platform platform) {
        return create(config, platform, TranslationCaches::new);
    }

    /** A chip fresh from reset with caches of one's own, which may be broken. */
    static SimulatedSmmu create(
            HardwareConfig config, Platform platform, Function<CacheConfig, TranslationCaches> caches) {
        return new SimulatedSmmu(config, platform, caches);
    }

    /**
     * A chip that goes on where another stopped; its caches are empty.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for another state version, {@code EINVAL} for a damaged state
     */
    public static SimulatedSmmu restore(Snapshot state, Platform platform) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.ARM_SMMU, Snapshot.Kind.HARDWARE, STATE_VERSION, STATE_VERSION);
        SimulatedSmmu restored = create(ConfigState.load(in.section("config")), platform);
        restored.load(in);
        return restored;
    }

    @Override
    public HardwareConfig config() {
        return config;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return front.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        front.write(offset, sizeBytes, value);
    }

    @Override
    public void translate(DmaAccess access) {
        if (observer == null) {
            remapper.translate(access);
            return;
        }
        observer.begins(access, table.base());
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

    /** Transactions that wait for software. */
    public int stalled() {
        return stalls.size();
    }

    @Override
    public void stepping(boolean on) {
        front.queue().stepping(on);
    }

    @Override
    public int step(int commands) {
        return front.queue().run(commands);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ARM_SMMU, Snapshot.Kind.HARDWARE, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        registers.save(out.section("registers"));
        stalls.save(out.section("stalls"));
        front.save(out);
        return out.build();
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        front.events().take(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        caches.visit(visitor);
    }

    @Override
    public HardwareCounters counters() {
        return new HardwareCounters(
                front.queue().commands(), remapper.hits(), remapper.walks(), remapper.refused(), caches.dropped());
    }

    private void load(SnapshotReader in) {
        registers.load(in.section("registers"));
        in.endSection();
        takeStreamTable();
        stalls.load(in.section("stalls"));
        in.endSection();
        remapper.enable(registers.isSet(Cr0.ACK, Cr0.ACK_SMMUEN));
        front.load(in);
    }
}
