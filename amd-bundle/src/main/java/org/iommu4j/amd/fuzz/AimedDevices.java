package org.iommu4j.amd.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.Layout;

/**
 * Devices that reach a few pages by entries of their own, through host tables, guest tables or both, for edits of just what a
 * translation came from.
 */
final class AimedDevices {
    private static final int NO_PASID = InvalidateIommuPages.NO_PASID;
    private static final int PAGE = 4096;
    private static final int PAGE_SHIFT = SizeEncoding.PAGE_SHIFT;

    /** Pages of a device lie near one another, in one block of so many. */
    private static final int BLOCK_SHIFT = PAGE_SHIFT + 3;

    private static final int MOST_PAGES = 3;
    private static final int GUEST_LEVELS = 4;
    private static final int GUEST_BITS = 47;
    private static final int HOST_LEVELS = 4;
    private static final int PASIDS = 512;
    private static final long HOST_RIGHTS = HostPte.PR.mask() | HostPte.IR.mask() | HostPte.IW.mask();
    private static final long GUEST_RIGHTS =
            GuestPte.P.mask() | GuestPte.RW.mask() | GuestPte.US.mask() | GuestPte.A.mask() | GuestPte.D.mask();

    private final NativePort port;
    private final PhysicalMemory memory;
    private final RandomGenerator random;
    private final FuzzScene.Builder scene;
    private final boolean hasGuests;

    /** A host table, and how many levels it has. */
    private record HostTable(long root, int levels) {}

    /** Adds to a scene. */
    AimedDevices(NativePort port, RandomGenerator random, FuzzScene.Builder scene) {
        this.port = port;
        this.random = random;
        this.scene = scene;
        memory = port.platform().memory();
        hasGuests = Efr.GT_SUP.isSet(port.read(Efr.REGISTER));
    }

    private long page() {
        return port.platform().allocatePages(1);
    }

    // ---- a bare chip

    /**
     * A device of a bare chip.
     *
     * @param at where its device table entry is
     * @param domain DomainID that no other device has
     * @param store where waits store
     */
    void bare(int requester, long at, int domain, long store) {
        boolean guest = hasGuests && random.nextInt(3) != 0;
        boolean below = guest && random.nextBoolean();
        boolean deviceTlb = PciCapability.IOTLB_SUP.isSet(port.read(PciCapability.REGISTER)) && random.nextBoolean();
        HostTable host = guest && !below ? null : new HostTable(page(), below ? HOST_LEVELS : 2 + random.nextInt(3));
        List<Integer> pasids =
                guest ? List.of(random.nextInt(PASIDS / 2), PASIDS / 2 + random.nextInt(PASIDS / 2)) : List.of();
        CoveringCommands commands = new CoveringCommands(
                random, requester, domain, pasids, below, deviceTlb, Efr.IA_SUP.isSet(port.read(Efr.REGISTER)), store);
        long gcr3 = guest ? page() : 0;
        long word0 = DeviceTableEntry.V.mask()
                | DeviceTableEntry.TV.mask()
                | DeviceTableEntry.IR.mask()
                | DeviceTableEntry.IW.mask()
                | (host == null
                        ? 0
                        : DeviceTableEntry.MODE.of(host.levels()) | DeviceTableEntry.HOST_ROOT.of(host.root()))
                | (guest ? DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3) : 0);
        long word1 = DeviceTableEntry.DOMAIN_ID.of(domain)
                | (deviceTlb ? DeviceTableEntry.I.mask() : 0)
                | (guest ? DeviceTableEntry.gcr3Word1(gcr3) : 0);
        memory.writeLongLe(at, word0);
        memory.writeLongLe(at + Long.BYTES, word1);
        scene.requester(requester);
        byte[] blocked =
                DeviceTableEntry.LAYOUT.encode(DeviceTableEntry.V.mask() | DeviceTableEntry.TV.mask(), word1, 0, 0);
        FuzzScene.Entry device = new FuzzScene.Entry(
                DeviceTableEntry.LAYOUT,
                at,
                0,
                Long.MAX_VALUE,
                false,
                List.of(DeviceTableEntry.LAYOUT.encode(word0, word1, 0, 0), blocked),
                commands.ofDevice());
        if (!guest) {
            hostWays(requester, host, List.of(device), commands, null);
            return;
        }
        for (int pasid : pasids) {
            scene.pasid(pasid);
            long slot = gcr3 + (long) pasid * Gcr3Entry.BYTES;
            long root = guestTable(host);
            memory.writeLongLe(slot, Gcr3Entry.V.mask() | Gcr3Entry.ADDRESS.of(root));
            FuzzScene.Entry directory = entry(Gcr3Entry.LAYOUT, slot, 0, Long.MAX_VALUE, commands.ofGcr3(pasid));
            guestWays(requester, pasid, root, host, List.of(device, directory), commands, null, null);
        }
    }

    // ---- a driver's

    /** A device of a driver: attached to a host table, bound to one, or to guest tables. */
    void driven(int requester) {
        scene.requester(requester);
        int kind = random.nextInt(hasGuests ? 4 : 2);
        HostTable host = new HostTable(page(), kind < 2 ? 2 + random.nextInt(3) : HOST_LEVELS);
        FuzzScene.Root root = new FuzzScene.Root(host.root(), host.levels());
        switch (kind) {
            case 0 -> hostWays(requester, host, List.of(), null, null);
            case 1 -> {
                boolean deviceTlb =
                        PciCapability.IOTLB_SUP.isSet(port.read(PciCapability.REGISTER)) && random.nextBoolean();
                int flags = deviceTlb ? (int) BindPgtable.FLAG_DEVICE_TLB.mask() : 0;
                byte[] payload = BindPgtable.LAYOUT.encode(
                        host.root(),
                        BindPgtable.REQUESTER.of(requester) | BindPgtable.MODE.of(host.levels()),
                        BindPgtable.GUEST_DOMAIN_ID.of(0));
                hostWays(requester, host, List.of(), null, new FuzzScene.Bind(Uapi.BIND_PGTABLE, flags, payload));
            }
            case 2 -> drivenGuest(requester, host, root);
            default -> {
                // Without a host table requests without PASID go through PASID 0, 48882 2.2.6.
                boolean alone = Efr.GIO_SUP.isSet(port.read(Efr.REGISTER));
                drivenGuest(requester, alone ? null : host, alone ? null : root);
            }
        }
    }

    private void drivenGuest(int requester, HostTable host, FuzzScene.Root below) {
        int pasid = random.nextInt(PASIDS);
        long root = guestTable(host);
        FuzzScene.Bind bind;
        boolean guestRoot = Control.GCR3_TRP_MODE.isSet(port.read(Control.REGISTER));
        if (guestRoot || random.nextBoolean()) {
            long gcr3 = guestPage(host);
            memory.writeLongLe(gcr3 + (long) pasid * Gcr3Entry.BYTES, Gcr3Entry.V.mask() | Gcr3Entry.ADDRESS.of(root));
            bind = new FuzzScene.Bind(
                    Uapi.BIND_PASIDTBL,
                    0,
                    BindPasidTable.LAYOUT.encode(
                            gcr3,
                            BindPasidTable.REQUESTER.of(requester)
                                    | BindPasidTable.GIOV.of(host == null ? 1 : 0)
                                    | BindPasidTable.GUEST_ROOT.of(guestRoot ? 1 : 0),
                            0));
        } else {
            bind = new FuzzScene.Bind(
                    Uapi.BIND_PASID,
                    0,
                    BindPasid.LAYOUT.encode(
                            root,
                            BindPasid.REQUESTER.of(requester) | BindPasid.LEVELS.of(GUEST_LEVELS),
                            BindPasid.PASID.of(pasid)));
        }
        guestWays(requester, pasid, root, host, List.of(), null, below, bind);
    }

    // ---- tables

    /** A table that a guest reads, which the host table maps to itself. */
    private long guestPage(HostTable host) {
        long page = page();
        if (host != null) {
            mapHost(host, page, page);
        }
        return page;
    }

    private long guestTable(HostTable host) {
        return guestPage(host);
    }

    /** Addresses of some pages in one block. */
    private long[] addresses(int bits) {
        long block = random.nextLong(1L << bits) & -1L << BLOCK_SHIFT;
        return random.ints(1 + random.nextInt(MOST_PAGES), 0, 1 << (BLOCK_SHIFT - PAGE_SHIFT))
                .distinct()
                .mapToLong(page -> block + (long) page * PAGE)
                .toArray();
    }

    /** Maps a page in a host table; where its leaf is. */
    private long mapHost(HostTable host, long address, long target) {
        long table = host.root();
        for (int level = host.levels(); level > 1; level--) {
            long at = table + (long) TableLevel.index(address, level) * HostPte.BYTES;
            if (memory.readLongLe(at) == 0) {
                memory.writeLongLe(at, HOST_RIGHTS | HostPde.NEXT_LEVEL.of(level - 1) | HostPde.ADDRESS.of(page()));
            }
            table = HostPde.ADDRESS.get(memory.readLongLe(at));
        }
        long leaf = table + (long) TableLevel.index(address, 1) * HostPte.BYTES;
        memory.writeLongLe(leaf, HOST_RIGHTS | HostPte.ADDRESS.of(target));
        return leaf;
    }

    private long target(int bits) {
        return random.nextLong(1L << bits) & -PAGE;
    }

    private FuzzScene.Entry entry(Layout layout, long at, long first, long bytes, List<List<byte[]>> drops) {
        byte[] now = layout.encode(memory.readLongLe(at));
        return new FuzzScene.Entry(layout, at, first, bytes, false, List.of(now, new byte[now.length]), drops);
    }

    /** A leaf: as it is, absent, of another page, or without writes. */
    private FuzzScene.Entry leaf(
            Layout layout, long at, long address, long other, long write, List<List<byte[]>> drops) {
        long now = memory.readLongLe(at);
        return new FuzzScene.Entry(
                layout,
                at,
                address,
                PAGE,
                true,
                List.of(layout.encode(now), layout.encode(0), layout.encode(other), layout.encode(now & ~write)),
                drops);
    }

    /** Ways through a host table alone; {@code commands} is null behind a driver. */
    private void hostWays(
            int requester,
            HostTable host,
            List<FuzzScene.Entry> above,
            CoveringCommands commands,
            FuzzScene.Bind bind) {
        int hostBits = port.platform().hostAddressWidth();
        long[] addresses = addresses(TableLevel.shift(host.levels() + 1));
        for (long address : addresses) {
            mapHost(host, address, target(hostBits));
        }
        FuzzScene.Root root = commands == null && bind == null ? new FuzzScene.Root(host.root(), host.levels()) : null;
        for (long address : addresses) {
            List<FuzzScene.Entry> entries = new ArrayList<>(above);
            long block = address & -1L << BLOCK_SHIFT;
            long table = host.root();
            for (int level = host.levels(); level > 1; level--) {
                long at = table + (long) TableLevel.index(address, level) * HostPte.BYTES;
                entries.add(entry(
                        HostPde.LAYOUT,
                        at,
                        block,
                        1L << BLOCK_SHIFT,
                        commands == null ? List.of() : commands.ofTable(NO_PASID, block, BLOCK_SHIFT, false)));
                table = HostPde.ADDRESS.get(memory.readLongLe(at));
            }
            entries.add(leaf(
                    HostPte.LAYOUT,
                    table + (long) TableLevel.index(address, 1) * HostPte.BYTES,
                    address,
                    HOST_RIGHTS | HostPte.ADDRESS.of(target(hostBits)),
                    HostPte.IW.mask(),
                    commands == null ? List.of() : commands.ofTable(NO_PASID, address, PAGE_SHIFT, true)));
            scene.way(new FuzzScene.Way(requester, DmaAccess.NO_PASID, address, root, bind, entries));
        }
    }

    /** Ways through a guest table, above a host table or alone; {@code commands} is null behind a driver. */
    private void guestWays(
            int requester,
            int pasid,
            long root,
            HostTable host,
            List<FuzzScene.Entry> above,
            CoveringCommands commands,
            FuzzScene.Root below,
            FuzzScene.Bind bind) {
        int hostBits = port.platform().hostAddressWidth();
        int targetBits = host == null ? hostBits : TableLevel.shift(HOST_LEVELS);
        for (long address : addresses(GUEST_BITS)) {
            List<FuzzScene.Entry> entries = new ArrayList<>(above);
            long block = address & -1L << BLOCK_SHIFT;
            long table = root;
            for (int level = GUEST_LEVELS; level > 1; level--) {
                long at = table + (long) TableLevel.index(address, level) * GuestPte.BYTES;
                if (memory.readLongLe(at) == 0) {
                    memory.writeLongLe(at, GUEST_RIGHTS | GuestPte.ADDRESS.of(guestPage(host)));
                }
                entries.add(entry(
                        GuestPte.LAYOUT,
                        at,
                        block,
                        1L << BLOCK_SHIFT,
                        commands == null ? List.of() : commands.ofTable(pasid, block, BLOCK_SHIFT, false)));
                table = GuestPte.ADDRESS.get(memory.readLongLe(at));
            }
            long at = table + (long) TableLevel.index(address, 1) * GuestPte.BYTES;
            long page = target(targetBits);
            long other = target(targetBits);
            memory.writeLongLe(at, GUEST_RIGHTS | GuestPte.ADDRESS.of(page));
            if (host != null) {
                mapHost(host, other, target(hostBits));
                long hostLeaf = mapHost(host, page, target(hostBits));
                if (commands != null) {
                    entries.add(leaf(
                            HostPte.LAYOUT,
                            hostLeaf,
                            page,
                            HOST_RIGHTS | HostPte.ADDRESS.of(target(hostBits)),
                            HostPte.IW.mask(),
                            commands.ofTable(NO_PASID, page, PAGE_SHIFT, true)));
                }
            }
            entries.add(leaf(
                    GuestPte.LAYOUT,
                    at,
                    address,
                    GUEST_RIGHTS | GuestPte.ADDRESS.of(other),
                    GuestPte.RW.mask(),
                    commands == null ? List.of() : commands.ofTable(pasid, address, PAGE_SHIFT, true)));
            scene.way(new FuzzScene.Way(requester, pasid, address, below, bind, entries));
        }
    }
}
