package org.iommu4j.s390.hardware;

import java.util.HashMap;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.HardwareCounters;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.s390.command.ZpciSettings;
import org.iommu4j.s390.front.AddressTranslation;
import org.iommu4j.s390.front.FunctionState;
import org.iommu4j.s390.front.PciFacility;
import org.iommu4j.s390.front.PciFunction;
import org.iommu4j.s390.table.EntryFormats;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.TableLevel;
import org.iommu4j.s390.table.TableWalker;
import org.iommu4j.simulation.cache.ObservedCache;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.simulation.config.SettingValues;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The translation unit of a machine's PCI functions, generations 1 to 5. Without the refresh bit it reads the tables when a
 * function accesses a page that its cache does not have, and at RPCIT; with it at RPCIT only, into a shadow table.
 *
 * <p>A function's accesses name it by a handle of any of its lives: what the function may do, its state says.
 *
 * <p>Not modelled: MSI (an access to the MSI address is one outside of the aperture), and what the facility leaves out.
 *
 * <p>The class is long because each instruction that reaches the unit has its method here, over the same tables of
 * functions and caches.
 */
public final class SimulatedZpci implements Hardware, AddressTranslation {
    /** Version of the state that {@link #save} writes; see the package's description. */
    public static final int STATE_VERSION = 1;

    private static final long PAGE_OFFSET = (1L << TableLevel.PAGE_SHIFT) - 1;

    /** Most entries that a pass looks at: 64 GiB in pages. Tables that share their entries could keep it busy for years. */
    private static final int MOST_ENTRIES = 1 << 24;

    private final HardwareConfig config;
    private final ZpciCapabilities unit;
    private final int busy;
    private final PciFacility facility;
    private final TranslationCaches caches;
    private final TableWalker walker;

    /** The machine's sanitizer, or null. */
    private final TranslationObserver observer;

    /** Is told of the words that walks read; the sanitizer, or nobody. */
    private final TranslationObserver accesses;

    private final ObservedCache observed;

    /** Is told of refreshes and of the entries that they drop. */
    private final CommandWatch refreshes;

    /** Busy answers that the RPCIT under way has still to get. */
    private int busyLeft;

    /** True if the last pass of a refresh met more new mappings than there was room for. */
    private boolean exhausted;

    private long hits;
    private long walks;
    private long refused;

    private SimulatedZpci(
            HardwareConfig config,
            Platform platform,
            BiFunction<CacheConfig, ZpciCapabilities, TranslationCaches> cachesFactory) {
        this.config = config;
        SettingValues chosen = ZpciSettings.TABLE.read(config);
        unit = ZpciCapabilities.of(chosen);
        busy = chosen.getInt(ZpciSettings.RPCIT_BUSY);
        caches = cachesFactory.apply(config.cache(), unit);
        walker = new TableWalker(platform.guestTables(), unit.largeFrames());
        facility = new PciFacility(
                unit,
                platform.memory(),
                this,
                FunctionState.fromReset(chosen.text(ZpciSettings.FUNCTION_STATES), unit.functions()));
        observer = platform.sanitizer();
        accesses = observer == null ? TranslationObserver.nobody() : observer;
        observed = new ObservedCache(accesses, CachedKind.TRANSLATION);
        refreshes = observer == null ? CommandWatch.NOBODY : new CommandReports(observer);
        busyLeft = busy;
    }

    /**
     * A unit fresh from reset.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or an ability that it does not have,
     *     {@code EINVAL} for an unknown capability or option, or a value that does not fit
     */
    public static SimulatedZpci create(HardwareConfig config, Platform platform) {
        return create(config, platform, TranslationCaches::new);
    }

    /** A unit fresh from reset with caches of one's own, which may be broken. */
    static SimulatedZpci create(
            HardwareConfig config,
            Platform platform,
            BiFunction<CacheConfig, ZpciCapabilities, TranslationCaches> caches) {
        return new SimulatedZpci(config, platform, caches);
    }

    /**
     * A unit that goes on where another stopped; its shadow table is the other's, its cache is empty.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for another state version, {@code EINVAL} for a damaged state
     */
    public static SimulatedZpci restore(Snapshot state, Platform platform) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.S390, Snapshot.Kind.HARDWARE, STATE_VERSION, STATE_VERSION);
        SimulatedZpci restored = create(loadConfig(in.section("config")), platform);
        restored.load(in);
        return restored;
    }

    @Override
    public HardwareConfig config() {
        return config;
    }

    /** The functions and their instructions. */
    public PciFacility facility() {
        return facility;
    }

    @Override
    public long readRegister(long offset, int sizeBytes) {
        return 0;
    }

    @Override
    public void writeRegister(long offset, int sizeBytes, long value) {
        // zPCI has instructions, no registers.
    }

    @Override
    public void call(NativeCall call) {
        facility.call(call);
    }

    @Override
    public void stepping(boolean on) {
        // There is no queue: an instruction is over when it has been executed.
    }

    @Override
    public int step(int commands) {
        return 0;
    }

    // ---- accesses, docs/spec/s390-zpci.md 3.3; the numbers of the steps stand above the lines that do them

    @Override
    public void translate(DmaAccess access) {
        // 1. the function, and its state
        PciFunction function = facility.at(FunctionHandle.indexOf(access.requester()));
        if (function == null
                || function.state() != FunctionState.ENABLED
                || access.pasid() != DmaAccess.NO_PASID
                || access.addressType() != AddressType.UNTRANSLATED) {
            access.blocked();
            return;
        }
        if (observer == null) {
            translate(function, access);
            return;
        }
        observer.begins(access, function.iota());
        try {
            translate(function, access);
        } finally {
            observer.ends();
        }
    }

    private void translate(PciFunction function, DmaAccess access) {
        long iova = access.iova();
        boolean write = (access.rights() & DmaAccess.WRITE) != 0;
        // 2. its registration
        if (!function.registered()) {
            refuse(function, access, EventCode.NOT_REGISTERED, 0);
            return;
        }
        // 3. its range
        if (!function.covers(iova, iova + Math.max(1, access.spanBytes()) - 1)) {
            refuse(function, access, EventCode.OUTSIDE_RANGE, 0);
            return;
        }
        // 2. no tables
        if (!Iota.T.isSet(function.iota())) {
            identity(function, access, write);
            return;
        }
        // 5. the cache
        TranslationCache translations = caches.translations;
        int entry = caches.lookup(function.index(), iova);
        if (entry == TranslationCache.MISS) {
            miss(function, access, write);
            return;
        }
        hits++;
        int shift = translations.pageShift(entry);
        observed.hit(function.index(), iova, shift);
        show(function, iova, access.listener());
        finish(function, access, write, translations.value(entry), shift, translations.attributes(entry), true);
    }

    /** 2. T = 0: the aperture is the machine's memory from address 0 on; no tables. */
    private void identity(PciFunction function, DmaAccess access, boolean write) {
        boolean sealed = Iota.P.isSet(function.iota());
        if (write && sealed) {
            refuse(function, access, EventCode.ANCHOR_PROTECTION, 0);
        } else {
            int rights = sealed ? DmaAccess.READ : TranslationCaches.READ_WRITE;
            access.translated(access.iova() - unit.sdma(), 0, rights, false);
        }
    }

    /** Walks the tables for the access's listener, where the access itself does not read them. */
    private void show(PciFunction function, long iova, WalkListener listener) {
        if (listener != null) {
            walker.walk(function.iota(), iova, listener);
        }
    }

    private void miss(PciFunction function, DmaAccess access, boolean write) {
        observed.missed(function.index(), access.iova());
        if (unit.refresh()) {
            // The host reads the tables at RPCIT only: a translation that it has not installed is not mapped.
            show(function, access.iova(), access.listener());
            int unreached = walker.reach(function.iota(), access.iova());
            if (unreached == TableWalker.MAPPED) {
                refuse(function, access, EventCode.INVALID_ENTRY, TableLevel.PAGE);
            } else {
                refuse(function, access, EventCode.of(unreached), walker.level());
            }
            return;
        }
        // 4., 6. to 8. the tables
        walks++;
        int outcome =
                walker.walk(function.iota(), access.iova(), accesses.reading(access.listener(), EntryFormats::of));
        if (outcome != TableWalker.MAPPED) {
            EventCode code = outcome == TableWalker.NOT_MAPPED ? EventCode.INVALID_ENTRY : EventCode.of(outcome);
            refuse(function, access, code, walker.level());
            return;
        }
        int shift = walker.shift();
        int rights = walker.writable() ? TranslationCaches.READ_WRITE : DmaAccess.READ;
        long page = access.iova() & -1L << shift;
        caches.install(function.index(), page, shift, walker.frame(), rights);
        observed.filled(function.index(), page, shift, walker.frame());
        finish(function, access, write, walker.frame(), shift, rights, false);
    }

    /** 9. protection of the anchor, then of the entries. */
    private void finish(
            PciFunction function, DmaAccess access, boolean write, long frame, int shift, int rights, boolean hit) {
        boolean sealed = Iota.P.isSet(function.iota());
        if (write && sealed) {
            refuse(function, access, EventCode.ANCHOR_PROTECTION, 0);
        } else if (write && (rights & DmaAccess.WRITE) == 0) {
            refuse(function, access, EventCode.ENTRY_PROTECTION, TableLevel.PAGE);
        } else {
            long pageBytes = 1L << shift;
            access.translated(
                    frame | (access.iova() & (pageBytes - 1)),
                    pageBytes,
                    sealed ? rights & DmaAccess.READ : rights,
                    hit);
        }
    }

    private void refuse(PciFunction function, DmaAccess access, EventCode code, int expectedType) {
        refused++;
        boolean write = (access.rights() & DmaAccess.WRITE) != 0;
        access.fault(code.code(), facility.error(function, code, access.iova(), write, expectedType));
    }

    // ---- address translation of the functions

    @Override
    public int register(PciFunction function, long pba, long pal, long iota, boolean again) {
        drop(function, "MPCIFC");
        return DONE;
    }

    @Override
    public int unregister(PciFunction function) {
        drop(function, "MPCIFC");
        return DONE;
    }

    @Override
    public int recover(PciFunction function) {
        // Cached translations stay.
        return DONE;
    }

    private void drop(PciFunction function, String name) {
        int dropped = caches.dropFunction(function.index());
        refreshes.dropped(name, function.index(), RequestRegister.of(function.handle(), 0), dropped);
    }

    @Override
    public int refresh(PciFunction function, long first, long last) {
        if (busyLeft > 0) {
            busyLeft--;
            return BUSY;
        }
        busyLeft = busy;
        long from = first & ~PAGE_OFFSET;
        refreshes.begins(caches, function.index(), from, last | PAGE_OFFSET);
        boolean right = pass(function, first, last);
        if (right && exhausted) {
            // The first pass may have dropped entries behind those that it had no room for.
            right = pass(function, first, last);
        }
        refreshes.ends(function.index(), from, last, RequestRegister.of(function.handle(), 0), caches.dropped());
        if (!right) {
            return Status.FUNCTION_IN_ERROR;
        }
        return exhausted ? Status.INSUFFICIENT_RESOURCES : DONE;
    }

    /**
     * Reads the tables of a range once: drops what was known and installs what is mapped, entry by entry.
     *
     * @return false if the tables are wrong: the function is in error, and what comes after the wrong entry is as it was
     */
    private boolean pass(PciFunction function, long first, long last) {
        exhausted = false;
        long at = first & ~PAGE_OFFSET;
        long table = 0;
        for (int entries = 0; ; entries++) {
            if (entries == MOST_ENTRIES) {
                giveUp(function, at, last);
                return true;
            }
            refreshes.reads(function.handle(), at, function.iota());
            // Pages next to each other are in one page table, mostly: it is found once.
            boolean inTable =
                    table != 0 && TableLevel.index(at, TableLevel.PAGE) != 0 && !refreshes.readsFromTheAnchor();
            int outcome = inTable
                    ? walker.page(table, walker.tableWritable(), at, null)
                    : walker.walk(function.iota(), at, refreshes.listener());
            table = walker.pageTable();
            if (outcome > TableWalker.MAPPED) {
                refreshes.read();
                long failing = Long.compareUnsigned(at, first) < 0 ? first : at;
                facility.error(function, EventCode.of(outcome), failing, false, walker.level());
                return false;
            }
            long end = renew(function, at, last, outcome == TableWalker.MAPPED);
            refreshes.read();
            if (Long.compareUnsigned(end, last) >= 0) {
                return true;
            }
            at = end + 1;
        }
    }

    /** Drops what was known of the rest of a range, which there are no resources to look at. */
    private void giveUp(PciFunction function, long at, long last) {
        exhausted = true;
        caches.dropRange(function.index(), at, last | PAGE_OFFSET);
        refreshes.refreshed(function.index(), at, last | PAGE_OFFSET);
    }

    /** Drops what was known where the last walk ended, and installs what it found; the answer is the last address there. */
    private long renew(PciFunction function, long at, long last, boolean mapped) {
        int shift = walker.shift();
        long inEntry = (1L << shift) - 1;
        long end = at | inEntry;
        if (mapped) {
            install(function, at & ~inEntry, end, shift);
        } else {
            long dropEnd = Long.compareUnsigned(end, last) < 0 ? end : last | PAGE_OFFSET;
            caches.dropRange(function.index(), at, dropEnd);
            refreshes.refreshed(function.index(), at, dropEnd);
        }
        return end;
    }

    private void install(PciFunction function, long page, long end, int shift) {
        int rights = walker.writable() ? TranslationCaches.READ_WRITE : DmaAccess.READ;
        boolean known = caches.replace(function.index(), page, shift, walker.frame(), rights);
        if (!known) {
            caches.dropRange(function.index(), page, end);
        }
        refreshes.refreshed(function.index(), page, end);
        if (!known && !caches.hasRoom()) {
            exhausted = true;
            return;
        }
        if (!known) {
            caches.install(function.index(), page, shift, walker.frame(), rights);
        }
        refreshes.installed(function.index(), page, 1L << shift, walker.frame());
    }

    // ---- what can be seen of it

    @Override
    public void takeEvents(Consumer<byte[]> sink) {
        facility.takeEvents(sink);
    }

    @Override
    public void visitCache(CacheVisitor visitor) {
        caches.visit(visitor);
    }

    @Override
    public HardwareCounters counters() {
        return new HardwareCounters(facility.executed(), hits, walks, refused, caches.dropped());
    }

    // ---- state

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.S390, Snapshot.Kind.HARDWARE, STATE_VERSION);
        Map<String, String> choices = new HashMap<>(config.options());
        choices.keySet().removeIf(ZpciSettings.TABLE::isNumber);
        out.section("config")
                .putInt(config.subVersion())
                .putString(config.cache().name())
                .putNamedLongs(unit.changed())
                .putNamedStrings(choices);
        facility.save(out.section("functions"));
        if (unit.refresh()) {
            out.section("shadow").putInt(caches.translations.size());
            caches.translations.visit((function, pasid, address, shift, frame, rights) -> out.putInt(function)
                    .putLong(address)
                    .putInt(shift)
                    .putLong(frame)
                    .putInt(rights));
        }
        return out.build();
    }

    private void load(SnapshotReader in) {
        in.section("functions", facility::load);
        if (!unit.refresh()) {
            return;
        }
        in.section("shadow");
        int count = in.getCount(unit.dmaAvail());
        for (int i = 0; i < count; i++) {
            int function = in.getInt();
            long address = in.getLong();
            int shift = in.getInt();
            long frame = in.getLong();
            int rights = in.getInt();
            if (facility.at(function) == null || !isSize(shift) || (address & (1L << shift) - 1) != 0) {
                throw in.invalid("translation of function " + function + " at 0x" + Long.toHexString(address));
            }
            if ((frame & (1L << shift) - 1) != 0 || (rights & ~TranslationCaches.READ_WRITE) != 0) {
                throw in.invalid("translation to 0x" + Long.toHexString(frame) + " with rights " + rights);
            }
            caches.install(function, address, shift, frame, rights);
        }
        in.endSection();
    }

    private static boolean isSize(int shift) {
        return shift == TableLevel.PAGE_SHIFT || shift == TableLevel.SEGMENT_SHIFT;
    }

    private static HardwareConfig loadConfig(SnapshotReader in) {
        int subVersion = in.getInt();
        CacheConfig cache = in.getConstant(CacheConfig.class);
        Map<String, Long> capabilities = in.getNamedLongs();
        Map<String, String> options = in.getNamedStrings();
        in.endSection();
        return new HardwareConfig(subVersion, Map.of("clp", capabilities), Map.of(), cache, options);
    }
}
