package org.iommu4j.spapr.hardware;

import java.util.function.Consumer;
import java.util.function.Function;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.snapshot.ConfigState;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.OpalCode;
import org.iommu4j.spapr.command.RtasStatus;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;
import org.iommu4j.spapr.command.SpaprSettings;
import org.iommu4j.spapr.front.DmaWindows;
import org.iommu4j.spapr.front.EehCalls;
import org.iommu4j.spapr.front.EndpointStates;
import org.iommu4j.spapr.front.HostTables;
import org.iommu4j.spapr.front.TceCalls;
import org.iommu4j.spapr.front.WindowCalls;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.TceTable;

/**
 * A hypervisor and its host bridge, generations 1 to 5. From reset on there is the default window: LIOBN 80000000 | index of
 * the bridge &lt;&lt; 8, pages of 4 KiB, its table empty and in pages of the host, in the endpoint that every requester
 * belongs to. What it can do follows {@link SpaprCapabilities}; {@link SpaprSettings} lists the choices.
 *
 * <p>Not modelled: MMIO of devices (that it is stopped shows in the endpoint's state), interrupts, requests that are under
 * way (every access is over before the next call), shared resources that are taken back (H_RESCINDED).
 */
public final class SimulatedPhb implements Hardware {
    /** Version of the state that {@link #save} writes; see the package's description. */
    public static final int STATE_VERSION = 1;

    private static final int MAX_WINDOWS = 1024;

    private final HardwareConfig config;
    private final SpaprCapabilities platform;
    private final DmaWindows windows;
    private final HostTables tables;
    private final EndpointStates states;
    private final Requesters requesters;
    private final TceCache cache;
    private final FaultRecorder faults;
    private final DmaRemapper remapper;
    private final TceCalls tceCalls;
    private final EehCalls eehCalls;
    private final HostCalls hostCalls;
    private final TranslationValidation validation;

    /** Null before generation 3. */
    private final WindowCalls windowCalls;

    /** Null before generation 3. */
    private final PhbRegisters registers;

    /** The machine's sanitizer, or null. */
    private final TranslationObserver observer;

    /** Is told of operations and dropped entries. */
    private final CommandWatch watch;

    private long commands;

    private SimulatedPhb(HardwareConfig config, Platform machine, Function<CacheConfig, TceCache> caches) {
        this.config = config;
        SettingValues chosen = SpaprSettings.TABLE.read(config);
        platform = SpaprCapabilities.of(chosen);
        windows = new DmaWindows(platform.pes());
        tables = new HostTables(machine);
        states = new EndpointStates(platform.pes());
        observer = machine.sanitizer();
        watch = observer == null ? CommandWatch.NOBODY : new CommandReports(observer);
        TranslationObserver accesses = observer == null ? TranslationObserver.nobody() : observer;
        requesters = new Requesters(platform.pe(), platform.pes(), machine.memory(), config.cache(), accesses);
        validation = new TranslationValidation(platform.pes(), tables::isOwn);
        cache = caches.apply(config.cache());
        faults = new FaultRecorder(states, machine.memory(), !chosen.isSet(SpaprSettings.EEH));
        remapper = new DmaRemapper(
                machine,
                windows,
                requesters,
                states,
                validation,
                cache,
                faults,
                chosen.isSet(SpaprSettings.MSI32),
                accesses);
        tceCalls = new TceCalls(machine, windows, tables, platform.multiTce(), false, this::stored);
        eehCalls = new EehCalls(platform, states, requesters::named);
        hostCalls = new HostCalls(platform, tables, windows, validation, requesters, states, this::windowsChanged);
        boolean visible = SpaprGeneration.hasRegisters(config.subVersion());
        windowCalls = visible
                ? new WindowCalls(
                        platform,
                        windows,
                        requesters::named,
                        hostCalls,
                        platform.pe(),
                        chosen.isSet(SpaprSettings.THIRD_WINDOW)
                                ? RtasStatus.HARDWARE_ERROR
                                : RtasStatus.PARAMETER_ERROR)
                : null;
        registers = visible
                ? new PhbRegisters(
                        config.subVersion(),
                        cache,
                        validation,
                        states,
                        requesters,
                        faults,
                        chosen.isSet(SpaprSettings.PAGE_KILLS),
                        watch)
                : null;
    }

    /**
     * A platform fresh from reset.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, {@code EINVAL} for an unknown capability
     *     or option or for a value that does not fit, {@code ENOMEM} if there is no room for the default window's table
     */
    public static SimulatedPhb create(HardwareConfig config, Platform machine) {
        return create(config, machine, TceCache::new);
    }

    /** A platform fresh from reset with a cache of one's own, which may be broken. */
    static SimulatedPhb create(HardwareConfig config, Platform machine, Function<CacheConfig, TceCache> caches) {
        SimulatedPhb chip = new SimulatedPhb(config, machine, caches);
        chip.hostCalls.addHostWindow(
                chip.platform.liobn(0),
                chip.platform.pe(),
                chip.platform.windowBase(),
                SpaprCapabilities.DEFAULT_PAGE_SHIFT,
                chip.platform.windowShift(),
                1,
                true);
        chip.platform.windows().forEach(chip::addResetWindow);
        return chip;
    }

    private void addResetWindow(SpaprCapabilities.ResetWindow window) {
        int shift = window.pageShift();
        int levelBits = TceTable.defaultLevelBits(window.windowShift(), shift, window.levels());
        if (!TceTable.isPossible(window.windowShift(), shift, window.levels(), levelBits)) {
            throw new BackendException(Errno.EINVAL, "windows: no table for a window of 2^" + window.windowShift());
        }
        int liobn = window.liobn() == 0 ? platform.liobn(1) : window.liobn();
        try {
            hostCalls.addHostWindow(
                    liobn, platform.pe(), window.base(), shift, window.windowShift(), window.levels(), false);
        } catch (IllegalArgumentException e) {
            throw new BackendException(Errno.EINVAL, "windows: " + e.getMessage(), e);
        }
    }

    /**
     * A platform that goes on where another stopped; its caches are empty.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for another state version, {@code EINVAL} for a damaged state
     */
    public static SimulatedPhb restore(Snapshot state, Platform machine) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.SPAPR, Snapshot.Kind.HARDWARE, STATE_VERSION, STATE_VERSION);
        SimulatedPhb restored = new SimulatedPhb(ConfigState.load(in.section("config")), machine, TceCache::new);
        restored.load(in);
        return restored;
    }

    @Override
    public HardwareConfig config() {
        return config;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return registers == null ? 0 : registers.read(offset, sizeBytes);
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        if (registers != null) {
            registers.write(offset, sizeBytes, value);
        }
    }

    @Override
    public void call(NativeCall call) {
        commands++;
        int function = call.function();
        if (TceCalls.isOne(function)) {
            tceCalls.call(call);
        } else if (EehCalls.isOne(function)) {
            eehCalls.call(call);
        } else if (WindowCalls.isOne(function) && windowCalls != null) {
            windowCalls.call(call);
        } else if (SpaprCall.isToken(function)) {
            call.result(RtasStatus.PARAMETER_ERROR);
        } else if (function == SpaprCall.OPAL_PCI_TCE_KILL && registers != null) {
            call.result(opalKill(call));
        } else {
            hostCalls.call(call);
        }
    }

    @Override
    public void translate(DmaAccess access) {
        if (observer == null) {
            remapper.translate(access);
            return;
        }
        observer.begins(access, 0);
        try {
            remapper.translate(access);
        } finally {
            observer.ends();
        }
    }

    @Override
    public void stepping(boolean on) {
        // There is no queue: a hypercall is complete when it returns.
    }

    @Override
    public int step(int count) {
        return 0;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.SPAPR, Snapshot.Kind.HARDWARE, STATE_VERSION);
        ConfigState.save(config, out.section("config"));
        out.section("windows").putInt(windows.all().size());
        for (DmaWindow window : windows.all()) {
            out.putInt(window.liobn())
                    .putInt(window.pe())
                    .putLong(window.base())
                    .putInt(window.windowShift())
                    .putLong(window.table().root())
                    .putInt(window.table().pageShift())
                    .putInt(window.table().levels())
                    .putInt(window.table().levelBits())
                    .putBoolean(window.isDefault())
                    .putBoolean(window.ownsTable());
        }
        states.save(out.section("endpoints"));
        faults.save(out.section("faults"));
        requesters.save(out.section("requesters"));
        if (registers != null) {
            registers.save(out.section("registers"));
            validation.save(windows.all(), out.section("validation"));
        }
        return out.build();
    }

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        faults.take(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        cache.visit(visitor);
    }

    @Override
    public HardwareCounters counters() {
        long all = commands + (registers == null ? 0 : registers.commands());
        return new HardwareCounters(all, remapper.hits(), remapper.walks(), remapper.refused(), cache.dropped());
    }

    private long stored(int function, DmaWindow window, long iova, long entries) {
        long before = cache.dropped();
        if (entries == 1) {
            cache.invalidatePage(window.pe(), iova);
        } else {
            cache.invalidateRange(
                    window.pe(), iova, iova + (entries << window.table().pageShift()) - 1);
        }
        watch.stored(function, window, iova, entries, cache.dropped() - before);
        return HypercallCode.SUCCESS;
    }

    /** OPAL_PCI_TCE_KILL, docs/spec/spapr-tce.md 2.3: checks what it is asked for and writes the register. */
    private long opalKill(NativeCall call) {
        long type = call.word(1);
        long pe = call.word(2);
        long pageBytes = call.word(3);
        long first = call.word(4);
        long pages = call.word(5);
        if (type == OpalCode.KILL_ALL) {
            registers.write(TceKill.REGISTER, TceKill.ALL.mask());
            return OpalCode.SUCCESS;
        }
        if (pe < 0 || pe >= platform.pes() || (type != OpalCode.KILL_PE && type != OpalCode.KILL_PAGES)) {
            return OpalCode.PARAMETER;
        }
        if (type == OpalCode.KILL_PE) {
            registers.write(TceKill.REGISTER, TceKill.PE.mask() | pe);
            return OpalCode.SUCCESS;
        }
        int shift = Long.numberOfTrailingZeros(pageBytes);
        int size = Long.bitCount(pageBytes) == 1 ? TceKill.sizeOf(shift) : -1;
        if (size < 0 || first >>> 60 != 0 || (first & pageBytes - 1) != 0 || pages < 0 || pages > SpaprCall.MAX_BATCH) {
            return OpalCode.PARAMETER;
        }
        boolean selects = size > 0 && SpaprGeneration.isIoda3(config.subVersion());
        for (long page = 0; page < pages; page++) {
            long word = TceKill.ONE.mask() | first + (page << shift) | pe;
            registers.write(TceKill.REGISTER, selects ? word | TceKill.PSEL.mask() | TceKill.SIZE.of(size) : word);
        }
        return OpalCode.SUCCESS;
    }

    private void windowsChanged(String cause, int pe) {
        long before = cache.dropped();
        cache.invalidateEndpoint(pe);
        watch.windowsChanged(cause, pe, cache.dropped() - before);
    }

    private void load(SnapshotReader in) {
        in.section("windows");
        int count = in.getCount(MAX_WINDOWS);
        for (int i = 0; i < count; i++) {
            try {
                DmaWindow window = loadWindow(in);
                windows.add(window);
                if (window.ownsTable()) {
                    tables.restored(window.table());
                }
                validation.set(window);
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
                throw new BackendException(Errno.EINVAL, "damaged state: " + e.getMessage(), e);
            }
        }
        in.endSection();
        in.section("endpoints", states::load);
        in.section("faults", faults::load);
        in.section("requesters", requesters::load);
        if (registers != null) {
            in.section("registers", registers::load);
            in.section("validation", validation::load);
        }
    }

    private static DmaWindow loadWindow(SnapshotReader in) {
        int liobn = in.getInt();
        int pe = in.getInt();
        long base = in.getLong();
        int windowShift = in.getInt();
        long root = in.getLong();
        int pageShift = in.getInt();
        int levels = in.getInt();
        int levelBits = in.getInt();
        if (liobn >= 0
                || root < 0
                || pageShift < SpaprCapabilities.DEFAULT_PAGE_SHIFT
                || windowShift >= Long.SIZE
                || !TceTable.isPossible(windowShift, pageShift, levels, levelBits)) {
            throw in.invalid("window 0x" + Integer.toHexString(liobn));
        }
        TceTable table = new TceTable(root, pageShift, levels, levelBits, 1L << (windowShift - pageShift));
        return new DmaWindow(liobn, pe, base, windowShift, table, in.getBoolean(), in.getBoolean());
    }
}
