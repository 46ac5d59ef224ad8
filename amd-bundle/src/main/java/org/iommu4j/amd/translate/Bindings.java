package org.iommu4j.amd.translate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Mapping;
import org.iommu4j.contract.Uapi;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.driver.domain.TranslationTags;
import org.iommu4j.driver.page.PageRequestPort;
import org.iommu4j.driver.table.MapPolicy;
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * What devices translate through: their device table entries, the host domain ids of their contexts, and what has to be dropped when
 * an entry is replaced, docs/spec/amd-vi.md 4.4 AMD-D.7, AMD-D.9, AMD-D.13 and AMD-D.26.
 *
 * <p>The class is long because each kind of bind, and the invalidations that its change owes, stands beside the books that
 * both edit.
 */
final class Bindings implements DomainPolicy<Domain, Device>, MapPolicy<Domain> {
    /** Number of DeviceIDs. */
    static final int REQUESTERS = 1 << 16;

    /** Number of domain ids, the host's and a guest's. */
    static final int DOMAIN_IDS = 1 << 16;

    private static final int GUEST_LEVELS = 4;
    private static final String NO_DOMAIN_ID = "all domain ids are in use";
    private static final int[] NONE = {};

    private final ChipPort chip;
    private final DeviceTable tables;
    private final QueueCommands commands;
    private final BindingRules rules;

    /** Domain id 0 is that of blocked entries. */
    private final TranslationTags domainIds = new TranslationTags(1, DOMAIN_IDS, REQUESTERS);

    private final Removals removals;
    private final Invalidations invalidations;
    private final BindingState state;
    private final MemoryMaps<Domain> maps;
    private final PageRequestQueue pageRequests;

    /**
     * Gives back tables of which the chip may still have something cached, when it has dropped everything. No saved state has them,
     * since a chip that goes on from one has nothing cached.
     */
    private final List<Runnable> retired = new ArrayList<>();

    /** Carries a bind out that keeps the rules. */
    @FunctionalInterface
    private interface Change {
        int apply(Domain domain, BindPart part, Device device, Completion completion);
    }

    /**
     * Bindings of a chip on which nothing is bound.
     *
     * @param pageRequests of devices; null if the chip has none
     */
    Bindings(ChipPort chip, DeviceTable tables, QueueCommands commands, PageRequestQueue pageRequests) {
        this.chip = chip;
        this.pageRequests = pageRequests;
        this.tables = tables;
        this.commands = commands;
        rules = new BindingRules(chip);
        removals = new Removals(chip, tables, commands, domainIds);
        invalidations = new Invalidations(commands, removals, chip.unit().cachesAbsent());
        state = new BindingState(chip.port().platform(), domainIds, chip.hasPageRequests());
        maps = GuestMemory.maps(chip, this);
        commands.everything(removals);
    }

    // ---- domains and devices

    @Override
    public Domain open(int number, Completion completion) {
        return new Domain(number);
    }

    @Override
    public Device device(Domain domain, int requester, Completion completion) {
        if (requester < 0 || requester >= REQUESTERS) {
            Answers.refuseDevice(
                    requester, Errno.EINVAL, "a DeviceID is 0 to 65535: bus, device, function", completion);
            return null;
        }
        return new Device(domain, requester);
    }

    @Override
    public int attach(Domain domain, Device device, long table, int levels, Completion completion) {
        if (table == BLOCKED) {
            return completion.done(Fidelity.EXACT);
        }
        if (levels < 1 || levels > chip.unit().hostLevels()) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "the chip has no tables of so many levels");
        }
        if (!rules.isTable(table)) {
            return completion.refuse(Errno.EINVAL, "table", table, "not a page below the host address width");
        }
        if (rules.isOfHost(table)) {
            return completion.refuse(Errno.EPERM, "table", table, "the table is the host's");
        }
        device.hostBound(true);
        return change(domain, device, Context.ofHost(table, levels), 0, 0, completion);
    }

    @Override
    public int detach(Domain domain, Device device, Completion completion) {
        return block(domain, device, completion);
    }

    @Override
    public int close(Domain domain, Completion completion) {
        for (Device device : domain.members().devices()) {
            tables.block(device.requester());
        }
        if (domainIds.isDirty()) {
            removals.dropEverything();
        } else {
            for (Device device : domain.members().devices()) {
                if (device.stage() != null) {
                    commands.deviceEntry(device.requester());
                }
            }
            for (Stage stage : domain.stages()) {
                removals.drop(stage);
            }
        }
        Errno outcome = settle(dropDevices(domain));
        if (pageRequests != null) {
            outcome = ended(outcome, domain, request -> true, requesters(domain.devicesWithPageRequests()));
        }
        for (Stage stage : domain.stages()) {
            domainIds.giveBack(stage.domainId(), outcome == Errno.OK);
        }
        for (Device device : domain.members().devices()) {
            freePasids(device);
        }
        if (domain.memory() != null) {
            retire(domain.memory()::free);
        }
        return Answers.of(outcome, completion);
    }

    /** Everything that the devices of a domain hold; returns who they are. */
    private int[] dropDevices(Domain domain) {
        Device[] reached = domain.devicesWithTlb();
        for (Device device : reached) {
            removals.dropDevice(device, device.stage());
        }
        return requesters(reached);
    }

    private static int[] requesters(Device[] devices) {
        int[] requesters = new int[devices.length];
        for (int i = 0; i < devices.length; i++) {
            requesters[i] = devices[i].requester();
        }
        return requesters;
    }

    // ---- bindings

    /** Binds or unbinds a device of a domain. */
    int bind(Domain domain, BindRequest request, Completion completion) {
        return switch (request.operation()) {
            case Uapi.BIND_PASIDTBL ->
                checked(
                        domain,
                        new BindPart(request, BindPasidTable.LAYOUT),
                        BindPasidTable.REQUESTER,
                        rules.pasidTable(),
                        this::bindPasidTable,
                        completion);
            case Uapi.BIND_PASID ->
                checked(
                        domain,
                        new BindPart(request, BindPasid.LAYOUT),
                        BindPasid.REQUESTER,
                        rules.pasid(),
                        this::bindPasid,
                        completion);
            default ->
                checked(
                        domain,
                        new BindPart(request, BindPgtable.LAYOUT),
                        BindPgtable.REQUESTER,
                        rules.pgtable(),
                        this::bindTable,
                        completion);
        };
    }

    private int checked(
            Domain domain,
            BindPart part,
            BitField requester,
            BindingRules.Rules asked,
            Change change,
            Completion completion) {
        int refused = asked.always().check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = domain.members().device(part.getInt(requester));
        if (part.unbinds() && device.stage() == null && domainIds.isUnclean(device.requester())) {
            return block(domain, device, completion);
        }
        refused = (part.unbinds() ? asked.unbinds() : asked.binds()).check(part, device, completion);
        if (refused != 0) {
            return refused;
        }
        return change.apply(domain, part, device, completion);
    }

    private int bindTable(Domain domain, BindPart part, Device device, Completion completion) {
        if (part.unbinds()) {
            return block(domain, device, completion);
        }
        if (part.hasFlag(BindPgtable.FLAG_PAGE_REQUESTS)) {
            try {
                pageRequests.start();
            } catch (BackendException e) {
                return completion.fail(e.errno(), "no log of page requests");
            }
        }
        int guestDomain = part.getInt(BindPgtable.GUEST_DOMAIN_ID);
        int outcome = change(
                domain,
                device,
                BindingRules.context(part, device),
                guestDomain,
                part.flags(BindPgtable.DEVICE_FLAGS),
                completion);
        if (outcome == 0) {
            device.hostBound(true);
            device.guestDomainBelow(guestDomain);
        }
        return outcome;
    }

    private int bindPasidTable(Domain domain, BindPart part, Device device, Completion completion) {
        if (part.unbinds()) {
            return withoutGuest(domain, device, completion);
        }
        Context after = below(device)
                .withGuest(
                        part.get(BindPasidTable.TABLE_ROOT),
                        part.getInt(BindPasidTable.GLX),
                        part.getInt(BindPasidTable.GUEST_PAGING_MODE),
                        part.get(BindPasidTable.GIOV) != 0);
        int guestDomain = part.getInt(BindPasidTable.GUEST_DOMAIN_ID);
        int outcome = change(domain, device, after, guestDomain, device.flags(), completion);
        if (outcome == 0) {
            device.stage().pasids(NONE, true);
        }
        return outcome;
    }

    /** One entry of the host's GCR3 table for a device; the table comes with its first entry and goes with its last. */
    private int bindPasid(Domain domain, BindPart part, Device device, Completion completion) {
        int number = part.getInt(BindPasid.PASID);
        if (part.unbinds()) {
            device.pasids().unbind(number);
            if (device.pasids().isEmpty()) {
                return withoutGuest(domain, device, completion);
            }
            return pasidChanged(domain, device, number, completion);
        }
        if (device.pasids() == null && domainIds.isDirty()) {
            // A chip that does not drop what it has gets no more tables.
            removals.dropEverything();
            Errno outcome = settle();
            if (outcome != Errno.OK) {
                return Answers.of(outcome, completion);
            }
        }
        try {
            if (device.pasids() == null) {
                device.pasids(PasidTable.create(
                        chip.port().platform(),
                        PasidTable.levelsOn(chip.unit()),
                        part.getInt(BindPasid.LEVELS) - GUEST_LEVELS));
            }
            device.pasids().bind(number, part.get(BindPasid.TABLE_ROOT));
        } catch (BackendException e) {
            if (device.pasids() != null && device.pasids().isEmpty()) {
                freePasids(device);
            }
            return completion.fail(e.errno(), "no memory for a GCR3 table");
        }
        if (device.hasGuest()) {
            return pasidChanged(domain, device, number, completion);
        }
        PasidTable table = device.pasids();
        Context after =
                below(device).withGuest(table.root(), table.levels() - 1, table.guestPagingMode(), !device.hostBound());
        int outcome = change(domain, device, after, device.guestDomain(), device.flags(), completion);
        if (device.stage() == null || !device.hasGuest()) {
            freePasids(device);
        } else {
            device.stage().pasids(device.boundPasids(), false);
        }
        return outcome;
    }

    /** Host table below the guest tables that are to be bound for a device. */
    private static Context below(Device device) {
        return device.stage() == null
                ? device.placed(Context.PASS_THROUGH)
                : device.stage().context();
    }

    /** AMD-D.13: a GCR3 entry has changed. */
    private int pasidChanged(Domain domain, Device device, int number, Completion completion) {
        Stage stage = device.stage();
        stage.pasids(device.boundPasids(), false);
        if (domainIds.isDirty()) {
            removals.dropEverything();
        } else {
            commands.pages(stage.domainId(), number, 0, SizeEncoding.ALL, true);
        }
        if (device.deviceTlb()) {
            commands.deviceTlb(device.requester(), number, 0, SizeEncoding.ALL, 0);
        }
        int requester = device.requester();
        Errno outcome = settle(device.deviceTlb() ? new int[] {requester} : NONE);
        if (device.pageRequests()) {
            outcome = ended(
                    outcome,
                    domain,
                    request -> request.requester() == requester && request.pasid() == number,
                    requester);
        }
        if (outcome != Errno.OK) {
            // The device neither goes on with the entry nor without it: nothing is bound any more.
            block(domain, device, completion);
        }
        return Answers.of(outcome, completion);
    }

    /** Lets the chip do what was written; the devices are those whose own TLB was to be emptied. */
    private Errno settle(int... reached) {
        Errno outcome = domainIds.settle(commands.finish(), reached);
        if (!domainIds.isDirty()) {
            retired.forEach(Runnable::run);
            retired.clear();
        }
        return outcome;
    }

    private int withoutGuest(Domain domain, Device device, Completion completion) {
        if (!device.hostBound()) {
            return block(domain, device, completion);
        }
        Context after = device.stage().context().withoutGuest();
        int outcome = change(domain, device, after, device.guestDomainBelow(), device.flags(), completion);
        if (device.hasGuest()) {
            // There is no domain id for what is below: the device is blocked, since its GCR3 table goes.
            block(domain, device, completion);
            return completion.fail(Errno.ENOSPC, NO_DOMAIN_ID);
        }
        freePasids(device);
        return outcome;
    }

    private void freePasids(Device device) {
        if (device.pasids() == null) {
            return;
        }
        retire(device.pasids()::free);
        device.pasids(null);
    }

    /** Gives tables back that nothing leads to any more, now or when nothing of them is cached. */
    private void retire(Runnable unused) {
        if (domainIds.isDirty()) {
            retired.add(unused);
        } else {
            unused.run();
        }
    }

    private int block(Domain domain, Device device, Completion completion) {
        if (device.stage() == null && !domainIds.isUnclean(device.requester())) {
            return completion.done(Fidelity.EXACT);
        }
        int outcome = change(domain, device, null, 0, 0, completion);
        device.hostBound(false);
        device.guestDomainBelow(0);
        freePasids(device);
        return outcome;
    }

    /** Gives a device another context, or none, and drops what the chip may keep of the one before. */
    private int change(
            Domain domain, Device device, Context context, int guestDomain, int flags, Completion completion) {
        Stage before = device.stage();
        int flagsBefore = device.flags();
        Stage after = null;
        int entriesBefore = tables.entries();
        long replaced = -1;
        if (context != null) {
            // docs/spec/amd-vi.md 1.2: each of the guest's domain ids has a host domain id of its own.
            int name = chip.hasGuestRoots() ? guestDomain : 0;
            after = domain.stage(context, name);
            if (after == null) {
                int domainId = domainIds.free();
                if (domainId < 0) {
                    return completion.fail(Errno.ENOSPC, NO_DOMAIN_ID);
                }
                after = new Stage(context, name, domainId);
            }
            try {
                replaced = tables.prepare(device.requester());
            } catch (BackendException e) {
                return completion.fail(e.errno(), "no memory for a device table");
            }
            domainIds.take(after.domainId());
            if (after.users() == 0) {
                domain.stages().add(after);
            }
            after.users(after.users() + 1);
            boolean asks = BindPgtable.FLAG_PAGE_REQUESTS.isSet(flags) && chip.hasPageRequestPermission();
            tables.write(
                    device.requester(),
                    context.word0(asks),
                    context.word1(after.domainId(), BindPgtable.FLAG_DEVICE_TLB.isSet(flags)),
                    context.word2());
        } else {
            tables.block(device.requester());
        }
        device.stage(after);
        device.guestDomain(guestDomain);
        device.flags(after == null ? 0 : flags);
        domain.rebuild();
        return dropOld(domain, device, before, flagsBefore, replaced, entriesBefore, completion);
    }

    private int dropOld(
            Domain domain,
            Device device,
            Stage before,
            int flagsBefore,
            long replaced,
            int entriesBefore,
            Completion completion) {
        int requester = device.requester();
        boolean everything = domainIds.isDirty() || replaced >= 0;
        if (everything) {
            // AMD-D.26: entries of the table that has been replaced.
            removals.dropEverything();
        } else {
            // AMD-D.8: an entry that blocked may be cached, too.
            commands.deviceEntry(requester);
            if (before != null) {
                removals.drop(before);
            }
        }
        boolean reach = BindPgtable.FLAG_DEVICE_TLB.isSet(flagsBefore) || domainIds.isUnanswered(requester);
        if (reach) {
            removals.dropDevice(device, before);
        }
        Errno outcome = settle(reach ? new int[] {requester} : NONE);
        boolean asked = BindPgtable.FLAG_PAGE_REQUESTS.isSet(flagsBefore);
        if (asked) {
            outcome = ended(outcome, domain, request -> hasEnded(request, device, before), requester);
        }
        if (replaced >= 0) {
            tables.free(replaced, entriesBefore);
        }
        release(domain, before, outcome == Errno.OK);
        if (outcome != Errno.OK && device.stage() != null) {
            // Fail closed: a device of which something old may be cached does not go on with something new.
            Stage after = device.stage();
            tables.block(requester);
            device.stage(null);
            device.flags(0);
            device.hostBound(false);
            release(domain, after, false);
            if (asked) {
                ended(outcome, domain, request -> request.requester() == requester, requester);
            }
        }
        domain.rebuild();
        return Answers.of(outcome, completion);
    }

    // ---- page requests

    /**
     * The number of the domain that gets a page request; {@link PageRequestPort#NOBODY} if the device, or its PASID, is not bound so that it
     * may ask. Which PASIDs are in a guest's own table is the guest's matter.
     *
     * @param domain of the device; null if it has none
     */
    static int ownerOf(Domain domain, PageRequest request) {
        Device device = domain == null ? null : domain.members().device(request.requester());
        return device != null && device.mayAsk(request.pasid())
                ? domain.members().number()
                : PageRequestPort.NOBODY;
    }

    /** True for a page request of a device whose binding is another one now: of a PASID, or of what is below. */
    private static boolean hasEnded(PageRequest request, Device device, Stage before) {
        if (request.requester() != device.requester()) {
            return false;
        }
        if (before == null || !device.pageRequests()) {
            return true;
        }
        Context old = before.context();
        Context now = device.stage().context();
        boolean below = request.pasid() == DmaAccess.NO_PASID && !old.giov() && !now.giov();
        return below ? !old.withoutGuest().equals(now.withoutGuest()) : !old.equals(now);
    }

    /** Page requests that wait are answered, since the bindings have ended; the first that went wrong is the outcome. */
    private Errno ended(Errno outcome, Domain domain, Predicate<PageRequest> gone, int... requesters) {
        return pageRequests.books().end(outcome, domain.members().number(), gone, this::dropTlb, domainIds, requesters);
    }

    private void dropTlb(int requester) {
        commands.deviceTlb(requester, QueueCommands.NO_PASID, 0, SizeEncoding.ALL, 0);
    }

    /** Commands that drop translations of entries and domain ids. */
    Removals removals() {
        return removals;
    }

    /** Commands that drop translations of requests. */
    Invalidations invalidations() {
        return invalidations;
    }

    /** The first thing that a chip is told: nothing is cached. */
    Errno forgetEverything() {
        removals.forget();
        return commands.finish();
    }

    /** Takes a device off a stage; with its last device goes the stage, and its domain id is free if all was dropped. */
    private void release(Domain domain, Stage stage, boolean dropped) {
        if (stage != null) {
            stage.users(stage.users() - 1);
            if (stage.users() == 0) {
                domain.stages().remove(stage);
                domainIds.giveBack(stage.domainId(), dropped);
            }
        }
    }

    // ---- the memory of a container

    /** Memory maps of the domains. */
    MemoryMaps<Domain> maps() {
        return maps;
    }

    /** AMD-D.3: a chip that keeps absent entries has to drop them; of any other nothing is cached. */
    @Override
    public Errno mapped(Domain domain, Mapping mapping) {
        return chip.unit().cachesAbsent() ? unmapped(domain, mapping.iova(), mapping.last(), true) : Errno.OK;
    }

    /**
     * Drops a range of the memory map, AMD-D.17 to AMD-D.19: the command for host tables of every host domain id takes the guest
     * translations made through it along; devices hold addresses of both stages.
     */
    @Override
    public Errno unmapped(Domain domain, long first, long last, boolean directories) {
        if (domainIds.isDirty()) {
            removals.dropEverything();
        } else {
            invalidations.range(first, last, false);
            invalidations.hostTables(domain, directories);
        }
        return settle(dropDevices(domain));
    }

    // ---- state

    /** Writes domain ids. */
    void save(SnapshotWriter out) {
        domainIds.save(out);
    }

    /** Reads domain ids. */
    void load(SnapshotReader in) {
        domainIds.load(in);
    }

    @Override
    public void saveDomain(Domain domain, SnapshotWriter out) {
        state.saveDomain(domain, out);
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        return state.loadDomain(number, in);
    }

    @Override
    public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        state.saveDevice(domain, device, out);
    }

    @Override
    public Device loadDevice(Domain domain, int key, SnapshotReader in) {
        return state.loadDevice(domain, key, in);
    }
}
