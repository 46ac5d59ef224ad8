package org.iommu4j.s390.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.translate.ComposedTranslator;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Driver of a machine's PCI functions, generations 1 to 5. It enables and disables functions, registers their address
 * translation and refreshes it, one RPCIT for each function of a domain. A guest names its domain by the container that it
 * speaks through, and its functions by their index, which is looked up in that container: handles are the host's.
 *
 * <p>Addresses are the host's: containers map guest memory one to one in this release. There is no PASID, so NO_PASID and "all"
 * name the same translations.
 *
 * <p>A function is blocked by being disabled. An invalidation is no unmap: it makes the unit look at the tables again, and in
 * generation 2 and later it is how a new mapping becomes known, so that binding a table announces what it maps already.
 */
public final class ZpciTranslator implements ComposedTranslator<Domain> {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final long PAGE_BYTES = 4096;
    private static final long PAGE_OFFSET = PAGE_BYTES - 1;

    private static final int PAGE_SHIFT = 12;

    /** Table entries that one call of {@link #invalidate} makes a function look at; the others of the machine wait meanwhile. */
    private static final int PIECE = 1 << 14;

    /**
     * The part of a request's progress that counts pages: of the range, or of all addresses. The bits above it say that the
     * request goes on over everything because mappings ran out.
     */
    private static final long PROGRESS_PAGE = -1L >>> PAGE_SHIFT;

    /** Progress of a request for a range that goes on over everything. */
    private static final long EVERYTHING = PROGRESS_PAGE + 1;

    /** Progress over everything, after mappings ran out in one of the pieces. */
    private static final long SHORT = EVERYTHING << 1;

    /** Progress of the second time over everything. */
    private static final long AGAIN = EVERYTHING << 2;

    private static final String NO_LEAF = "a refresh reads all levels anew";
    private static final String WHOLE_PAGES = "a refresh takes whole pages";
    private static final String WHOLE_FRAMES = "a frame of 1 MiB is refreshed as a whole";
    private static final String WHOLE_APERTURE = "the host's mappings ran out: the whole aperture was refreshed";

    private final int subVersion;
    private final Instructions instructions;
    private final boolean largeFrames;
    private final MappedRanges mappedRanges;
    private final VendorPart vendorPart = new VendorPart();
    private final Bindings bindings;
    private final DomainBooks<Domain, Device> books;

    private ZpciTranslator(int subVersion, NativePort port, Instructions instructions) {
        this.subVersion = subVersion;
        this.instructions = instructions;
        largeFrames = subVersion >= ZpciGeneration.LARGE;
        mappedRanges = new MappedRanges(port.platform().guestTables(), largeFrames);
        bindings = new Bindings(subVersion, port.platform(), instructions, mappedRanges);
        books = new DomainBooks<>(bindings);
    }

    /**
     * Takes over a machine fresh from reset. Every function is disabled, so blocked.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation, {@code EIO} if the machine does not answer,
     *     {@code ENOMEM} if there is no memory for the blocks
     */
    public static ZpciTranslator create(int subVersion, NativePort port) {
        requireKnown(subVersion);
        Platform platform = port.platform();
        long pages = platform.allocatePages(Instructions.PAGES);
        try {
            Instructions instructions = new Instructions(port, pages, pages + PAGE_BYTES);
            instructions.find(-1);
            return new ZpciTranslator(subVersion, port, instructions);
        } catch (BackendException e) {
            platform.freePages(pages, Instructions.PAGES);
            throw e;
        }
    }

    /**
     * Goes on where another translator stopped, on the same machine and memory. Issues nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged state
     */
    public static ZpciTranslator restore(Snapshot state, NativePort port) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.S390, Snapshot.Kind.TRANSLATOR, STATE_OLDEST_READ, STATE_VERSION);
        in.section("translator");
        int subVersion = in.getInt();
        requireKnown(subVersion);
        Instructions instructions = new Instructions(port, in.getPage("FIB"), in.getPage("CLP block"));
        in.endSection();
        ZpciTranslator translator = new ZpciTranslator(subVersion, port, instructions);
        in.section("domains", translator.books::load);
        return translator;
    }

    private static void requireKnown(int subVersion) {
        if (!ZpciGeneration.isKnown(subVersion)) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "no zPCI generation " + Generation.text(subVersion));
        }
    }

    @Override
    public int subVersion() {
        return subVersion;
    }

    @Override
    public DomainBooks<Domain, Device> books() {
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
        if (request.payloadLength() != 0) {
            int wrong = vendorPart.check(request, target, completion);
            if (wrong != 0) {
                return wrong;
            }
        }
        Device[] bound = target.bound();
        if (bound.length == 0) {
            return completion.refuse(
                    Errno.ENXIO, "domain", domain, "no address translation is registered in the domain");
        }
        return request.selectsRange() && request.progress() < EVERYTHING
                ? invalidateRange(bound, request, completion)
                : invalidateAll(bound, request, completion);
    }

    /**
     * Everything: as many addresses as are looked at quickly, from the page on that the progress says. If mappings run out, all
     * pieces are refreshed once more, as what later ones have freed may be enough for earlier ones; a refresh in one piece does
     * that itself.
     */
    private int invalidateAll(Device[] bound, InvalidateRequest request, Completion completion) {
        long pass = request.progress() & ~PROGRESS_PAGE;
        long from = request.progress() << PAGE_SHIFT;
        long to = endOfPiece(bound, from, -1);
        boolean onePiece = from == 0 && to == -1;
        if (request.selectsRange()) {
            completion.widened(WHOLE_APERTURE);
        }
        for (int i = 0; i < bound.length; i++) {
            Registration registration = bound[i].registration();
            if (registration.touches(from, to)) {
                int status =
                        refresh(bound[i].handle(), later(from, registration.pba()), earlier(to, registration.pal()));
                if (Instructions.isShort(status) && pass != AGAIN && !onePiece) {
                    pass = SHORT;
                } else if (status != Instructions.DONE) {
                    return Answers.incomplete(Instructions.errno(status), completion);
                }
            }
        }
        if (to != -1) {
            request.progress(pass | ((to + 1) >>> PAGE_SHIFT));
            return UNFINISHED;
        }
        if (pass == SHORT) {
            request.progress(AGAIN);
            return UNFINISHED;
        }
        return completion.done(Fidelity.EXACT);
    }

    /** The last address of a range that every function looks at quickly; {@code last} if that is the whole range. */
    private long endOfPiece(Device[] bound, long first, long last) {
        long end = last;
        if ((last - first) >>> PAGE_SHIFT < PIECE) {
            return end;
        }
        for (int i = 0; i < bound.length; i++) {
            Registration registration = bound[i].registration();
            if (registration.touches(first, end)) {
                long begin = later(first, registration.pba());
                long own = earlier(end, registration.pal());
                long reached = mappedRanges.endOfPiece(registration, begin, own, PIECE);
                end = reached == own ? end : reached;
            }
        }
        return end;
    }

    private static long later(long one, long other) {
        return Long.compareUnsigned(one, other) > 0 ? one : other;
    }

    private static long earlier(long one, long other) {
        return Long.compareUnsigned(one, other) < 0 ? one : other;
    }

    private int invalidateRange(Device[] bound, InvalidateRequest request, Completion completion) {
        long first = request.vaddr();
        long last = request.lastVaddr();
        boolean inside = false;
        for (int i = 0; i < bound.length; i++) {
            inside |= bound[i].registration().covers(first, last);
        }
        if (!inside) {
            return request.refuse(
                    null, Errno.ERANGE, Uapi.VADDR, "the range leaves the registered aperture", completion);
        }
        long whole = first & ~PAGE_OFFSET;
        long to = last | PAGE_OFFSET;
        if (whole != first || to != last) {
            completion.widened(WHOLE_PAGES);
        } else if (request.leafOnly()) {
            completion.widened(NO_LEAF);
        }
        long from = whole + (request.progress() << PAGE_SHIFT);
        long piece = endOfPiece(bound, from, to);
        for (int i = 0; i < bound.length; i++) {
            Registration registration = bound[i].registration();
            if (registration.touches(from, piece)) {
                long begin = from;
                long end = piece;
                if (largeFrames) {
                    begin = mappedRanges.firstOfFrame(registration, from);
                    end = mappedRanges.lastOfFrame(registration, piece);
                    if (begin != from || end != piece) {
                        completion.widened(WHOLE_FRAMES);
                    }
                }
                int status =
                        refresh(bound[i].handle(), later(begin, registration.pba()), earlier(end, registration.pal()));
                if (Instructions.isShort(status)) {
                    // Once over everything, so that the host finds what is dead: docs/spec/s390-zpci.md 5.1.
                    request.progress(EVERYTHING);
                    return UNFINISHED;
                }
                if (status != Instructions.DONE) {
                    return Answers.incomplete(Instructions.errno(status), completion);
                }
            }
        }
        if (piece == to) {
            return completion.done(Fidelity.EXACT);
        }
        request.progress(((piece - whole) >>> PAGE_SHIFT) + 1);
        return UNFINISHED;
    }

    /** RPCIT over a range; in two pieces where the length of one would not fit. */
    private int refresh(int handle, long first, long last) {
        long length = last - first + 1;
        if (length != 0) {
            return instructions.refresh(handle, first, length);
        }
        int status = instructions.refresh(handle, 0, Long.MIN_VALUE);
        return status == Instructions.DONE ? instructions.refresh(handle, Long.MIN_VALUE, Long.MIN_VALUE) : status;
    }

    @Override
    public int finish(Completion completion) {
        // An instruction is over when it has been executed.
        return 0;
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.S390, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        out.section("translator").putInt(subVersion);
        out.putLong(instructions.fibPage()).putLong(instructions.clpPage());
        books.save(out.section("domains"));
        return out.build();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        instructions.tap(listener);
    }
}
