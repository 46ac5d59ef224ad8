package org.iommu4j.spapr.guest;

import java.util.BitSet;
import java.util.TreeSet;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.Platform;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Words;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.iommu4j.spapr.command.BindPgtable;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.front.DmaWindows;
import org.iommu4j.spapr.front.HostTables;
import org.iommu4j.spapr.front.WindowOwner;
import org.iommu4j.spapr.table.DmaWindow;
import org.iommu4j.spapr.table.Tce;
import org.iommu4j.spapr.table.TceTable;

/**
 * A guest's windows: each has its table in pages of the host and is bound in the container that serves the guest's endpoint,
 * under its LIOBN. The default window is there from the start and bound when the guest first does anything, as VFIO makes it.
 */
final class GuestWindows implements WindowOwner {
    /** The guest's domain: it has one endpoint. */
    static final int DOMAIN = 0;

    /** The guest's endpoint, in its own hypervisor. */
    static final int ENDPOINT = 0;

    private static final int REQUESTERS = 1 << 16;
    private static final long PAGE_MASK = 0xfff;

    private final HostTables tables;
    private final SpaprCapabilities guest;
    private final DmaWindows windows = new DmaWindows(1);
    private final TreeSet<Integer> bound = new TreeSet<>();
    private final BitSet devices = new BitSet();
    private final RequestWriter writer;

    /** Takes the requests of the current call. */
    private GuestRequests requests;

    GuestWindows(Platform platform, SpaprCapabilities guest) {
        tables = new HostTables(platform);
        this.guest = guest;
        writer = new RequestWriter(Abi.LP64_LE, IommuModel.SPAPR, guest.subVersion());
    }

    /** The tables of the windows, in pages of the host. */
    HostTables tables() {
        return tables;
    }

    /** The windows, bound or not. */
    DmaWindows windows() {
        return windows;
    }

    /** Sets the receiver of requests for windows that come and go. */
    void sendTo(GuestRequests sink) {
        requests = sink;
    }

    @Override
    public DmaWindow add(int liobn, int pe, long base, int pageShift, int windowShift, boolean isDefault) {
        DmaWindow window = add(liobn, base, pageShift, windowShift, isDefault);
        Errno outcome = bind(window, requests);
        if (outcome != Errno.OK) {
            discard(window);
            throw new BackendException(outcome, "the container refuses the window");
        }
        return window;
    }

    @Override
    public void remove(DmaWindow window) {
        if (isBound(window.liobn())) {
            Errno outcome = requests.request(DOMAIN, request(window, Uapi.BIND_FLAG_UNBIND))
                    .errno();
            if (outcome != Errno.OK) {
                throw new BackendException(outcome, "the container does not give the window up");
            }
            requests.move(window.liobn(), -1);
            bound.remove(window.liobn());
        }
        discard(window);
    }

    private void discard(DmaWindow window) {
        windows.remove(window);
        tables.free(window.table());
    }

    /**
     * Adds a window with an empty table, which is not bound yet.
     *
     * @throws BackendException {@code ENOMEM} if the host has no room for the table
     */
    private DmaWindow add(int liobn, long base, int pageShift, int windowShift, boolean isDefault) {
        // One level: the saved state of a virtual hypervisor has no number of levels.
        TceTable table = tables.allocate(windowShift, pageShift, 1);
        DmaWindow window = new DmaWindow(liobn, ENDPOINT, base, windowShift, table, isDefault, true);
        windows.add(window);
        return window;
    }

    /** The default window. */
    DmaWindow addDefault() {
        return add(guest.liobn(0), guest.windowBase(), SpaprCapabilities.DEFAULT_PAGE_SHIFT, guest.windowShift(), true);
    }

    /** True if the window of that LIOBN is bound. */
    boolean isBound(int liobn) {
        return bound.contains(liobn);
    }

    /** Binds every window that is not bound yet; one that is refused is tried again the next time. */
    void bindAll(GuestRequests sink) {
        if (bound.size() < windows.count(ENDPOINT)) {
            for (DmaWindow window : windows.all()) {
                if (!isBound(window.liobn())) {
                    bind(window, sink);
                }
            }
        }
    }

    /** Binds a window; the container's answer. */
    Errno bind(DmaWindow window, GuestRequests sink) {
        sink.move(window.liobn(), DOMAIN);
        Errno outcome = sink.request(DOMAIN, request(window, 0)).errno();
        if (outcome == Errno.OK) {
            bound.add(window.liobn());
        } else {
            sink.move(window.liobn(), -1);
        }
        return outcome;
    }

    /** Binds every bound window once more, which releases the host's endpoint; false if one is refused. */
    boolean bindAgain(GuestRequests sink) {
        boolean all = true;
        for (DmaWindow window : windows.all()) {
            all &= !isBound(window.liobn())
                    || sink.request(DOMAIN, request(window, 0)).errno() == Errno.OK;
        }
        return all;
    }

    /** A device is about to access memory through the endpoint. */
    void access(int requester, GuestRequests sink) {
        if (requester >= 0 && requester < REQUESTERS && !devices.get(requester)) {
            devices.set(requester);
            sink.move(requester, DOMAIN);
        }
    }

    /** Sends an invalidation of a range of a window. */
    Completion invalidate(long iova, long lengthBytes, GuestRequests sink) {
        return sink.request(
                DOMAIN,
                writer.invalidate(
                        Uapi.SCOPE_VADDR,
                        Uapi.FLAGS_NO_PASID | Uapi.FLAGS_VADDR_LEAF,
                        0,
                        iova,
                        lengthBytes,
                        new byte[0]));
    }

    void save(SnapshotWriter out) {
        out.section("windows").putInt(windows.all().size());
        for (DmaWindow window : windows.all()) {
            out.putInt(window.liobn())
                    .putLong(window.base())
                    .putInt(window.windowShift())
                    .putInt(window.table().pageShift())
                    .putLong(window.table().root())
                    .putBoolean(window.isDefault())
                    .putBoolean(isBound(window.liobn()));
        }
        out.section("devices").putLongs(devices.toLongArray());
    }

    void load(SnapshotReader in) {
        in.section("windows");
        int count = in.getCount(DmaWindow.SLOTS);
        for (int i = 0; i < count; i++) {
            int liobn = in.getInt();
            long base = in.getLong();
            int windowShift = in.getInt();
            int pageShift = in.getInt();
            long root = in.getLong();
            boolean isDefault = in.getBoolean();
            if (liobn >= 0
                    || pageShift < SpaprCapabilities.DEFAULT_PAGE_SHIFT
                    || windowShift < pageShift
                    || windowShift >= Long.SIZE
                    || root < 0
                    || (root & PAGE_MASK) != 0
                    || windows.of(liobn) != null
                    || windows.at(ENDPOINT, DmaWindow.slotOf(base)) != null) {
                throw in.invalid("window 0x" + Integer.toHexString(liobn));
            }
            int levelBits = TceTable.defaultLevelBits(windowShift, pageShift, 1);
            TceTable table = new TceTable(root, pageShift, 1, levelBits, 1L << (windowShift - pageShift));
            windows.add(new DmaWindow(liobn, ENDPOINT, base, windowShift, table, isDefault, true));
            tables.restored(table);
            if (in.getBoolean()) {
                bound.add(liobn);
            }
        }
        in.endSection();
        devices.or(BitSet.valueOf(in.section("devices").getLongs()));
        if (devices.length() > REQUESTERS) {
            throw in.invalid("requester 0x" + Integer.toHexString(devices.length() - 1));
        }
        in.endSection();
    }

    private byte[] request(DmaWindow window, int flags) {
        TceTable table = window.table();
        byte[] payload = Words.of(BindPgtable.LAYOUT)
                .set(BindPgtable.TABLE_ROOT, table.root())
                .set(BindPgtable.REQUESTER, Integer.toUnsignedLong(window.liobn()))
                .set(BindPgtable.PAGE_SHIFT, table.pageShift())
                .set(BindPgtable.WINDOW_SHIFT, window.windowShift())
                .set(BindPgtable.LEVELS, table.levels())
                .set(BindPgtable.LEVEL_SHIFT, table.levelBits() + Tce.SHIFT)
                .set(BindPgtable.BASE, window.base())
                .encode();
        return writer.bind(Uapi.BIND_PGTABLE, flags, payload);
    }
}
