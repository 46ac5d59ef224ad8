package org.iommu4j.amd.fuzz;

import java.util.random.RandomGenerator;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.amd.command.BindPasid;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Uapi;

/** Builds tables of AMD-Vi, and notes what is worth a look. */
final class AmdViScenery {
    private static final int PAGE = 4096;
    private static final int MOST_PAGES = 8;
    private static final int MOST_PASIDS = 2;
    private static final int PASIDS = 512;
    private static final int AIMED_DEVICES = 2;
    private static final int FIRST_AIMED_DOMAIN = 0x100;
    private static final int GUEST_LEVELS = 4;
    private static final int GUEST_BITS = 47;

    /** Entries of a page of a device table. */
    static final int DEVICES_OF_PAGE = PAGE / DeviceTableEntry.BYTES;

    /** Devices that have their entries for themselves, behind those that share some. */
    static final int FIRST_AIMED = DEVICES_OF_PAGE - AIMED_DEVICES;

    /** Memory where guest tables and most of what they map are; host tables map it to itself, so that nested walks get through. */
    private static final long GUEST_MEMORY = 4L << 20;

    private final NativePort port;
    private final PhysicalMemory memory;
    private final RandomGenerator random;
    private final int hostBits;
    private final boolean namesDomains;
    private final FuzzScene.Builder scene = new FuzzScene.Builder();
    private final AimedDevices aimed;

    /** Addresses of the pages of all tables, as far as a table reaches, so that accesses meet what is mapped. */
    private final long addresses;

    /** PASIDs that devices share, so that accesses and invalidations meet. */
    private final int[] pasids;

    /** The guest table that they share as well; 0 before it is made. */
    private long guestTable;

    AmdViScenery(int subVersion, NativePort port, RandomGenerator random) {
        this.port = port;
        this.random = random;
        memory = port.platform().memory();
        aimed = new AimedDevices(port, random, scene);
        hostBits = port.platform().hostAddressWidth();
        namesDomains = GuestCommands.nameDomains(subVersion);
        addresses = random.nextLong(1L << GUEST_BITS) & -1L << TableLevel.shift(2);
        pasids = random.ints(hasGuests() ? 1 + random.nextInt(MOST_PASIDS) : 0, 0, PASIDS)
                .toArray();
        for (int pasid : pasids) {
            scene.pasid(pasid);
            scene.value("PASID", pasid);
        }
    }

    /** Devices with entries of their own, in the device table of a bare chip. */
    void aim(long deviceTable, long store) {
        for (int i = 0; i < AIMED_DEVICES; i++) {
            int requester = FIRST_AIMED + i;
            long at = deviceTable + (long) requester * DeviceTableEntry.BYTES;
            aimed.bare(requester, at, FIRST_AIMED_DOMAIN + i, store);
        }
    }

    /** The scene so far. */
    FuzzScene.Builder scene() {
        return scene;
    }

    /** Devices of a driver with entries of their own. */
    void drive() {
        for (int i = 0; i < AIMED_DEVICES; i++) {
            aimed.driven(FIRST_AIMED + i);
        }
    }

    /** True if the chip has guest tables. */
    boolean hasGuests() {
        return Efr.GT_SUP.isSet(port.read(Efr.REGISTER));
    }

    long page() {
        return port.platform().allocatePages(1);
    }

    private boolean oneIn(int many) {
        return random.nextInt(many) == 0;
    }

    /** A device table entry: a host table, or none, and with some luck guest tables. */
    void device(int requester, long at, int domain) {
        FuzzScene.Root root = newHostTable();
        boolean guest = hasGuests() && oneIn(2);
        boolean flat = guest && oneIn(2);
        long word0 = DeviceTableEntry.V.mask()
                | DeviceTableEntry.TV.mask()
                | (oneIn(8) ? 0 : DeviceTableEntry.IR.mask())
                | (oneIn(8) ? 0 : DeviceTableEntry.IW.mask())
                | (flat ? 0 : DeviceTableEntry.MODE.of(root.levels()) | DeviceTableEntry.HOST_ROOT.of(root.table()));
        long word1 = DeviceTableEntry.DOMAIN_ID.of(domain) | (oneIn(3) ? DeviceTableEntry.I.mask() : 0);
        if (guest) {
            long gcr3 = newGcr3Table();
            word0 |= DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3);
            word1 |= DeviceTableEntry.gcr3Word1(gcr3);
        }
        memory.writeLongLe(at, word0);
        memory.writeLongLe(at + Long.BYTES, word1);
        scene.table(DeviceTableEntry.LAYOUT, at, 1);
        scene.requester(requester);
        scene.value("DeviceID", requester);
        scene.value("DomainID", domain);
    }

    /** Bindings of a device that are right, and their undoing. */
    void bindings(int requester) {
        scene.requester(requester);
        scene.value("requester", requester);
        scene.value("DeviceID", requester);
        for (FuzzScene.Root root : scene.roots()) {
            bindTable(requester, root.table(), root.levels(), 0);
            if (PciCapability.IOTLB_SUP.isSet(port.read(PciCapability.REGISTER))) {
                bindTable(requester, root.table(), root.levels(), (int) BindPgtable.FLAG_DEVICE_TLB.mask());
            }
        }
        bindTable(requester, 0, 0, (int) BindPgtable.FLAG_PASS_THROUGH.mask());
        if (!hasGuests()) {
            return;
        }
        boolean guestRoots = Control.GCR3_TRP_MODE.isSet(port.read(Control.REGISTER));
        scene.bind(
                Uapi.BIND_PASIDTBL,
                0,
                BindPasidTable.LAYOUT.encode(
                        newGcr3Table(),
                        BindPasidTable.REQUESTER.of(requester)
                                | BindPasidTable.GIOV.of(random.nextInt(2))
                                | BindPasidTable.GUEST_ROOT.of(guestRoots ? 1 : 0),
                        BindPasidTable.GUEST_DOMAIN_ID.of(guestDomain())));
        if (!guestRoots) {
            scene.bind(
                    Uapi.BIND_PASID,
                    0,
                    BindPasid.LAYOUT.encode(
                            guestTable(),
                            BindPasid.REQUESTER.of(requester) | BindPasid.LEVELS.of(GUEST_LEVELS),
                            BindPasid.PASID.of(pasids[random.nextInt(pasids.length)])));
        }
    }

    /** A GCR3 table of one level with all PASIDs; its address. */
    private long newGcr3Table() {
        long table = page();
        for (int pasid : pasids) {
            long at = table + (long) pasid * Gcr3Entry.BYTES;
            memory.writeLongLe(at, Gcr3Entry.V.mask() | Gcr3Entry.ADDRESS.of(guestTable()));
            scene.table(Gcr3Entry.LAYOUT, at, 1);
        }
        return table;
    }

    private int guestDomain() {
        return namesDomains ? 1 + random.nextInt(4) : 0;
    }

    private void bindTable(int requester, long table, int mode, int flags) {
        scene.bind(
                Uapi.BIND_PGTABLE,
                flags,
                BindPgtable.LAYOUT.encode(
                        table,
                        BindPgtable.REQUESTER.of(requester) | BindPgtable.MODE.of(mode),
                        BindPgtable.GUEST_DOMAIN_ID.of(guestDomain())));
        scene.value("table_root", table);
    }

    /** A host table with a few pages. */
    FuzzScene.Root newHostTable() {
        int levels = 1 + random.nextInt(4);
        FuzzScene.Root root = new FuzzScene.Root(page(), levels);
        scene.root(root.table(), root.levels());
        int bits = TableLevel.shift(levels + 1);
        long cluster = addresses & (1L << bits) - 1;
        scene.addresses(cluster, (long) MOST_PAGES * PAGE);
        int pages = 1 + random.nextInt(MOST_PAGES);
        for (int i = 0; i < pages; i++) {
            long iova =
                    oneIn(4) ? random.nextLong(1L << bits) & -PAGE : cluster + (long) random.nextInt(MOST_PAGES) * PAGE;
            int leaf = oneIn(4) && levels > 1 ? 2 : 1;
            mapHost(root, iova, leaf, random.nextLong(1L << hostBits), rights());
            scene.value("Address", iova);
            scene.value("vaddr", iova);
        }
        if (hasGuests() && levels > 1) {
            long both = HostPte.IR.mask() | HostPte.IW.mask();
            for (long at = 0; at < GUEST_MEMORY; at += 1L << TableLevel.shift(2)) {
                mapHost(root, at, 2, at, both);
            }
        }
        return root;
    }

    private void mapHost(FuzzScene.Root root, long iova, int leaf, long target, long rights) {
        long table = root.table();
        for (int level = root.levels(); level > leaf; level--) {
            long at = table + (long) TableLevel.index(iova, level) * HostPte.BYTES;
            long entry = memory.readLongLe(at);
            if (entry == 0) {
                entry = HostPde.PR.mask() | rights() | HostPde.NEXT_LEVEL.of(level - 1) | HostPde.ADDRESS.of(page());
                memory.writeLongLe(at, entry);
                scene.table(HostPde.LAYOUT, at, 1);
            } else if (HostPde.NEXT_LEVEL.get(entry) == HostPte.DEFAULT_SIZE) {
                return;
            }
            table = HostPde.ADDRESS.get(entry);
        }
        long at = table + (long) TableLevel.index(iova, leaf) * HostPte.BYTES;
        long page = target & -1L << TableLevel.shift(leaf);
        memory.writeLongLe(at, HostPte.PR.mask() | rights | HostPte.ADDRESS.of(page));
        scene.table(HostPte.LAYOUT, at, 1);
        scene.value("", page);
    }

    private long rights() {
        return (oneIn(8) ? 0 : HostPte.IR.mask()) | (oneIn(8) ? 0 : HostPte.IW.mask());
    }

    /** Mostly the shared guest table. */
    private long guestTable() {
        if (guestTable == 0 || oneIn(6)) {
            guestTable = newGuestTable();
        }
        return guestTable;
    }

    /** A guest table of 4 levels with a few pages, accessed and dirty bits set; its address. */
    private long newGuestTable() {
        long root = page();
        scene.addresses(addresses, (long) MOST_PAGES * PAGE);
        int pages = 1 + random.nextInt(MOST_PAGES);
        for (int i = 0; i < pages; i++) {
            long address = addresses + (long) random.nextInt(MOST_PAGES) * PAGE;
            long table = root;
            for (int level = GUEST_LEVELS; level > 1; level--) {
                long at = table + (long) TableLevel.index(address, level) * GuestPte.BYTES;
                if (memory.readLongLe(at) == 0) {
                    memory.writeLongLe(at, guestRights(64) | GuestPte.ADDRESS.of(page()));
                    scene.table(GuestPte.LAYOUT, at, 1);
                }
                table = GuestPte.ADDRESS.get(memory.readLongLe(at));
            }
            long at = table + (long) TableLevel.index(address, 1) * GuestPte.BYTES;
            long target = random.nextLong(oneIn(4) ? 1L << hostBits : GUEST_MEMORY) & -PAGE;
            memory.writeLongLe(at, guestRights(8) | GuestPte.ADDRESS.of(target));
            scene.table(GuestPte.LAYOUT, at, 1);
            scene.value("Address", address);
            scene.value("vaddr", address);
        }
        return root;
    }

    /** Rights of an entry; each is missing once in {@code many} times. */
    private long guestRights(int many) {
        return GuestPte.P.mask()
                | GuestPte.A.mask()
                | GuestPte.D.mask()
                | (oneIn(many) ? 0 : GuestPte.RW.mask())
                | (oneIn(many) ? 0 : GuestPte.US.mask())
                | (oneIn(many) ? GuestPte.NX.mask() : 0);
    }
}
