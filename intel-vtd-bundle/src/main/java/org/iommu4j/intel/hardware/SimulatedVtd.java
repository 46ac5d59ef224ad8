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
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.ProtectedMemory;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.command.VtdRegisters.Ver;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.intel.table.WalkerConfig;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * One VT-d remapping unit of legacy mode, generations 0x0100 and 0x0110. Which registers, commands and table formats exist
 * follows its capability registers; {@link VtdOptions} lists the choices that the architecture leaves open.
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
    private final InvalidationQueue queue;
    private final RegisterInvalidation registerInvalidation;

    /** Who observes, or null for both. */
    private final TranslationObserver observer;

    private final CommandReports reports;
    private final boolean hasProtectedMemory;

    /** True if protected memory is protected from accesses that a table translates, too. */
    private final boolean protectsAlways;

    private long rootTableAddress;

    private SimulatedVtd(
            HardwareConfig config,
            Platform platform,
            BiFunction<CacheConfig, TableWalker, TranslationCaches> cachesFactory) {
        this.config = config;
        unit = VtdCapabilities.of(config);
        VtdOptions options = VtdOptions.of(config.options());
        hasProtectedMemory = Cap.PLMR.isSet(unit.cap()) || Cap.PHMR.isSet(unit.cap());
        protectsAlways = Ver.MAJOR.get(unit.ver()) >= FIRST_MAJOR_THAT_PROTECTS_ALWAYS;
        registers = registerFile(unit);
        TableWalker walker = new TableWalker(WalkerConfig.of(unit, platform.hostAddressWidth()), platform.memory());
        caches = cachesFactory.apply(config.cache(), walker);
        observer = platform.sanitizer();
        reports = observer == null ? null : new CommandReports(observer);
        boolean extendedMessages = Ecap.EIM.isSet(unit.ecap());
        EventMessage faultEvent =
                new EventMessage(registers, EventControl.FAULT_OFFSET, extendedMessages, platform.interrupts());
        faults = new FaultRecorder(registers, unit, options.faultCollapse(), faultEvent);
        remapper = new DmaRemapper(
                walker,
                caches,
                faults,
                Cap.CM.isSet(unit.cap()),
                Cap.ZLR.isSet(unit.cap()),
                platform.hostAddressWidth(),
                observer);
        queue = unit.hasQueue()
                ? new InvalidationQueue(
                        config.subVersion(),
                        unit,
                        options,
                        registers,
                        platform.memory(),
                        platform.devices(),
                        platform.hostAddressWidth(),
                        caches,
                        faults,
                        new EventMessage(
                                registers, EventControl.INVALIDATION_OFFSET, extendedMessages, platform.interrupts()),
                        reports)
                : null;
        registerInvalidation = unit.hasRegisterInvalidation()
                ? new RegisterInvalidation(unit, registers, queue, caches, reports)
                : null;
        registers.onWrite(Global.COMMAND_OFFSET, (before, after, written, lanes) -> command(written));
        registers.onWrite(FaultStatus.OFFSET, (before, after, written, lanes) -> faultStatusWritten(before, after));
        if (hasProtectedMemory) {
            registers.onWrite(
                    ProtectedMemory.OFFSET,
                    (before, after, written, lanes) -> registers.set(
                            ProtectedMemory.OFFSET, ProtectedMemory.PRS.set(after, ProtectedMemory.EPM.get(after))));
        }
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
        observer.begins(access, RootTableAddress.RTA.get(rootTableAddress));
        try {
            remapper.translate(access);
        } finally {
            observer.ends();
        }
    }

    @Override
    public void stepping(boolean on) {
        if (queue != null) {
            queue.stepping(on);
        }
    }

    @Override
    public int step(int commands) {
        return queue != null ? queue.run(commands) : 0;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.HARDWARE, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        registers.save(out.section("registers"));
        out.section("root").putLong(rootTableAddress);
        faults.save(out.section("faults"));
        if (queue != null) {
            queue.save(out.section("queue"));
        }
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
        long commands = (queue != null ? queue.commands() : 0)
                + (registerInvalidation != null ? registerInvalidation.commands() : 0);
        return new HardwareCounters(commands, remapper.hits(), remapper.walks(), remapper.refused(), caches.dropped());
    }

    private static RegisterFile registerFile(VtdCapabilities unit) {
        try {
            return new RegisterFile(VtdRegisters.of(unit));
        } catch (IllegalArgumentException e) {
            throw new BackendException(
                    Errno.EINVAL,
                    "CAP.FRO=0x" + Long.toHexString(Cap.FRO.get(unit.cap())) + ", ECAP.IRO=0x"
                            + Long.toHexString(Ecap.IRO.get(unit.ecap())) + ": " + e.getMessage(),
                    e);
        }
    }

    /** Carries out a write of GCMD: one-shot commands first, then what changes of the persistent ones. */
    private void command(long written) {
        if (Global.SRTP.isSet(written)) {
            setRootTable(registers.get(RootTableAddress.OFFSET));
            if (Cap.ESRTPS.isSet(unit.cap())) {
                invalidateAll("GCMD.SRTP", written);
            }
            follow(Global.RTPS, true);
        }
        if (Ecap.IR.isSet(unit.ecap())) {
            if (Global.SIRTP.isSet(written)) {
                follow(Global.IRTPS, true);
            }
            follow(Global.IRES, Global.IRE.isSet(written));
            follow(Global.CFIS, Global.CFI.isSet(written));
        }
        if (queue != null && Global.QIE.isSet(written) != queue.isEnabled()) {
            if (Global.QIE.isSet(written)) {
                follow(Global.QIES, true);
                queue.enable();
            } else if (queue.disable()) {
                follow(Global.QIES, false);
            }
        }
        boolean translate = Global.TE.isSet(written);
        if (remapper.isEnabled() && !translate) {
            invalidateAll("GCMD.TE=0", written);
        }
        remapper.enable(translate);
        follow(Global.TES, translate);
        long status = registers.get(Global.STATUS_OFFSET);
        if (!Global.TES.isSet(status) && !Global.IRES.isSet(status)) {
            faults.restart();
        }
    }

    private void invalidateAll(String name, long written) {
        long dropped = caches.dropped();
        caches.invalidateAll();
        if (reports != null) {
            reports.everything(name, written, caches.dropped() - dropped);
        }
    }

    private void follow(BitField status, boolean on) {
        long value = registers.get(Global.STATUS_OFFSET);
        registers.set(Global.STATUS_OFFSET, on ? value | status.mask() : value & ~status.mask());
    }

    private void setRootTable(long address) {
        rootTableAddress = address;
        boolean legacy = RootTableAddress.TTM.get(address) == 0;
        remapper.setRootTable(RootTableAddress.RTA.get(address), legacy);
        if (queue != null) {
            queue.setTableMode(legacy);
        }
        if (registerInvalidation != null) {
            registerInvalidation.setTableMode(legacy);
        }
    }

    private void faultStatusWritten(long before, long after) {
        faults.statusWritten(before, after);
        long cleared = before & ~after;
        if (queue != null && (FaultStatus.IQE.isSet(cleared) || FaultStatus.ITE.isSet(cleared))) {
            queue.resume();
        }
    }

    private boolean isProtected(long iova) {
        if (!hasProtectedMemory || !ProtectedMemory.EPM.isSet(registers.get(ProtectedMemory.OFFSET))) {
            return false;
        }
        return (Cap.PLMR.isSet(unit.cap())
                        && isInside(iova, ProtectedMemory.LOW_BASE_OFFSET, ProtectedMemory.LOW_LIMIT_OFFSET))
                || (Cap.PHMR.isSet(unit.cap())
                        && isInside(iova, ProtectedMemory.HIGH_BASE_OFFSET, ProtectedMemory.HIGH_LIMIT_OFFSET));
    }

    private boolean isInside(long iova, int baseOffset, int limitOffset) {
        return Long.compareUnsigned(iova, registers.get(baseOffset)) >= 0
                && Long.compareUnsigned(iova, registers.get(limitOffset) | PROTECTED_GRANULE_MASK) <= 0;
    }

    private void load(SnapshotReader in) {
        registers.load(in.section("registers"));
        in.endSection();
        setRootTable(in.section("root").getLong());
        in.endSection();
        faults.load(in.section("faults"));
        in.endSection();
        if (queue != null) {
            queue.load(in.section("queue"));
            in.endSection();
        }
        remapper.enable(Global.TES.isSet(registers.get(Global.STATUS_OFFSET)));
    }
}
