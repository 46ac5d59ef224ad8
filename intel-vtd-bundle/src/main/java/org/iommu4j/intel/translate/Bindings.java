package org.iommu4j.intel.translate;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.iommu4j.backend.BackendException;
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
import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.driver.table.MapPolicy;
import org.iommu4j.driver.table.MemoryMaps;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * What devices translate through: their entries in the host's tables, the host domain ids of their translations, and what has to be
 * dropped when an entry is replaced, VT-d 6.5.3.3.
 *
 * <p>The class is long because each kind of bind, and the invalidations that its change owes, stands beside the books that
 * both edit.
 */
final class Bindings implements DomainPolicy<Domain, Device>, MapPolicy<Domain> {
    private static final int REQUESTERS = 1 << 16;
    private static final int[] NONE = {};

    private final ChipPort chip;
    private final HostTables tables;
    private final CommandPath commands;
    private final Removals removals;
    private final TranslationTags domainIds;
    private final BindingRules rules;
    private final boolean cachingMode;
    private final MemoryMaps<Domain> maps;
    private final PageRequestQueue pageRequests;
    private final RangeCover cover = new RangeCover();

    /**
     * Bindings of a chip on which nothing is bound.
     *
     * @param pageRequests of devices; null if the chip has none
     * @param open all open domains of the chip
     */
    Bindings(
            ChipPort chip,
            HostTables tables,
            CommandPath commands,
            Removals removals,
            PageRequestQueue pageRequests,
            Supplier<List<Domain>> open) {
        this.chip = chip;
        this.tables = tables;
        this.commands = commands;
        this.removals = removals;
        this.pageRequests = pageRequests;
        // Domain id 0 tags what a chip in caching mode keeps of entries that are not present.
        domainIds = new TranslationTags(1, chip.domainIds(), REQUESTERS);
        rules = new BindingRules(chip, commands.reachesDevices(), open);
        cachingMode = Cap.CM.isSet(chip.cap());
        maps = GuestMemory.maps(chip, this);
    }

    // ---- domains and devices

    @Override
    public Domain open(int number, Completion completion) {
        return new Domain(number, chip.maxAddressBits());
    }

    @Override
    public int close(Domain domain, Completion completion) {
        for (Device device : domain.members().devices()) {
            tables.block(device.requester());
        }
        Errno flushed = chip.flushWriteBuffer();
        if (domainIds.isDirty()) {
            commands.everything();
        } else {
            for (Device device : domain.members().devices()) {
                for (Stage stage : device.stages()) {
                    removals.dropContext(device.requester(), stage.domainId(), false);
                }
            }
            for (Stage stage : domain.stages()) {
                removals.dropDomain(stage.domainId());
            }
        }
        Device[] reached = domain.devicesWithTlb();
        for (Device device : reached) {
            removals.dropDevice(device.requester());
        }
        Errno outcome = finish(flushed, requesters(reached));
        for (Device device : reached) {
            if (device.pageRequests()) {
                outcome = first(outcome, endPageRequests(domain, device));
            }
        }
        for (Stage stage : domain.stages()) {
            domainIds.giveBack(stage.domainId(), outcome == Errno.OK);
        }
        if (outcome == Errno.OK) {
            domain.members().devices().forEach(device -> tables.release(device.requester()));
            if (domain.memory() != null) {
                domain.memory().free();
            }
        }
        return Answers.of(outcome, completion);
    }

    @Override
    public Device device(Domain domain, int requester, Completion completion) {
        if (requester < 0 || requester >= REQUESTERS) {
            Answers.refuseDevice(
                    requester, Errno.EINVAL, "a requester id is 0 to 65535: bus, device, function", completion);
            return null;
        }
        return new Device(requester);
    }

    @Override
    public int attach(Domain domain, Device device, long table, int levels, Completion completion) {
        if (table == BLOCKED) {
            return completion.done(Fidelity.EXACT);
        }
        if (levels < 2 || !rules.hasSecondStage(Agaw.ofLevels(levels))) {
            return completion.refuse(Errno.EINVAL, "levels", levels, "the chip has no tables of so many levels");
        }
        if (!chip.isTable(table)) {
            return completion.refuse(Errno.EINVAL, "table", table, "not a page below the host address width");
        }
        Translation translation = Translation.ofSecondStage(table, Agaw.ofLevels(levels));
        return rules.agrees(translation, device.stage(Device.NO_PASID))
                ? bind(domain, device, Device.NO_PASID, new Binding(translation, 0, 0), completion)
                : completion.refuse(Errno.EBUSY, "table", table, BindingRules.READ_OTHERWISE);
    }

    @Override
    public int detach(Domain domain, Device device, Completion completion) {
        if (device.isBlocked() && !domainIds.isUnclean(device.requester())) {
            return completion.done(Fidelity.EXACT);
        }
        return block(domain, device, completion);
    }

    // ---- bindings

    /** Binds or unbinds a device of a domain, or one PASID of it. */
    int bind(Domain domain, BindRequest request, Completion completion) {
        BindingRules.Rules asked = request.operation() == Uapi.BIND_PASID ? rules.pasid() : rules.pgtable();
        BindPart part = new BindPart(request, asked.layout());
        int refused = asked.always().check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        Device device = BindingRules.device(part, domain);
        if (part.unbinds() && device.isBlocked() && domainIds.isUnclean(device.requester())) {
            return block(domain, device, completion);
        }
        refused = (part.unbinds() ? asked.unbinds() : asked.binds()).check(part, domain, completion);
        if (refused != 0) {
            return refused;
        }
        int pasid = asked.pasidOf().applyAsInt(part);
        return part.unbinds()
                ? unbind(domain, device, pasid, completion)
                : bind(domain, device, pasid, rules.binding(part, domain), completion);
    }

    private int bind(Domain domain, Device device, int pasid, Binding binding, Completion completion) {
        Stage after = domain.stage(binding.translation());
        if (after == null) {
            int domainId = domainIds.free();
            if (domainId < 0) {
                return completion.fail(Errno.ENOSPC, "all domain ids of the chip are in use");
            }
            after = new Stage(binding.translation(), domainId);
        }
        boolean newBus;
        try {
            newBus = tables.prepare(device.requester(), pasid);
        } catch (BackendException e) {
            return completion.fail(e.errno(), "no memory for a context table");
        }
        domainIds.take(after.domainId());
        if (after.users() == 0) {
            domain.stages().add(after);
        }
        after.users(after.users() + 1);
        Change change = new Change(device, pasid, newBus);
        device.bind(pasid, after, binding.flags(), binding.guestDomainId());
        return change.carryOut(domain, completion);
    }

    private int unbind(Domain domain, Device device, int pasid, Completion completion) {
        Change change = new Change(device, pasid, false);
        device.unbind(pasid);
        return change.carryOut(domain, completion);
    }

    /** A change of the binding of one PASID: how the device was bound before, and what the chip may keep of that. */
    private final class Change {
        private final Device device;
        private final int pasid;
        private final boolean newBus;
        private final Stage before;
        private final Set<Stage> all;
        private final boolean hadTlb;
        private final boolean hadPageRequests;

        /** Takes note of how a device is bound, before that changes. */
        Change(Device device, int pasid, boolean newBus) {
            this.device = device;
            this.pasid = pasid;
            this.newBus = newBus;
            before = device.stage(pasid);
            all = device.stages();
            hadTlb = device.deviceTlb();
            hadPageRequests = device.pageRequests();
        }

        /** Writes how the device is bound now, and drops what was. */
        int carryOut(Domain domain, Completion completion) {
            boolean whole = tables.write(device, pasid);
            domain.rebuild();
            Errno flushed = chip.flushWriteBuffer();
            int requester = device.requester();
            if (domainIds.isDirty()) {
                commands.everything();
            } else if (whole) {
                dropContext(requester, all, newBus);
            } else {
                removals.dropPasid(pasid, before, before != null && before.users() == 1);
            }
            boolean reach = hadTlb || domainIds.isUnanswered(requester);
            if (reach && (whole || domainIds.isUnanswered(requester))) {
                removals.dropDevice(requester);
            } else if (reach) {
                removals.dropDevicePasid(requester, pasid);
            }
            Errno outcome = finish(flushed, reach ? new int[] {requester} : NONE);
            if (hadPageRequests && before != null) {
                outcome = first(outcome, endPageRequests(domain, requester, before.domainId(), pasid));
            }
            release(domain, before, outcome == Errno.OK);
            if (outcome != Errno.OK) {
                // Fail closed: a device of which something old may be cached does not go on with something new.
                if (hadPageRequests) {
                    endPageRequests(domain, requester, all.iterator().next().domainId(), Device.EVERY_PASID);
                }
                Set<Stage> others = whole ? Set.of() : device.stages();
                forget(domain, device, false);
                if (!others.isEmpty()) {
                    // The other PASIDs of the device are cached as well. Whether that helps or not, the next change
                    // empties every
                    // cache.
                    dropContext(requester, others, false);
                    commands.finish();
                }
            } else if (device.isBlocked()) {
                tables.release(requester);
            }
            domain.rebuild();
            return Answers.of(outcome, completion);
        }
    }

    /** Blocks a device, and drops everything that the chip may keep of it. */
    private int block(Domain domain, Device device, Completion completion) {
        int requester = device.requester();
        boolean reach = device.deviceTlb() || domainIds.isUnanswered(requester);
        boolean hadPageRequests = device.pageRequests();
        Set<Stage> all = device.stages();
        tables.block(requester);
        Errno flushed = chip.flushWriteBuffer();
        if (domainIds.isDirty()) {
            commands.everything();
        } else {
            dropContext(requester, all, false);
        }
        if (reach) {
            removals.dropDevice(requester);
        }
        Errno outcome = finish(flushed, reach ? new int[] {requester} : NONE);
        if (hadPageRequests) {
            outcome = first(outcome, endPageRequests(domain, device));
        }
        forget(domain, device, outcome == Errno.OK);
        if (outcome == Errno.OK) {
            tables.release(requester);
        }
        domain.rebuild();
        return Answers.of(outcome, completion);
    }

    /** Drains the page requests of a device that is blocked now. */
    private Errno endPageRequests(Domain domain, Device device) {
        int domainId = device.stages().iterator().next().domainId();
        return endPageRequests(domain, device.requester(), domainId, Device.EVERY_PASID);
    }

    private Errno endPageRequests(Domain domain, int requester, int domainId, int pasid) {
        return domainIds.settle(pageRequests.end(domain, domainId, requester, pasid), new int[] {requester});
    }

    private static Errno first(Errno outcome, Errno next) {
        return outcome == Errno.OK ? next : outcome;
    }

    /** The device is blocked, and its stages have lost it. */
    private void forget(Domain domain, Device device, boolean dropped) {
        tables.block(device.requester());
        for (int pasid : List.copyOf(device.byPasid().keySet())) {
            release(domain, device.stage(pasid), dropped);
            device.unbind(pasid);
        }
    }

    /** Drops a context entry that was replaced, and all that was found through it. */
    private void dropContext(int requester, Set<Stage> before, boolean newBus) {
        if (before.isEmpty()) {
            if (cachingMode) {
                // A chip in caching mode keeps absent entries under domain id 0.
                removals.dropContext(requester, 0, newBus);
                removals.dropDomain(0);
            }
            return;
        }
        boolean first = true;
        for (Stage stage : before) {
            removals.dropContext(requester, stage.domainId(), newBus && first);
            first = false;
        }
        before.forEach(stage -> removals.dropDomain(stage.domainId()));
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
                domainIds.giveBack(stage.domainId(), dropped);
            }
        }
    }

    // ---- the memory of a container

    /** Memory maps of the domains. */
    MemoryMaps<Domain> maps() {
        return maps;
    }

    /** An entry that leads nowhere is in no cache, VT-d 6.5.3.5, but in one of a chip in caching mode. */
    @Override
    public Errno mapped(Domain domain, Mapping mapping) {
        return cachingMode
                ? unmapped(domain, mapping.iova(), mapping.last(), true)
                : finish(chip.flushWriteBuffer(), NONE);
    }

    /**
     * Drops a range of the memory map, VT-d 6.5.3.3 table 28: page by page where only leaves were changed, else the domain ids as a
     * whole, 6.5.3.3. Of nested domain ids either drops all of the first stage. A device that has a TLB loses all of it: nobody knows
     * under which of the guest's addresses it holds what.
     *
     * @param structures true if entries that lead to tables were changed, too
     */
    @Override
    public Errno unmapped(Domain domain, long first, long last, boolean structures) {
        Errno flushed = chip.flushWriteBuffer();
        if (domainIds.isDirty()) {
            commands.everything();
        } else {
            int largest = chip.maxPageOrder();
            cover.cover(first, last, Math.max(0, largest));
            int blocks = structures || cover.order(0) > largest ? 0 : cover.count();
            for (Stage stage : domain.stages()) {
                if (blocks == 0) {
                    commands.iotlbDomain(stage.domainId());
                }
                for (int i = 0; i < blocks; i++) {
                    commands.iotlbPages(stage.domainId(), cover.address(i), cover.order(i), true);
                }
            }
        }
        Device[] reached = domain.devicesWithTlb();
        for (Device device : reached) {
            removals.dropDevice(device.requester());
        }
        return finish(flushed, requesters(reached));
    }

    private static int[] requesters(Device[] devices) {
        return Arrays.stream(devices).mapToInt(Device::requester).toArray();
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
            Translation translation = stage.translation();
            out.putLong(translation.table()).putInt(translation.aw());
            if (chip.isScalable()) {
                out.putString(translation.kind().name())
                        .putInt(translation.options())
                        .putLong(translation.memory())
                        .putInt(translation.memoryAw());
            } else {
                out.putBoolean(translation.passThrough());
            }
            out.putInt(stage.domainId());
        }
    }

    @Override
    public Domain loadDomain(int number, SnapshotReader in) {
        Domain domain = open(number, null);
        int count = in.getCount(chip.domainIds());
        for (int i = 0; i < count; i++) {
            long table = in.getPage("table");
            int aw = in.getIndex(Agaw.MAX_AW + 1, "AW");
            Translation translation = chip.isScalable()
                    ? new Translation(
                            in.getConstant(Translation.Kind.class),
                            table,
                            aw,
                            in.getInt() & BindPgtable.SCALABLE_FLAGS,
                            in.getPage("memory map"),
                            in.getIndex(Agaw.MAX_AW + 1, "AW of the memory map"))
                    : new Translation(
                            in.getBoolean() ? Translation.Kind.PASS_THROUGH : Translation.Kind.SECOND_STAGE,
                            table,
                            aw,
                            0);
            int domainId = in.getInt();
            if (!domainIds.isTaken(domainId)) {
                throw in.invalid("domain id " + domainId + " of a table, which is not in use");
            }
            domain.stages().add(new Stage(translation, domainId));
        }
        return domain;
    }

    @Override
    public void saveDevice(Domain domain, Device device, SnapshotWriter out) {
        if (chip.isScalable()) {
            out.putInt(device.byPasid().size());
        }
        if (!chip.isScalable() && device.isBlocked()) {
            out.putInt(-1).putBoolean(false).putInt(0);
        }
        device.byPasid().forEach((pasid, bound) -> {
            if (chip.isScalable()) {
                out.putInt(pasid);
            }
            out.putInt(domain.stages().indexOf(bound.stage()))
                    .putBoolean(device.deviceTlb())
                    .putInt(bound.guestDomainId());
            if (chip.isScalable()) {
                out.putBoolean(device.pageRequests());
            }
        });
    }

    @Override
    public Device loadDevice(Domain domain, int key, SnapshotReader in) {
        Device device = new Device(key);
        int most = 1 << chip.pasidBits();
        int count = chip.isScalable() ? in.getCount(most) : 1;
        for (int i = 0; i < count; i++) {
            int pasid = chip.isScalable() ? in.getIndex(most, "PASID") : Device.NO_PASID;
            int stage = in.getInt();
            int flags = in.getBoolean() ? BindPgtable.DEVICE_TLB : 0;
            int guestDomainId = in.getInt();
            if (chip.isScalable() && in.getBoolean()) {
                flags |= BindPgtable.PAGE_REQUESTS;
            }
            if (key < 0
                    || key >= REQUESTERS
                    || stage < (chip.isScalable() ? 0 : -1)
                    || stage >= domain.stages().size()) {
                throw in.invalid("device " + key + " with table " + stage);
            }
            if (stage >= 0) {
                Stage bound = domain.stages().get(stage);
                bound.users(bound.users() + 1);
                device.bind(pasid, bound, flags, guestDomainId);
            }
        }
        return device;
    }
}
