package org.iommu4j.intel.hardware;

import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.command.UnitRegisters;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.ProtectedMemory;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.intel.front.FaultRecorder;
import org.iommu4j.intel.front.VtdFront;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.intel.table.WalkerConfig;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * One VT-d remapping unit of legacy mode and of scalable mode. Which modes, registers, commands and table formats exist
 * follows its capability registers; {@link VtdSettings} lists the choices that the architecture leaves open.
 *
 * <p>Not modelled: interrupt remapping (its status bits follow its commands, its cache is empty), advanced fault logging,
 * write buffers (a table write is seen at once, with or without WBF), drain (every access is over before the next command).
 * Protected memory regions block accesses while translation is off; while it is on, those that no table translates and, from
 * major version 2 on, all, VT-d 11.4.8.1.
 */
public final class SimulatedVtd implements Hardware {
    /** Version of the state that {@link #save} writes; see the package's description. */
    public static final int STATE_VERSION = 1;

    private static final long PROTECTED_GRANULE_MASK = 0xf_ffff;
    private static final int FIRST_MAJOR_THAT_PROTECTS_ALWAYS = 2;

    private final HardwareConfig config;
    private final VtdCapabilities unit;
    private final RegisterFile registers;
    private final TranslationCaches caches;
    private final FaultRecorder faults;
    private final DmaRemapper remapper;

    /** The remapper of scalable mode; null if the unit does not have it. */
    private final ScalableRemapper scalable;

    private final VtdFront front;

    /** Requests of devices for pages; null if the unit does not have them. */
    private final PageRequests pageRequests;

    private final boolean hasProtectedMemory;

    /** True if protected memory is protected from accesses that a table translates, too. */
    private final boolean protectsAlways;

    /** The machine's sanitizer, or null. */
    private final TranslationObserver observer;

    private SimulatedVtd(
            HardwareConfig config,
            Platform platform,
            BiFunction<CacheConfig, TableWalker, TranslationCaches> cachesFactory) {
        this.config = config;
        SettingValues chosen = VtdSettings.TABLE.read(config);
        unit = VtdCapabilities.of(chosen);
        hasProtectedMemory = Cap.PLMR.isSet(unit.cap()) || Cap.PHMR.isSet(unit.cap());
        protectsAlways = Ver.MAJOR.get(unit.ver()) >= FIRST_MAJOR_THAT_PROTECTS_ALWAYS;
        registers = registerFile(unit);
        TableWalker walker = new TableWalker(
                WalkerConfig.of(unit, platform.hostAddressWidth()), platform.memory(), platform.guestTables());
        caches = cachesFactory.apply(config.cache(), walker);
        observer = platform.sanitizer();
        faults = new FaultRecorder(unit, chosen, registers, platform.interrupts());
        AccessWatch watch = new AccessWatch(observer == null ? TranslationObserver.nobody() : observer);
        if (unit.hasLongDescriptors()) {
            caches.scalable = new ScalableCaches(config.cache(), unit);
        }
        scalable = unit.hasScalableMode()
                ? new ScalableRemapper(unit, config.subVersion(), platform, caches, faults, watch)
                : null;
        remapper = new DmaRemapper(unit, walker, caches, faults, platform.hostAddressWidth(), watch, scalable);
        boolean rootTableInvalidates = Cap.ESRTPS.isSet(unit.cap());
        CacheEffects effects = observer == null
                ? new CacheEffects(caches, remapper, platform.devices(), rootTableInvalidates)
                : new ObservedEffects(
                        caches,
                        remapper,
                        platform.devices(),
                        rootTableInvalidates,
                        new CommandReports(observer, remapper::mode));
        front = new VtdFront(
                config.subVersion(),
                unit,
                chosen,
                registers,
                faults,
                platform.memory(),
                platform.hostAddressWidth(),
                platform.interrupts(),
                effects);
        pageRequests = front.pageRequests() == null
                ? null
                : new PageRequests(remapper, scalable, caches, faults, front.pageRequests(), platform.devices());
    }

    /**
     * A unit fresh from reset.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or an ability that is not modelled,
     *     {@code EINVAL} for an unknown capability, register or option, for a value that does not fit, and for registers
     *     that would overlap
     */
    public static SimulatedVtd create(HardwareConfig config, Platform platform) {
        return create(config, platform, TranslationCaches::new);
    }

    /** A unit fresh from reset with caches of one's own, which may be broken. */
    static SimulatedVtd create(
            HardwareConfig config, Platform platform, BiFunction<CacheConfig, TableWalker, TranslationCaches> caches) {
        return new SimulatedVtd(config, platform, caches);
    }

    /**
     * A unit that goes on where another stopped; its caches are empty.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for another state version, {@code EINVAL} for a damaged state
     */
    public static SimulatedVtd restore(Snapshot state, Platform platform) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.INTEL, Snapshot.Kind.HARDWARE, STATE_VERSION, STATE_VERSION);
        SimulatedVtd restored = create(ConfigState.load(in.section("config")), platform);
        restored.load(in);
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
        if (remapper.isEnabled()) {
            if (observer == null) {
                remapper.translate(access);
            } else {
                translateObserved(access);
            }
            if (hasProtectedMemory && isCutOff(access)) {
                access.blocked();
            }
        } else if (access.addressType() != AddressType.UNTRANSLATED || isProtected(access.iova())) {
            // Requests of a device TLB are unsupported while translation is off, VT-d 4.2.1.
            access.blocked();
        } else {
            access.translated(access.iova(), 0, DmaAccess.READ | DmaAccess.WRITE, false);
        }
    }

    /** True if a translated access goes to protected memory, from which the unit protects it. */
    private boolean isCutOff(DmaAccess access) {
        return access.outcome() == DmaAccess.Outcome.TRANSLATED
                && access.addressType() != AddressType.TRANSLATION_REQUEST
                && (protectsAlways || access.pageBytes() == 0)
                && isProtected(access.spa());
    }

    private void translateObserved(DmaAccess access) {
        observer.begins(access, RootTableAddress.RTA.get(remapper.rootTableAddress()));
        try {
            remapper.translate(access);
        } finally {
            observer.ends();
        }
    }

    /** VT-d 7.4. In a unit without page requests, or while translation is off, the request is dropped. */
    @Override
    public PageRequest.Outcome request(PageRequest request) {
        return pageRequests == null || !remapper.isEnabled()
                ? PageRequest.Outcome.DROPPED
                : pageRequests.request(request);
    }

    @Override
    public void stepping(boolean on) {
        if (front.queue() != null) {
            front.queue().stepping(on);
        }
    }

    @Override
    public int step(int commands) {
        return front.queue() != null ? front.queue().run(commands) : 0;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        registers.save(out.section("registers"));
        out.section("root").putLong(remapper.rootTableAddress());
        faults.save(out.section("faults"));
        front.saveQueue(out);
        return out.build();
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        faults.take(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        caches.visit(visitor);
    }

    @Override
    public HardwareCounters counters() {
        return new HardwareCounters(
                front.commands(), remapper.hits(), remapper.walks(), remapper.refused(), caches.dropped());
    }

    private static RegisterFile registerFile(VtdCapabilities unit) {
        try {
            return new RegisterFile(UnitRegisters.of(unit));
        } catch (IllegalArgumentException e) {
            throw new BackendException(
                    Errno.EINVAL,
                    "CAP.FRO=0x" + Long.toHexString(Cap.FRO.get(unit.cap())) + ", ECAP.IRO=0x"
                            + Long.toHexString(Ecap.IRO.get(unit.ecap())) + ": " + e.getMessage(),
                    e);
        }
    }

    private boolean isProtected(long iova) {
        boolean low = Cap.PLMR.isSet(unit.cap());
        boolean high = Cap.PHMR.isSet(unit.cap());
        return hasProtectedMemory
                && registers.isSet(ProtectedMemory.ENABLE, ProtectedMemory.EPM)
                && ((low && isInside(iova, ProtectedMemory.LOW_BASE, ProtectedMemory.LOW_LIMIT))
                        || (high && isInside(iova, ProtectedMemory.HIGH_BASE, ProtectedMemory.HIGH_LIMIT)));
    }

    private boolean isInside(long iova, Register base, Register limit) {
        return Long.compareUnsigned(iova, registers.get(base)) >= 0
                && Long.compareUnsigned(iova, registers.get(limit) | PROTECTED_GRANULE_MASK) <= 0;
    }

    private void load(SnapshotReader in) {
        in.section("registers", registers::load);
        long rootTableAddress = in.section("root").getLong();
        remapper.setRootTable(rootTableAddress);
        front.loadTableMode(remapper.mode());
        in.endSection();
        in.section("faults", faults::load);
        front.loadQueue(in);
        remapper.enable(registers.isSet(Global.STATUS, Global.TES));
    }
}
