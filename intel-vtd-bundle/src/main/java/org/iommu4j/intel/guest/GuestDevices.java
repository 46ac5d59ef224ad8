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
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.PasidTables;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The devices of a guest as its tables last said: each is a member of the container that serves its guest domain and bound
 * to its guest table there. A device is looked at when the guest invalidates its context entry and, while it is not bound,
 * when it accesses memory; so a present entry stays in force until it is invalidated, as in a context cache.
 */
final class GuestDevices {
    private static final int REQUESTERS = 1 << 16;

    /** Bits of a guest's own addresses, of which a virtual unit knows no limit. */
    private static final int WIDEST_ADDRESS = 52;

    private final PhysicalMemory memory;
    private final VtdCapabilities unit;
    private final int subVersion;
    private final RequestWriter writer;
    private final TreeMap<Integer, GuestContext> bound = new TreeMap<>();
    private final PasidTables scalableTables;

    /** As the guest's RTADDR was when it set the root table pointer. */
    private long rootTableAddress;

    private TableMode mode = TableMode.INVALID;
    private boolean translating;

    GuestDevices(PhysicalMemory memory, VtdCapabilities unit, int subVersion) {
        this.memory = memory;
        this.unit = unit;
        this.subVersion = subVersion;
        scalableTables = new PasidTables(unit, subVersion, memory, WIDEST_ADDRESS);
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.INTEL, subVersion);
    }

    /**
     * The guest has set its root table pointer; entries that are in force stay until they are invalidated.
     *
     * @param address as RTADDR has it
     */
    void root(long address) {
        rootTableAddress = address;
        mode = TableMode.of(unit, address);
    }

    /** The mode of the guest's root table. */
    TableMode mode() {
        return mode;
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

    /** Looks again at every known device. */
    void invalidateAll(GuestRequests sink) {
        for (Integer requester : bound.keySet().toArray(Integer[]::new)) {
            update(requester, sink);
        }
    }

    /** Looks again at the devices whose entry had that domain id. */
    void invalidateDomain(int domain, GuestRequests sink) {
        for (Map.Entry<Integer, GuestContext> entry : new TreeMap<>(bound).entrySet()) {
            if (entry.getValue().domain() == domain) {
                update(entry.getKey(), sink);
            }
        }
    }

    /** Looks again at one device, or at those that differ from it only in ignored bits of the source id. */
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

    /** What a device is bound to, or null. */
    GuestContext context(int requester) {
        return bound.get(requester);
    }

    void save(SnapshotWriter out) {
        out.putLong(rootTableAddress)
                .putBoolean(mode != TableMode.INVALID)
                .putBoolean(translating)
                .putInt(bound.size());
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
        rootTableAddress = in.getLong();
        mode = in.getBoolean() ? TableMode.of(unit, rootTableAddress) : TableMode.INVALID;
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

    /** Brings a device to what the guest's tables say now. */
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
        long[] words = new long[BindPgtable.LAYOUT.words()];
        words[BindPgtable.TABLE_ROOT.word()] |= BindPgtable.TABLE_ROOT.of(context.table());
        words[BindPgtable.REQUESTER.word()] |= BindPgtable.REQUESTER.of(requester);
        words[BindPgtable.ADDRESS_WIDTH.word()] |= BindPgtable.ADDRESS_WIDTH.of(context.widthBits());
        if (context.domain() != GuestContext.UNTRANSLATED_DOMAIN) {
            words[BindPgtable.GUEST_DOMAIN_ID.word()] |= BindPgtable.GUEST_DOMAIN_ID.of(context.domain());
        }
        return writer.bind(Uapi.BIND_PGTABLE, flags, BindPgtable.LAYOUT.encode(words));
    }

    /** A device's context, or null if the guest's tables block it: not present, not readable, or wrong. */
    private GuestContext read(int requester) {
        long rootTable = RootTableAddress.RTA.get(rootTableAddress);
        return switch (mode) {
            case LEGACY -> readLegacy(rootTable, requester);
            case SCALABLE -> readScalable(rootTable, requester);
            case ABORT, INVALID -> null;
        };
    }

    private GuestContext readLegacy(long rootTable, int requester) {
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

    /** The entry of the PASID that stands for requests without one: the device has no others. */
    private GuestContext readScalable(long rootTable, int requester) {
        if (scalableTables.readContext(rootTable, requester, null) != TableWalker.OK) {
            return null;
        }
        long word0 = scalableTables.context(0);
        int pasid = ScalableContextEntry.RID_PASID.getInt(scalableTables.context(1));
        long directory = ScalableContextEntry.PASIDDIRPTR.get(word0);
        if (scalableTables.readPasid(directory, pasid, null) != TableWalker.OK) {
            return null;
        }
        long entry = scalableTables.pasid(0);
        int domain = PasidEntry.DID.getInt(scalableTables.pasid(1));
        return PasidEntry.PGTT.getInt(entry) == PasidEntry.PASS_THROUGH
                ? new GuestContext(domain, 0, 0, false)
                : new GuestContext(
                        domain,
                        PasidEntry.SSPTPTR.get(entry),
                        Agaw.width(PasidEntry.AW.getInt(entry)),
                        ScalableContextEntry.DTE.isSet(word0));
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
