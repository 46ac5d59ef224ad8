package org.iommu4j.s390.translate;

import java.util.List;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.Platform;
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
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.FunctionControl;
import org.iommu4j.s390.command.FunctionHandle;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciGeneration;
import org.iommu4j.s390.table.Iota;
import org.iommu4j.s390.table.TableLevel;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.simulation.translate.DomainTable;

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
public final class ZpciTranslator implements Translator {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final int FUNCTIONS = 1 << 16;
    private static final long PAGE_BYTES = 4096;
    private static final long PAGE_OFFSET = PAGE_BYTES - 1;

    private static final int PAGE_SHIFT = 12;

    /** Table entries that one call of {@link #invalidate} makes a function look at; the others of the machine wait meanwhile. */
    private static final int PIECE = 1 << 14;

    private static final String NO_LEAF = "a refresh reads all levels anew";
    private static final String WHOLE_PAGES = "a refresh takes whole pages";
    private static final String WHOLE_FRAMES = "a frame of 1 MiB is refreshed as a whole";
    private static final String WHOLE_APERTURE = "the host's mappings ran out: the whole aperture was refreshed";

    private final int subVersion;
    private final NativePort port;
    private final Instructions instructions;
    private final boolean largeFrames;
    private final MappedRanges mappedRanges;
    private final TreeMap<Integer, Domain> owners = new TreeMap<>();
    private final DomainTable<Domain> domains = new DomainTable<>();

    private ZpciTranslator(int subVersion, NativePort port, Instructions instructions) {
        this.subVersion = subVersion;
        this.port = port;
        this.instructions = instructions;
        largeFrames = subVersion >= ZpciGeneration.LARGE;
        mappedRanges = new MappedRanges(port.platform().guestTables(), largeFrames);
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
        Instructions instructions = new Instructions(port, page(in), page(in));
        in.endSection();
        ZpciTranslator translator = new ZpciTranslator(subVersion, port, instructions);
        translator.restoreDomains(in);
        return translator;
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
        domains.put(domain, new Domain(domain));
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        boolean blocked = true;
        for (Device device : target.devices().values()) {
            blocked &= block(device);
            owners.remove(device.index());
        }
        domains.remove(domain);
        return blocked ? completion.done(Fidelity.EXACT) : failed(Errno.EIO, completion);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        int index = FunctionHandle.indexOf(requester);
        Domain owner = owners.get(index);
        if (owner != null) {
            return completion.refuse(
                    null,
                    owner == target ? Errno.EEXIST : Errno.EBUSY,
                    "requester",
                    -1,
                    Integer.toUnsignedLong(requester),
                    owner == target ? "the function is attached" : "the function is attached to another container");
        }
        try {
            long[] entry = instructions.find(index);
            if (entry == null || !Clp.ListEntry.CONFIGURED.isSet(entry[Clp.ListEntry.CONFIGURED.word()])) {
                return completion.refuse(
                        null,
                        Errno.ENODEV,
                        "requester",
                        -1,
                        Integer.toUnsignedLong(requester),
                        "the machine has no such function configured");
            }
            Device device = new Device(index, (int) Clp.ListEntry.FH.get(entry));
            device.enabled(FunctionHandle.isEnabled(device.handle()), device.handle());
            if (!block(device)) {
                return failed(Errno.EIO, completion);
            }
            if (table == -1) {
                add(target, device);
                return completion.done(Fidelity.EXACT);
            }
            return attach(target, device, table, levels, completion);
        } catch (BackendException e) {
            return completion.fail(e.errno(), e.getMessage());
        }
    }

    /** Attaches with a table: registered for all of the function's addresses that the table reaches. */
    private int attach(Domain target, Device device, long table, int levels, Completion completion) {
        FunctionFacts facts = FunctionFacts.of(instructions, device.handle());
        int type = levels - 2;
        if (type < 0 || type > TableLevel.MAX_TYPE || !facts.supportsType(type)) {
            return completion.refuse(
                    null, Errno.EINVAL, "levels", -1, levels, "the function takes no tables of so many levels");
        }
        if ((table & ~Iota.ORIGIN.mask()) != 0 || !isInHost(table)) {
            return completion.refuse(
                    null, Errno.EINVAL, "table", -1, table, "not aligned to 16 KiB below the host address width");
        }
        long reach = TableLevel.lastAddress(type);
        if (Long.compareUnsigned(facts.sdma(), reach) > 0) {
            return completion.refuse(
                    null, Errno.EINVAL, "levels", -1, levels, "the table reaches no address of the function");
        }
        long pba = facts.sdma() & ~PAGE_OFFSET;
        long pal = (Long.compareUnsigned(facts.edma(), reach) < 0 ? facts.edma() : reach) | PAGE_OFFSET;
        add(target, device);
        int outcome = bindTo(target, device, new Registration(Iota.of(table, type), pba, pal), completion);
        if (outcome != 0) {
            remove(target, device);
        }
        return outcome;
    }

    @Override
    public int detach(int domain, int requester, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        Device device = target.device(FunctionHandle.indexOf(requester));
        if (device == null) {
            return DomainTable.notAttached(requester, -1, completion);
        }
        int outcome = unbind(target, device, completion);
        if (outcome == 0) {
            remove(target, device);
        }
        return outcome;
    }

    // ---- bindings

    @Override
    public int bind(int domain, BindRequest request, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (request.operation() != Uapi.BIND_PGTABLE) {
            return completion.refuse(
                    Rule.V37, "flag", -1, request.operation(), "zPCI has no PASIDs: only BIND_PGTABLE is specified");
        }
        int unknown = request.flags() & ~(Uapi.BIND_FLAG_UNBIND | BindPgtable.FLAGS);
        if (unknown != 0) {
            return completion.refuse(Rule.V13, "flags", -1, request.flags(), "unknown flag");
        }
        if (request.payloadLength() != BindPgtable.LAYOUT.sizeBytes()) {
            return completion.refuse(Rule.V33, "length", -1, request.payloadLength(), "the vendor part has 32 bytes");
        }
        long[] words = BindPgtable.LAYOUT.decode(request.payload(), request.payloadOffset());
        for (int word = 0; word < words.length; word++) {
            if ((words[word] & BindPgtable.LAYOUT.reservedMask(word)) != 0) {
                return completion.refuse(Rule.V34, "reserved", word * Long.BYTES, words[word], "a reserved bit is set");
            }
        }
        return bind(target, request, words, completion);
    }

    private int bind(Domain target, BindRequest request, long[] words, Completion completion) {
        long iota = BindPgtable.IOTA.get(words);
        long pba = BindPgtable.PBA.get(words);
        long pal = BindPgtable.PAL.get(words);
        if ((iota & (Iota.LAYOUT.reservedMask(0) | Iota.FS.mask())) != 0) {
            return refuse(completion, Rule.V34, BindPgtable.IOTA, iota, "a reserved bit, the key or FS is set");
        }
        if (!Iota.T.isSet(iota) && (iota & ~Iota.P.mask()) != 0 && subVersion >= ZpciGeneration.RELAXED) {
            return refuse(completion, Rule.V34, BindPgtable.IOTA, iota, "without translation there is no table");
        }
        if ((pal & PAGE_OFFSET) != PAGE_OFFSET) {
            return refuse(completion, Rule.V34, BindPgtable.PAL, pal, "the last address ends no page of 4096 bytes");
        }
        if (!isInHost(Iota.ORIGIN.get(iota))) {
            return refuse(completion, Rule.V34, BindPgtable.IOTA, iota, "the table is beyond the host address width");
        }
        if (Long.compareUnsigned(pba, pal) > 0) {
            return refuse(completion, Rule.V35, BindPgtable.PAL, pal, "the aperture ends before it begins");
        }
        int requester = (int) BindPgtable.REQUESTER.get(words);
        Device device = target.device(FunctionHandle.indexOf(requester));
        if (device == null) {
            return DomainTable.notAttached(requester, BindPgtable.LAYOUT.byteOffset(BindPgtable.REQUESTER), completion);
        }
        Registration registration = new Registration(iota, pba, pal);
        if (request.unbinds()) {
            if (device.registration() == null) {
                return completion.refuse(
                        null,
                        Errno.ENOENT,
                        BindPgtable.REQUESTER.name(),
                        BindPgtable.LAYOUT.byteOffset(BindPgtable.REQUESTER),
                        Integer.toUnsignedLong(requester),
                        "nothing is bound for the function");
            }
            if (!device.registration().equals(registration)) {
                return refuse(completion, Rule.V35, BindPgtable.IOTA, iota, "the function is bound to something else");
            }
            return unbind(target, device, completion);
        }
        try {
            return bindTo(target, device, registration, completion);
        } catch (BackendException e) {
            return completion.fail(e.errno(), e.getMessage());
        }
    }

    /** Checks what the function can do, then registers. */
    private int bindTo(Domain target, Device device, Registration registration, Completion completion) {
        FunctionFacts facts = FunctionFacts.of(instructions, device.handle());
        int type = Iota.DT.getInt(registration.iota());
        boolean translates = Iota.T.isSet(registration.iota());
        if (!translates && !facts.relaxed()) {
            return cannot(completion, registration.iota(), "the function always translates: T must be 1");
        }
        if (translates && !facts.supportsType(type)) {
            return cannot(completion, registration.iota(), "the function takes no tables of that type");
        }
        if (Long.compareUnsigned(registration.pba(), facts.sdma()) < 0) {
            return refuse(
                    completion,
                    Rule.V35,
                    BindPgtable.PBA,
                    registration.pba(),
                    "the aperture begins below the function's addresses");
        }
        if (Long.compareUnsigned(registration.pal(), facts.edma()) > 0) {
            return refuse(
                    completion,
                    Rule.V35,
                    BindPgtable.PAL,
                    registration.pal(),
                    "the aperture ends above the function's addresses");
        }
        Errno outcome = replace(device, registration, facts.refresh());
        target.rebuild();
        return outcome == Errno.OK ? completion.done(Fidelity.EXACT) : failed(outcome, completion);
    }

    /** Registers in place of what is registered, which comes back if the new one fails. */
    private Errno replace(Device device, Registration next, boolean announce) {
        Registration before = device.registration();
        if (!device.enabled() && !enable(device)) {
            return Errno.EIO;
        }
        Errno outcome = register(device, next, announce);
        if (outcome != Errno.OK) {
            if (before == null || register(device, before, announce) != Errno.OK) {
                block(device);
            }
        }
        return outcome;
    }

    private Errno register(Device device, Registration next, boolean announce) {
        if (device.registration() != null) {
            int gone = instructions.modify(device.handle(), FunctionControl.UNREGISTER_IOAT, null);
            device.register(null);
            if (gone != Instructions.DONE && !restart(device)) {
                return Errno.EIO;
            }
        }
        int status = instructions.modify(device.handle(), FunctionControl.REGISTER_IOAT, next);
        if (status == Status.NOT_AVAILABLE && restart(device)) {
            // The function had run into an error: disabled and enabled it is as new.
            status = instructions.modify(device.handle(), FunctionControl.REGISTER_IOAT, next);
        }
        if (status != Instructions.DONE) {
            return errno(status);
        }
        device.register(next);
        if (!announce) {
            return Errno.OK;
        }
        int announced = mappedRanges.forEach(
                next, (first, last) -> instructions.refresh(device.handle(), first, last - first + 1));
        return isShort(announced) ? Errno.ENOMEM : errno(announced);
    }

    private int unbind(Domain target, Device device, Completion completion) {
        boolean blocked = block(device);
        target.rebuild();
        return blocked ? completion.done(Fidelity.EXACT) : failed(Errno.EIO, completion);
    }

    private boolean enable(Device device) {
        int handle = instructions.setFunction(device.handle(), Clp.ENABLE);
        if (handle != 0) {
            device.enabled(true, handle);
        }
        return handle != 0;
    }

    /** Disables a function: nothing of it is registered or cached any more, and its handle is worthless. */
    private boolean block(Device device) {
        if (!device.enabled()) {
            return true;
        }
        if (device.registration() != null) {
            // Should it fail, disabling does the same.
            instructions.modify(device.handle(), FunctionControl.UNREGISTER_IOAT, null);
        }
        int handle = instructions.setFunction(device.handle(), Clp.DISABLE);
        if (handle != 0) {
            device.enabled(false, handle);
            device.register(null);
        }
        return handle != 0;
    }

    private boolean restart(Device device) {
        return block(device) && enable(device);
    }

    // ---- invalidation

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (request.selectsPasid()) {
            return completion.refuse(Rule.V24, "scope", -1, request.scope(), "zPCI has no PASIDs");
        }
        if (request.payloadLength() != 0) {
            int wrong = VendorPart.check(request, target, completion);
            if (wrong != 0) {
                return wrong;
            }
        }
        Device[] bound = target.bound();
        if (bound.length == 0) {
            return completion.refuse(
                    null, Errno.ENXIO, "domain", -1, domain, "no address translation is registered in the domain");
        }
        return request.selectsRange()
                ? invalidateRange(bound, request, completion)
                : invalidateAll(bound, request, completion);
    }

    /** Everything: as many addresses as are looked at quickly, from the page on that the progress says. */
    private int invalidateAll(Device[] bound, InvalidateRequest request, Completion completion) {
        long from = request.progress() << PAGE_SHIFT;
        long to = endOfPiece(bound, from, -1);
        for (int i = 0; i < bound.length; i++) {
            Registration registration = bound[i].registration();
            if (registration.touches(from, to)) {
                int status =
                        refresh(bound[i].handle(), later(from, registration.pba()), earlier(to, registration.pal()));
                if (status != Instructions.DONE) {
                    return refused(status, completion);
                }
            }
        }
        if (to == -1) {
            return completion.done(Fidelity.EXACT);
        }
        request.progress((to + 1) >>> PAGE_SHIFT);
        return UNFINISHED;
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
            return completion.refuse(
                    null, Errno.ERANGE, "vaddr", -1, first, "the range leaves the registered aperture");
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
                if (isShort(status)) {
                    // Once over everything, so that the host finds what is dead: docs/spec/s390-zpci.md 5.1.
                    status = refresh(bound[i].handle(), registration.pba(), registration.pal());
                    completion.widened(WHOLE_APERTURE);
                }
                if (status != Instructions.DONE) {
                    return refused(status, completion);
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

    private static boolean isShort(int status) {
        return status == Status.INSUFFICIENT_RESOURCES || status == Status.RESOURCE;
    }

    private static Errno errno(int status) {
        return switch (status) {
            case Instructions.DONE -> Errno.OK;
            case Instructions.INVALID_HANDLE -> Errno.ENODEV;
            case Instructions.BUSY -> Errno.EBUSY;
            case Status.INSUFFICIENT_RESOURCES, Status.RESOURCE -> Errno.ENOMEM;
            case Status.INVALID_DMA_SPACE -> Errno.EINVAL;
            default -> Errno.EIO;
        };
    }

    private static int refused(int status, Completion completion) {
        return failed(errno(status), completion);
    }

    // ---- lookup and refusals

    private void add(Domain target, Device device) {
        target.devices().put(device.index(), device);
        owners.put(device.index(), target);
        target.rebuild();
    }

    private void remove(Domain target, Device device) {
        target.devices().remove(device.index());
        owners.remove(device.index());
        target.rebuild();
    }

    private boolean isInHost(long table) {
        return table >>> port.platform().hostAddressWidth() == 0;
    }

    private static int failed(Errno outcome, Completion completion) {
        return completion.refuse(
                Rule.V38,
                outcome,
                "",
                -1,
                0,
                "the machine did not carry out the instruction; it does not count as done");
    }

    private static int cannot(Completion completion, long iota, String why) {
        return completion.refuse(
                Rule.V34,
                Errno.EOPNOTSUPP,
                BindPgtable.IOTA.name(),
                BindPgtable.LAYOUT.byteOffset(BindPgtable.IOTA),
                iota,
                why);
    }

    private static int refuse(Completion completion, Rule rule, BitField field, long value, String why) {
        return completion.refuse(rule, field.name(), BindPgtable.LAYOUT.byteOffset(field), value, why);
    }

    // ---- state

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.S390, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        out.section("translator").putInt(subVersion);
        out.putLong(instructions.fibPage()).putLong(instructions.clpPage());
        out.section("domains");
        List<Domain> open = domains.open();
        out.putInt(open.size());
        for (Domain domain : open) {
            out.putInt(domain.number()).putInt(domain.devices().size());
            for (Device device : domain.devices().values()) {
                Registration registration = device.registration();
                out.putInt(device.index()).putInt(device.handle()).putBoolean(device.enabled());
                out.putBoolean(registration != null);
                out.putLong(registration == null ? 0 : registration.iota());
                out.putLong(registration == null ? 0 : registration.pba());
                out.putLong(registration == null ? 0 : registration.pal());
            }
        }
        return out.build();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        instructions.tap(listener);
    }

    private void restoreDomains(SnapshotReader in) {
        in.section("domains");
        int count = in.getCount(DomainTable.MAX_DOMAINS);
        for (int i = 0; i < count; i++) {
            Domain domain = new Domain(in.getCount(DomainTable.MAX_DOMAINS - 1));
            if (domains.find(domain.number()) != null) {
                throw in.invalid("domain " + domain.number() + " twice");
            }
            domains.put(domain.number(), domain);
            int devices = in.getCount(FUNCTIONS);
            for (int d = 0; d < devices; d++) {
                restoreDevice(in, domain);
            }
            domain.rebuild();
        }
        in.endSection();
    }

    private void restoreDevice(SnapshotReader in, Domain domain) {
        int index = in.getCount(FUNCTIONS - 1);
        int handle = in.getInt();
        boolean enabled = in.getBoolean();
        boolean bound = in.getBoolean();
        Registration registration = new Registration(in.getLong(), in.getLong(), in.getLong());
        if (FunctionHandle.indexOf(handle) != index
                || FunctionHandle.isEnabled(handle) != enabled
                || (bound && !enabled)
                || owners.put(index, domain) != null) {
            throw in.invalid("function " + index + " with handle 0x" + Integer.toHexString(handle));
        }
        Device device = new Device(index, handle);
        device.enabled(enabled, handle);
        if (bound) {
            device.register(registration);
        }
        domain.devices().put(index, device);
    }

    private static void requireKnown(int subVersion) {
        if (!ZpciGeneration.isKnown(subVersion)) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "no zPCI generation " + Integer.toUnsignedString(subVersion));
        }
    }

    private static long page(SnapshotReader in) {
        long address = in.getLong();
        if ((address & PAGE_OFFSET) != 0 || address < 0) {
            throw in.invalid("page 0x" + Long.toHexString(address));
        }
        return address;
    }
}
