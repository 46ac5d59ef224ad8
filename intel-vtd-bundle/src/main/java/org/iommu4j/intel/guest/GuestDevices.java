package org.iommu4j.intel.guest;

import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The devices of a guest as its tables last said: each is a member of the container that serves its guest domain and bound
 * to its guest table there. A device is looked at when the guest invalidates its context entry and, while it is not bound,
 * when it accesses memory; so a present entry stays in force until it is invalidated, as in a context cache.
 */
final class GuestDevices {
    private static final int REQUESTERS = 1 << 16;

    private final PhysicalMemory memory;
    private final VtdCapabilities unit;
    private final int subVersion;
    private final RequestWriter writer;
    private final TreeMap<Integer, GuestContext> bound = new TreeMap<>();
    private long rootTable;
    private boolean rootUsable;
    private boolean translating;

    GuestDevices(PhysicalMemory memory, VtdCapabilities unit, int subVersion) {
        this.memory = memory;
        this.unit = unit;
        this.subVersion = subVersion;
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    /**
     * The guest has set its root table pointer; entries that are in force stay until they are invalidated.
     *
     * @param usable false if the table is of a mode that is not in this release: no entry can be read
     */
    void root(long address, boolean usable) {
        rootTable = address;
        rootUsable = usable;
    }

    /** True if the guest has set a root table of a mode that is in this release. */
    boolean isRootUsable() {
        return rootUsable;
    }

    /** The guest has switched translation on or off: every device gets what holds from now on. */
    void translate(boolean on, GuestRequests sink) {
        if (on != translating) {
            translating = on;
            for (Integer requester : bound.keySet().toArray(Integer[]::new)) {
                update(requester, sink);
            }
        }
    }

    /** A device is about to access memory: an entry that was not present may have become so without an invalidation. */
    void access(int requester, GuestRequests sink) {
        if (requester >= 0 && requester < REQUESTERS && !bound.containsKey(requester)) {
            update(requester, sink);
        }
    }

    /** Reads the entries of every known device again. */
    void invalidateAll(GuestRequests sink) {
        for (Integer requester : bound.keySet().toArray(Integer[]::new)) {
            update(requester, sink);
        }
    }

    /** Reads the entries of the devices of a domain again. */
    void invalidateDomain(int domain, GuestRequests sink) {
        for (Map.Entry<Integer, GuestContext> entry : new TreeMap<>(bound).entrySet()) {
            if (entry.getValue().domain() == domain) {
                update(entry.getKey(), sink);
            }
        }
    }

    /** Reads the entry of a device again, and of those that differ from it only in ignored bits of the source id. */
    void invalidateDevice(int sourceId, int ignoredBits, GuestRequests sink) {
        for (Integer requester : bound.keySet().toArray(Integer[]::new)) {
            if ((requester & ~ignoredBits) == (sourceId & ~ignoredBits)) {
                update(requester, sink);
            }
        }
        if (!bound.containsKey(sourceId)) {
            update(sourceId, sink);
        }
    }

    /** True if any device is bound in a guest domain; otherwise nothing can be cached for it. */
    boolean usesDomain(int domain) {
        for (GuestContext context : bound.values()) {
            if (context.domain() == domain) {
                return true;
            }
        }
        return false;
    }

    /** Bits of the widest address that a guest domain's tables translate; 0 if it has none. */
    int widthOf(int domain) {
        int widest = 0;
        for (GuestContext context : bound.values()) {
            if (context.domain() == domain) {
                widest = Math.max(widest, context.widthBits());
            }
        }
        return Math.min(widest, unit.mgawBits());
    }

    /** True if no device is bound. */
    boolean isEmpty() {
        return bound.isEmpty();
    }

    /** The binding of a device, or null. */
    GuestContext context(int requester) {
        return bound.get(requester);
    }

    void save(SnapshotWriter out) {
        out.putLong(rootTable).putBoolean(rootUsable).putBoolean(translating).putInt(bound.size());
        for (Map.Entry<Integer, GuestContext> entry : bound.entrySet()) {
            GuestContext context = entry.getValue();
            out.putInt(entry.getKey())
                    .putInt(context.domain())
                    .putLong(context.table())
                    .putInt(context.widthBits())
                    .putBoolean(context.deviceTlb());
        }
    }

    void load(SnapshotReader in) {
        rootTable = in.getLong();
        rootUsable = in.getBoolean();
        translating = in.getBoolean();
        int count = in.getCount(REQUESTERS);
        for (int i = 0; i < count; i++) {
            int requester = in.getInt();
            GuestContext context = new GuestContext(in.getInt(), in.getLong(), in.getInt(), in.getBoolean());
            if (requester < 0
                    || requester >= REQUESTERS
                    || context.domain() < 0
                    || context.domain() > GuestContext.UNTRANSLATED_DOMAIN
                    || (context.table() & 0xfff) != 0) {
                throw new BackendException(
                        Errno.EINVAL, "damaged guest state: requester 0x" + Integer.toHexString(requester));
            }
            bound.put(requester, context);
        }
    }

    /** Binds a device as the guest's tables say now, or unbinds it. */
    private void update(int requester, GuestRequests sink) {
        GuestContext before = bound.get(requester);
        GuestContext after = translating ? read(requester) : untranslated();
        if (after == null ? before == null : after.equals(before)) {
            return;
        }
        bound.remove(requester);
        if (after == null) {
            sink.request(before.domain(), bind(requester, before, Uapi.BIND_FLAG_UNBIND));
            sink.move(requester, -1);
            return;
        }
        if (before == null || before.domain() != after.domain()) {
            sink.move(requester, after.domain());
        }
        Completion completion = sink.request(after.domain(), bind(requester, after, 0));
        if (completion.errno() == Errno.OK) {
            bound.put(requester, after);
        } else {
            // The device is blocked: better than going on with what the guest has replaced.
            sink.move(requester, -1);
        }
    }

    /** Without pass-through, devices stay blocked while the guest's translation is off. */
    private GuestContext untranslated() {
        return Ecap.PT.isSet(unit.ecap()) ? GuestContext.UNTRANSLATED : null;
    }

    private byte[] bind(int requester, GuestContext context, int unbind) {
        int flags = unbind
                | (context.passThrough() ? BindPgtable.PASS_THROUGH : 0)
                | (context.deviceTlb() ? BindPgtable.DEVICE_TLB : 0);
        boolean ownDomain = context.domain() != GuestContext.UNTRANSLATED_DOMAIN;
        byte[] payload = Words.of(BindPgtable.LAYOUT)
                .set(BindPgtable.TABLE_ROOT, context.table())
                .set(BindPgtable.REQUESTER, requester)
                .set(BindPgtable.ADDRESS_WIDTH, context.widthBits())
                .set(BindPgtable.GUEST_DOMAIN_ID, ownDomain ? context.domain() : 0)
                .encode();
        return writer.bind(Uapi.BIND_PGTABLE, flags, payload);
    }

    /** A device's context, or null if the guest's tables block it: not present, not readable, or wrong. */
    private GuestContext read(int requester) {
        if (!rootUsable) {
            return null;
        }
        try {
            long root = rootTable + (long) (requester >>> 8) * RootEntry.BYTES;
            long root0 = memory.readLongLe(root);
            if (!RootEntry.P.isSet(root0)
                    || (root0 & RootEntry.LAYOUT.reservedMask(0)) != 0
                    || (memory.readLongLe(root + Long.BYTES) & RootEntry.LAYOUT.reservedMask(1)) != 0) {
                return null;
            }
            long entry = RootEntry.CTP.get(root0) + (long) (requester & 0xff) * ContextEntry.BYTES;
            return decode(memory.readLongLe(entry), memory.readLongLe(entry + Long.BYTES));
        } catch (BusErrorException e) {
            return null;
        }
    }

    private GuestContext decode(long word0, long word1) {
        if (!ContextEntry.P.isSet(word0)
                || (word0 & ContextEntry.LAYOUT.reservedMask(0, subVersion, unit::has)) != 0
                || (word1 & ContextEntry.LAYOUT.reservedMask(1, subVersion, unit::has)) != 0) {
            return null;
        }
        int aw = ContextEntry.AW.getInt(word1);
        int domain = ContextEntry.DID.getInt(word1);
        if (domain >>> unit.domainIdBits() != 0 || !Agaw.isSupported(aw, Cap.SAGAW.get(unit.cap()))) {
            return null;
        }
        long table = ContextEntry.SSPTPTR.get(word0);
        return switch (ContextEntry.TT.getInt(word0)) {
            case ContextEntry.UNTRANSLATED_ONLY -> new GuestContext(domain, table, Agaw.width(aw), false);
            case ContextEntry.DEVICE_TLB ->
                Ecap.DT.isSet(unit.ecap()) ? new GuestContext(domain, table, Agaw.width(aw), true) : null;
            case ContextEntry.PASS_THROUGH -> Ecap.PT.isSet(unit.ecap()) ? new GuestContext(domain, 0, 0, false) : null;
            default -> null;
        };
    }
}
