package org.iommu4j.arm.translate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.BindPasid;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.table.ContextDescriptor;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.driver.bind.TableAddress;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.driver.domain.TranslationTags;
import org.iommu4j.driver.page.PageRequestPort;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.driver.table.MapPolicy;
import org.iommu4j.driver.table.MapTables;
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * What streams translate through: their stream table entries, the VMIDs of their tables, and what has to be dropped when an entry
 * is replaced, IHI 0070 3.21.3 (SMMU-D.1 and D.2 of docs/spec/arm-smmu.md 10): through an entry that aborts.
 *
 * <p>The class is long because each kind of bind, and the invalidations that its change owes, stands beside the books that
 * both edit.
 */
final class Bindings implements DomainPolicy<Domain, Device>, MapPolicy<Domain> {
    private static final int LEAST_LEVELS = 2;
    private static final int MOST_LEVELS = 4;
    private static final int MOST_STAGES = 1 << 16;

    // How a saved state says what a device has; a reader that does not know page requests refuses them.
    private static final int DEVICE_TLB = 1;
    private static final int PAGE_REQUESTS = 2;
    private static final int[] FLAGS_OF_KINDS = {
        0, (int) BindPasidTable.FLAG_DEVICE_TLB.mask(), BindPasidTable.DEVICE_FLAGS
    };

    private final Platform platform;
    private final SmmuCapabilities chip;
    private final StreamTables tables;
    private final QueueCommands commands;
    private final TlbCommands tlb;
    private final TranslationTags vmids;
    private final BindingRules rules;
    private final GuestMemory guestMemory;
    private final MemoryMaps<Domain> maps;
    private final PageRequestQueue pageRequests;

    /**
     * Bindings of a chip on which nothing is bound.
     *
     * @param pageRequests of devices; null if the chip has none
     */
    Bindings(
            Platform platform,
            SmmuCapabilities chip,
            StreamTables tables,
            QueueCommands commands,
            TlbCommands tlb,
            PageRequestQueue pageRequests) {
        this.platform = platform;
        this.chip = chip;
        this.tables = tables;
        this.commands = commands;
        this.tlb = tlb;
        this.pageRequests = pageRequests;
        // Without stage 2 there are no VMIDs: one stage at a time.
        int first = chip.hasStage2() ? 1 : 0;
        vmids = new TranslationTags(first, 1 << chip.vmidBits(), tables.streams());
        rules = new BindingRules(chip);
        guestMemory = new GuestMemory(chip);
        maps = guestMemory.maps(platform, this);
    }

    // ---- domains and devices

    @Override
    public Domain open(int number, Completion completion) {
        return new Domain(number, guestMemory);
    }

    @Override
    public int close(Domain domain, Completion completion) {
        for (Device device : domain.members().devices()) {
            tables.block(device.streamId());
            commands.stream(device.streamId());
        }
        commands.sync();
        for (Device device : domain.members().devices()) {
            terminate(device);
        }
        if (vmids.isDirty()) {
            commands.everything();
        } else {
            for (Stage stage : domain.stages()) {
                drop(stage);
            }
        }
        Device[] reached = domain.devicesWithTlb();
        dropDevices(reached);
        Errno outcome = vmids.settle(commands.finish(), streamIds(reached));
        if (pageRequests != null) {
            outcome = ended(outcome, domain, request -> true, domain.devicesWithPageRequests());
        }
        boolean dropped = outcome == Errno.OK;
        for (Stage stage : domain.stages()) {
            vmids.giveBack(stage.vmid(), dropped);
            if (dropped) {
                hostPages(domain, stage).forEach(page -> platform.freePages(page, 1));
            }
        }
        if (dropped && domain.memory() != null) {
            domain.memory().free();
        }
        return Answers.of(outcome, completion);
    }

    @Override
    public Device device(Domain domain, int requester, Completion completion) {
        if (requester < 0 || requester >= tables.streams()) {
            Answers.refuseDevice(
                    requester, Errno.EINVAL, "the chip has StreamIDs 0 to " + (tables.streams() - 1), completion);
            return null;
        }
        return new Device(requester);
    }

    @Override
    public int attach(Domain domain, Device device, long table, int levels, Completion completion) {
        if (table == BLOCKED) {
            return block(domain, device, completion);
        }
        if (levels < LEAST_LEVELS || levels > MOST_LEVELS) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "a stage-2 table has 2 to 4 levels");
        }
        if (!TableAddress.isPage(table, platform)) {
            return completion.refuse(Errno.EINVAL, "table", table, "not a page below the host address width");
        }
        Stage stage = Stage.ofTable(table, levels, chip);
        if (!rules.isLegal(stage, 0)) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "the chip has no tables of so many levels");
        }
        return bind(domain, device, stage, 0, completion);
    }

    /** A device that nobody has bound: its entry aborts, so that nothing of it is recorded. */
    private int block(Domain domain, Device device, Completion completion) {
        return vmids.isUnclean(device.streamId())
                ? replace(domain, device, null, 0, completion)
                : completion.done(Fidelity.EXACT);
    }

    @Override
    public int detach(Domain domain, Device device, Completion completion) {
        return unbind(domain, device, completion);
    }

    // ---- bindings

    /** Binds or unbinds a device of a domain. */
    int bind(Domain domain, BindRequest request, Completion completion) {
        return switch (request.operation()) {
            case Uapi.BIND_PASIDTBL ->
                bind(
                        domain,
                        rules.pasidTable(),
                        new BindPart(request, BindPasidTable.LAYOUT),
                        BindPasidTable.TABLE_ROOT,
                        Stage::ofContextTable,
                        completion);
            case Uapi.BIND_PASID -> bindPasid(domain, new BindPart(request, BindPasid.LAYOUT), completion);
            default ->
                bind(
                        domain,
                        rules.pgtable(),
                        new BindPart(request, BindPageTable.LAYOUT),
                        BindPageTable.TABLE_ROOT,
                        Stage::ofPageTable,
                        completion);
        };
    }

    /** A stream translates through what one payload says. */
    private int bind(
            Domain domain,
            BindRules<Domain> asked,
            BindPart part,
            BitField root,
            Function<BindPart, Stage> made,
            Completion completion) {
        int refused = asked.check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = domain.members().device(part.getInt(BindPasidTable.REQUESTER));
        Stage stage = domain.placed(made.apply(part));
        int flags = part.flags(BindPasidTable.DEVICE_FLAGS);
        if (!part.unbinds()) {
            return device.hasPasids()
                    ? part.refuse(null, Errno.EBUSY, root, "PASIDs of the device are bound one by one", completion)
                    : bind(domain, device, stage, flags, completion);
        }
        if (device.stage() == null) {
            return unbindNothing(domain, part, device, root, completion);
        }
        return device.stage().isSame(stage) && device.flags() == flags
                ? unbind(domain, device, completion)
                : part.refuse(Rule.V35, Rule.V35.errno(), root, "the device is bound to something else", completion);
    }

    /** An unbind of what is not bound is right where an earlier one could not drop everything. */
    private int unbindNothing(Domain domain, BindPart part, Device device, BitField root, Completion completion) {
        return vmids.isUnclean(device.streamId())
                ? unbind(domain, device, completion)
                : part.refuse(null, Errno.ENOENT, root, "nothing is bound for the device", completion);
    }

    /** One PASID of a stream translates through a table; the first makes the host's context descriptors, the last takes them. */
    private int bindPasid(Domain domain, BindPart part, Completion completion) {
        int refused = rules.pasid().check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = domain.members().device(part.getInt(BindPageTable.REQUESTER));
        int pasid = part.getInt(BindPasid.PASID);
        long[] context = Stage.context(part, pasid);
        int flags = part.flags(BindPasidTable.DEVICE_FLAGS);
        if (part.unbinds()) {
            if (device.stage() == null) {
                return unbindNothing(domain, part, device, BindPasid.PASID, completion);
            }
            if (!device.hasPasids() || !contexts(domain, device).has(pasid)) {
                return part.refuse(null, Errno.ENOENT, BindPasid.PASID, "the PASID is not bound", completion);
            }
            if (!contexts(domain, device).has(pasid, context) || device.flags() != flags) {
                return part.refuse(
                        Rule.V35,
                        Rule.V35.errno(),
                        BindPageTable.TABLE_ROOT,
                        "the PASID is bound to something else",
                        completion);
            }
            int outcome = replaceContext(domain, device, pasid, null, completion);
            return outcome == 0 && contexts(domain, device).isEmpty()
                    ? unbind(domain, device, completion.begin())
                    : outcome;
        }
        if (device.stage() != null && (!device.hasPasids() || device.flags() != flags)) {
            return part.refuse(
                    null,
                    Errno.EBUSY,
                    BindPageTable.REQUESTER,
                    "the device is bound as a whole, or its PASIDs have other flags",
                    completion);
        }
        if (device.stage() == null) {
            int outcome = bind(domain, device, domain.placed(Stage.ofPasids(chip)), flags, completion);
            if (outcome != 0) {
                return outcome;
            }
            completion.begin();
        }
        return replaceContext(domain, device, pasid, context, completion);
    }

    private HostContexts contexts(Domain domain, Device device) {
        return new HostContexts(platform, device.stage(), guestMemory, domain.memory());
    }

    /**
     * Replaces the context descriptor of a PASID, SMMU-D.17 and D.18 of docs/spec/arm-smmu.md 10. A guest's table may have global
     * entries, which no command by ASID drops, so the whole VMID goes.
     *
     * @param after words of the new one; null for none
     */
    private int replaceContext(Domain domain, Device device, int pasid, long[] after, Completion completion) {
        HostContexts contexts = contexts(domain, device);
        int streamId = device.streamId();
        Errno outcome = Errno.OK;
        if (contexts.has(pasid) && after != null && contexts.has(pasid, after)) {
            return completion.done(Fidelity.EXACT);
        }
        try {
            contexts.prepare(pasid);
        } catch (BackendException e) {
            if (contexts.isEmpty()) {
                unbind(domain, device, completion);
            }
            return completion.begin().fail(e.errno(), "no memory for a context descriptor");
        }
        if (contexts.has(pasid)) {
            contexts.clear(pasid);
            commands.context(streamId, pasid);
            commands.sync();
            tlb.vm(device.stage().vmid());
            Device[] reached = device.deviceTlb() ? new Device[] {device} : new Device[0];
            dropDevices(reached);
            outcome = vmids.settle(commands.finish(), streamIds(reached));
            if (device.pageRequests()) {
                outcome = ended(outcome, domain, request -> isOf(request, device, pasid), device);
            }
        }
        if (outcome == Errno.OK && after != null) {
            contexts.write(pasid, after);
            commands.context(streamId, pasid);
            outcome = vmids.settle(commands.finish());
        }
        if (outcome != Errno.OK) {
            // Fail closed: the stream does not go on with descriptors of which old ones may be cached.
            tables.block(streamId);
            release(domain, device.stage(), false);
            boolean asked = device.pageRequests();
            device.bind(null, 0);
            domain.rebuild();
            if (asked) {
                ended(outcome, domain, request -> request.requester() == streamId, device);
            }
        }
        return Answers.of(outcome, completion);
    }

    private int bind(Domain domain, Device device, Stage wanted, int flags, Completion completion) {
        if (BindPasidTable.FLAG_PAGE_REQUESTS.isSet(flags)) {
            try {
                pageRequests.start();
            } catch (BackendException e) {
                return completion.fail(e.errno(), "no queue of page requests");
            }
        }
        Stage stage = domain.sameAs(wanted);
        if (stage == null) {
            stage = wanted;
            int vmid = vmids.free();
            if (vmid < 0) {
                return completion.fail(Errno.ENOSPC, "all VMIDs of the chip are in use");
            }
            stage.vmid(vmid);
        }
        try {
            if (tables.prepare(device.streamId())) {
                // The chip may have kept that the block was absent; nothing of it has been bound.
                commands.everything();
            }
            if (stage.users() == 0 && stage.hasHostContexts()) {
                makeContexts(domain, stage);
            }
        } catch (BackendException e) {
            return completion.fail(e.errno(), "no memory for a stream table or a context descriptor");
        }
        vmids.take(stage.vmid());
        if (stage.users() == 0) {
            domain.stages().add(stage);
        }
        stage.users(stage.users() + 1);
        return replace(domain, device, stage, flags, completion);
    }

    /** The host's context descriptors are in a page that neither guests nor devices reach. */
    private void makeContexts(Domain domain, Stage stage) {
        long page = platform.allocatePages(1);
        long[] words = stage.cd();
        for (int word = words.length - 1; word >= 0; word--) {
            platform.memory().writeLongLe(page + (long) word * Long.BYTES, words[word]);
        }
        try {
            stage.contextPage(page, domain.memory() == null ? page : guestMemory.show(page, domain.memory()));
        } catch (BackendException e) {
            platform.freePages(page, 1);
            throw e;
        }
    }

    private int unbind(Domain domain, Device device, Completion completion) {
        return device.stage() == null && !vmids.isUnclean(device.streamId())
                ? completion.done(Fidelity.EXACT)
                : replace(domain, device, null, 0, completion);
    }

    /**
     * Replaces what a stream translates through: it aborts, everything old of it is dropped, then the new entry is written. If
     * something old may be left it goes on to abort.
     */
    private int replace(Domain domain, Device device, Stage after, int flags, Completion completion) {
        Stage before = device.stage();
        int streamId = device.streamId();
        boolean reach = device.deviceTlb() || vmids.isUnanswered(streamId);
        tables.block(streamId);
        commands.stream(streamId);
        commands.sync();
        if (after == null) {
            terminate(device);
        }
        if (vmids.isDirty()) {
            commands.everything();
        } else if (before != null) {
            drop(before);
        }
        Device[] reached = reach ? new Device[] {device} : new Device[0];
        dropDevices(reached);
        Errno outcome = vmids.settle(commands.finish(), streamIds(reached));
        if (device.pageRequests()) {
            outcome = ended(outcome, domain, request -> request.requester() == streamId, device);
        }
        release(domain, before, outcome == Errno.OK);
        if (outcome == Errno.OK && after != null) {
            tables.write(streamId, after.entry(flags));
            commands.stream(streamId);
            outcome = vmids.settle(commands.finish());
        }
        if (outcome != Errno.OK) {
            // Fail closed: a stream of which something old may be cached does not go on with something new.
            tables.block(streamId);
            release(domain, after, false);
        }
        boolean bound = outcome == Errno.OK && after != null;
        device.bind(bound ? after : null, bound ? flags : 0);
        domain.rebuild();
        return Answers.of(outcome, completion);
    }

    /**
     * The number of the domain that gets a page request; {@link PageRequestPort#NOBODY} if the device, or its PASID, is not bound so that it
     * may ask. Which PASIDs are in a guest's own table is the guest's matter.
     *
     * @param domain of the device; null if it has none
     */
    int ownerOf(Domain domain, PageRequest request) {
        Device device = domain == null ? null : domain.members().device(request.requester());
        boolean mayAsk = device != null && device.pageRequests();
        if (mayAsk && request.pasid() != DmaAccess.NO_PASID) {
            mayAsk = request.pasid() >>> device.stage().pasidBits() == 0
                    && (!device.hasPasids() || contexts(domain, device).has(request.pasid()));
        }
        return mayAsk ? domain.members().number() : PageRequestPort.NOBODY;
    }

    /** True for a page request of one PASID that the host has bound; those without PASID are of PASID 0. */
    private static boolean isOf(PageRequest request, Device device, int pasid) {
        int asking = request.pasid() == DmaAccess.NO_PASID ? 0 : request.pasid();
        return request.requester() == device.streamId() && asking == pasid;
    }

    /** Page requests that wait are answered, since the bindings have ended; the first that went wrong is the outcome. */
    private Errno ended(Errno outcome, Domain domain, Predicate<PageRequest> gone, Device... devices) {
        return pageRequests
                .books()
                .end(outcome, domain.members().number(), gone, this::dropTlb, vmids, streamIds(devices));
    }

    /** Ends what a device that aborts has stalled: nobody answers for it any more, and its tags are the chip's, IHI 0070 4.7.2. */
    private void terminate(Device device) {
        if (chip.canStall() && device.stage() != null && device.stage().mayStall()) {
            commands.terminate(device.streamId());
        }
    }

    private void drop(Stage stage) {
        if (stage.hasStage2()) {
            tlb.bothStages(stage.vmid());
        } else {
            tlb.vm(stage.vmid());
        }
    }

    /** After everything else, so that no device is told something old again, IHI 0070 3.9.1. */
    private void dropDevices(Device[] devices) {
        if (devices.length != 0) {
            commands.sync();
        }
        for (Device device : devices) {
            dropTlb(device.streamId());
        }
    }

    private void dropTlb(int streamId) {
        tlb.device(streamId, -1, 0, RangeCover.WHOLE_SPACE_ORDER);
    }

    private static int[] streamIds(Device[] devices) {
        int[] ids = new int[devices.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = devices[i].streamId();
        }
        return ids;
    }

    /** Takes a stream off a stage; with its last stream goes the stage, and its VMID is free if all was dropped. */
    private void release(Domain domain, Stage stage, boolean dropped) {
        if (stage != null) {
            stage.users(stage.users() - 1);
            if (stage.users() == 0) {
                domain.stages().remove(stage);
                giveUp(domain, stage, dropped);
            }
        }
    }

    private void giveUp(Domain domain, Stage stage, boolean dropped) {
        vmids.giveBack(stage.vmid(), dropped);
        List<Long> pages = dropped ? hostPages(domain, stage) : List.of();
        if (!pages.isEmpty() && isHidden(domain, pages)) {
            pages.forEach(page -> platform.freePages(page, 1));
        }
    }

    /** Pages with context descriptors of the host. */
    private List<Long> hostPages(Domain domain, Stage stage) {
        List<Long> pages = new ArrayList<>();
        if (stage.kind() == Stage.Kind.HOST_CONTEXTS && stage.contextPage() != 0) {
            pages.addAll(new HostContexts(platform, stage, guestMemory, domain.memory()).leaves());
        }
        if (stage.contextPage() != 0) {
            pages.add(stage.contextPage());
        }
        return pages;
    }

    /** True once nothing shows pages of the host any more to tables of the container's guests. */
    private boolean isHidden(Domain domain, List<Long> pages) {
        MapTables memory = domain.memory();
        if (memory == null) {
            return true;
        }
        boolean hidden = true;
        for (long page : pages) {
            long ipa = guestMemory.ipaOf(page);
            memory.unmap(ipa, ipa);
            hidden &= unmapped(domain, ipa, ipa, false) == Errno.OK;
        }
        return hidden;
    }

    // ---- the memory of a container

    /** Memory maps of the domains. */
    MemoryMaps<Domain> maps() {
        return maps;
    }

    /**
     * Drops a range of the memory map, SMMU-D.26 of docs/spec/arm-smmu.md 10: TLBI_S2_IPA leaves the combined translations of both
     * stages, which only their input addresses name, so that stage 1 goes as a whole. A guest's context descriptors may have
     * been there, too, and a device holds addresses of both stages.
     */
    @Override
    public Errno unmapped(Domain domain, long first, long last, boolean tablesToo) {
        if (vmids.isDirty()) {
            commands.everything();
        } else {
            for (Device device : domain.members().devices()) {
                if (device.stage() != null && device.stage().kind() == Stage.Kind.CONTEXT_TABLE) {
                    commands.contexts(device.streamId());
                }
            }
            commands.sync();
            for (Stage stage : domain.stages()) {
                tlb.intermediate(stage.vmid(), stage.stage2Granule(), first, last, false);
                tlb.vm(stage.vmid());
            }
        }
        Device[] reached = domain.devicesWithTlb();
        dropDevices(reached);
        return vmids.settle(commands.finish(), streamIds(reached));
    }

    // ---- state

    /** Writes VMIDs. */
    void save(SnapshotWriter out) {
        vmids.save(out);
    }

    /** Reads VMIDs. */
    void load(SnapshotReader in) {
        vmids.load(in);
    }

    @Override
    public void saveDomain(Domain domain, SnapshotWriter out) {
        out.putInt(domain.stages().size());
        for (Stage stage : domain.stages()) {
            out.putString(stage.kind().name())
                    .putLongs(stage.ste())
                    .putLongs(stage.cd())
                    .putInt(stage.vmid())
                    .putLong(stage.contextPage());
        }
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        Domain domain = new Domain(number, guestMemory);
        int count = in.getCount(MOST_STAGES);
        for (int i = 0; i < count; i++) {
            Stage.Kind kind = in.getConstant(Stage.Kind.class);
            long[] ste = in.getLongs();
            long[] cd = in.getLongs();
            int expected = kind == Stage.Kind.PAGE_TABLE ? ContextDescriptor.WORDS : 0;
            if (ste.length != StreamTableEntry.WORDS || cd.length != expected) {
                throw in.invalid("stage of " + ste.length + " and " + cd.length + " words");
            }
            Stage stage = new Stage(kind, ste, cd);
            stage.vmid(in.getInt());
            long page = in.getPage("context descriptor");
            stage.contextPage(page, page != 0 && stage.hasStage2() ? guestMemory.ipaOf(page) : page);
            if (chip.hasStage2() && !vmids.isTaken(stage.vmid())) {
                throw in.invalid("VMID " + stage.vmid() + " of a table, which is not in use");
            }
            domain.stages().add(stage);
        }
        return domain;
    }

    @Override
    public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        out.putInt(device.stage() == null ? -1 : domain.stages().indexOf(device.stage()))
                .putByte(device.pageRequests() ? PAGE_REQUESTS : device.deviceTlb() ? DEVICE_TLB : 0);
    }

    @Override
    public Device loadDevice(Domain domain, int key, SnapshotReader in) {
        Device device = new Device(key);
        int stage = in.getInt();
        int kind = in.getByte();
        if (key < 0
                || kind > (pageRequests == null ? DEVICE_TLB : PAGE_REQUESTS)
                || key >= tables.streams()
                || stage < -1
                || stage >= domain.stages().size()) {
            throw in.invalid("StreamID 0x" + Integer.toHexString(key) + " with stage " + stage);
        }
        if (stage >= 0) {
            Stage bound = domain.stages().get(stage);
            bound.users(bound.users() + 1);
            device.bind(bound, FLAGS_OF_KINDS[kind]);
        }
        return device;
    }
}
