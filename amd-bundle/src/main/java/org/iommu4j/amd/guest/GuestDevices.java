package org.iommu4j.amd.guest;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.front.DeviceTable;
import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.amd.table.DeviceEntryCheck;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.guest.GuestBindings;
import org.iommu4j.simulation.guest.GuestTables;
import org.iommu4j.simulation.register.RegisterFile;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The devices of a guest as its device table last said: each is a member of the container that serves its guest domain and bound to
 * its guest tables there. A device is looked at when the guest invalidates its entry and, while it is not known, when it accesses
 * memory; so an entry stays in force until it is invalidated, as in a cache.
 */
final class GuestDevices implements GuestTables<GuestContext> {
    private static final int REQUESTERS = 1 << 16;

    // Kinds of a device in a saved state; a reader that does not know page requests refuses them.
    private static final int DEVICE_TLB = 1;
    private static final int PAGE_REQUESTS = 2;

    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;

    private final PhysicalMemory memory;
    private final RegisterFile registers;
    private final DeviceTable deviceTable;
    private final RequestWriter writer;
    private final DeviceEntry entry;
    private final GuestBindings<GuestContext> bindings = new GuestBindings<>(REQUESTERS, this);
    private final boolean namesDomains;
    private final int pasidBits;
    private boolean translating;
    private boolean takingPageRequests;

    GuestDevices(PhysicalMemory memory, RegisterFile registers, AmdViCapabilities unit, boolean snp, int subVersion) {
        this.memory = memory;
        this.registers = registers;
        deviceTable = new DeviceTable(registers);
        entry = new DeviceEntry(new DeviceEntryCheck(unit, snp));
        namesDomains = GuestCommands.nameDomains(subVersion);
        pasidBits = unit.pasidBits();
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.AMD, subVersion);
    }

    /** The guest has written its control register: if translation or page requests went on or off, every device gets what holds now. */
    void configured(GuestRequests sink) {
        boolean on = registers.isSet(Control.REGISTER, Control.IOMMU_EN);
        boolean taken = takesPageRequests();
        if (on != translating || taken != takingPageRequests) {
            translating = on;
            takingPageRequests = taken;
            invalidateAll(sink);
        }
    }

    /** True while the guest takes page requests. */
    private boolean takesPageRequests() {
        return registers.isSet(Control.REGISTER, Control.PPR_EN)
                && registers.isSet(Control.REGISTER, Control.PPR_LOG_EN);
    }

    /** True if the entry that was read lets its device ask for pages, 48882 2.6. */
    private boolean mayAsk() {
        return takingPageRequests
                && (!registers.isSet(Control.REGISTER, Control.EPH_EN) || DeviceTableEntry.PPR.isSet(entry.word(0)));
    }

    /** A device is about to access memory: nothing may be known of it yet. */
    void access(int requester, GuestRequests sink) {
        bindings.access(requester, sink);
    }

    /** Looks again at every known device. */
    void invalidateAll(GuestRequests sink) {
        bindings.updateBound(requester -> true, sink);
    }

    /** Looks again at one device. */
    void invalidate(int requester, GuestRequests sink) {
        bindings.update(requester, sink);
    }

    /** True if any device is bound in a guest domain; otherwise nothing can be cached for it. */
    boolean usesDomain(int domain) {
        return bindings.bound().values().stream().anyMatch(context -> context.domain() == domain);
    }

    /** True if any device that is bound in a guest domain has guest tables that a PASID can lead to. */
    boolean usesPasid(int domain, int pasid) {
        return pasid >>> pasidBits == 0
                && bindings.bound().values().stream()
                        .anyMatch(context -> context.domain() == domain && context.hasGuestTables());
    }

    /** True if no device is bound. */
    boolean isEmpty() {
        return bindings.bound().isEmpty();
    }

    /** Binding of a device, or null. */
    GuestContext context(int requester) {
        return bindings.bound().get(requester);
    }

    void save(SnapshotWriter out) {
        bindings.save(out.putBoolean(translating));
    }

    void load(SnapshotReader in) {
        translating = in.getBoolean();
        takingPageRequests = takesPageRequests();
        bindings.load(in);
    }

    // ---- tables of the guest

    @Override
    public void save(GuestContext context, SnapshotWriter out) {
        out.putInt(context.domain())
                .putLong(context.table())
                .putInt(context.mode())
                .putByte(context.pageRequests() ? PAGE_REQUESTS : context.deviceTlb() ? DEVICE_TLB : 0)
                .putLong(context.gcr3Root())
                .putInt(context.glx())
                .putInt(context.guestPagingMode())
                .putBoolean(context.giov());
    }

    @Override
    public GuestContext load(int requester, SnapshotReader in) {
        int domain = in.getIndex(GuestContext.UNTRANSLATED_DOMAIN + 1, "guest domain id");
        long table = in.getPage("host table");
        int mode = in.getInt();
        int kind = in.getByte();
        if (kind > PAGE_REQUESTS) {
            throw in.invalid("device of kind " + kind);
        }
        return new GuestContext(
                domain,
                table,
                mode,
                kind != 0,
                in.getLong(),
                in.getInt(),
                in.getInt(),
                in.getBoolean(),
                kind == PAGE_REQUESTS);
    }

    @Override
    public void unbind(int requester, GuestContext before, GuestRequests sink) {
        sink.move(requester, -1);
    }

    @Override
    public boolean bind(int requester, GuestContext before, GuestContext after, GuestRequests sink) {
        boolean replaces = before != null
                && before.domain() == after.domain()
                && !before.hasGuestTables()
                && !after.hasGuestTables();
        if (!replaces) {
            sink.move(requester, -1);
            sink.move(requester, after.domain());
        }
        return isBound(requester, after, sink);
    }

    private boolean isBound(int requester, GuestContext context, GuestRequests sink) {
        boolean done =
                sink.request(context.domain(), bindTable(requester, context)).errno() == Errno.OK;
        return done
                && (!context.hasGuestTables()
                        || sink.request(context.domain(), bindPasidTable(requester, context))
                                        .errno()
                                == Errno.OK);
    }

    private byte[] bindTable(int requester, GuestContext context) {
        int flags = (int) ((context.passThrough() ? BindPgtable.FLAG_PASS_THROUGH.mask() : 0)
                | (context.deviceTlb() ? BindPgtable.FLAG_DEVICE_TLB.mask() : 0)
                | (context.pageRequests() ? BindPgtable.FLAG_PAGE_REQUESTS.mask() : 0));
        return writer.bind(
                Uapi.BIND_PGTABLE,
                flags,
                Words.of(BindPgtable.LAYOUT)
                        .set(BindPgtable.TABLE_ROOT, context.table())
                        .set(BindPgtable.REQUESTER, requester)
                        .set(BindPgtable.MODE, context.mode())
                        .set(BindPgtable.GUEST_DOMAIN_ID, name(context))
                        .encode());
    }

    private byte[] bindPasidTable(int requester, GuestContext context) {
        return writer.bind(
                Uapi.BIND_PASIDTBL,
                0,
                Words.of(BindPasidTable.LAYOUT)
                        .set(BindPasidTable.TABLE_ROOT, context.gcr3Root())
                        .set(BindPasidTable.REQUESTER, requester)
                        .set(BindPasidTable.GLX, context.glx())
                        .set(BindPasidTable.GUEST_PAGING_MODE, context.guestPagingMode())
                        .set(BindPasidTable.GIOV, context.giov() ? 1 : 0)
                        .set(
                                BindPasidTable.GUEST_ROOT,
                                registers.isSet(Control.REGISTER, Control.GCR3_TRP_MODE) ? 1 : 0)
                        .set(BindPasidTable.GUEST_DOMAIN_ID, name(context))
                        .encode());
    }

    /** The guest's own domain id; none in generations whose guests name none. */
    private int name(GuestContext context) {
        return namesDomains && context.domain() != GuestContext.UNTRANSLATED_DOMAIN ? context.domain() : 0;
    }

    /** A device's context; null if the table is not readable, or grants less than reads and writes. */
    @Override
    public GuestContext read(int requester, GuestRequests sink) {
        return translating ? read(requester) : GuestContext.UNTRANSLATED;
    }

    private GuestContext read(int requester) {
        long at = deviceTable.entry(requester);
        if (at == DeviceTable.OUTSIDE) {
            return null;
        }
        try {
            entry.set(
                    memory.readLongLe(at),
                    memory.readLongLe(at + Long.BYTES),
                    memory.readLongLe(at + 2 * Long.BYTES),
                    memory.readLongLe(at + 3 * Long.BYTES));
        } catch (BusErrorException e) {
            return null;
        }
        if (!entry.isValid()) {
            return GuestContext.UNTRANSLATED;
        }
        if (!entry.isPlain() || entry.rights() != RIGHTS) {
            return null;
        }
        boolean guest = entry.hasGuest() && registers.isSet(Control.REGISTER, Control.GT_EN);
        return new GuestContext(
                entry.domain(),
                entry.mode() == 0 ? 0 : entry.hostRoot(),
                entry.mode(),
                entry.hasDeviceTlb(),
                guest ? entry.gcr3Root() : GuestContext.NO_GUEST_TABLES,
                guest ? entry.gcr3Levels() - 1 : 0,
                guest ? DeviceTableEntry.GUEST_PAGING_MODE.getInt(entry.word(2)) : 0,
                guest && entry.translatesWithoutPasid(),
                entry.hasDeviceTlb() && mayAsk());
    }
}
