package org.iommu4j.intel.translate;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
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
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.simulation.translate.DomainTable;

/**
 * Driver of a VT-d unit in legacy mode: generations 0x0100 (registers) and 0x0110 (queue). It owns the root table, the
 * context tables, the domain ids and the queue; a guest names its domain by the container that it speaks through, and its
 * devices by requester ids that are looked up in that container.
 *
 * <p>Addresses are the host's: containers map guest memory one to one in this release. In legacy mode no translation has a
 * PASID, so NO_PASID and "all" name the same translations, and a range of all PASIDs is widened to the domain.
 */
public final class VtdTranslator implements Translator {
    /** Version of the state that {@link #save} writes. */
    public static final int STATE_VERSION = 1;

    /** Oldest version of the state that {@link #restore} reads. */
    public static final int STATE_OLDEST_READ = 1;

    private static final int REQUESTERS = 1 << 16;
    private static final long PAGE_BYTES = 4096;

    private static final String WHOLE_DOMAIN = "a range of all PASIDs is the whole domain on VT-d";
    private static final String LARGER_BLOCK = "one aligned block that holds the range";
    private static final String VENDOR_BLOCK = "the vendor part rounds the range to a power of two";
    private static final String NO_PAGES = "the chip cannot select pages, or not so many: the whole domain";

    private final int subVersion;
    private final ChipPort chip;

    /** True if the chip has page-selective commands. */
    private final boolean selectsPages;

    private final HostTables tables;
    private final CommandPath commands;
    private final VendorPart vendorPart;
    private final RangeCover cover = new RangeCover();
    private final BitSet domainIds = new BitSet();

    /** Domain ids under which something old may be cached, since the chip failed to drop it; not given out. */
    private final BitSet quarantined = new BitSet();

    /** Devices that did not answer when their own TLB was to be emptied. */
    private final BitSet unanswered = new BitSet();

    /** True if the chip may have kept something old; the next change of a binding empties its caches. */
    private boolean dirty;

    private final TreeMap<Integer, Domain> owners = new TreeMap<>();
    private final DomainTable<Domain> domains = new DomainTable<>();

    private VtdTranslator(int subVersion, ChipPort chip, HostTables tables, CommandPath commands) {
        this.subVersion = subVersion;
        this.chip = chip;
        selectsPages = chip.maxPageOrder() >= 0;
        this.tables = tables;
        this.commands = commands;
        vendorPart = new VendorPart(subVersion);
        // Domain id 0 tags what a chip in caching mode keeps of entries that are not present.
        domainIds.set(0);
    }

    /**
     * Brings a chip up that is fresh from reset: an empty root table, an empty queue if the generation has one, empty
     * caches, translation on. Every device is blocked.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation or a chip without its queue, {@code EIO}
     *     if the chip does not answer, {@code ENOMEM} if there is no memory for the tables
     */
    public static VtdTranslator create(int subVersion, NativePort port) {
        ChipPort chip = open(subVersion, port);
        boolean queued = subVersion != VtdGeneration.LEGACY_REG;
        Platform platform = port.platform();
        // Root table, ring and status word in one piece, so that there is nothing to give back halfway.
        int pages = queued ? 2 + QueueCommands.RING_PAGES : 1;
        long memory = platform.allocatePages(pages);
        try {
            return start(subVersion, chip, memory);
        } catch (BackendException e) {
            platform.freePages(memory, pages);
            throw e;
        }
    }

    private static VtdTranslator start(int subVersion, ChipPort chip, long memory) {
        HostTables tables = new HostTables(chip.port().platform(), memory);
        if (Global.TES.isSet(chip.status())) {
            chip.enable(Global.TE, Global.TES, false);
        }
        if (Global.QIES.isSet(chip.status())) {
            chip.enable(Global.QIE, Global.QIES, false);
        }
        chip.clearErrors();
        chip.setRoot(tables.root());
        CommandPath commands;
        if (subVersion == VtdGeneration.LEGACY_REG) {
            commands = new RegisterCommands(chip);
        } else {
            long ring = memory + PAGE_BYTES;
            QueueCommands queue = new QueueCommands(chip, ring, ring + QueueCommands.RING_PAGES * PAGE_BYTES);
            queue.start();
            commands = queue;
        }
        commands.contextGlobal();
        commands.iotlbGlobal();
        Errno outcome = commands.finish();
        if (outcome != Errno.OK) {
            throw new BackendException(outcome, "the chip does not carry out its first invalidations");
        }
        chip.enable(Global.TE, Global.TES, true);
        return new VtdTranslator(subVersion, chip, tables, commands);
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
        long root = page(in.getLong(), "root table");
        ChipPort chip = open(subVersion, port);
        HostTables tables = new HostTables(port.platform(), root);
        int contextTables = in.getCount(HostTables.BUSES);
        for (int i = 0; i < contextTables; i++) {
            int bus = within(in.getInt(), HostTables.BUSES, "bus");
            tables.adopt(bus, page(in.getLong(), "context table"));
        }
        in.endSection();
        CommandPath commands;
        if (subVersion == VtdGeneration.LEGACY_REG) {
            in.section("registers");
            RegisterCommands registers = new RegisterCommands(chip);
            registers.restoreFailure(in.getBoolean());
            commands = registers;
        } else {
            in.section("queue");
            QueueCommands queue = new QueueCommands(chip, page(in.getLong(), "ring"), page(in.getLong(), "status"));
            long tail = in.getLong();
            int written = in.getInt();
            if (!QueueCommands.isPosition(tail, written)) {
                throw damaged("tail", tail);
            }
            queue.resume(tail, written, in.getInt(), in.getBoolean(), in.getBoolean());
            commands = queue;
        }
        in.endSection();
        VtdTranslator translator = new VtdTranslator(subVersion, chip, tables, commands);
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
        domains.put(domain, new Domain(domain, chip.maxAddressBits()));
        return completion.done(Fidelity.EXACT);
    }

    @Override
    public int closeDomain(int domain, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        for (Device device : target.devices().values()) {
            tables.write(device.requester(), 0, 0);
            owners.remove(device.requester());
        }
        domains.remove(domain);
        Errno flushed = chip.flushWriteBuffer();
        if (dirty) {
            dropEverything();
        } else {
            for (Device device : target.devices().values()) {
                if (device.stage() != null) {
                    commands.contextDevice(device.stage().domainId(), device.requester());
                }
            }
            for (Stage stage : target.stages()) {
                commands.iotlbDomain(stage.domainId());
            }
        }
        for (int requester : target.devicesWithTlb()) {
            commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
        Errno outcome = settle(flushed, commands.finish(), target.devicesWithTlb());
        for (Stage stage : target.stages()) {
            giveBack(stage, outcome == Errno.OK);
        }
        return outcome == Errno.OK ? completion.done(Fidelity.EXACT) : failed(outcome, completion);
    }

    @Override
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        if (requester < 0 || requester >= REQUESTERS) {
            return completion.refuse(
                    null,
                    Errno.EINVAL,
                    "requester",
                    -1,
                    requester,
                    "a requester id is 0 to 65535: bus, device, function");
        }
        Domain owner = owners.get(requester);
        if (owner != null) {
            return completion.refuse(
                    null,
                    owner == target ? Errno.EEXIST : Errno.EBUSY,
                    "requester",
                    -1,
                    requester,
                    owner == target ? "the device is attached" : "the device is attached to another container");
        }
        Device device = new Device(requester);
        if (table == -1) {
            add(target, device);
            return completion.done(Fidelity.EXACT);
        }
        if (levels < 2 || !Agaw.isSupported(Agaw.ofLevels(levels), Cap.SAGAW.get(chip.cap()))) {
            return completion.refuse(
                    null, Errno.EINVAL, "levels", -1, levels, "the chip has no tables of so many levels");
        }
        if (!isTable(table)) {
            return completion.refuse(null, Errno.EINVAL, "table", -1, table, "not a page below the host address width");
        }
        add(target, device);
        int outcome = bindTo(target, device, table, Agaw.ofLevels(levels), false, false, 0, completion);
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
        Device device = target.device(requester);
        if (device == null) {
            return DomainTable.notAttached(requester, -1, completion);
        }
        int outcome = unbind(target, device, completion);
        if (outcome == 0) {
            remove(target, device);
        }
        return outcome;
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
                    "legacy mode has no PASIDs: only BIND_PGTABLE is specified");
        }
        int unknown = request.flags() & ~(Uapi.BIND_FLAG_UNBIND | BindPgtable.FLAGS);
        if (unknown != 0) {
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
        return bind(target, request, words, completion);
    }

    private int bind(Domain target, BindRequest request, long[] words, Completion completion) {
        long table = BindPgtable.TABLE_ROOT.get(words);
        long width = BindPgtable.ADDRESS_WIDTH.get(words);
        boolean passThrough = (request.flags() & BindPgtable.PASS_THROUGH) != 0;
        boolean deviceTlb = (request.flags() & BindPgtable.DEVICE_TLB) != 0;
        if (BindPgtable.ADDRESS_WIDTH.isReservedValue(width)) {
            return refuse(completion, Rule.V34, BindPgtable.ADDRESS_WIDTH, width, "no table has that width");
        }
        if (!isTable(table)) {
            return refuse(
                    completion, Rule.V34, BindPgtable.TABLE_ROOT, table, "the table is beyond the host address width");
        }
        if (passThrough && deviceTlb) {
            return completion.refuse(
                    Rule.V35, "flags", -1, request.flags(), "PASS_THROUGH and DEVICE_TLB exclude each other");
        }
        if (passThrough && table != 0) {
            return refuse(completion, Rule.V35, BindPgtable.TABLE_ROOT, table, "PASS_THROUGH has no table");
        }
        if (passThrough != (width == 0)) {
            return refuse(
                    completion,
                    Rule.V35,
                    BindPgtable.ADDRESS_WIDTH,
                    width,
                    passThrough ? "PASS_THROUGH has no table" : "a table has a width");
        }
        int requester = (int) BindPgtable.REQUESTER.get(words);
        Device device = target.device(requester);
        if (device == null) {
            return DomainTable.notAttached(requester, byteOffset(BindPgtable.REQUESTER), completion);
        }
        int guestDomainId = (int) BindPgtable.GUEST_DOMAIN_ID.get(words);
        long sagaw = Cap.SAGAW.get(chip.cap());
        int aw = passThrough ? Agaw.widest(sagaw, Integer.MAX_VALUE) : ((int) width - Agaw.width(0)) / 9;
        if (request.unbinds()) {
            Stage stage = device.stage();
            if (stage == null && isUnclean(device)) {
                return unbind(target, device, completion);
            }
            if (stage == null) {
                return completion.refuse(
                        null,
                        Errno.ENOENT,
                        BindPgtable.REQUESTER.name(),
                        byteOffset(BindPgtable.REQUESTER),
                        requester,
                        "nothing is bound for the device");
            }
            if (!stage.is(table, aw, passThrough)
                    || device.deviceTlb() != deviceTlb
                    || device.guestDomainId() != guestDomainId) {
                return refuse(
                        completion, Rule.V35, BindPgtable.TABLE_ROOT, table, "the device is bound to something else");
            }
            return unbind(target, device, completion);
        }
        if (passThrough && !Ecap.PT.isSet(chip.ecap())) {
            return completion.refuse(
                    Rule.V34, Errno.EOPNOTSUPP, "flags", -1, request.flags(), "the chip has no pass-through");
        }
        if (deviceTlb && !(Ecap.DT.isSet(chip.ecap()) && commands.reachesDevices())) {
            return completion.refuse(
                    Rule.V34, Errno.EOPNOTSUPP, "flags", -1, request.flags(), "the chip cannot invalidate device TLBs");
        }
        if (!Agaw.isSupported(aw, sagaw)) {
            return completion.refuse(
                    Rule.V34,
                    Errno.EOPNOTSUPP,
                    BindPgtable.ADDRESS_WIDTH.name(),
                    byteOffset(BindPgtable.ADDRESS_WIDTH),
                    width,
                    "the chip has no tables of that width");
        }
        return bindTo(target, device, table, aw, passThrough, deviceTlb, guestDomainId, completion);
    }

    @Override
    public int invalidate(int domain, InvalidateRequest request, Completion completion) {
        Domain target = domains.find(domain);
        if (target == null) {
            return DomainTable.notOpen(domain, completion);
        }
        return isPlainPage(target, request)
                ? invalidatePage(target, request, completion)
                : invalidate(target, request, completion);
    }

    private int invalidate(Domain target, InvalidateRequest request, Completion completion) {
        if (request.selectsPasid()) {
            return completion.refuse(Rule.V17, "pasid", -1, request.pasid(), "no PASID is bound: legacy mode has none");
        }
        boolean range = request.selectsRange();
        long first = request.vaddr();
        long last = request.lastVaddr();
        if (range && target.addressBits() < Long.SIZE && last >>> target.addressBits() != 0) {
            return completion.refuse(
                    Rule.V24,
                    Errno.EINVAL,
                    "vaddr",
                    -1,
                    first,
                    "the range ends beyond the address width of the domain's tables");
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

    @Override
    public int finish(Completion completion) {
        Errno outcome = commands.finish();
        return outcome == Errno.OK ? 0 : failed(outcome, completion);
    }

    @Override
    public Snapshot save() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.TRANSLATOR, STATE_VERSION);
        out.section("translator").putInt(subVersion).putLong(tables.root());
        out.putInt(tables.contextTables().size());
        for (Map.Entry<Integer, Long> table : tables.contextTables().entrySet()) {
            out.putInt(table.getKey()).putLong(table.getValue());
        }
        commands.save(out);
        out.section("domains")
                .putLongs(domainIds.toLongArray())
                .putLongs(quarantined.toLongArray())
                .putLongs(unanswered.toLongArray())
                .putBoolean(dirty);
        List<Domain> open = domains.open();
        out.putInt(open.size());
        for (Domain domain : open) {
            out.putInt(domain.number()).putInt(domain.stages().size());
            for (Stage stage : domain.stages()) {
                out.putLong(stage.table())
                        .putInt(stage.aw())
                        .putBoolean(stage.passThrough())
                        .putInt(stage.domainId());
            }
            out.putInt(domain.devices().size());
            for (Device device : domain.devices().values()) {
                out.putInt(device.requester())
                        .putInt(device.stage() == null ? -1 : domain.stages().indexOf(device.stage()))
                        .putBoolean(device.deviceTlb())
                        .putInt(device.guestDomainId());
            }
        }
        return out.build();
    }

    @Override
    public void tap(NativeCommandListener listener) {
        commands.tap(listener);
    }

    // ---- invalidation

    /** True for the request that nearly all are: one page, no vendor part, nothing to widen, no device to reach. */
    private boolean isPlainPage(Domain target, InvalidateRequest request) {
        return request.scope() == Uapi.SCOPE_VADDR
                && request.size() == PAGE_BYTES
                && (request.vaddr() & ~target.pageBits()) == 0
                && request.payloadLength() == 0
                && request.noPasid()
                && target.devicesWithTlb().length == 0
                && selectsPages;
    }

    /** What {@link #invalidateRange} comes to for such a page. */
    private int invalidatePage(Domain target, InvalidateRequest request, Completion completion) {
        for (int domainId : target.domainIds()) {
            commands.iotlbPages(domainId, request.vaddr(), 0, request.leafOnly());
        }
        return completion.done(Fidelity.EXACT);
    }

    private int invalidateDomain(Domain target, Completion completion) {
        int[] ids = target.domainIds();
        for (int i = 0; i < ids.length; i++) {
            commands.iotlbDomain(ids[i]);
        }
        int[] requesters = target.devicesWithTlb();
        for (int i = 0; i < requesters.length; i++) {
            commands.deviceTlb(requesters[i], 0, RangeCover.WHOLE_SPACE_ORDER);
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
        int[] requesters = target.devicesWithTlb();
        for (int i = 0; i < requesters.length; i++) {
            for (int b = 0; b < cover.count(); b++) {
                commands.deviceTlb(requesters[i], cover.address(b), cover.order(b));
            }
        }
        return completion.done(Fidelity.EXACT);
    }

    /** A device's own TLB alone: the guest's type 3 descriptor, rebuilt from its fields. */
    private int invalidateDevice(Domain target, InvalidateRequest request, Completion completion) {
        Device device = target.device(vendorPart.sourceId());
        if (device == null) {
            return completion.refuse(
                    Rule.V36, Errno.ENODEV, "SID", 4, vendorPart.sourceId(), "no such device in the container");
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

    // ---- bindings

    private int bindTo(
            Domain target,
            Device device,
            long table,
            int aw,
            boolean passThrough,
            boolean deviceTlb,
            int guestDomainId,
            Completion completion) {
        Stage before = device.stage();
        boolean hadTlb = device.deviceTlb();
        Stage after = target.stage(table, aw, passThrough);
        if (after == null) {
            int domainId = domainIds.nextClearBit(1);
            if (domainId >= chip.domainIds()) {
                return completion.fail(Errno.ENOSPC, "all domain ids of the chip are in use");
            }
            after = new Stage(table, aw, passThrough, domainId);
        }
        boolean newBus;
        try {
            newBus = tables.prepare(device.requester());
        } catch (BackendException e) {
            return completion.fail(e.errno(), "no memory for a context table");
        }
        domainIds.set(after.domainId());
        if (after.users() == 0) {
            target.stages().add(after);
        }
        after.users(after.users() + 1);
        tables.write(device.requester(), after.contextWord0(deviceTlb), after.contextWord1());
        device.bind(after, deviceTlb, guestDomainId);
        target.rebuild();
        return dropOld(target, device, before, hadTlb, newBus, completion);
    }

    private int unbind(Domain target, Device device, Completion completion) {
        Stage before = device.stage();
        if (before == null && !isUnclean(device)) {
            return completion.done(Fidelity.EXACT);
        }
        boolean hadTlb = device.deviceTlb();
        tables.write(device.requester(), 0, 0);
        device.bind(null, false, 0);
        target.rebuild();
        return dropOld(target, device, before, hadTlb, false, completion);
    }

    /**
     * Drops what the chip may keep of a context entry that was replaced, VT-d 6.5.3.3: the entry, its domain's translations,
     * the device's own; then gives up the stage if nobody uses it any more.
     *
     * @param newBus true if the root entry was absent until now
     */
    private int dropOld(
            Domain target, Device device, Stage before, boolean hadTlb, boolean newBus, Completion completion) {
        Errno flushed = chip.flushWriteBuffer();
        int requester = device.requester();
        if (dirty) {
            dropEverything();
        } else if (before != null || Cap.CM.isSet(chip.cap())) {
            // A chip in caching mode keeps absent entries under domain id 0.
            int domainId = before == null ? 0 : before.domainId();
            if (newBus && Cap.CM.isSet(chip.cap())) {
                // So it may keep that the bus was absent, for every device on it.
                commands.contextGlobal();
            } else {
                commands.contextDevice(domainId, requester);
            }
            commands.iotlbDomain(domainId);
        }
        boolean reach = hadTlb || unanswered.get(requester);
        if (reach) {
            commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
        Errno outcome = settle(flushed, commands.finish(), reach ? new int[] {requester} : new int[0]);
        boolean dropped = outcome == Errno.OK;
        release(target, before, dropped);
        if (dropped) {
            return completion.done(Fidelity.EXACT);
        }
        // Fail closed: a device of which something old may be cached does not go on with something new.
        tables.write(requester, 0, 0);
        release(target, device.stage(), false);
        device.bind(null, false, 0);
        target.rebuild();
        return failed(outcome, completion);
    }

    /** True if an earlier change could not drop everything, so that the next one has to. */
    private boolean isUnclean(Device device) {
        return dirty || unanswered.get(device.requester());
    }

    private void dropEverything() {
        commands.contextGlobal();
        commands.iotlbGlobal();
    }

    /** Notes what a change of bindings left behind, or that nothing is left any more. */
    private Errno settle(Errno flushed, Errno finished, int[] devicesReached) {
        Errno outcome = flushed != Errno.OK ? flushed : finished;
        for (int requester : devicesReached) {
            unanswered.set(requester, outcome != Errno.OK);
        }
        if (outcome != Errno.OK) {
            dirty = true;
        } else if (dirty) {
            dirty = false;
            domainIds.andNot(quarantined);
            quarantined.clear();
        }
        return outcome;
    }

    /** Takes a device off a stage; see {@link #giveBack}. */
    private void release(Domain target, Stage stage, boolean dropped) {
        if (stage != null) {
            stage.users(stage.users() - 1);
            if (stage.users() == 0) {
                target.stages().remove(stage);
                target.rebuild();
                giveBack(stage, dropped);
            }
        }
    }

    /**
     * Gives a stage's domain id back.
     *
     * @param dropped false if something may still be cached under it: then not before the caches have been emptied
     */
    private void giveBack(Stage stage, boolean dropped) {
        if (dropped) {
            domainIds.clear(stage.domainId());
        } else {
            quarantined.set(stage.domainId());
        }
    }

    private void add(Domain target, Device device) {
        target.devices().put(device.requester(), device);
        owners.put(device.requester(), target);
        target.rebuild();
    }

    private void remove(Domain target, Device device) {
        target.devices().remove(device.requester());
        owners.remove(device.requester());
        target.rebuild();
    }

    private boolean isTable(long table) {
        int width = chip.port().platform().hostAddressWidth();
        return (table & 0xfff) == 0 && table >>> width == 0;
    }

    // ---- lookup and refusals

    private static int failed(Errno outcome, Completion completion) {
        return completion.refuse(
                Rule.V38, outcome, "", -1, 0, "the chip did not complete the commands; they do not count as done");
    }

    private static int refuse(Completion completion, Rule rule, BitField field, long value, String why) {
        return completion.refuse(rule, field.name(), byteOffset(field), value, why);
    }

    private static int byteOffset(BitField field) {
        return field.word() * Long.BYTES + field.shift() / Byte.SIZE;
    }

    // ---- state

    private static ChipPort open(int subVersion, NativePort port) {
        if (subVersion != VtdGeneration.LEGACY_REG && subVersion != VtdGeneration.LEGACY_QI) {
            throw new BackendException(
                    Errno.EPROTONOSUPPORT, "no VT-d generation 0x" + Integer.toHexString(subVersion));
        }
        ChipPort chip = new ChipPort(port);
        if (subVersion != VtdGeneration.LEGACY_REG && !Ecap.QI.isSet(chip.ecap())) {
            throw new BackendException(Errno.EPROTONOSUPPORT, "the chip has no invalidation queue: ECAP.QI=0");
        }
        return chip;
    }

    private void restoreDomains(SnapshotReader in) {
        in.section("domains");
        domainIds.or(BitSet.valueOf(in.getLongs()));
        if (domainIds.length() > chip.domainIds()) {
            throw damaged("domain id", domainIds.length() - 1L);
        }
        quarantined.or(BitSet.valueOf(in.getLongs()));
        unanswered.or(BitSet.valueOf(in.getLongs()));
        if (quarantined.length() > chip.domainIds() || unanswered.length() > REQUESTERS) {
            throw damaged("domain id or requester", Math.max(quarantined.length(), unanswered.length()) - 1L);
        }
        dirty = in.getBoolean();
        int count = in.getCount(DomainTable.MAX_DOMAINS);
        for (int i = 0; i < count; i++) {
            Domain domain = new Domain(within(in.getInt(), DomainTable.MAX_DOMAINS, "domain"), chip.maxAddressBits());
            if (domains.find(domain.number()) != null) {
                throw damaged("domain", domain.number());
            }
            domains.put(domain.number(), domain);
            restoreStages(in, domain);
            restoreDevices(in, domain);
            domain.rebuild();
        }
        in.endSection();
    }

    private void restoreStages(SnapshotReader in, Domain domain) {
        int count = in.getCount(chip.domainIds());
        for (int i = 0; i < count; i++) {
            long table = page(in.getLong(), "table");
            int aw = within(in.getInt(), Agaw.MAX_AW + 1, "AW");
            boolean passThrough = in.getBoolean();
            int domainId = in.getInt();
            if (domainId < 1 || !domainIds.get(domainId)) {
                throw damaged("domain id", domainId);
            }
            domain.stages().add(new Stage(table, aw, passThrough, domainId));
        }
    }

    private void restoreDevices(SnapshotReader in, Domain domain) {
        int count = in.getCount(REQUESTERS);
        for (int i = 0; i < count; i++) {
            Device device = new Device(within(in.getInt(), REQUESTERS, "requester"));
            int stage = in.getInt();
            boolean deviceTlb = in.getBoolean();
            int guestDomainId = in.getInt();
            if (stage < -1 || stage >= domain.stages().size()) {
                throw damaged("stage", stage);
            }
            if (stage >= 0) {
                Stage bound = domain.stages().get(stage);
                bound.users(bound.users() + 1);
                device.bind(bound, deviceTlb, guestDomainId);
            }
            domain.devices().put(device.requester(), device);
            if (owners.put(device.requester(), domain) != null) {
                throw damaged("requester", device.requester());
            }
        }
    }

    private static long page(long address, String what) {
        if ((address & 0xfff) != 0 || address < 0) {
            throw damaged(what, address);
        }
        return address;
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
