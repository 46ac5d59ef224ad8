package org.iommu4j.intel.guest;

import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.guest.GuestBindings;
import org.iommu4j.simulation.guest.GuestTables;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The devices of a guest, bound as its structures last said. A device is a member of one container, which serves the guest domain of
 * its requests without PASID; its PASIDs are bound there too, whatever their domains are, and with PASIDs it stays there as long
 * as anything is bound. So a domain of the guest may be spread over several containers.
 */
final class GuestDevices implements GuestTables<GuestDevice> {
    private static final int REQUESTERS = 1 << 16;
    private static final int MOST_PASID = (1 << 20) - 1;
    private static final long PAGE_OFFSET = 0xfff;

    /** A domain in which no entry is. */
    private static final int NO_DOMAIN = -1;

    private final VtdCapabilities unit;
    private final GuestStructures structures;
    private final boolean scalable;
    private final boolean hasPasids;
    private final boolean cachingMode;
    private final RequestWriter writer;
    private final GuestBindings<GuestDevice> bindings = new GuestBindings<>(REQUESTERS, this);

    private boolean translating;

    /** Which PASID entries the invalidation under way lets be read again; null for whole devices. */
    private Selection selection;

    /** True if a device had more PASIDs than can be bound. */
    private boolean tooMany;

    /**
     * What a PASID-cache invalidation selects.
     *
     * @param pasid the PASID, or -1 for each
     * @param domain the guest's domain id
     */
    private record Selection(int pasid, int domain) {
        /** True if an entry of the domain went, came or changed; one that comes was in no domain before. */
        boolean selects(GuestTable before, GuestTable after) {
            return before == null || before.domain() == domain || (after != null && after.domain() == domain);
        }
    }

    GuestDevices(VtdCapabilities unit, GuestStructures structures, int subVersion) {
        this.unit = unit;
        this.structures = structures;
        scalable = VtdGeneration.isScalable(subVersion);
        hasPasids = Ecap.PASID.isSet(unit.ecap());
        cachingMode = Cap.CM.isSet(unit.cap());
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    /** The guest has switched translation on or off: every device gets what holds from now on. */
    void translate(boolean on, GuestRequests sink) {
        if (on != translating) {
            translating = on;
            invalidateAll(sink);
        }
    }

    /** True while the guest has translation switched on. */
    boolean isTranslating() {
        return translating;
    }

    /**
     * A device is about to access memory, with a PASID or {@link GuestDevice#NO_PASID}. Without caching mode its entry may have become
     * present without an invalidation.
     */
    void access(int requester, int pasid, GuestRequests sink) {
        GuestDevice bound = bindings.bound().get(requester);
        if (bound == null) {
            bindings.update(requester, sink);
        } else if (!cachingMode && !bound.byPasid().containsKey(pasid)) {
            select(new Selection(pasid, NO_DOMAIN), () -> bindings.update(requester, sink));
        }
    }

    /** Reads the entries of every known device again. */
    void invalidateAll(GuestRequests sink) {
        bindings.updateBound(requester -> true, sink);
    }

    /** Reads the entries of the devices of a domain again. */
    void invalidateDomain(int domain, GuestRequests sink) {
        bindings.updateBoundTo(device -> device.has(inDomain(domain)), sink);
    }

    /** Reads the entry of a device again, and of those that differ from it only in ignored bits of the source id. */
    void invalidateDevice(int sourceId, int ignoredBits, GuestRequests sink) {
        bindings.updateBound(requester -> (requester & ~ignoredBits) == (sourceId & ~ignoredBits), sink);
        bindings.access(sourceId, sink);
    }

    /**
     * Reads PASID entries of a domain again, of every device.
     *
     * @param pasid the PASID, or -1 for each
     */
    void invalidatePasids(int domain, int pasid, GuestRequests sink) {
        select(new Selection(pasid, domain), () -> invalidateAll(sink));
    }

    private void select(Selection selected, Runnable update) {
        selection = selected;
        try {
            update.run();
        } finally {
            selection = null;
        }
    }

    /** Takes whether a device had more PASIDs than can be bound since the last time. */
    boolean takeTooMany() {
        boolean taken = tooMany;
        tooMany = false;
        return taken;
    }

    /** The containers of devices that have a table, of those PASIDs for which a test is true, that meets a condition. */
    SortedSet<Integer> homes(Predicate<Integer> pasid, Predicate<GuestTable> table) {
        SortedSet<Integer> homes = new TreeSet<>();
        for (GuestDevice device : bindings.bound().values()) {
            if (device.has(pasid, table)) {
                homes.add(device.home());
            }
        }
        return homes;
    }

    /** Bits of the widest second-stage address that a domain's tables translate in a container; 0 if it has none. */
    int secondStageBits(int home, int domain) {
        return bindings.bound().values().stream()
                .filter(device -> device.home() == home)
                .flatMap(device -> device.byPasid().values().stream())
                .filter(inDomain(domain))
                .mapToInt(table -> Math.min(table.widthBits(), unit.mgawBits()))
                .max()
                .orElse(0);
    }

    /** Condition: a table is in a guest domain. */
    static Predicate<GuestTable> inDomain(int domain) {
        return table -> table.domain() == domain;
    }

    /** True if no device is bound. */
    boolean isEmpty() {
        return bindings.bound().isEmpty();
    }

    /** A device as it is bound, or null. */
    GuestDevice device(int requester) {
        return bindings.bound().get(requester);
    }

    void save(SnapshotWriter out) {
        bindings.save(out.putLong(structures.rootTableAddress())
                .putBoolean(structures.mode() != TableMode.INVALID)
                .putBoolean(translating));
    }

    void load(SnapshotReader in) {
        long root = in.getLong();
        if (in.getBoolean()) {
            structures.root(root);
        } else {
            structures.noRoot(root);
        }
        translating = in.getBoolean();
        bindings.load(in);
    }

    // ---- the guest's tables

    @Override
    public GuestDevice read(int requester, GuestRequests sink) {
        GuestDevice before = bindings.bound().get(requester);
        if (!translating) {
            // Without pass-through, devices stay blocked while the guest's translation is off.
            return Ecap.PT.isSet(unit.ecap()) ? GuestDevice.UNTRANSLATED : null;
        }
        if (selection != null && before != null) {
            return readSelected(requester, before, sink);
        }
        GuestDevice after = structures.read(requester);
        return after == null ? null : settled(before, readable(requester, before, bounded(after, sink), sink));
    }

    /** The device with those entries that the invalidation selects as they are now, and the others as they were. */
    private GuestDevice readSelected(int requester, GuestDevice before, GuestRequests sink) {
        if (!hasPasids) {
            GuestDevice now = structures.read(requester);
            GuestTable table = now == null ? null : now.byPasid().get(GuestDevice.NO_PASID);
            return selection.selects(before.byPasid().get(GuestDevice.NO_PASID), table) ? now : before;
        }
        SortedMap<Integer, GuestTable> byPasid = new TreeMap<>(before.byPasid());
        if (selection.pasid() >= 0) {
            select(byPasid, selection.pasid(), structures.readPasid(requester, selection.pasid()));
        } else {
            GuestDevice now = structures.read(requester);
            SortedMap<Integer, GuestTable> all = now == null ? new TreeMap<>() : now.byPasid();
            before.byPasid().keySet().forEach(pasid -> select(byPasid, pasid, all.get(pasid)));
            all.forEach((pasid, table) -> select(byPasid, pasid, table));
        }
        int home = byPasid.isEmpty()
                ? GuestDevice.NOWHERE
                : byPasid.get(byPasid.firstKey()).domain();
        GuestDevice after = new GuestDevice(home, before.deviceTlb(), byPasid);
        return settled(before, readable(requester, before, bounded(after, sink), sink));
    }

    private void select(SortedMap<Integer, GuestTable> byPasid, int pasid, GuestTable now) {
        if (selection.selects(byPasid.get(pasid), now)) {
            if (now == null) {
                byPasid.remove(pasid);
            } else {
                byPasid.put(pasid, now);
            }
        }
    }

    /** The device with no more PASIDs than can be bound. */
    private GuestDevice bounded(GuestDevice device, GuestRequests sink) {
        if (device.byPasid().size() <= GuestStructures.MOST_PASIDS) {
            return device;
        }
        tooMany = true;
        sink.refused("a device has more than " + GuestStructures.MOST_PASIDS + " PASIDs");
        return new GuestDevice(
                device.home(),
                device.deviceTlb(),
                new TreeMap<>(device.byPasid().headMap(device.byPasid().lastKey())));
    }

    /** The device without tables that are bound already, to be read otherwise: the host has each table read in one way. */
    private GuestDevice readable(int requester, GuestDevice before, GuestDevice device, GuestRequests sink) {
        Map<Long, GuestTable> known = new HashMap<>();
        bindings.bound().forEach((other, bound) -> {
            if (other != requester) {
                bound.byPasid().values().forEach(table -> known.put(table.table(), table));
            }
        });
        SortedMap<Integer, GuestTable> byPasid = new TreeMap<>(device.byPasid());
        if (before != null) {
            before.byPasid().forEach((pasid, table) -> {
                if (table.equals(byPasid.get(pasid))) {
                    known.putIfAbsent(table.table(), table);
                }
            });
        }
        byPasid.values().removeIf(table -> {
            GuestTable other = known.putIfAbsent(table.table(), table);
            return other != null && !table.agreesWith(other);
        });
        if (byPasid.size() == device.byPasid().size()) {
            return device;
        }
        sink.refused("a table is in use with other levels or other accessed and dirty flags");
        int home = byPasid.isEmpty() ? GuestDevice.NOWHERE : device.home();
        return new GuestDevice(home, device.deviceTlb(), byPasid);
    }

    /** The device in the container where it is, if it has PASIDs: another one would take them all away for a while. */
    private GuestDevice settled(GuestDevice before, GuestDevice after) {
        boolean stays = hasPasids
                && before != null
                && before.home() >= 0
                && before.home() != GuestTable.UNTRANSLATED_DOMAIN
                && after.home() >= 0;
        return stays ? after.in(before.home()) : after;
    }

    @Override
    public boolean bind(int requester, GuestDevice before, GuestDevice after, GuestRequests sink) {
        int left = before == null ? GuestDevice.NOWHERE : before.home();
        // The flag is the device's: the host keeps it while another PASID is bound.
        boolean otherTlb = before != null
                && before.deviceTlb() != after.deviceTlb()
                && Math.max(before.byPasid().size(), after.byPasid().size()) > 1;
        boolean moves = left != after.home() || otherTlb;
        if (left >= 0 && (after.home() < 0 || otherTlb)) {
            unbind(requester, before, sink);
        }
        if (moves && after.home() >= 0) {
            sink.move(requester, after.home());
        }
        SortedMap<Integer, GuestTable> bound = moves || before == null ? new TreeMap<>() : before.byPasid();
        bound.forEach((pasid, table) -> {
            if (!after.byPasid().containsKey(pasid)) {
                sink.request(after.home(), request(requester, before, pasid, Uapi.BIND_FLAG_UNBIND));
            }
        });
        boolean sameTlb = before != null && before.deviceTlb() == after.deviceTlb();
        for (int pasid : after.byPasid().keySet()) {
            boolean asBefore = sameTlb && after.byPasid().get(pasid).equals(bound.get(pasid));
            if (!asBefore
                    && sink.request(after.home(), request(requester, after, pasid, 0))
                                    .errno()
                            != Errno.OK) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void unbind(int requester, GuestDevice before, GuestRequests sink) {
        if (before.home() < 0) {
            return;
        }
        // Requests without PASID go last, as they came first.
        before.byPasid().keySet().stream()
                .sorted(Comparator.reverseOrder())
                .forEach(
                        pasid -> sink.request(before.home(), request(requester, before, pasid, Uapi.BIND_FLAG_UNBIND)));
        sink.move(requester, GuestDevice.NOWHERE);
    }

    private byte[] request(int requester, GuestDevice device, int pasid, int unbind) {
        GuestTable table = device.byPasid().get(pasid);
        boolean ofPasid = pasid != GuestDevice.NO_PASID;
        boolean ownDomain = table.domain() != GuestTable.UNTRANSLATED_DOMAIN;
        Words payload = Words.of(ofPasid ? BindPasid.LAYOUT : BindPgtable.LAYOUT)
                .set(BindPgtable.TABLE_ROOT, table.table())
                .set(BindPgtable.REQUESTER, requester)
                .set(BindPgtable.ADDRESS_WIDTH, table.widthBits())
                .set(BindPgtable.GUEST_DOMAIN_ID, ownDomain ? table.domain() : 0);
        if (ofPasid) {
            payload.set(BindPasid.PASID, pasid);
        }
        int flags = unbind | table.flags() | GuestTable.flag(device.deviceTlb(), BindPgtable.FLAG_DEVICE_TLB);
        return writer.bind(ofPasid ? Uapi.BIND_PASID : Uapi.BIND_PGTABLE, flags, payload.encode());
    }

    // ---- state

    @Override
    public void save(GuestDevice device, SnapshotWriter out) {
        if (!scalable) {
            GuestTable table = device.byPasid().get(GuestDevice.NO_PASID);
            out.putInt(table.domain())
                    .putLong(table.table())
                    .putInt(table.widthBits())
                    .putBoolean(device.deviceTlb());
            return;
        }
        out.putInt(device.home())
                .putBoolean(device.deviceTlb())
                .putInt(device.byPasid().size());
        device.byPasid()
                .forEach((pasid, table) -> out.putInt(pasid)
                        .putInt(table.domain())
                        .putLong(table.table())
                        .putInt(table.widthBits())
                        .putInt(table.options()));
    }

    @Override
    public GuestDevice load(int requester, SnapshotReader in) {
        if (!scalable) {
            GuestTable table = checked(requester, new GuestTable(in.getInt(), in.getLong(), in.getInt()), in);
            return GuestDevice.withoutPasids(table, in.getBoolean());
        }
        int home = in.getInt();
        boolean deviceTlb = in.getBoolean();
        int count = in.getCount(GuestStructures.MOST_PASIDS);
        SortedMap<Integer, GuestTable> byPasid = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            int pasid = in.getIndex(MOST_PASID + 1, "PASID");
            GuestTable table =
                    new GuestTable(in.getInt(), in.getLong(), in.getInt(), in.getInt() & BindPgtable.SCALABLE_FLAGS);
            byPasid.put(pasid, checked(requester, table, in));
        }
        if (home > GuestTable.UNTRANSLATED_DOMAIN || (home < 0) != byPasid.isEmpty()) {
            throw in.invalid("home of requester 0x" + Integer.toHexString(requester));
        }
        return new GuestDevice(home, deviceTlb, byPasid);
    }

    private static GuestTable checked(int requester, GuestTable table, SnapshotReader in) {
        if (table.domain() < 0
                || table.domain() > GuestTable.UNTRANSLATED_DOMAIN
                || (table.table() & PAGE_OFFSET) != 0) {
            throw in.invalid("binding of requester 0x" + Integer.toHexString(requester));
        }
        return table;
    }
}
