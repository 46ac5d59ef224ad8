package org.iommu4j.intel.translate;

import java.util.List;
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
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainBooks;
import org.iommu4j.driver.page.PageRequestBooks;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.driver.translate.MappingTranslator;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Driver of a VT-d unit: generations 0x0100 (registers) and 0x0110 (queue) in legacy mode, 0x0300 to 0x0500 in scalable mode. It owns
 * the root table and what is below, the domain ids and the queue; a guest names its domain by the container that it speaks through,
 * and its devices by requester ids that are looked up in that container.
 *
 * <p>Addresses are the host's, in a container with a memory map the guest's. In legacy mode no translation has a
 * PASID, so NO_PASID and "all" name the same translations, and a range of all PASIDs is widened to the domain;
 * {@link ScalableInvalidations} says what holds in scalable mode.
 */
public final class VtdTranslator implements MappingTranslator<Domain> {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final long PAGE_BYTES = 4096;

    private static final String WHOLE_DOMAIN = "a range of all PASIDs is the whole domain on VT-d";

    // Why more is dropped than was asked for.
    static final String LARGER_BLOCK = "one aligned block that holds the range";
    static final String VENDOR_BLOCK = "the vendor part rounds the range to a power of two";
    static final String NO_PAGES = "the chip cannot select pages, or not so many: the whole domain";

    private final int subVersion;
    private final ChipPort chip;

    /** True if the chip has page-selective commands. */
    private final boolean selectsPages;

    private final HostTables tables;
    private final CommandPath commands;
    private final VendorPart vendorPart;
    private final RangeCover cover = new RangeCover();
    private final Bindings bindings;
    private final DomainBooks<Domain, Device> books;

    /** Invalidations of scalable mode; null in legacy mode. */
    private final ScalableInvalidations scalable;

    /** Page requests of devices; null if the chip has none. */
    private final PageRequestQueue pageRequests;

    /**
     * A driver of a chip that is up.
     *
     * @param pageRequestQueue page of the chip's queue of page requests; 0 if there is none
     */
    private VtdTranslator(
            int subVersion, ChipPort chip, HostTables tables, CommandPath commands, long pageRequestQueue) {
        this.subVersion = subVersion;
        this.chip = chip;
        selectsPages = chip.maxPageOrder() >= 0;
        this.tables = tables;
        this.commands = commands;
        vendorPart = new VendorPart(subVersion);
        if (chip.isScalable()) {
            QueueCommands queue = (QueueCommands) commands;
            pageRequests =
                    pageRequestQueue == 0 ? null : new PageRequestQueue(chip, queue, pageRequestQueue, this::ownerOf);
            bindings = new Bindings(chip, tables, queue, new ScalableRemovals(chip, queue), pageRequests, this::open);
            scalable = new ScalableInvalidations(subVersion, chip, queue);
        } else {
            pageRequests = null;
            bindings = new Bindings(chip, tables, commands, new LegacyRemovals(chip, commands), null, this::open);
            scalable = null;
        }
        books = new DomainBooks<>(bindings);
    }

    private List<Domain> open() {
        return books.open();
    }

    private Domain ownerOf(int requester) {
        return books.ownerOf(requester);
    }

    private static HostTables tables(ChipPort chip, long root) {
        return chip.isScalable() ? new ScalableTables(chip, root) : new LegacyTables(chip, root);
    }

    /**
     * Brings a chip up that is fresh from reset: an empty root table, an empty queue if the generation has one, empty
     * caches, translation on. Every device is blocked.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or a chip without its queue or mode, {@code EIO}
     *     if the chip does not answer, {@code ENOMEM} if there is no memory for the tables
     */
    public static VtdTranslator create(int subVersion, NativePort port) {
        ChipPort chip = open(subVersion, port);
        boolean queued = subVersion != VtdGeneration.LEGACY_REG;
        Platform platform = port.platform();
        // Root table, ring, status word and page requests in one piece, so that there is nothing to give back halfway.
        int pages = queued ? 2 + QueueCommands.ringPages(chip.isScalable()) : 1;
        pages += PageRequestQueue.isThere(chip) ? 1 : 0;
        long memory = platform.allocatePages(pages);
        try {
            return start(subVersion, chip, memory);
        } catch (BackendException e) {
            platform.freePages(memory, pages);
            throw e;
        }
    }

    private static VtdTranslator start(int subVersion, ChipPort chip, long memory) {
        if (Global.TES.isSet(chip.status())) {
            chip.enable(Global.TE, Global.TES, false);
        }
        if (Global.QIES.isSet(chip.status())) {
            chip.enable(Global.QIE, Global.QIES, false);
        }
        chip.clearErrors();
        chip.setRoot(memory);
        CommandPath commands;
        if (subVersion == VtdGeneration.LEGACY_REG) {
            commands = new RegisterCommands(chip);
        } else {
            long ring = memory + PAGE_BYTES;
            QueueCommands queue =
                    new QueueCommands(chip, ring, ring + QueueCommands.ringPages(chip.isScalable()) * PAGE_BYTES);
            queue.start();
            commands = queue;
        }
        commands.everything();
        Errno outcome = commands.finish();
        if (outcome != Errno.OK) {
            throw new BackendException(outcome, "the chip does not carry out its first invalidations");
        }
        long pageRequestQueue = 0;
        if (PageRequestQueue.isThere(chip)) {
            pageRequestQueue = memory + (2 + QueueCommands.ringPages(true)) * PAGE_BYTES;
            PageRequestQueue.start(chip.port(), pageRequestQueue);
        }
        chip.enable(Global.TE, Global.TES, true);
        return new VtdTranslator(subVersion, chip, tables(chip, memory), commands, pageRequestQueue);
    }

    /**
     * Goes on where another translator stopped, on the same chip and memory. Writes nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state, {@code EIO} if the chip does not answer
     */
    public static VtdTranslator restore(Snapshot state, NativePort port) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, STATE_OLDEST_READ, STATE_VERSION);
        in.section("translator");
        int subVersion = in.getInt();
        long root = in.getPage("root table");
        ChipPort chip = open(subVersion, port);
        HostTables tables = tables(chip, root);
        tables.load(in);
        in.endSection();
        boolean queued = subVersion != VtdGeneration.LEGACY_REG;
        in.section(queued ? "queue" : "registers");
        CommandPath commands = queued ? QueueCommands.load(chip, in) : RegisterCommands.load(chip, in);
        in.endSection();
        boolean pageRequests = PageRequestQueue.isThere(chip);
        long pageRequestQueue = pageRequests ? PageRequestQueue.load(in) : 0;
        VtdTranslator translator = new VtdTranslator(subVersion, chip, tables, commands, pageRequestQueue);
        in.section("domains");
        translator.bindings.load(in);
        translator.books.load(in);
        in.endSection();
        if (pageRequests) {
            translator.pageRequests.books().load(number -> translator.books.find(number) != null, in);
        }
        translator.maps().load(translator.books, in);
        return translator;
    }

    private static ChipPort open(int subVersion, NativePort port) {
        boolean isScalable = VtdGeneration.isScalable(subVersion);
        if (subVersion != VtdGeneration.LEGACY_REG && subVersion != VtdGeneration.LEGACY_QI && !isScalable) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "no VT-d generation " + Generation.text(subVersion));
        }
        ChipPort chip = new ChipPort(port, isScalable);
        if (subVersion != VtdGeneration.LEGACY_REG && !Ecap.QI.isSet(chip.ecap())) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "the chip has no invalidation queue: ECAP.QI=0");
        }
        if (isScalable && !chip.unit().hasScalableMode()) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "the chip has no scalable mode: ECAP.SMTS=0");
        }
        return chip;
    }

    @Override
    public int subVersion() {
        return subVersion;
    }

    // ---- what the parts answer

    @Override
    public DomainBooks<Domain, Device> books() {
        return books;
    }

    @Override
    public int bindIn(Domain domain, BindRequest request, Completion completion) {
        return bindings.bind(domain, request, completion);
    }

    @Override
    public MemoryMaps<Domain> maps() {
        return bindings.maps();
    }

    @Override
    public PageRequestBooks pageRequests() {
        return pageRequests == null ? null : pageRequests.books();
    }

    @Override
    public String noPageRequests() {
        return "ECAP.PRS=0, or legacy mode";
    }

    // ---- invalidations

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = books.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        if (isPlainPage(target, request)) {
            return invalidatePage(target, request, completion);
        }
        return scalable == null
                ? invalidate(target, request, completion)
                : scalable.invalidate(target, request, completion);
    }

    private int invalidate(Domain target, InvalidateRequest request, Completion completion) {
        if (request.selectsPasid()) {
            return Answers.noPasids(request, completion);
        }
        boolean range = request.selectsRange();
        long first = request.vaddr();
        long last = request.lastVaddr();
        if (range && !target.translates(first, last)) {
            return request.refuse(
                    Rule.V24,
                    Errno.EINVAL,
                    Uapi.VADDR,
                    "the range ends beyond the address width of the domain's tables",
                    completion);
        }
        boolean block = false;
        if (request.payloadLength() != 0) {
            int wrong = vendorPart.read(request, completion);
            if (wrong != 0) {
                return wrong;
            }
            if (vendorPart.deviceTlb()) {
                return invalidateDevice(target, request, completion);
            }
            block = true;
        }
        if (!range) {
            return invalidateDomain(target, completion);
        }
        return invalidateRange(target, first, last, block, request, completion);
    }

    /** True for the request that nearly all are: one page, no vendor part, nothing to widen, no device to reach. */
    private boolean isPlainPage(Domain target, InvalidateRequest request) {
        return request.scope() == Uapi.SCOPE_VADDR
                && request.size() == PAGE_BYTES
                && (request.vaddr() & ~target.pageBits()) == 0
                && request.payloadLength() == 0
                && request.noPasid()
                && target.isPlain()
                && selectsPages;
    }

    /** {@link #invalidateRange} of such a page. Most domains have one id: for them a loop would cost as much as the command. */
    private int invalidatePage(Domain target, InvalidateRequest request, Completion completion) {
        int[] ids = target.domainIds();
        if (ids.length == 1) {
            commands.iotlbPages(ids[0], request.vaddr(), 0, request.leafOnly());
            return completion.done(Fidelity.EXACT);
        }
        for (int domainId : ids) {
            commands.iotlbPages(domainId, request.vaddr(), 0, request.leafOnly());
        }
        return completion.done(Fidelity.EXACT);
    }

    private int invalidateDomain(Domain target, Completion completion) {
        int[] ids = target.domainIds();
        for (int i = 0; i < ids.length; i++) {
            commands.iotlbDomain(ids[i]);
        }
        Device[] devices = target.devicesWithTlb();
        for (int i = 0; i < devices.length; i++) {
            commands.deviceTlb(devices[i].requester(), 0, RangeCover.WHOLE_SPACE_ORDER);
        }
        return completion.done(Fidelity.EXACT);
    }

    /**
     * A range, docs/spec/intel-vtd.md 5.1 and 5.2: IOTLB first, then the devices, so that a device that asks again sees
     * the new tables.
     *
     * @param block true if the vendor part names the aligned block that holds the range
     */
    private int invalidateRange(
            Domain target, long first, long last, boolean block, InvalidateRequest request, Completion completion) {
        int maxOrder = chip.maxPageOrder();
        int[] ids = target.domainIds();
        if (block) {
            cover.coverWithOne(first, last);
        } else {
            cover.cover(first, last, Math.max(0, maxOrder));
        }
        int blocks = cover.count();
        if (!request.noPasid()) {
            completion.widened(WHOLE_DOMAIN);
            blocks = 0;
        } else if (maxOrder < 0 || cover.order(0) > maxOrder) {
            completion.widened(NO_PAGES);
            blocks = 0;
        } else if (!cover.exact()) {
            completion.widened(block ? VENDOR_BLOCK : LARGER_BLOCK);
        }
        boolean leafOnly = request.leafOnly();
        for (int i = 0; i < ids.length; i++) {
            if (blocks == 0) {
                commands.iotlbDomain(ids[i]);
            }
            for (int b = 0; b < blocks; b++) {
                commands.iotlbPages(ids[i], cover.address(b), cover.order(b), leafOnly);
            }
        }
        Device[] devices = target.devicesWithTlb();
        for (int i = 0; i < devices.length; i++) {
            for (int b = 0; b < cover.count(); b++) {
                commands.deviceTlb(devices[i].requester(), cover.address(b), cover.order(b));
            }
        }
        return completion.done(Fidelity.EXACT);
    }

    /** A device's own TLB alone: the guest's type 3 descriptor, rebuilt from its fields. */
    private int invalidateDevice(Domain target, InvalidateRequest request, Completion completion) {
        Device device = target.members().device(vendorPart.sourceId());
        if (device == null) {
            return completion.refuse(
                    Rule.V36,
                    Errno.ENODEV,
                    DeviceTlbInvalidate.LAYOUT,
                    DeviceTlbInvalidate.SID,
                    vendorPart.sourceId(),
                    Answers.NOT_ATTACHED);
        }
        if (!device.deviceTlb()) {
            // It was bound without a TLB of its own, so there is nothing that could be stale.
            return completion.done(Fidelity.EXACT);
        }
        if (!request.selectsRange()) {
            commands.deviceTlb(device.requester(), 0, RangeCover.WHOLE_SPACE_ORDER);
            return completion.done(Fidelity.EXACT);
        }
        cover.coverWithOne(request.vaddr(), request.lastVaddr());
        if (!cover.exact()) {
            completion.widened(VENDOR_BLOCK);
        }
        commands.deviceTlb(device.requester(), cover.address(0), cover.order(0));
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int finish(Completion completion) {
        Errno outcome = commands.finish();
        return outcome == Errno.OK ? 0 : Answers.incomplete(outcome, completion);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        tables.save(out.section("translator").putInt(subVersion).putLong(tables.root()));
        commands.save(out);
        out.section("domains");
        bindings.save(out);
        books.save(out);
        if (pageRequests != null) {
            pageRequests.save(out);
            pageRequests.books().save(out);
        }
        maps().save(books, out);
        return out.build();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        commands.tap(listener);
    }
}
