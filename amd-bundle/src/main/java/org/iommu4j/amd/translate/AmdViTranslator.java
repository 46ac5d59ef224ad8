package org.iommu4j.amd.translate;

import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
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
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.driver.translate.MappingTranslator;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Driver of an AMD IOMMU, generations 0x0100 to 0x0320. It owns the device table, the domain ids, the command buffer and the event
 * log; a guest names its domain by the container that it speaks through, and its devices by DeviceIDs that are looked up in that
 * container.
 *
 * <p>A container's memory map is a host table below whatever its devices are bound to; without one its addresses are the host's. A request without vendor part drops what the
 * unit and what devices hold; a vendor part names one of the two commands, and that one alone is carried out.
 */
public final class AmdViTranslator implements MappingTranslator<Domain> {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final int NO_PASID = QueueCommands.NO_PASID;
    private static final String GUEST_TOO =
            "a command for host tables drops every guest translation of the domain, too";
    private static final String LARGER_BLOCK = "one aligned block that holds the range";
    private static final String ANY_PASID = "the guest binds its PASIDs itself: those of everybody";
    private static final String NO_TYPE = "the chip cannot say how devices flush: with everything that depends on it";

    private static final String NOT_BOUND = "the PASID is not bound";
    private static final String NO_GUEST_DOMAIN = "no device is bound in that domain of the guest";
    private static final String ALL_GUEST_DOMAINS =
            "the host's generation has no domains of guests: all of the container's";

    private final ChipPort chip;
    private final DeviceTable tables;
    private final QueueCommands commands;
    private final Invalidations invalidations;
    private final VendorPart vendorPart;
    private final Bindings bindings;

    /** Page requests of devices; null if the chip has none. */
    private final PageRequestQueue pageRequests;

    private final DomainBooks<Domain, Device> books;

    private AmdViTranslator(ChipPort chip, DeviceTable tables, QueueCommands commands) {
        this.chip = chip;
        this.tables = tables;
        this.commands = commands;
        vendorPart = new VendorPart(chip.subVersion());
        pageRequests = chip.hasPageRequests() ? new PageRequestQueue(chip, commands, this::ownerOf) : null;
        bindings = new Bindings(chip, tables, commands, pageRequests);
        invalidations = bindings.invalidations();
        books = new DomainBooks<>(bindings);
    }

    private int ownerOf(PageRequest request) {
        return Bindings.ownerOf(books.ownerOf(request.requester()), request);
    }

    /**
     * Brings a chip up that is fresh from reset: a device table whose devices are blocked, an empty command buffer and event log,
     * empty caches, translation on.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or a chip without what it needs, {@code EIO} if
     *     the chip does not answer, {@code ENOMEM} if there is no memory for the tables
     */
    public static AmdViTranslator create(int subVersion, NativePort port) {
        ChipPort chip = new ChipPort(subVersion, port);
        Platform platform = port.platform();
        int count = QueueCommands.pages(chip);
        long pages = platform.allocatePages(count);
        DeviceTable tables = null;
        try {
            tables = DeviceTable.create(port);
            return start(chip, tables, pages);
        } catch (BackendException e) {
            if (tables != null) {
                tables.free();
            }
            platform.freePages(pages, count);
            throw e;
        }
    }

    private static AmdViTranslator start(ChipPort chip, DeviceTable tables, long pages) {
        // 48882 3.4.4: what the control register says of tables is written while the unit does not translate.
        chip.port().write(Control.REGISTER, Control.INV_TIME_OUT.of(Control.ONE_SECOND));
        tables.publish();
        QueueCommands commands = new QueueCommands(chip, pages);
        AmdViTranslator translator = new AmdViTranslator(chip, tables, commands);
        chip.control(Control.GT_EN, chip.unit().hasGuestTables());
        chip.control(Control.GCR3_TRP_MODE, chip.hasGuestRoots());
        chip.control(Control.IOMMU_EN, true);
        commands.start();
        Errno outcome = translator.bindings.forgetEverything();
        if (outcome != Errno.OK) {
            throw new BackendException(outcome, "the chip does not carry out its first invalidations");
        }
        return translator;
    }

    /**
     * Goes on where another translator stopped, on the same chip and memory. Writes nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged state,
     *     {@code EIO} if the chip does not answer
     */
    public static AmdViTranslator restore(Snapshot state, NativePort port) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.AMD, Snapshot.Kind.TRANSLATOR, STATE_OLDEST_READ, STATE_VERSION);
        in.section("translator");
        ChipPort chip = new ChipPort(in.getInt(), port);
        DeviceTable tables = DeviceTable.load(port, in);
        in.endSection();
        in.section("queue");
        QueueCommands commands = QueueCommands.load(chip, in);
        in.endSection();
        AmdViTranslator translator = new AmdViTranslator(chip, tables, commands);
        in.section("domains");
        translator.bindings.load(in);
        translator.books.load(in);
        in.endSection();
        translator.maps().load(translator.books, in);
        if (translator.pageRequests != null) {
            translator.pageRequests.load(number -> translator.books.find(number) != null, in);
        }
        return translator;
    }

    @Override
    public int subVersion() {
        return chip.subVersion();
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
        return "EFR.PPRSup=0";
    }

    // ---- invalidations

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = books.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        if (request.selectsPasid()) {
            int refused = checkPasid(target, request, completion);
            if (refused != 0) {
                return refused;
            }
        }
        if (request.payloadLength() != 0) {
            int refused = vendorPart.read(target, request, completion);
            if (refused != 0) {
                return refused;
            }
            select(request, true);
            return vendorPart.deviceTlb()
                    ? invalidateDevice(target, completion)
                    : invalidatePages(target, request, completion);
        }
        select(request, false);
        return invalidate(target, request, completion);
    }

    /** Scope PASID, docs/spec/amd-vi.md 5.1: there are guest tables, and the PASID is in use. */
    private int checkPasid(Domain target, InvalidateRequest request, Completion completion) {
        if (!target.hasGuest()) {
            return Answers.noPasids(request, completion);
        }
        if (request.pasid() >>> chip.unit().pasidBits() != 0) {
            return request.refuse(Rule.V17, Errno.EINVAL, Uapi.PASID, "the chip has no such PASID", completion);
        }
        for (Stage stage : target.inUse()) {
            if (stage.hasPasid(request.pasid())) {
                return 0;
            }
        }
        return request.refuse(null, Errno.ENOENT, Uapi.PASID, NOT_BOUND, completion);
    }

    private void select(InvalidateRequest request, boolean block) {
        if (request.selectsRange()) {
            invalidations.range(request.vaddr(), request.lastVaddr(), block);
        } else {
            invalidations.everything();
        }
    }

    private int invalidate(Domain target, InvalidateRequest request, Completion completion) {
        boolean directories = !request.leafOnly();
        if (!invalidations.isExact()) {
            completion.widened(LARGER_BLOCK);
        }
        if (request.selectsPasid()) {
            invalidations.pasid(target, request.pasid(), directories);
            return completion.done(Fidelity.EXACT);
        }
        boolean everything = !request.selectsRange() && !request.noPasid();
        if (!everything && dropsGuests(target, !request.noPasid())) {
            completion.widened(GUEST_TOO);
        }
        if (request.noPasid()) {
            invalidations.withoutPasid(target, directories);
            return completion.done(Fidelity.EXACT);
        }
        invalidations.all(target, directories, everything);
        for (Stage stage : target.inUse()) {
            if (stage.hasOpenPasids() && !stage.context().isNested()) {
                bindings.removals().dropOpenPasids(stage);
                completion.widened(ANY_PASID);
            }
        }
        return completion.done(Fidelity.EXACT);
    }

    /**
     * True if a request comes to a command without PASID that drops guest translations, docs/spec/amd-vi.md 5.4.
     *
     * @param anyPasid true if those with any PASID are meant, too
     */
    private static boolean dropsGuests(Domain target, boolean anyPasid) {
        for (Stage stage : target.inUse()) {
            if (stage.context().hasGuest() && (!stage.context().giov() || (anyPasid && stage.hasOpenPasids()))) {
                return true;
            }
        }
        return false;
    }

    /** INVALIDATE_IOMMU_PAGES of a guest, rebuilt from its fields for the host's domain ids. */
    private int invalidatePages(Domain target, InvalidateRequest request, Completion completion) {
        int pasid = vendorPart.pasid();
        boolean named = false;
        boolean bound = false;
        for (Stage stage : target.inUse()) {
            if (!isMeant(stage)) {
                continue;
            }
            named = true;
            if (pasid == NO_PASID || stage.hasPasid(pasid)) {
                bound = true;
                invalidations.pages(stage, pasid, !request.leafOnly());
                if (pasid == NO_PASID && stage.context().hasGuest()) {
                    completion.widened(GUEST_TOO);
                }
            }
        }
        if (target.inUse().length != 0 && !bound) {
            return named
                    ? notThere(InvalidateIommuPages.PASID, pasid, NOT_BOUND, completion)
                    : notThere(InvalidateIommuPages.DOMAIN_ID, vendorPart.domain(), NO_GUEST_DOMAIN, completion);
        }
        if (!chip.hasGuestRoots() && target.guestDomains() > 1) {
            // docs/spec/amd-vi.md 1.3 H17: a guest of 0x0320 named one of them, and the host's generation cannot tell
            // them
            // apart.
            completion.widened(ALL_GUEST_DOMAINS);
        }
        if (!invalidations.isExact()) {
            completion.widened(LARGER_BLOCK);
        }
        return completion.done(Fidelity.EXACT);
    }

    private static int notThere(BitField field, long value, String why, Completion completion) {
        return completion.refuse(null, Errno.ENOENT, InvalidateIommuPages.LAYOUT, field, value, why);
    }

    /** From 0x0320 on the guest names a domain of its own; before, all of the container's are meant. */
    private boolean isMeant(Stage stage) {
        return !chip.hasGuestRoots() || stage.guestDomain() == vendorPart.domain();
    }

    /** INVALIDATE_IOTLB_PAGES of a guest, rebuilt from its fields. */
    private int invalidateDevice(Domain target, Completion completion) {
        Device device = target.members().device(vendorPart.deviceId());
        if (device == null) {
            return completion.refuse(
                    Rule.V36,
                    Errno.ENODEV,
                    InvalidateIotlbPages.LAYOUT,
                    InvalidateIotlbPages.DEVICE_ID,
                    vendorPart.deviceId(),
                    Answers.NOT_ATTACHED);
        }
        if (!device.deviceTlb()) {
            // It was bound without a TLB of its own, so there is nothing that could be stale.
            return completion.done(Fidelity.EXACT);
        }
        int type = vendorPart.type();
        if (type != 0 && !commands.hasTypes()) {
            completion.widened(NO_TYPE);
            type = 0;
        }
        if (!invalidations.isExact()) {
            completion.widened(LARGER_BLOCK);
        }
        invalidations.deviceTlb(device, vendorPart.pasid(), type);
        return completion.done(Fidelity.EXACT);
    }

    /** The binding that devices of an open domain translate through. */
    Stage[] stages(int domain) {
        return books.find(domain).inUse();
    }

    @Override
    public int finish(Completion completion) {
        Errno outcome = commands.finish();
        return outcome == Errno.OK ? 0 : Answers.incomplete(outcome, completion);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.AMD, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        tables.save(out.section("translator").putInt(chip.subVersion()));
        commands.save(out);
        out.section("domains");
        bindings.save(out);
        books.save(out);
        maps().save(books, out);
        if (pageRequests != null) {
            pageRequests.save(out);
        }
        return out.build();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        commands.tap(listener);
    }
}
