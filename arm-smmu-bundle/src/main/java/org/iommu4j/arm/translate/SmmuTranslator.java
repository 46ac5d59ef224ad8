package org.iommu4j.arm.translate;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.command.SmmuRegisters.Queue;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.ContextLevel1;
import org.iommu4j.arm.table.ContextTable;
import org.iommu4j.arm.table.Stage1Walker;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PhysicalMemory;
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
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.driver.translate.MappingTranslator;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * Driver of an SMMUv3. A guest names its address spaces by PASIDs: the VMID is the host's, the ASID is looked up in the context
 * descriptor, and devices with a TLB of their own are reached by a command of their own after the TLBs are done.
 *
 * <p>A range of all PASIDs is exact here. Global entries stay when one PASID is dropped as a whole, as with the guest's own
 * command, docs/spec/arm-smmu.md 5.3.
 */
public final class SmmuTranslator implements MappingTranslator<Domain> {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final long PAGE_BYTES = 4096;
    private static final int EVENT_PAGES = 1;
    private static final int NO_PASID = -1;
    private static final int NO_CONTEXT = -1;

    private static final String TOO_LONG = "the range takes more commands than dropping everything of the VM";
    private static final String NO_ASID = "the context descriptor cannot be read: everything of the VM";

    private final int subVersion;
    private final SmmuCapabilities chip;
    private final StreamTables tables;
    private final long eventQueue;
    private final QueueCommands queue;
    private final TlbCommands tlb;
    private final VendorPart vendorPart;
    private final Bindings bindings;

    /** Page requests of devices; null if the chip has none. */
    private final PageRequestQueue pageRequests;

    private final DomainBooks<Domain, Device> books;

    /** Memory with the host's context descriptors. */
    private final PhysicalMemory memory;

    /** Memory with guests' context descriptors. */
    private final PhysicalMemory guestTables;

    private SmmuTranslator(ChipPort port, StreamTables tables, long eventQueue, QueueCommands queue) {
        chip = port.capabilities();
        subVersion = chip.subVersion();
        this.tables = tables;
        this.eventQueue = eventQueue;
        this.queue = queue;
        Platform platform = port.port().platform();
        memory = platform.memory();
        guestTables = platform.guestTables();
        tlb = new TlbCommands(queue, chip);
        vendorPart = new VendorPart(chip, queue);
        pageRequests = chip.has("PRI") ? new PageRequestQueue(port, queue, this::ownerOf) : null;
        bindings = new Bindings(platform, chip, tables, queue, tlb, pageRequests);
        books = new DomainBooks<>(bindings);
    }

    private int ownerOf(PageRequest request) {
        return bindings.ownerOf(books.ownerOf(request.requester()), request);
    }

    /**
     * Brings a chip up that is fresh from reset: an empty stream table, empty queues, empty caches, translation on. Every stream
     * is blocked.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or a chip without two-level stream tables,
     *     {@code EIO} if the chip does not answer, {@code ENOMEM} if there is no memory for the tables
     */
    public static SmmuTranslator create(int subVersion, NativePort port) {
        ChipPort chip = open(subVersion, port);
        Platform platform = port.platform();
        // Everything in one piece, so that there is nothing to give back halfway.
        int pages = StreamTables.LEVEL_1_PAGES + QueueCommands.RING_PAGES + EVENT_PAGES;
        long memory = platform.allocatePages(pages);
        try {
            return start(chip, memory);
        } catch (BackendException e) {
            platform.freePages(memory, pages);
            throw e;
        }
    }

    /** In the order of IHI 0070 3.11 and 6.3.9. */
    private static SmmuTranslator start(ChipPort chip, long memory) {
        NativePort port = chip.port();
        port.write(Cr0.REGISTER, 0);
        long ring = memory + StreamTables.LEVEL_1_PAGES * PAGE_BYTES;
        long events = ring + QueueCommands.RING_PAGES * PAGE_BYTES;
        StreamTables tables =
                new StreamTables(port.platform(), memory, chip.capabilities().streamIdBits());
        QueueCommands queue = new QueueCommands(chip, ring);
        SmmuTranslator translator = new SmmuTranslator(chip, tables, events, queue);
        port.write(Cr2.REGISTER, Cr2.PTM.mask());
        tables.program(port);
        chip.acknowledgeErrors();
        queue.start();
        queue.everything();
        Errno outcome = queue.finish();
        if (outcome != Errno.OK) {
            throw new BackendException(outcome, "the chip does not carry out its first invalidations");
        }
        long log2Records = Long.numberOfTrailingZeros(EVENT_PAGES * PAGE_BYTES / EventFields.RECORD_BYTES);
        port.write(
                Queue.EVENTS.baseRegister(),
                Queue.EVENTS.address().of(events) | Queue.EVENTS.log2Size().of(log2Records));
        chip.writePosition(Queue.EVENTS.consumer(), 0);
        chip.writePosition(Queue.EVENTS.producer(), 0);
        chip.enable(Cr0.EVENTQEN, true);
        chip.enable(Cr0.SMMUEN, true);
        return translator;
    }

    /**
     * Goes on where another translator stopped, on the same chip and memory. Writes nothing.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for a state version that is not read, {@code EINVAL} for a damaged
     *     state, {@code EIO} if the chip does not answer
     */
    public static SmmuTranslator restore(Snapshot state, NativePort port) {
        SnapshotReader in = new SnapshotReader(state)
                .require(IommuModel.ARM_SMMU, Snapshot.Kind.TRANSLATOR, STATE_OLDEST_READ, STATE_VERSION);
        in.section("translator");
        ChipPort chip = open(in.getInt(), port);
        long memory = in.getPage("stream table");
        long events = in.getPage("event queue");
        StreamTables tables =
                new StreamTables(port.platform(), memory, chip.capabilities().streamIdBits());
        tables.load(in);
        in.endSection();
        in.section("queue");
        QueueCommands queue = QueueCommands.load(chip, in);
        in.endSection();
        SmmuTranslator translator = new SmmuTranslator(chip, tables, events, queue);
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

    private static ChipPort open(int subVersion, NativePort port) {
        SmmuCapabilities.defaultOf(subVersion);
        ChipPort chip = new ChipPort(subVersion, port);
        if (!chip.capabilities().has("ST_LEVEL")) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "the chip has no two-level stream tables: IDR0.ST_LEVEL=0");
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
        return "IDR0.PRI=0";
    }

    // ---- invalidations

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = books.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        Stage[] stages = target.inUse();
        boolean one = request.selectsPasid() && !request.noPasid();
        if (one && stages.length != 0 && !isPasidOfAny(stages, request.pasid())) {
            return request.refuse(
                    Rule.V24, Errno.EINVAL, Uapi.PASID, "no table of the domain has that PASID", completion);
        }
        if (request.payloadLength() != 0) {
            int refused = vendorPart.check(target, request, completion);
            if (refused == 0) {
                vendorPart.write(target, request);
                completion.done(Fidelity.EXACT);
            }
            return refused;
        }
        for (int i = 0; i < stages.length; i++) {
            invalidate(target, stages[i], request, completion);
        }
        Device[] devices = target.devicesWithTlb();
        if (devices.length != 0) {
            // A device may ask again at once: the TLBs must be done, IHI 0070 3.9.1.
            queue.sync();
            for (int i = 0; i < devices.length; i++) {
                invalidateDevice(devices[i], request);
            }
        }
        return completion.done(Fidelity.EXACT);
    }

    private static boolean isPasidOfAny(Stage[] stages, int pasid) {
        for (int i = 0; i < stages.length; i++) {
            if (pasid >>> stages[i].pasidBits() == 0) {
                return true;
            }
        }
        return false;
    }

    /** Invalidations of the TLBs, docs/spec/arm-smmu.md 5.3. */
    private void invalidate(Domain domain, Stage stage, InvalidateRequest request, Completion completion) {
        int vmid = stage.vmid();
        boolean range = request.selectsRange();
        boolean named = request.selectsPasid() || request.noPasid();
        long first = request.vaddr();
        long last = request.lastVaddr();
        if (stage.isStage2Table()) {
            if (named && !request.noPasid() && request.pasid() != 0) {
                return;
            }
            if (!range) {
                tlb.bothStages(vmid);
            } else if (!tlb.intermediate(vmid, stage.stage2Granule(), first, last, request.leafOnly())) {
                completion.widened(TOO_LONG);
            }
            return;
        }
        if (!named) {
            if (!range && stage.isNestedGuest()) {
                tlb.bothStages(vmid);
            } else if (!range) {
                tlb.vm(vmid);
            } else if (!tlb.addressesOfAll(vmid, chip, first, last, request.leafOnly())) {
                completion.widened(TOO_LONG);
            }
            return;
        }
        int index = contextOf(stage, request);
        if (index == NO_CONTEXT || stage.kind() == Stage.Kind.BYPASS) {
            return;
        }
        long control = contextControl(domain, stage, index);
        if (stage.kind() == Stage.Kind.HOST_CONTEXTS && !ContextDescriptor.V.isSet(control)) {
            // The PASID is not bound, and what it was bound to has been dropped.
            return;
        }
        Granule granule = Stage1Walker.granule(control, Stage1Walker.isUpper(first, false));
        if (!ContextDescriptor.V.isSet(control) || (range && granule == null)) {
            tlb.vm(vmid);
            completion.widened(NO_ASID);
            return;
        }
        int asid = ContextDescriptor.ASID.getInt(control);
        if (!range) {
            tlb.asid(vmid, asid);
        } else if (!tlb.addresses(vmid, asid, granule, first, last, request.leafOnly())) {
            completion.widened(TOO_LONG);
        }
    }

    /** Index of the context descriptor that a request means, docs/spec/arm-smmu.md 5.2; {@link #NO_CONTEXT} for none. */
    private static int contextOf(Stage stage, InvalidateRequest request) {
        int bits = stage.pasidBits();
        if (request.noPasid()) {
            return bits == 0 || stage.withoutPasid() == StreamTableEntry.DSS_CD_0 ? 0 : NO_CONTEXT;
        }
        return request.pasid() >>> bits == 0 ? request.pasid() : NO_CONTEXT;
    }

    /** First word of a context descriptor, as it is now; not valid if it cannot be read, as below a guest's own stage 2. */
    private long contextControl(Domain domain, Stage stage, int index) {
        if (stage.isNestedGuest()) {
            return 0;
        }
        try {
            long ste0 = stage.ste0();
            boolean ofHost = stage.hasHostContexts();
            PhysicalMemory contexts = ofHost ? memory : guestTables;
            MapTables map = domain.memory();
            // The host knows where its own first page is.
            MapTables rootMap = ofHost ? null : map;
            if (stage.leafBits() == 0) {
                return contexts.readLongLe(physical(rootMap, ContextTable.entryAddress(ste0, index)));
            }
            long level1 = contexts.readLongLe(physical(rootMap, ContextTable.level1Address(ste0, index)));
            return ContextLevel1.V.isSet(level1)
                    ? contexts.readLongLe(
                            physical(map, ContextTable.entryInLeaf(ste0, ContextTable.leafTable(ste0, level1), index)))
                    : 0;
        } catch (BusErrorException e) {
            return 0;
        }
    }

    /** Physical address of one that a chip translates through a memory map, if there is one. */
    private static long physical(MapTables map, long address) {
        long pa = map == null ? address : map.find(address);
        if (pa == MapTables.NONE) {
            throw new BusErrorException(address);
        }
        return pa;
    }

    /** Invalidations of devices that hold translations themselves, docs/spec/arm-smmu.md 5.2 and 5.4. */
    private void invalidateDevice(Device device, InvalidateRequest request) {
        Stage stage = device.stage();
        int pasid = NO_PASID;
        if (request.noPasid()) {
            if (stage.pasidBits() != 0 && stage.withoutPasid() == 0) {
                return;
            }
        } else if (request.selectsPasid()) {
            if (request.pasid() >>> stage.pasidBits() != 0) {
                return;
            }
            boolean same = request.pasid() == 0 && stage.withoutPasid() == StreamTableEntry.DSS_CD_0;
            pasid = stage.pasidBits() == 0 || same ? NO_PASID : request.pasid();
        }
        if (request.selectsRange()) {
            long first = request.vaddr();
            long last = request.lastVaddr();
            tlb.device(device.streamId(), pasid, RangeCover.baseOfOne(first, last), RangeCover.orderOfOne(first, last));
        } else {
            tlb.device(device.streamId(), pasid, 0, CommandFields.SIZE_ALL);
        }
    }

    @Override
    public int finish(Completion completion) {
        Errno outcome = queue.finish();
        return outcome == Errno.OK ? 0 : Answers.incomplete(outcome, completion);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ARM_SMMU, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        out.section("translator")
                .putInt(subVersion)
                .putLong(tables.memoryStart())
                .putLong(eventQueue);
        tables.save(out);
        queue.save(out);
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
        queue.tap(listener);
    }
}
