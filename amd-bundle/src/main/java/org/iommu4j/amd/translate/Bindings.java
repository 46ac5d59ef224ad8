package org.iommu4j.amd.translate;

import java.util.Arrays;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.backend.BackendException;
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
import org.iommu4j.driver.queue.QueueControl;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * What devices translate through: their device table entries, the host domain ids of their contexts, and what has to be dropped when
 * an entry is replaced, docs/spec/amd-vi.md 4.4 AMD-D.7, AMD-D.9, AMD-D.13 and AMD-D.26.
 */
final class Bindings implements DomainPolicy<Domain, Device> {
    private static final int REQUESTERS = 1 << 16;
    private static final int DOMAIN_IDS = 1 << 16;
    private static final int NO_PASID = QueueCommands.NO_PASID;
    private static final int GUEST_LEVELS = 4;
    private static final int PAGE_BYTES = 1 << 12;
    private static final int[] NONE = {};

    private final ChipPort chip;
    private final DeviceTable tables;
    private final QueueCommands commands;

    /** Domain id 0 is that of blocked entries. */
    private final TranslationTags domainIds = new TranslationTags(1, DOMAIN_IDS, REQUESTERS);

    /** Of each operation: every bind and its domain, one that binds, one that unbinds. */
    private final Rules pgtable;

    private final Rules pasidTable;
    private final Rules pasid;

    /**
     * Rules of one operation, in the order of the contract.
     *
     * @param always of every bind and its domain
     * @param binds of one that binds, with what the chip and the device have
     * @param unbinds of one that unbinds, with what is bound
     * @param change carries a bind out that keeps the rules
     */
    private record Rules(BindRules<Domain> always, BindRules<Device> binds, BindRules<Device> unbinds, Change change) {}

    /** Carries a bind out. */
    @FunctionalInterface
    private interface Change {
        int apply(Domain domain, BindPart part, Device device, Completion completion);
    }

    Bindings(ChipPort chip, DeviceTable tables, QueueCommands commands) {
        this.chip = chip;
        this.tables = tables;
        this.commands = commands;
        pgtable = pgtableRules();
        pasidTable = pasidTableRules();
        pasid = pasidRules();
        commands.everything(new QueueCommands.Everything() {
            @Override
            public int count() {
                return countOfEverything();
            }

            @Override
            public void put(QueueControl.Sink sink) {
                putEverything(sink);
            }
        });
    }

    // ---- rules

    private BindRules<Domain> common(BitField root) {
        return new BindRules<Domain>()
                .row(
                        Rule.V34,
                        root,
                        "the table is beyond the host address width",
                        (part, domain) -> isTable(part.get(root)));
    }

    private static BindRules<Domain> attached(BindRules<Domain> rules, BitField requester) {
        return rules.row(
                null,
                Errno.ENODEV,
                requester,
                Answers.NOT_ATTACHED,
                (part, domain) -> domain.members().device(part.getInt(requester)) != null);
    }

    private boolean isTable(long address) {
        return TableAddress.isPage(address, chip.port().platform());
    }

    private boolean isOfHost(long page) {
        Platform platform = chip.port().platform();
        return platform.memory().contains(page, PAGE_BYTES)
                && !platform.guestTables().contains(page, PAGE_BYTES);
    }

    private Rules pgtableRules() {
        BindRules<Domain> always = common(BindPgtable.TABLE_ROOT)
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "PASS_THROUGH has no table",
                        (part, domain) -> !passes(part) || part.get(BindPgtable.TABLE_ROOT) == 0)
                .row(
                        Rule.V35,
                        BindPgtable.MODE,
                        "PASS_THROUGH has no levels, a table has some",
                        (part, domain) -> passes(part) == (part.get(BindPgtable.MODE) == 0));
        BindRules<Device> binds = new BindRules<Device>()
                .flags(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        "under secure nested paging every device needs a table",
                        (part, device) -> !(passes(part) && chip.needsHostTable()))
                .flags(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        "the chip cannot invalidate device TLBs",
                        (part, device) -> !part.hasFlag(BindPgtable.FLAG_DEVICE_TLB) || chip.hasDeviceTlbs())
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPgtable.MODE,
                        "the chip has no tables of so many levels",
                        (part, device) ->
                                part.getInt(BindPgtable.MODE) <= chip.unit().hostLevels())
                .row(
                        null,
                        Errno.EBUSY,
                        BindPgtable.REQUESTER,
                        "guest tables are bound above",
                        (part, device) -> !hasGuest(device));
        BindRules<Device> unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "the device is bound to something else",
                        (part, device) -> !device.hostBound() || isBound(part, device))
                .row(
                        null,
                        Errno.ENOENT,
                        BindPgtable.REQUESTER,
                        "no table is bound for the device",
                        (part, device) -> device.hostBound())
                .row(
                        null,
                        Errno.EBUSY,
                        BindPgtable.REQUESTER,
                        "guest tables are bound above",
                        (part, device) -> !hasGuest(device));
        return new Rules(attached(always, BindPgtable.REQUESTER), binds, unbinds, this::bindTable);
    }

    private Rules pasidTableRules() {
        BindRules<Device> binds = new BindRules<Device>()
                .row(
                        Rule.V34,
                        BindPasidTable.TABLE_ROOT,
                        "the table is the host's",
                        (part, device) -> chip.hasGuestRoots() || !isOfHost(part.get(BindPasidTable.TABLE_ROOT)))
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPasidTable.GLX,
                        "the chip has no GCR3 tables of so many levels",
                        (part, device) -> part.getInt(BindPasidTable.GLX)
                                <= Efr.GLX_SUP.getInt(chip.unit().efr()))
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPasidTable.GUEST_PAGING_MODE,
                        "the chip has no guest tables of so many levels",
                        (part, device) -> GUEST_LEVELS + part.getInt(BindPasidTable.GUEST_PAGING_MODE)
                                <= chip.unit().guestLevels())
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPasidTable.GIOV,
                        "the chip has no guest tables for requests without PASID",
                        (part, device) -> part.get(BindPasidTable.GIOV) == 0 || chip.translatesWithoutPasid())
                .row(
                        null,
                        Errno.EOPNOTSUPP,
                        BindPasidTable.GIOV,
                        "requests without PASID need a table below, PASS_THROUGH or GIOV",
                        (part, device) ->
                                device.hostBound() || (part.get(BindPasidTable.GIOV) != 0 && !chip.needsHostTable()))
                .row(
                        null,
                        Errno.EBUSY,
                        BindPasidTable.REQUESTER,
                        "single PASIDs are bound",
                        (part, device) -> device.pasids() == null);
        BindRules<Device> unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPasidTable.TABLE_ROOT,
                        "the device is bound to another table",
                        (part, device) -> !hasOpenPasids(device)
                                || device.stage().context().gcr3Root() == part.get(BindPasidTable.TABLE_ROOT))
                .row(
                        null,
                        Errno.ENOENT,
                        BindPasidTable.REQUESTER,
                        "no GCR3 table is bound for the device",
                        (part, device) -> hasOpenPasids(device));
        return new Rules(
                attached(common(BindPasidTable.TABLE_ROOT), BindPasidTable.REQUESTER),
                binds,
                unbinds,
                this::bindPasidTable);
    }

    private Rules pasidRules() {
        BindRules<Domain> always = common(BindPasid.TABLE_ROOT)
                .row(
                        Rule.V34,
                        BindPasid.PASID,
                        "the chip has no such PASID",
                        (part, domain) -> part.getInt(BindPasid.PASID) >>> pasidBits() == 0);
        BindRules<Device> binds = new BindRules<Device>()
                // AMD-Vi 2.2.6: the bit says of all devices that their GCR3 tables are the guests'.
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPasid.REQUESTER,
                        "in GCR3TRPMode the host can have no GCR3 tables",
                        (part, device) -> !chip.hasGuestRoots())
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPasid.LEVELS,
                        "the chip has no guest tables of so many levels",
                        (part, device) ->
                                part.getInt(BindPasid.LEVELS) <= chip.unit().guestLevels())
                .row(
                        null,
                        Errno.EOPNOTSUPP,
                        BindPasid.REQUESTER,
                        "requests without PASID need a table below, PASS_THROUGH, or a chip that gives them PASID 0",
                        (part, device) ->
                                device.hostBound() || (chip.translatesWithoutPasid() && !chip.needsHostTable()))
                .row(
                        null,
                        Errno.EBUSY,
                        BindPasid.REQUESTER,
                        "the guest has bound a GCR3 table of its own",
                        (part, device) -> !hasOpenPasids(device))
                .row(
                        null,
                        Errno.EBUSY,
                        BindPasid.LEVELS,
                        "the device has guest tables of other levels",
                        (part, device) -> device.pasids() == null
                                || GUEST_LEVELS + device.pasids().guestPagingMode() == part.getInt(BindPasid.LEVELS));
        BindRules<Device> unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPasid.TABLE_ROOT,
                        "the PASID is bound to another table",
                        (part, device) -> !isPasidBound(part, device)
                                || device.pasids().table(part.getInt(BindPasid.PASID))
                                        == part.get(BindPasid.TABLE_ROOT))
                .row(
                        null,
                        Errno.ENOENT,
                        BindPasid.PASID,
                        "the PASID is not bound",
                        (part, device) -> isPasidBound(part, device));
        return new Rules(attached(always, BindPasid.REQUESTER), binds, unbinds, this::bindPasid);
    }

    private static boolean passes(BindPart part) {
        return part.hasFlag(BindPgtable.FLAG_PASS_THROUGH);
    }

    private static boolean hasGuest(Device device) {
        return device.stage() != null && device.stage().context().hasGuest();
    }

    private static boolean hasOpenPasids(Device device) {
        return device.stage() != null && device.stage().hasOpenPasids();
    }

    private static boolean isPasidBound(BindPart part, Device device) {
        return device.pasids() != null && device.pasids().table(part.getInt(BindPasid.PASID)) != null;
    }

    private static Context context(BindPart part) {
        return passes(part)
                ? Context.PASS_THROUGH
                : Context.ofHost(part.get(BindPgtable.TABLE_ROOT), part.getInt(BindPgtable.MODE));
    }

    private static boolean isBound(BindPart part, Device device) {
        return device.stage().context().withoutGuest().equals(context(part))
                && device.deviceTlb() == part.hasFlag(BindPgtable.FLAG_DEVICE_TLB)
                && device.guestDomainId() == part.getInt(BindPgtable.GUEST_DOMAIN_ID);
    }

    /** Bits of a PASID that the host's own GCR3 tables cover. */
    private int pasidBits() {
        return Math.min(chip.unit().pasidBits(), Gcr3Entry.LEVEL_BITS * gcr3Levels());
    }

    private int gcr3Levels() {
        int needed = (chip.unit().pasidBits() + Gcr3Entry.LEVEL_BITS - 1) / Gcr3Entry.LEVEL_BITS;
        return Math.max(1, Math.min(needed, Efr.GLX_SUP.getInt(chip.unit().efr()) + 1));
    }

    // ---- domains and devices

    @Override
    public Domain open(int number, Completion completion) {
        return new Domain(number);
    }

    @Override
    public Device device(Domain domain, int requester, Completion completion) {
        if (requester < 0 || requester >= REQUESTERS) {
            completion.refuse(
                    Errno.EINVAL,
                    "requester",
                    Integer.toUnsignedLong(requester),
                    "a DeviceID is 0 to 65535: bus, device, function");
            return null;
        }
        return new Device(requester);
    }

    @Override
    public int attach(Domain domain, Device device, long table, int levels, Completion completion) {
        if (table == BLOCKED) {
            return completion.done(Fidelity.EXACT);
        }
        if (levels < 1 || levels > chip.unit().hostLevels()) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "the chip has no tables of so many levels");
        }
        if (!isTable(table)) {
            return completion.refuse(Errno.EINVAL, "table", table, "not a page below the host address width");
        }
        device.hostBound(true);
        return change(domain, device, Context.ofHost(table, levels), false, completion);
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
            dropEverything();
        } else {
            for (Device device : domain.members().devices()) {
                if (device.stage() != null) {
                    commands.deviceEntry(device.requester());
                }
            }
            for (Stage stage : domain.stages()) {
                drop(stage);
            }
        }
        Device[] reached = domain.devicesWithTlb();
        int[] requesters = new int[reached.length];
        for (int i = 0; i < reached.length; i++) {
            requesters[i] = reached[i].requester();
            dropDevice(reached[i], reached[i].stage());
        }
        Errno outcome = domainIds.settle(commands.finish(), requesters);
        for (Stage stage : domain.stages()) {
            domainIds.giveBack(stage.domainId(), outcome == Errno.OK);
        }
        for (Device device : domain.members().devices()) {
            freePasids(device);
        }
        return Answers.of(outcome, completion);
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
                        pasidTable,
                        completion);
            case Uapi.BIND_PASID ->
                checked(domain, new BindPart(request, BindPasid.LAYOUT), BindPasid.REQUESTER, pasid, completion);
            default ->
                checked(domain, new BindPart(request, BindPgtable.LAYOUT), BindPgtable.REQUESTER, pgtable, completion);
        };
    }

    private int checked(Domain domain, BindPart part, BitField requester, Rules rules, Completion completion) {
        int refused = rules.always().check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = domain.members().device(part.getInt(requester));
        if (part.unbinds() && device.stage() == null && domainIds.isUnclean(device.requester())) {
            return block(domain, device, completion);
        }
        refused = (part.unbinds() ? rules.unbinds() : rules.binds()).check(part, device, completion);
        if (refused != 0) {
            return refused;
        }
        return rules.change().apply(domain, part, device, completion);
    }

    private int bindTable(Domain domain, BindPart part, Device device, Completion completion) {
        if (part.unbinds()) {
            return block(domain, device, completion);
        }
        int outcome = change(domain, device, context(part), part.hasFlag(BindPgtable.FLAG_DEVICE_TLB), completion);
        if (device.stage() != null) {
            device.hostBound(true);
            device.guestDomainId(part.getInt(BindPgtable.GUEST_DOMAIN_ID));
            domain.rebuild();
        }
        return outcome;
    }

    private int bindPasidTable(Domain domain, BindPart part, Device device, Completion completion) {
        if (part.unbinds()) {
            return withoutGuest(domain, device, completion);
        }
        Context below =
                device.stage() == null ? Context.PASS_THROUGH : device.stage().context();
        Context after = below.withGuest(
                part.get(BindPasidTable.TABLE_ROOT),
                part.getInt(BindPasidTable.GLX),
                part.getInt(BindPasidTable.GUEST_PAGING_MODE),
                part.get(BindPasidTable.GIOV) != 0);
        int outcome = change(domain, device, after, device.deviceTlb(), completion);
        if (device.stage() != null) {
            device.stage().pasids(NONE, true);
            device.guestDomainId(part.getInt(BindPasidTable.GUEST_DOMAIN_ID));
            domain.rebuild();
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
            return pasidChanged(device, number, completion);
        }
        try {
            if (device.pasids() == null) {
                device.pasids(PasidTable.create(
                        chip.port().platform(), gcr3Levels(), part.getInt(BindPasid.LEVELS) - GUEST_LEVELS));
            }
            device.pasids().bind(number, part.get(BindPasid.TABLE_ROOT));
        } catch (BackendException e) {
            if (device.pasids() != null && device.pasids().isEmpty()) {
                freePasids(device);
            }
            return completion.fail(e.errno(), "no memory for a GCR3 table");
        }
        if (hasGuest(device)) {
            return pasidChanged(device, number, completion);
        }
        Context below =
                device.stage() == null ? Context.PASS_THROUGH : device.stage().context();
        PasidTable table = device.pasids();
        Context after = below.withGuest(table.root(), table.levels() - 1, table.guestPagingMode(), !device.hostBound());
        int outcome = change(domain, device, after, device.deviceTlb(), completion);
        if (device.stage() == null || !hasGuest(device)) {
            freePasids(device);
        } else {
            device.stage().pasids(bound(device), false);
        }
        return outcome;
    }

    /** PASIDs for requests: PASID 0 is told apart where it stands for requests without PASID. */
    private static int[] bound(Device device) {
        boolean giov = device.stage().context().giov();
        int[] pasids = device.pasids().pasids();
        return giov && pasids.length > 0 && pasids[0] == 0 ? Arrays.copyOfRange(pasids, 1, pasids.length) : pasids;
    }

    /** AMD-D.13: a GCR3 entry has changed. */
    private int pasidChanged(Device device, int number, Completion completion) {
        Stage stage = device.stage();
        stage.pasids(bound(device), false);
        commands.pages(stage.domainId(), number, 0, SizeEncoding.ALL, true);
        if (device.deviceTlb()) {
            commands.deviceTlb(device.requester(), number, 0, SizeEncoding.ALL, 0);
        }
        int[] reached = device.deviceTlb() ? new int[] {device.requester()} : NONE;
        return Answers.of(domainIds.settle(commands.finish(), reached), completion);
    }

    private int withoutGuest(Domain domain, Device device, Completion completion) {
        if (!device.hostBound()) {
            return block(domain, device, completion);
        }
        Context after = device.stage().context().withoutGuest();
        int outcome = change(domain, device, after, device.deviceTlb(), completion);
        freePasids(device);
        return outcome;
    }

    private static void freePasids(Device device) {
        if (device.pasids() != null) {
            device.pasids().free();
            device.pasids(null);
        }
    }

    private int block(Domain domain, Device device, Completion completion) {
        if (device.stage() == null && !domainIds.isUnclean(device.requester())) {
            return completion.done(Fidelity.EXACT);
        }
        int outcome = change(domain, device, null, false, completion);
        device.hostBound(false);
        device.guestDomainId(0);
        freePasids(device);
        return outcome;
    }

    /** Gives a device another context, or none, and drops what the chip may keep of the one before. */
    private int change(Domain domain, Device device, Context context, boolean deviceTlb, Completion completion) {
        Stage before = device.stage();
        boolean hadTlb = device.deviceTlb();
        Stage after = null;
        int entriesBefore = tables.entries();
        long replaced = -1;
        if (context != null) {
            after = domain.stage(context);
            if (after == null) {
                int domainId = domainIds.free();
                if (domainId < 0) {
                    return completion.fail(Errno.ENOSPC, "all domain ids are in use");
                }
                after = new Stage(context, domainId);
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
            tables.write(
                    device.requester(), context.word0(), context.word1(after.domainId(), deviceTlb), context.word2());
        } else {
            tables.block(device.requester());
        }
        device.stage(after);
        device.deviceTlb(deviceTlb && after != null);
        domain.rebuild();
        return dropOld(domain, device, before, hadTlb, replaced, entriesBefore, completion);
    }

    private int dropOld(
            Domain domain,
            Device device,
            Stage before,
            boolean hadTlb,
            long replaced,
            int entriesBefore,
            Completion completion) {
        int requester = device.requester();
        boolean everything = domainIds.isDirty() || replaced >= 0;
        if (everything) {
            // AMD-D.26: entries of the table that has been replaced.
            dropEverything(Math.max(entriesBefore, tables.entries()));
        } else {
            // AMD-D.8: an entry that blocked may be cached, too.
            commands.deviceEntry(requester);
            if (before != null) {
                drop(before);
            }
        }
        boolean reach = hadTlb || domainIds.isUnanswered(requester);
        if (reach) {
            dropDevice(device, before);
        }
        Errno outcome = domainIds.settle(commands.finish(), reach ? new int[] {requester} : NONE);
        if (replaced >= 0) {
            tables.free(replaced, entriesBefore);
        }
        release(domain, before, outcome == Errno.OK);
        if (outcome != Errno.OK && device.stage() != null) {
            // Fail closed: a device of which something old may be cached does not go on with something new.
            Stage after = device.stage();
            tables.block(requester);
            device.stage(null);
            device.deviceTlb(false);
            device.hostBound(false);
            release(domain, after, false);
        }
        domain.rebuild();
        return Answers.of(outcome, completion);
    }

    /** AMD-D.22: everything of a domain id, with each PASID that it had. */
    private void drop(Stage stage) {
        commands.pages(stage.domainId(), NO_PASID, 0, SizeEncoding.ALL, true);
        if (!stage.context().hasGuest() || stage.context().mode() != 0) {
            // What was made while nested goes with the command for host tables.
            return;
        }
        if (stage.hasOpenPasids()) {
            dropOpenPasids(stage);
            return;
        }
        if (stage.context().giov()) {
            commands.pages(stage.domainId(), 0, 0, SizeEncoding.ALL, true);
        }
        for (int number : stage.pasids()) {
            commands.pages(stage.domainId(), number, 0, SizeEncoding.ALL, true);
        }
    }

    /** Every PASID of a stage whose GCR3 table the guest keeps, so that nobody knows which were used. */
    void dropOpenPasids(Stage stage) {
        if (commands.hasAll()) {
            commands.all();
            return;
        }
        int bits = Math.min(
                chip.unit().pasidBits(), Gcr3Entry.LEVEL_BITS * (stage.context().glx() + 1));
        for (int number = 0; number < 1 << bits; number++) {
            commands.pages(stage.domainId(), number, 0, SizeEncoding.ALL, true);
        }
    }

    /** AMD-D.9, AMD-D.35: everything that a device holds, with each PASID that it had. */
    private void dropDevice(Device device, Stage before) {
        commands.deviceTlb(device.requester(), NO_PASID, 0, SizeEncoding.ALL, 0);
        if (before != null && before.context().hasGuest()) {
            if (before.context().giov()) {
                commands.deviceTlb(device.requester(), 0, 0, SizeEncoding.ALL, 0);
            }
            for (int number : before.pasids()) {
                commands.deviceTlb(device.requester(), number, 0, SizeEncoding.ALL, 0);
            }
        }
    }

    private void dropEverything() {
        dropEverything(tables.entries());
    }

    /** AMD-D.27: command 8, or every device table entry and every domain id. */
    private void dropEverything(int entries) {
        if (commands.hasAll()) {
            commands.all();
            return;
        }
        for (int deviceId = 0; deviceId < entries; deviceId++) {
            commands.deviceEntry(deviceId);
        }
        for (int id = 1; id < DOMAIN_IDS; id++) {
            if (domainIds.isTaken(id)) {
                commands.pages(id, NO_PASID, 0, SizeEncoding.ALL, true);
            }
        }
    }

    private int countOfEverything() {
        if (commands.hasAll()) {
            return 1;
        }
        int count = tables.entries();
        for (int id = 1; id < DOMAIN_IDS; id++) {
            count += domainIds.isTaken(id) ? 1 : 0;
        }
        return count;
    }

    private void putEverything(QueueControl.Sink sink) {
        if (commands.hasAll()) {
            sink.put(InvalidateIommuAll.word0(), 0);
            return;
        }
        for (int deviceId = 0; deviceId < tables.entries(); deviceId++) {
            sink.put(InvalidateDevtabEntry.word0(deviceId), 0);
        }
        for (int id = 1; id < DOMAIN_IDS; id++) {
            if (domainIds.isTaken(id)) {
                sink.put(
                        InvalidateIommuPages.word0(id, NO_PASID),
                        InvalidateIommuPages.word1(NO_PASID, 0, SizeEncoding.ALL, true));
            }
        }
    }

    /** The first thing that a chip is told: nothing is cached. */
    Errno forgetEverything() {
        dropEverything();
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
        out.putInt(domain.stages().size());
        for (Stage stage : domain.stages()) {
            Context context = stage.context();
            out.putLong(context.hostRoot())
                    .putInt(context.mode())
                    .putLong(context.gcr3Root())
                    .putInt(context.glx())
                    .putInt(context.guestPagingMode())
                    .putBoolean(context.giov())
                    .putBoolean(stage.hasOpenPasids())
                    .putInt(stage.domainId());
        }
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        Domain domain = new Domain(number);
        int count = in.getCount(DOMAIN_IDS);
        for (int i = 0; i < count; i++) {
            Context context = new Context(
                    in.getPage("host table"), in.getInt(), in.getLong(), in.getInt(), in.getInt(), in.getBoolean());
            boolean open = in.getBoolean();
            int domainId = in.getInt();
            if (!domainIds.isTaken(domainId) || !isPossible(context)) {
                throw in.invalid("domain id " + domainId + " with " + context);
            }
            Stage stage = new Stage(context, domainId);
            stage.pasids(NONE, open);
            domain.stages().add(stage);
        }
        return domain;
    }

    private static boolean isPossible(Context context) {
        return context.mode() >= 0
                && context.mode() <= 6
                && context.glx() >= 0
                && context.glx() <= 2
                && (context.guestPagingMode() & ~1) == 0
                && (context.gcr3Root() == Context.NO_GUEST || (context.gcr3Root() & 0xfff) == 0);
    }

    @Override
    public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        out.putInt(device.stage() == null ? -1 : domain.stages().indexOf(device.stage()))
                .putBoolean(device.hostBound())
                .putBoolean(device.deviceTlb())
                .putInt(device.guestDomainId())
                .putBoolean(device.pasids() != null);
        if (device.pasids() != null) {
            device.pasids().save(out);
        }
    }

    @Override
    public Device loadDevice(Domain domain, int key, SnapshotReader in) {
        Device device = new Device(key);
        int stage = in.getInt();
        device.hostBound(in.getBoolean());
        device.deviceTlb(in.getBoolean());
        device.guestDomainId(in.getInt());
        if (in.getBoolean()) {
            device.pasids(PasidTable.load(chip.port().platform(), in));
        }
        if (key < 0
                || key >= REQUESTERS
                || stage < -1
                || stage >= domain.stages().size()) {
            throw in.invalid("device " + key + " with stage " + stage);
        }
        if (stage >= 0) {
            Stage bound = domain.stages().get(stage);
            bound.users(bound.users() + 1);
            device.stage(bound);
            if (device.pasids() != null) {
                bound.pasids(bound(device), false);
            }
        }
        return device;
    }
}
