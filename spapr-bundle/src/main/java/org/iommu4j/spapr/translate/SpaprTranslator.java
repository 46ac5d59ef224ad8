package org.iommu4j.spapr.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.translate.ComposedTranslator;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprGeneration;

/**
 * Driver of an sPAPR platform, generations 1 to 5. A container is a partitionable endpoint with its windows; its devices,
 * LIOBNs and requester ids, share them as the groups of a VFIO container do. PE numbers are the host's: a guest names its
 * windows by LIOBN and never a PE.
 *
 * <p>The first container gets the endpoint that is there from reset on, and with it the default window, empty. Addresses are
 * the host's: containers map guest memory one to one in this release. There are no PASIDs, so NO_PASID and "all" name the same
 * translations.
 */
public final class SpaprTranslator implements ComposedTranslator<Domain> {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    /** Most pages that one request unmaps: as many as 2^19 calls do. */
    private static final long MAX_CLEARED = (1L << 19) * SpaprCall.MAX_BATCH;

    /** Entries that one call of {@link #invalidate} touches one by one; the others of the chip wait meanwhile. */
    private static final int PIECE = 4 * SpaprCall.MAX_BATCH;

    private static final int PAGE_SHIFT = 12;

    private static final String ALL_LEVELS = "no kill keeps what is cached of the upper levels";
    private static final String WHOLE_PAGES = "the pages of the window are larger than the range";

    private final int subVersion;
    private final ChipPort chip;
    private final DomainWindows windows;
    private final CommandPath commands;
    private final long list;
    private final VendorPart vendorPart;
    private final Bindings bindings;
    private final DomainBooks<Domain, Integer> books;

    private SpaprTranslator(int subVersion, ChipPort chip, long list) {
        this.subVersion = subVersion;
        this.chip = chip;
        this.list = list;
        SpaprCapabilities limits = SpaprCapabilities.defaultOf(subVersion);
        windows = new DomainWindows(chip);
        commands = SpaprGeneration.hasRegisters(subVersion)
                ? new KillCommands(chip.port(), windows, limits)
                : new HypercallCommands(chip, windows, list);
        vendorPart = new VendorPart(subVersion);
        bindings = new Bindings(chip, limits);
        books = bindings.books();
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
        long list = in.getPage("list");
        int pe = in.getIndex(Bindings.MAX_ENDPOINTS, "default PE");
        ChipPort chip = new ChipPort(port, pe, in.getInt(), in.getLong(), in.getIndex(Long.SIZE, "default window"));
        in.endSection();
        if ((list != 0) != usesLists(subVersion)) {
            throw in.invalid("list at 0x" + Long.toHexString(list) + " in generation " + Generation.text(subVersion));
        }
        SpaprTranslator translator = new SpaprTranslator(subVersion, chip, list);
        in.section("domains", translator.bindings::load);
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
    public DomainBooks<Domain, Integer> books() {
        return books;
    }

    @Override
    public int bindIn(Domain domain, BindRequest request, Completion completion) {
        return bindings.bind(domain, request, completion);
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = books.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        if (request.selectsPasid()) {
            return Answers.noPasids(request, completion);
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
            return vendorPart.refuse(
                    null, Errno.ENOENT, InvalidateData.LIOBN, "no window of the container has that LIOBN", completion);
        }
        int wrong = vendorPart.pageShift() == 0 ? 0 : checkPageShift(target, named, request, completion);
        if (wrong != 0) {
            return wrong;
        }
        if (vendorPart.pe() != InvalidateData.GROUP_PE && !isOwn(target, vendorPart.pe())) {
            return vendorPart.refuse(
                    Rule.V36,
                    Errno.EPERM,
                    InvalidateData.PE,
                    "PE numbers are the host's: ffffffff names that of the container",
                    completion);
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
        return answer(commands.invalidateAll(target, window, completion), request, completion);
    }

    private int invalidateRange(Domain target, InvalidateRequest request, Completion completion) {
        long vaddr = request.vaddr();
        Window window = windows.holding(target, vaddr);
        if (window == null) {
            return request.refuse(
                    Rule.V24, Errno.ENXIO, Uapi.VADDR, "no window of the container holds the address", completion);
        }
        if (!window.contains(request.lastVaddr())) {
            return request.refuse(
                    Rule.V24, Errno.ERANGE, Uapi.SIZE, "the range leaves the window that it starts in", completion);
        }
        if (vendorPart.liobn() != InvalidateData.ALL_WINDOWS && vendorPart.liobn() != window.liobn()) {
            return vendorPart.refuse(
                    Rule.V35, Errno.EINVAL, InvalidateData.LIOBN, "the range is in another window", completion);
        }
        long first = window.pageOf(vaddr);
        long last = window.pageOf(request.lastVaddr());
        long entries = ((last - first) >>> window.pageShift()) + 1;
        if (vendorPart.op() == InvalidateData.OP_CLEAR && entries > MAX_CLEARED) {
            return request.refuse(
                    Rule.V24,
                    Errno.ERANGE,
                    Uapi.SIZE,
                    "more pages than one request unmaps: " + MAX_CLEARED,
                    completion);
        }
        if (first != vaddr || entries << window.pageShift() != request.size()) {
            completion.widened(WHOLE_PAGES);
        }
        if (request.leafOnly() && window.levels() > 1) {
            completion.widened(ALL_LEVELS);
        }
        return vendorPart.op() == InvalidateData.OP_CLEAR || !SpaprGeneration.hasRegisters(subVersion)
                ? invalidatePiece(target, window, first, entries, request, completion)
                : answer(commands.invalidate(target, window, first, entries, completion), request, completion);
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
            return answer(outcome, request, completion);
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
                : vendorPart.refuse(
                        Rule.V35,
                        Errno.EINVAL,
                        InvalidateData.PAGE_SHIFT,
                        "the window has another page size",
                        completion);
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

    private static int answer(Errno outcome, InvalidateRequest request, Completion completion) {
        return outcome == Errno.ERANGE
                ? request.refuse(
                        Rule.V24,
                        outcome,
                        Uapi.SCOPE,
                        "the endpoint's number exceeds what a kill can name: never cut",
                        completion)
                : Answers.of(outcome, completion);
    }

    @Override
    public int finish(Completion completion) {
        Errno outcome = commands.finish();
        return outcome == Errno.OK ? 0 : Answers.incomplete(outcome, completion);
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
        bindings.save(out.section("domains"));
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
}
