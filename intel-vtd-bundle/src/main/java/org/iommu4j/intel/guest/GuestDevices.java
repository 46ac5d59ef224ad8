package org.iommu4j.intel.guest;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
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
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.guest.GuestBindings;
import org.iommu4j.simulation.guest.GuestTables;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/** The root and context tables of a guest, VT-d 9.1 and 9.3, and the devices that are bound as they last said. */
final class GuestDevices implements GuestTables<GuestContext> {
    private static final int REQUESTERS = 1 << 16;
    private static final long PAGE_OFFSET = 0xfff;

    /** Levels of a first-stage table with FSPM 0. */
    private static final int FIRST_STAGE_LEVELS = 4;

    /** Bits of a guest's own addresses, of which a virtual unit knows no limit. */
    private static final int WIDEST_ADDRESS = 52;

    private final PhysicalMemory memory;
    private final VtdCapabilities unit;
    private final int subVersion;
    private final RequestWriter writer;
    private final GuestBindings<GuestContext> bindings = new GuestBindings<>(REQUESTERS, this);
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
            invalidateAll(sink);
        }
    }

    /** A device is about to access memory. */
    void access(int requester, GuestRequests sink) {
        bindings.access(requester, sink);
    }

    /** Reads the entries of every known device again. */
    void invalidateAll(GuestRequests sink) {
        bindings.updateBound(requester -> true, sink);
    }

    /** Reads the entries of the devices of a domain again. */
    void invalidateDomain(int domain, GuestRequests sink) {
        bindings.updateBoundTo(context -> context.domain() == domain, sink);
    }

    /** Reads the entry of a device again, and of those that differ from it only in ignored bits of the source id. */
    void invalidateDevice(int sourceId, int ignoredBits, GuestRequests sink) {
        bindings.updateBound(requester -> (requester & ~ignoredBits) == (sourceId & ~ignoredBits), sink);
        bindings.access(sourceId, sink);
    }

    /** True if any device is bound in a guest domain; otherwise nothing can be cached for it. */
    boolean usesDomain(int domain) {
        for (GuestContext context : bindings.bound().values()) {
            if (context.domain() == domain) {
                return true;
            }
        }
        return false;
    }

    /** Bits of the widest address that a guest domain's tables translate; 0 if it has none. */
    int widthOf(int domain) {
        int widest = 0;
        for (GuestContext context : bindings.bound().values()) {
            if (context.domain() == domain) {
                widest = Math.max(widest, context.widthBits());
            }
        }
        return usesFirstStage(domain) ? widest : Math.min(widest, unit.mgawBits());
    }

    /** True if a guest domain has tables of the first stage, whose addresses may be in the upper half, too. */
    boolean usesFirstStage(int domain) {
        for (GuestContext context : bindings.bound().values()) {
            if (context.domain() == domain && context.firstStage()) {
                return true;
            }
        }
        return false;
    }

    /** True if no device is bound. */
    boolean isEmpty() {
        return bindings.bound().isEmpty();
    }

    /** The binding of a device, or null. */
    GuestContext context(int requester) {
        return bindings.bound().get(requester);
    }

    void save(SnapshotWriter out) {
        bindings.save(out.putLong(rootTableAddress)
                .putBoolean(mode != TableMode.INVALID)
                .putBoolean(translating));
    }

    void load(SnapshotReader in) {
        rootTableAddress = in.getLong();
        mode = in.getBoolean() ? TableMode.of(unit, rootTableAddress) : TableMode.INVALID;
        translating = in.getBoolean();
        bindings.load(in);
    }

    // ---- the guest's tables

    @Override
    public GuestContext read(int requester, GuestRequests sink) {
        return translating ? walk(requester) : untranslated();
    }

    @Override
    public boolean bind(int requester, GuestContext before, GuestContext after, GuestRequests sink) {
        if (before == null || before.domain() != after.domain()) {
            sink.move(requester, after.domain());
        }
        return sink.request(after.domain(), request(requester, after, 0)).errno() == Errno.OK;
    }

    @Override
    public void unbind(int requester, GuestContext before, GuestRequests sink) {
        sink.request(before.domain(), request(requester, before, Uapi.BIND_FLAG_UNBIND));
        sink.move(requester, -1);
    }

    @Override
    public void save(GuestContext context, SnapshotWriter out) {
        out.putInt(context.domain())
                .putLong(context.table())
                .putInt(context.widthBits())
                .putBoolean(context.deviceTlb());
        if (VtdGeneration.isScalable(subVersion)) {
            out.putInt(context.options());
        }
    }

    @Override
    public GuestContext load(int requester, SnapshotReader in) {
        GuestContext context = new GuestContext(
                in.getInt(),
                in.getLong(),
                in.getInt(),
                in.getBoolean(),
                VtdGeneration.isScalable(subVersion) ? in.getInt() : 0);
        if (context.domain() < 0
                || context.domain() > GuestContext.UNTRANSLATED_DOMAIN
                || (context.table() & PAGE_OFFSET) != 0) {
            throw in.invalid("binding of requester 0x" + Integer.toHexString(requester));
        }
        return context;
    }

    /** Without pass-through, devices stay blocked while the guest's translation is off. */
    private GuestContext untranslated() {
        return Ecap.PT.isSet(unit.ecap()) ? GuestContext.UNTRANSLATED : null;
    }

    private byte[] request(int requester, GuestContext context, int unbind) {
        int flags = unbind | context.flags();
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
    private GuestContext walk(int requester) {
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
        return decodePasid(ScalableContextEntry.DTE.isSet(word0));
    }

    /** The PASID entry that was read last, which is right. */
    private GuestContext decodePasid(boolean deviceTlb) {
        long entry = scalableTables.pasid(0);
        int domain = PasidEntry.DID.getInt(scalableTables.pasid(1));
        return switch (PasidEntry.PGTT.getInt(entry)) {
            case PasidEntry.PASS_THROUGH ->
                new GuestContext(domain, 0, 0, deviceTlb && VtdGeneration.isScalable(subVersion));
            case PasidEntry.FIRST_STAGE -> firstStage(domain, deviceTlb);
            default ->
                new GuestContext(
                        domain,
                        PasidEntry.SSPTPTR.get(entry),
                        Agaw.width(PasidEntry.AW.getInt(entry)),
                        deviceTlb,
                        flag(PasidEntry.SSADE.isSet(entry), BindPgtable.FLAG_ACCESSED_DIRTY));
        };
    }

    private GuestContext firstStage(int domain, boolean deviceTlb) {
        long entry = scalableTables.pasid(2);
        boolean supervisor = PasidEntry.SRE.isSet(entry);
        int options = flag(true, BindPgtable.FLAG_FIRST_STAGE)
                | flag(supervisor, BindPgtable.FLAG_SUPERVISOR)
                // Without supervisor requests the bit has no meaning.
                | flag(supervisor && PasidEntry.WPE.isSet(entry), BindPgtable.FLAG_WRITE_PROTECT)
                | flag(PasidEntry.EAFE.isSet(entry), BindPgtable.FLAG_EXTENDED_ACCESSED);
        int width = Agaw.width(Agaw.ofLevels(FIRST_STAGE_LEVELS + PasidEntry.FSPM.getInt(entry)));
        return new GuestContext(domain, PasidEntry.FSPTPTR.get(entry), width, deviceTlb, options);
    }

    private static int flag(boolean set, BitField flag) {
        return set ? (int) flag.mask() : 0;
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
