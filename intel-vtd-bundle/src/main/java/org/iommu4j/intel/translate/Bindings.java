package org.iommu4j.intel.translate;

import org.iommu4j.backend.BackendException;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.driver.bind.BindPart;
import org.iommu4j.driver.bind.BindRules;
import org.iommu4j.driver.domain.Answers;
import org.iommu4j.driver.domain.DomainPolicy;
import org.iommu4j.driver.domain.TranslationTags;
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * What devices translate through: their context entries, the host domain ids of their tables, and what has to be dropped when an
 * entry is replaced, VT-d 6.5.3.3.
 */
final class Bindings implements DomainPolicy<Domain, Device> {
    private static final int REQUESTERS = 1 << 16;
    private static final int[] NONE = {};

    private final ChipPort chip;
    private final HostTables tables;
    private final CommandPath commands;
    private final TranslationTags domainIds;

    /** Code of the widest tables of the chip, which a pass-through names. */
    private final int widest;

    /** Rules of every bind, about its domain. */
    private final BindRules<Domain> always;

    /** Further rules of a bind that binds, about its device. */
    private final BindRules<Device> binds;

    /** Further rules of a bind that unbinds, about the device's binding. */
    private final BindRules<Device> unbinds;

    Bindings(ChipPort chip, HostTables tables, CommandPath commands) {
        this.chip = chip;
        this.tables = tables;
        this.commands = commands;
        // Domain id 0 tags what a chip in caching mode keeps of entries that are not present.
        domainIds = new TranslationTags(1, chip.domainIds(), REQUESTERS);
        long sagaw = Cap.SAGAW.get(chip.cap());
        widest = Agaw.widest(sagaw, Integer.MAX_VALUE);
        always = new BindRules<Domain>()
                .row(
                        Rule.V34,
                        BindPgtable.TABLE_ROOT,
                        "the table is beyond the host address width",
                        (part, domain) -> chip.isTable(part.get(BindPgtable.TABLE_ROOT)))
                .flags(
                        Rule.V35,
                        "PASS_THROUGH and DEVICE_TLB exclude each other",
                        (part, domain) -> !(passes(part) && part.hasFlag(BindPgtable.FLAG_DEVICE_TLB)))
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "PASS_THROUGH has no table",
                        (part, domain) -> !passes(part) || part.get(BindPgtable.TABLE_ROOT) == 0)
                .row(
                        Rule.V35,
                        BindPgtable.ADDRESS_WIDTH,
                        "PASS_THROUGH has no width, a table has one",
                        (part, domain) -> passes(part) == (part.get(BindPgtable.ADDRESS_WIDTH) == 0))
                .row(
                        null,
                        Errno.ENODEV,
                        BindPgtable.REQUESTER,
                        Answers.NOT_ATTACHED,
                        (part, domain) -> domain.members().device(part.getInt(BindPgtable.REQUESTER)) != null);
        binds = new BindRules<Device>()
                .flags(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        "the chip has no pass-through",
                        (part, device) -> !passes(part) || Ecap.PT.isSet(chip.ecap()))
                .flags(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        "the chip cannot invalidate device TLBs",
                        (part, device) -> !part.hasFlag(BindPgtable.FLAG_DEVICE_TLB)
                                || (Ecap.DT.isSet(chip.ecap()) && commands.reachesDevices()))
                .row(
                        Rule.V34,
                        Errno.EOPNOTSUPP,
                        BindPgtable.ADDRESS_WIDTH,
                        "the chip has no tables of that width",
                        (part, device) ->
                                Agaw.isSupported(Binding.of(part, widest).aw(), sagaw));
        unbinds = new BindRules<Device>()
                .row(
                        Rule.V35,
                        BindPgtable.TABLE_ROOT,
                        "the device is bound to something else",
                        (part, device) -> device.stage() == null
                                || Binding.of(part, widest).isOf(device))
                .row(
                        null,
                        Errno.ENOENT,
                        BindPgtable.REQUESTER,
                        "nothing is bound for the device",
                        (part, device) -> device.stage() != null);
    }

    private static boolean passes(BindPart part) {
        return part.hasFlag(BindPgtable.FLAG_PASS_THROUGH);
    }

    // ---- domains and devices

    @Override
    public Domain open(int number, Completion completion) {
        return new Domain(number, chip.maxAddressBits());
    }

    @Override
    public int close(Domain domain, Completion completion) {
        for (Device device : domain.members().devices()) {
            tables.write(device.requester(), 0, 0);
        }
        Errno flushed = chip.flushWriteBuffer();
        if (domainIds.isDirty()) {
            dropEverything();
        } else {
            for (Device device : domain.members().devices()) {
                if (device.stage() != null) {
                    commands.contextDevice(device.stage().domainId(), device.requester());
                }
            }
            for (Stage stage : domain.stages()) {
                commands.iotlbDomain(stage.domainId());
            }
        }
        for (int requester : domain.devicesWithTlb()) {
            commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
        Errno outcome = finish(flushed, domain.devicesWithTlb());
        for (Stage stage : domain.stages()) {
            domainIds.giveBack(stage.domainId(), outcome == Errno.OK);
        }
        return Answers.of(outcome, completion);
    }

    @Override
    public Device device(Domain domain, int requester, Completion completion) {
        if (requester < 0 || requester >= REQUESTERS) {
            completion.refuse(
                    Errno.EINVAL,
                    "requester",
                    Integer.toUnsignedLong(requester),
                    "a requester id is 0 to 65535: bus, device, function");
            return null;
        }
        return new Device(requester);
    }

    @Override
    public int attach(Domain domain, Device device, long table, int levels, Completion completion) {
        if (table == BLOCKED) {
            return completion.done(Fidelity.EXACT);
        }
        if (levels < 2 || !Agaw.isSupported(Agaw.ofLevels(levels), Cap.SAGAW.get(chip.cap()))) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "the chip has no tables of so many levels");
        }
        if (!chip.isTable(table)) {
            return completion.refuse(Errno.EINVAL, "table", table, "not a page below the host address width");
        }
        return bind(domain, device, new Binding(table, Agaw.ofLevels(levels), false, false, 0), completion);
    }

    @Override
    public int detach(Domain domain, Device device, Completion completion) {
        return unbind(domain, device, completion);
    }

    // ---- bindings

    /** Binds or unbinds a device of a domain. */
    int bind(Domain domain, BindRequest request, Completion completion) {
        BindPart part = new BindPart(request, BindPgtable.LAYOUT);
        int refused = always.check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = domain.members().device(part.getInt(BindPgtable.REQUESTER));
        if (!part.unbinds()) {
            refused = binds.check(part, device, completion);
            return refused != 0 ? refused : bind(domain, device, Binding.of(part, widest), completion);
        }
        if (device.stage() == null && domainIds.isUnclean(device.requester())) {
            return unbind(domain, device, completion);
        }
        refused = unbinds.check(part, device, completion);
        return refused != 0 ? refused : unbind(domain, device, completion);
    }

    private int bind(Domain domain, Device device, Binding binding, Completion completion) {
        Stage before = device.stage();
        boolean hadTlb = device.deviceTlb();
        Stage after = domain.stage(binding.table(), binding.aw(), binding.passThrough());
        if (after == null) {
            int domainId = domainIds.free();
            if (domainId < 0) {
                return completion.fail(Errno.ENOSPC, "all domain ids of the chip are in use");
            }
            after = new Stage(binding.table(), binding.aw(), binding.passThrough(), domainId);
        }
        boolean newBus;
        try {
            newBus = tables.prepare(device.requester());
        } catch (BackendException e) {
            return completion.fail(e.errno(), "no memory for a context table");
        }
        domainIds.take(after.domainId());
        if (after.users() == 0) {
            domain.stages().add(after);
        }
        after.users(after.users() + 1);
        tables.write(device.requester(), after.contextWord0(binding.deviceTlb()), after.contextWord1());
        device.bind(after, binding.deviceTlb(), binding.guestDomainId());
        domain.rebuild();
        return dropOld(domain, device, before, hadTlb, newBus, completion);
    }

    private int unbind(Domain domain, Device device, Completion completion) {
        Stage before = device.stage();
        if (before == null && !domainIds.isUnclean(device.requester())) {
            return completion.done(Fidelity.EXACT);
        }
        boolean hadTlb = device.deviceTlb();
        block(domain, device);
        return dropOld(domain, device, before, hadTlb, false, completion);
    }

    private void block(Domain domain, Device device) {
        tables.write(device.requester(), 0, 0);
        device.bind(null, false, 0);
        domain.rebuild();
    }

    /**
     * Drops what the chip may keep of a context entry that was replaced, VT-d 6.5.3.3: the entry, its domain's translations,
     * the device's own; then gives up the stage if nobody uses it any more.
     *
     * @param newBus true if the root entry was absent until now
     */
    private int dropOld(
            Domain domain, Device device, Stage before, boolean hadTlb, boolean newBus, Completion completion) {
        Errno flushed = chip.flushWriteBuffer();
        int requester = device.requester();
        if (domainIds.isDirty()) {
            dropEverything();
        } else if (before != null || Cap.CM.isSet(chip.cap())) {
            // A chip in caching mode keeps absent entries under domain id 0.
            int domainId = before == null ? 0 : before.domainId();
            if (newBus && Cap.CM.isSet(chip.cap())) {
                // It may have cached an absent root entry for every device of the bus.
                commands.contextGlobal();
            } else {
                commands.contextDevice(domainId, requester);
            }
            commands.iotlbDomain(domainId);
        }
        boolean reach = hadTlb || domainIds.isUnanswered(requester);
        if (reach) {
            commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
        Errno outcome = finish(flushed, reach ? new int[] {requester} : NONE);
        release(domain, before, outcome == Errno.OK);
        if (outcome != Errno.OK) {
            // Fail closed: a device of which something old may be cached does not go on with something new.
            release(domain, device.stage(), false);
            block(domain, device);
        }
        return Answers.of(outcome, completion);
    }

    private void dropEverything() {
        commands.contextGlobal();
        commands.iotlbGlobal();
    }

    private Errno finish(Errno flushed, int[] devicesReached) {
        Errno finished = commands.finish();
        return domainIds.settle(flushed != Errno.OK ? flushed : finished, devicesReached);
    }

    /** Takes a device off a stage; with its last device goes the stage, and its domain id is free if all was dropped. */
    private void release(Domain domain, Stage stage, boolean dropped) {
        if (stage != null) {
            stage.users(stage.users() - 1);
            if (stage.users() == 0) {
                domain.stages().remove(stage);
                domain.rebuild();
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
            out.putLong(stage.table())
                    .putInt(stage.aw())
                    .putBoolean(stage.passThrough())
                    .putInt(stage.domainId());
        }
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        Domain domain = open(number, null);
        int count = in.getCount(chip.domainIds());
        for (int i = 0; i < count; i++) {
            long table = in.getPage("table");
            int aw = in.getIndex(Agaw.MAX_AW + 1, "AW");
            boolean passThrough = in.getBoolean();
            int domainId = in.getInt();
            if (!domainIds.isTaken(domainId)) {
                throw in.invalid("domain id " + domainId + " of a table, which is not in use");
            }
            domain.stages().add(new Stage(table, aw, passThrough, domainId));
        }
        return domain;
    }

    @Override
    public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        out.putInt(device.stage() == null ? -1 : domain.stages().indexOf(device.stage()))
                .putBoolean(device.deviceTlb())
                .putInt(device.guestDomainId());
    }

    @Override
    public Device loadDevice(Domain domain, int key, SnapshotReader in) {
        Device device = new Device(key);
        int stage = in.getInt();
        boolean deviceTlb = in.getBoolean();
        int guestDomainId = in.getInt();
        if (key < 0
                || key >= REQUESTERS
                || stage < -1
                || stage >= domain.stages().size()) {
            throw in.invalid("device " + key + " with table " + stage);
        }
        if (stage >= 0) {
            Stage bound = domain.stages().get(stage);
            bound.users(bound.users() + 1);
            device.bind(bound, deviceTlb, guestDomainId);
        }
        return device;
    }
}
