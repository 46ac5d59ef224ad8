package org.iommu4j.spapr.translate;

import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.simulation.translate.DomainTable;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/**
 * Driver of an sPAPR platform, generations 1 to 5. A container is a partitionable endpoint with its windows; its devices,
 * LIOBNs and requester ids, share them as the groups of a VFIO container do. PE numbers are the host's: a guest names its
 * windows by LIOBN and never a PE.
 *
 * <p>The first container gets the endpoint that is there from reset on, and with it the default window, empty. Addresses are
 * the host's: containers map guest memory one to one in this release. There are no PASIDs, so NO_PASID and "all" name the same
 * translations.
 */
public final class SpaprTranslator implements Translator {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final int REQUESTERS = 1 << 16;
    private static final int PAGE_BYTES = 4096;
    private static final int MAX_ENDPOINTS = 1 << 9;
    private static final int MAX_NAMES = 1 << 17;

    /** Most pages that one request unmaps: as many as 2^19 calls do. */
    private static final long MAX_CLEARED = (1L << 19) * SpaprCall.MAX_BATCH;

    /** Entries that one call of {@link #invalidate} touches one by one; the others of the chip wait meanwhile. */
    private static final int PIECE = 4 * SpaprCall.MAX_BATCH;

    private static final int PAGE_SHIFT = 12;

    private static final String ALL_LEVELS = "no kill keeps what is cached of the upper levels";
    private static final String WHOLE_PAGES = "the pages of the window are larger than the range";

    private final int subVersion;
    private final SpaprCapabilities limits;
    private final ChipPort chip;
    private final DomainWindows windows;
    private final CommandPath commands;
    private final long list;
    private final VendorPart vendorPart;
    private final BitSet endpoints = new BitSet();
    private final TreeMap<Integer, Domain> owners = new TreeMap<>();
    private final DomainTable<Domain> domains = new DomainTable<>();

    private SpaprTranslator(int subVersion, ChipPort chip, long list) {
        this.subVersion = subVersion;
        this.chip = chip;
        this.list = list;
        limits = SpaprCapabilities.defaultOf(subVersion);
        windows = new DomainWindows(chip);
        commands = SpaprGeneration.hasRegisters(subVersion)
                ? new KillCommands(chip.port(), windows, limits)
                : new HypercallCommands(chip, windows, list);
        vendorPart = new VendorPart(subVersion);
    }

    /**
     * Takes over a platform that is fresh from reset: no requester reaches an endpoint, the default window is empty. So every
     * device is blocked.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, {@code EIO} if the platform does not answer,
     *     {@code ENOMEM} if there is no memory for lists of entries
     */
    public static SpaprTranslator create(int subVersion, NativePort port) {
        SpaprCapabilities.defaultOf(subVersion);
        ChipPort chip = new ChipPort(port);
        if (chip.setRequester(SpaprCall.ALL_REQUESTERS, SpaprCall.NO_PE) != HypercallCode.SUCCESS) {
            throw new BackendException(Errno.EIO, "the platform does not block its requesters");
        }
        long list = usesLists(subVersion) ? port.platform().allocatePages(1) : 0;
        return new SpaprTranslator(subVersion, chip, list);
    }

    /**
     * Goes on where another translator stopped, on the same platform. Calls nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state
     */
    public static SpaprTranslator restore(Snapshot state, NativePort port) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.SPAPR, Snapshot.Kind.TRANSLATOR, STATE_OLDEST_READ, STATE_VERSION);
        in.section("translator");
        int subVersion = in.getInt();
        long list = in.getLong();
        int pe = within(in.getInt(), MAX_ENDPOINTS, "default PE");
        ChipPort chip =
                new ChipPort(port, pe, in.getInt(), in.getLong(), within(in.getInt(), Long.SIZE, "default window"));
        in.endSection();
        if (list < 0 || (list & (PAGE_BYTES - 1)) != 0 || (list != 0) != usesLists(subVersion)) {
            throw damaged("list", list);
        }
        SpaprTranslator translator = new SpaprTranslator(subVersion, chip, list);
        translator.restoreDomains(in);
        if (in.has("kills")) {
            translator.commands.resume(in.section("kills").getBoolean());
            in.endSection();
        }
        return translator;
    }

    private static boolean usesLists(int subVersion) {
        return subVersion == SpaprGeneration.TCE_V1_MULTI;
    }

    @Override
    public int subVersion() {
        return subVersion;
    }

    @Override
    public int openDomain(int domain, Completion completion) {
        int refused = domains.checkNew(domain, completion);
        if (refused != 0) {
            return refused;
        }
        int pe = chip.defaultPe();
        if (endpoints.get(pe)) {
            pe = endpoints.nextClearBit(0);
        }
        if (pe != chip.defaultPe() && pe >= limits.pes()) {
            return completion.fail(Errno.ENOSPC, "all endpoints of the platform are in use");
        }
        endpoints.set(pe);
        domains.put(domain, new Domain(domain, pe));
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        Errno outcome = Errno.OK;
        for (int requester : target.devices()) {
            outcome = worse(outcome, block(requester));
            owners.remove(requester);
        }
        for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
            outcome = worse(outcome, removeWindow(target, slot));
        }
        domains.remove(domain);
        if (outcome == Errno.OK && target.pe() == chip.defaultPe()) {
            outcome = restoreDefaultWindow();
        }
        if (outcome != Errno.OK) {
            // The endpoint stays taken: something of this container may still be behind it.
            return failed(outcome, completion);
        }
        endpoints.clear(target.pe());
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (requester >= REQUESTERS) {
            return completion.refuse(
                    null,
                    Errno.EINVAL,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    "neither a requester id, 0 to 65535, nor a LIOBN");
        }
        Domain owner = owners.get(requester);
        if (owner != null) {
            return completion.refuse(
                    null,
                    owner == target ? Errno.EEXIST : Errno.EBUSY,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    owner == target ? "the device is attached" : "the device is attached to another container");
        }
        if (isBoundElsewhere(requester, target)) {
            return completion.refuse(
                    null,
                    Errno.EBUSY,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    "the LIOBN is that of another container's window");
        }
        Window wanted = null;
        if (table != -1) {
            wanted = new Window()
                    .place(0, chip.defaultBase(), SpaprCapabilities.DEFAULT_PAGE_SHIFT, chip.defaultWindowShift())
                    .table(Math.max(1, levels), 0, table);
            int wrong = checkTable(target, requester, wanted, levels, completion);
            if (wrong != 0) {
                return wrong;
            }
        }
        Errno outcome = reach(target, requester);
        if (outcome == Errno.OK && wanted != null) {
            outcome = shareOrPut(target, wanted, requester);
            if (outcome != Errno.OK) {
                block(requester);
            }
        }
        if (outcome != Errno.OK) {
            return failed(outcome, completion);
        }
        target.devices().add(requester);
        owners.put(requester, target);
        return completion.done(Fidelity.EXACT);
    }

    /** Whether a device may be attached to a table: 0, or a negative errno with {@code completion} filled. */
    private int checkTable(Domain target, int requester, Window wanted, int levels, Completion completion) {
        boolean possible = levels >= 1
                && levels <= limits.maxLevels()
                && TceTable.isPossible(
                        wanted.windowShift(), wanted.pageShift(), levels, wanted.levelShift() - Tce.SHIFT);
        if (!possible) {
            return completion.refuse(
                    null, Errno.EINVAL, "levels", -1, levels, "the platform has no tables of so many levels");
        }
        if (!isTable(wanted)) {
            return completion.refuse(
                    null, Errno.EINVAL, "table", -1, wanted.root(), "not a page below the host address width");
        }
        Window bound = target.window(DmaWindow.slotOf(wanted.base()));
        if (bound != null && !bound.is(wanted)) {
            return completion.refuse(
                    null, Errno.EBUSY, "table", -1, wanted.root(), "the devices of a container share its windows");
        }
        if (bound == null && target.windowOf(requester) != null) {
            return completion.refuse(
                    null,
                    Errno.EBUSY,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    "the LIOBN is that of another device's window");
        }
        return 0;
    }

    private Errno shareOrPut(Domain target, Window wanted, int requester) {
        Window bound = target.window(DmaWindow.slotOf(wanted.base()));
        if (bound == null) {
            return putWindow(target, wanted, requester);
        }
        bound.names().add(requester);
        return Errno.OK;
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (!target.devices().contains(requester)) {
            return DomainTable.notAttached(requester, -1, completion);
        }
        Errno outcome = block(requester);
        if (outcome == Errno.OK) {
            outcome = forgetName(target, requester);
            if (outcome != Errno.OK) {
                reach(target, requester);
            }
        }
        if (outcome != Errno.OK) {
            return failed(outcome, completion);
        }
        target.devices().remove(requester);
        owners.remove(requester);
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (request.operation() != Uapi.BIND_PGTABLE) {
            return completion.refuse(
                    Rule.V37,
                    "flag",
                    -1,
                    request.operation(),
                    "there are no PASIDs on this model: only BIND_PGTABLE is specified");
        }
        if ((request.flags() & ~Uapi.BIND_FLAG_UNBIND) != 0) {
            return completion.refuse(Rule.V13, "flags", -1, request.flags(), "unknown flag");
        }
        if (request.payloadLength() != BindPgtable.LAYOUT.sizeBytes()) {
            return completion.refuse(Rule.V33, "length", -1, request.payloadLength(), "the vendor part has 24 bytes");
        }
        long[] words = BindPgtable.LAYOUT.decode(request.payload(), request.payloadOffset());
        for (int word = 0; word < words.length; word++) {
            if ((words[word] & BindPgtable.LAYOUT.reservedMask(word)) != 0) {
                return completion.refuse(Rule.V34, "reserved", word * Long.BYTES, words[word], "a reserved bit is set");
            }
        }
        return bind(target, request.unbinds(), words, completion);
    }

    private int bind(Domain target, boolean unbinds, long[] words, Completion completion) {
        BitField wrong = wrongGeometry(words);
        if (wrong != null) {
            return refuse(
                    completion, Rule.V34, Errno.EINVAL, wrong, wrong.get(words), "the generation has no such window");
        }
        int requester = (int) BindPgtable.REQUESTER.get(words);
        Window wanted = new Window()
                .place(requester, BindPgtable.BASE.get(words), (int) BindPgtable.PAGE_SHIFT.get(words), (int)
                        BindPgtable.WINDOW_SHIFT.get(words))
                .table(
                        (int) BindPgtable.LEVELS.get(words),
                        (int) BindPgtable.LEVEL_SHIFT.get(words),
                        BindPgtable.TABLE_ROOT.get(words));
        if (!isTable(wanted)) {
            return refuse(
                    completion,
                    Rule.V34,
                    Errno.EINVAL,
                    BindPgtable.TABLE_ROOT,
                    wanted.root(),
                    "not a page below the host address width");
        }
        if (!target.devices().contains(requester)) {
            return DomainTable.notAttached(requester, BindPgtable.LAYOUT.byteOffset(BindPgtable.REQUESTER), completion);
        }
        int slot = target.slotOf(requester);
        Window bound = slot < 0 ? null : target.window(slot);
        if (unbinds) {
            if (bound == null) {
                return refuse(
                        completion,
                        null,
                        Errno.ENOENT,
                        BindPgtable.REQUESTER,
                        BindPgtable.REQUESTER.get(words),
                        "no window is bound under that name");
            }
            if (!bound.is(wanted)) {
                return refuse(
                        completion,
                        Rule.V35,
                        Errno.EINVAL,
                        BindPgtable.TABLE_ROOT,
                        wanted.root(),
                        "something else is bound under that name");
            }
            Errno outcome = forgetName(target, requester);
            return outcome == Errno.OK ? completion.done(Fidelity.EXACT) : failed(outcome, completion);
        }
        Window inSlot = target.window(DmaWindow.slotOf(wanted.base()));
        if (inSlot != null && inSlot != bound) {
            boolean full = target.window(0) != null && target.window(1) != null;
            return refuse(
                    completion,
                    full ? null : Rule.V35,
                    full ? Errno.ENOSPC : Errno.EINVAL,
                    BindPgtable.BASE,
                    wanted.base(),
                    full ? "the endpoint has no room for another window" : "the window overlaps another one");
        }
        boolean others = bound == null ? target.windowOf(requester) != null : isOthers(bound, inSlot, requester);
        if (others && inSlot != null && inSlot.is(wanted)) {
            return completion.done(Fidelity.EXACT);
        }
        if (others) {
            return refuse(
                    completion,
                    null,
                    Errno.EBUSY,
                    bound == null ? BindPgtable.REQUESTER : BindPgtable.TABLE_ROOT,
                    bound == null ? BindPgtable.REQUESTER.get(words) : wanted.root(),
                    "the window is another device's, too");
        }
        Errno outcome = putWindow(target, wanted, requester);
        return outcome == Errno.OK ? completion.done(Fidelity.EXACT) : failed(outcome, completion);
    }

    /**
     * True if what one of its names is bound to cannot change alone: others are bound to it too and need it as it is, or it
     * still has the LIOBN under which another device bound it.
     */
    private static boolean isOthers(Window bound, Window inSlot, int requester) {
        return bound.names().size() > 1
                ? bound == inSlot || bound.liobn() == requester
                : requester < 0 && bound.liobn() != requester;
    }

    /** The field that makes a window impossible on this generation, or null; docs/spec/spapr-tce.md 3.2 and 3.4. */
    private BitField wrongGeometry(long[] words) {
        long pageShift = BindPgtable.PAGE_SHIFT.get(words);
        long windowShift = BindPgtable.WINDOW_SHIFT.get(words);
        long levels = BindPgtable.LEVELS.get(words);
        long levelShift = BindPgtable.LEVEL_SHIFT.get(words);
        long base = BindPgtable.BASE.get(words);
        if (pageShift >= Long.SIZE || !limits.hasPageShift((int) pageShift)) {
            return BindPgtable.PAGE_SHIFT;
        }
        if (windowShift < pageShift || windowShift > DmaWindow.SLOT_SHIFT) {
            return BindPgtable.WINDOW_SHIFT;
        }
        if (levels < 1 || levels > limits.maxLevels()) {
            return BindPgtable.LEVELS;
        }
        if (levelShift != 0
                && (levelShift < TceTable.MIN_LEVEL_BITS + Tce.SHIFT
                        || levelShift > TceTable.MAX_LEVEL_BITS + Tce.SHIFT)) {
            return BindPgtable.LEVEL_SHIFT;
        }
        int levelBits = levelShift == 0
                ? TceTable.defaultLevelBits((int) windowShift, (int) pageShift, (int) levels)
                : (int) levelShift - Tce.SHIFT;
        if (levelBits > TceTable.MAX_LEVEL_BITS) {
            return BindPgtable.WINDOW_SHIFT;
        }
        if (!TceTable.isPossible((int) windowShift, (int) pageShift, (int) levels, levelBits)) {
            return BindPgtable.LEVELS;
        }
        return isBase(base, 1L << windowShift, (1L << pageShift) - 1) ? null : BindPgtable.BASE;
    }

    /** From generation 3 on the slots start at 0 and 2^59; before, there is one window, below 4 GiB. */
    private boolean isBase(long base, long size, long pageMask) {
        if (SpaprGeneration.hasRegisters(subVersion)) {
            return base == 0 || base == 1L << DmaWindow.SLOT_SHIFT;
        }
        return (base & pageMask) == 0 && base >= 0 && base < 1L << 32 && base + size <= 1L << 32;
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (request.selectsPasid()) {
            return completion.refuse(
                    Rule.V24, "scope", -1, request.scope(), "translations of this model have no PASID to be told by");
        }
        if (request.payloadLength() == 0) {
            vendorPart.absent(commands.defaultOp());
        } else {
            int wrong = vendorPart.read(commands.defaultOp(), request, completion);
            wrong = wrong != 0 ? wrong : checkOwner(target, request, completion);
            if (wrong != 0) {
                return wrong;
            }
        }
        return request.selectsRange()
                ? invalidateRange(target, request, completion)
                : invalidateAll(target, request, completion);
    }

    /** The window must be the container's and have that page size, and the endpoint is the host's to name; in this order. */
    private int checkOwner(Domain target, InvalidateRequest request, Completion completion) {
        int liobn = vendorPart.liobn();
        Window named = liobn == InvalidateData.ALL_WINDOWS ? null : windows.of(target, liobn);
        if (liobn != InvalidateData.ALL_WINDOWS && named == null) {
            return VendorPart.refuse(
                    completion,
                    null,
                    Errno.ENOENT,
                    InvalidateData.LIOBN,
                    Integer.toUnsignedLong(liobn),
                    "no window of the container has that LIOBN");
        }
        int wrong = vendorPart.pageShift() == 0 ? 0 : checkPageShift(target, named, request, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (vendorPart.pe() != InvalidateData.GROUP_PE && !isOwn(target, vendorPart.pe())) {
            return VendorPart.refuse(
                    completion,
                    Rule.V36,
                    Errno.EPERM,
                    InvalidateData.PE,
                    Integer.toUnsignedLong(vendorPart.pe()),
                    "PE numbers are the host's: ffffffff names that of the container");
        }
        return 0;
    }

    /** From generation 3 on the endpoint of the container may be named, but no other. */
    private boolean isOwn(Domain target, int pe) {
        return SpaprGeneration.hasRegisters(subVersion) && pe == target.pe();
    }

    private int invalidateAll(Domain target, InvalidateRequest request, Completion completion) {
        Window window =
                vendorPart.liobn() == InvalidateData.ALL_WINDOWS ? null : windows.of(target, vendorPart.liobn());
        if (!SpaprGeneration.hasRegisters(subVersion)) {
            // There is one window, below 4 GiB.
            Window only = window == null ? windows.at(target, 0) : window;
            return only == null
                    ? completion.done(Fidelity.EXACT)
                    : invalidatePiece(target, only, only.base(), only.entries(), request, completion);
        }
        return answer(commands.invalidateAll(target, window, completion), completion);
    }

    private int invalidateRange(Domain target, InvalidateRequest request, Completion completion) {
        long vaddr = request.vaddr();
        Window window = windows.holding(target, vaddr);
        if (window == null) {
            return completion.refuse(
                    Rule.V24, Errno.ENXIO, "vaddr", -1, vaddr, "no window of the container holds the address");
        }
        if (!window.contains(request.lastVaddr())) {
            return completion.refuse(
                    Rule.V24,
                    Errno.ERANGE,
                    "size",
                    -1,
                    request.size(),
                    "the range leaves the window that it starts in");
        }
        if (vendorPart.liobn() != InvalidateData.ALL_WINDOWS && vendorPart.liobn() != window.liobn()) {
            return VendorPart.refuse(
                    completion,
                    Rule.V35,
                    Errno.EINVAL,
                    InvalidateData.LIOBN,
                    Integer.toUnsignedLong(vendorPart.liobn()),
                    "the range is in another window");
        }
        long first = window.pageOf(vaddr);
        long last = window.pageOf(request.lastVaddr());
        long entries = ((last - first) >>> window.pageShift()) + 1;
        if (vendorPart.op() == InvalidateData.OP_CLEAR && entries > MAX_CLEARED) {
            return completion.refuse(
                    Rule.V24,
                    Errno.ERANGE,
                    "size",
                    -1,
                    request.size(),
                    "more pages than one request unmaps: " + MAX_CLEARED);
        }
        if (first != vaddr || entries << window.pageShift() != request.size()) {
            completion.widened(WHOLE_PAGES);
        }
        if (request.leafOnly() && window.levels() > 1) {
            completion.widened(ALL_LEVELS);
        }
        return vendorPart.op() == InvalidateData.OP_CLEAR || !SpaprGeneration.hasRegisters(subVersion)
                ? invalidatePiece(target, window, first, entries, request, completion)
                : answer(commands.invalidate(target, window, first, entries, completion), completion);
    }

    /** The next entries of a range that takes a call for each, or for each few hundred. */
    private int invalidatePiece(
            Domain target, Window window, long first, long entries, InvalidateRequest request, Completion completion) {
        int order = window.pageShift() - PAGE_SHIFT;
        long done = Math.min(entries, request.progress() >>> order);
        long count = Math.min(entries - done, PIECE);
        long at = first + (done << window.pageShift());
        Errno outcome = vendorPart.op() == InvalidateData.OP_CLEAR && request.selectsRange()
                ? clear(window, at, count)
                : commands.invalidate(target, window, at, count, completion);
        if (outcome != Errno.OK || done + count == entries) {
            return answer(outcome, completion);
        }
        request.progress((done + count) << order);
        return UNFINISHED;
    }

    /** The page size of the window that is named, else of the one that the range is in, else of every window. */
    private int checkPageShift(Domain target, Window named, InvalidateRequest request, Completion completion) {
        if (named != null) {
            return checkPageShift(named, completion);
        }
        if (request.selectsRange()) {
            return checkPageShift(windows.holding(target, request.vaddr()), completion);
        }
        int wrong = 0;
        for (int slot = 0; slot < DomainWindows.SLOTS && wrong == 0; slot++) {
            wrong = checkPageShift(windows.at(target, slot), completion);
        }
        return wrong;
    }

    private int checkPageShift(Window window, Completion completion) {
        return window == null || vendorPart.pageShift() == window.pageShift()
                ? 0
                : VendorPart.refuse(
                        completion,
                        Rule.V35,
                        Errno.EINVAL,
                        InvalidateData.PAGE_SHIFT,
                        Integer.toUnsignedLong(vendorPart.pageShift()),
                        "the window has another page size");
    }

    /** Unmaps a range, which drops it. */
    private Errno clear(Window window, long first, long entries) {
        int most = subVersion == SpaprGeneration.TCE_V1 ? 1 : SpaprCall.MAX_BATCH;
        for (long done = 0; done < entries; done += most) {
            long at = first + (done << window.pageShift());
            long count = Math.min(most, entries - done);
            long result = most == 1 ? chip.put(window.liobn(), at, 0) : chip.stuff(window.liobn(), at, 0, count);
            if (result != HypercallCode.SUCCESS) {
                return ChipPort.errno(result);
            }
        }
        return Errno.OK;
    }

    private static int answer(Errno outcome, Completion completion) {
        if (outcome == Errno.ERANGE) {
            return completion.refuse(
                    Rule.V24, outcome, "scope", -1, 0, "the endpoint's number exceeds what a kill can name: never cut");
        }
        return outcome == Errno.OK ? completion.done(Fidelity.EXACT) : failed(outcome, completion);
    }

    @Override
    public int finish(Completion completion) {
        Errno outcome = commands.finish();
        return outcome == Errno.OK ? 0 : failed(outcome, completion);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.SPAPR, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        out.section("translator")
                .putInt(subVersion)
                .putLong(list)
                .putInt(chip.defaultPe())
                .putInt(chip.defaultLiobn())
                .putLong(chip.defaultBase())
                .putInt(chip.defaultWindowShift());
        List<Domain> open = domains.open();
        out.section("domains").putLongs(endpoints.toLongArray()).putInt(open.size());
        for (Domain domain : open) {
            out.putInt(domain.number()).putInt(domain.pe());
            out.putInt((domain.window(0) == null ? 0 : 1) + (domain.window(1) == null ? 0 : 1));
            for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
                if (domain.window(slot) != null) {
                    saveWindow(domain.window(slot), out);
                }
            }
            saveNames(domain.devices(), out);
        }
        if (SpaprGeneration.hasRegisters(subVersion)) {
            out.section("kills").putBoolean(commands.isUnfinished());
        }
        return out.build();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        chip.tap(listener);
        commands.tap(listener);
    }

    // ---- windows

    /**
     * Puts a window on the platform under the name of one requester: in place of what that name had for itself, and of what
     * the platform has made there. That is one call, which changes all or nothing.
     */
    private Errno putWindow(Domain target, Window wanted, int requester) {
        int slot = DmaWindow.slotOf(wanted.base());
        int slotBefore = target.slotOf(requester);
        Window before = slotBefore < 0 ? null : target.window(slotBefore);
        boolean shared = before != null && before.names().size() > 1;
        int liobn = before != null && !shared ? before.liobn() : requester < 0 ? requester : freeLiobn(target, slot);
        wanted.place(liobn, wanted.base(), wanted.pageShift(), wanted.windowShift());
        Errno outcome = ChipPort.errno(chip.setTable(target.pe(), wanted));
        if (outcome != Errno.OK) {
            return outcome;
        }
        if (shared) {
            before.names().remove(requester);
        } else if (before != null) {
            target.window(slotBefore, null);
        }
        wanted.names().add(requester);
        target.window(slot, wanted);
        return Errno.OK;
    }

    private boolean isBoundElsewhere(int liobn, Domain target) {
        return liobn < 0 && target.windowOf(liobn) == null && isBound(liobn);
    }

    private boolean isBound(int liobn) {
        for (Domain domain : domains.open()) {
            if (domain.windowOf(liobn) != null) {
                return true;
            }
        }
        return false;
    }

    /** A LIOBN that is neither a device nor a window; that of the default window belongs to its endpoint and its slot. */
    private int freeLiobn(Domain target, int slot) {
        boolean replacesDefault = target.pe() == chip.defaultPe() && slot == DmaWindow.slotOf(chip.defaultBase());
        int liobn = replacesDefault ? chip.defaultLiobn() : chip.defaultLiobn() + 1;
        while (owners.containsKey(liobn) || isBound(liobn)) {
            liobn++;
        }
        return liobn;
    }

    /** A requester no longer stands for a window; with its last name the window goes. */
    private Errno forgetName(Domain target, int requester) {
        int slot = target.slotOf(requester);
        if (slot < 0) {
            return Errno.OK;
        }
        Window window = target.window(slot);
        if (window.names().size() > 1) {
            window.names().remove(requester);
            return Errno.OK;
        }
        return removeWindow(target, slot);
    }

    private Errno removeWindow(Domain target, int slot) {
        Window window = target.window(slot);
        if (window == null) {
            return Errno.OK;
        }
        Errno outcome = ChipPort.errno(chip.removeTable(target.pe(), window.liobn()));
        if (outcome == Errno.OK) {
            target.window(slot, null);
        }
        return outcome;
    }

    /** The endpoint that is there from reset on looks as it did then: only the default window, empty. */
    private Errno restoreDefaultWindow() {
        Window present = new Window();
        for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
            if (chip.queryTable(chip.defaultPe(), slot, present)) {
                Errno removed = ChipPort.errno(chip.removeTable(chip.defaultPe(), present.liobn()));
                if (removed != Errno.OK) {
                    return removed;
                }
            }
        }
        if (isBound(chip.defaultLiobn())) {
            return Errno.OK;
        }
        Window fresh = new Window()
                .place(
                        chip.defaultLiobn(),
                        chip.defaultBase(),
                        SpaprCapabilities.DEFAULT_PAGE_SHIFT,
                        chip.defaultWindowShift())
                .table(1, 0, SpaprCall.HOST_TABLE);
        return ChipPort.errno(chip.setTable(chip.defaultPe(), fresh));
    }

    /** A requester id reaches the endpoint; a LIOBN is nothing but its window. */
    private Errno reach(Domain target, int requester) {
        return requester < 0 ? Errno.OK : ChipPort.errno(chip.setRequester(requester, target.pe()));
    }

    /** A requester id reaches no endpoint any more; a LIOBN is nothing but its window. */
    private Errno block(int requester) {
        return requester < 0 ? Errno.OK : ChipPort.errno(chip.setRequester(requester, SpaprCall.NO_PE));
    }

    private boolean isTable(Window window) {
        int width = chip.port().platform().hostAddressWidth();
        return window.root() >= 0 && (window.root() & (PAGE_BYTES - 1)) == 0 && window.root() >>> width == 0;
    }

    // ---- lookup and refusals

    private static Errno worse(Errno first, Errno second) {
        return first != Errno.OK ? first : second;
    }

    private static int failed(Errno outcome, Completion completion) {
        return completion.refuse(
                Rule.V38, outcome, "", -1, 0, "the platform did not carry out the calls; they do not count as done");
    }

    private static int refuse(Completion completion, Rule rule, Errno errno, BitField field, long value, String why) {
        return completion.refuse(rule, errno, field.name(), BindPgtable.LAYOUT.byteOffset(field), value, why);
    }

    // ---- state

    private static void saveWindow(Window window, SnapshotWriter out) {
        out.putInt(window.liobn())
                .putLong(window.base())
                .putInt(window.pageShift())
                .putInt(window.windowShift())
                .putInt(window.levels())
                .putInt(window.levelShift())
                .putLong(window.root());
        saveNames(window.names(), out);
    }

    private static void saveNames(Set<Integer> names, SnapshotWriter out) {
        out.putInt(names.size());
        names.forEach(out::putInt);
    }

    private void restoreDomains(SnapshotReader in) {
        in.section("domains");
        endpoints.or(BitSet.valueOf(in.getLongs()));
        if (endpoints.length() > MAX_ENDPOINTS) {
            throw damaged("PE", endpoints.length() - 1L);
        }
        int count = in.getCount(DomainTable.MAX_DOMAINS);
        for (int i = 0; i < count; i++) {
            Domain domain = new Domain(
                    within(in.getInt(), DomainTable.MAX_DOMAINS, "domain"), within(in.getInt(), MAX_ENDPOINTS, "PE"));
            if (domains.find(domain.number()) != null || !endpoints.get(domain.pe())) {
                throw damaged("domain", domain.number());
            }
            domains.put(domain.number(), domain);
            int bound = in.getCount(DomainWindows.SLOTS);
            for (int each = 0; each < bound; each++) {
                Window window = restoreWindow(in);
                domain.window(DmaWindow.slotOf(window.base()), window);
            }
            restoreNames(in, domain.devices());
            for (int requester : domain.devices()) {
                if (owners.put(requester, domain) != null) {
                    throw damaged("requester", requester);
                }
            }
        }
        in.endSection();
    }

    private static Window restoreWindow(SnapshotReader in) {
        int liobn = in.getInt();
        long base = in.getLong();
        int pageShift = within(in.getInt(), Long.SIZE, "page shift");
        int windowShift = within(in.getInt(), Long.SIZE, "window shift");
        int levels = in.getInt();
        int levelShift = in.getInt();
        if (!TceTable.isPossible(windowShift, pageShift, levels, levelShift - Tce.SHIFT)) {
            throw damaged("window", Integer.toUnsignedLong(liobn));
        }
        Window window = new Window().place(liobn, base, pageShift, windowShift).table(levels, levelShift, in.getLong());
        restoreNames(in, window.names());
        return window;
    }

    private static void restoreNames(SnapshotReader in, Set<Integer> names) {
        int count = in.getCount(MAX_NAMES);
        for (int i = 0; i < count; i++) {
            int requester = in.getInt();
            if (requester >= REQUESTERS) {
                throw damaged("requester", requester);
            }
            names.add(requester);
        }
    }

    private static int within(int value, int limit, String what) {
        if (value < 0 || value >= limit) {
            throw damaged(what, value);
        }
        return value;
    }

    private static BackendException damaged(String what, long value) {
        return new BackendException(
                Errno.EINVAL, "damaged translator state: " + what + " 0x" + Long.toHexString(value));
    }
}
