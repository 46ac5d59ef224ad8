package org.iommu4j.intel.fuzz;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.InvalidationWait;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.FaultStatus;
import org.iommu4j.intel.command.VtdRegisters.Global;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.intel.command.VtdRegisters.QueueAddress;
import org.iommu4j.intel.command.VtdRegisters.QueueHead;
import org.iommu4j.intel.command.VtdRegisters.QueueTail;
import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;
import org.iommu4j.intel.command.VtdSettings;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.RootEntry;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.layout.Words;

/** The fuzzer's parts of VT-d in legacy mode: scenes, commands and the reference walker. */
public final class VtdFuzzSupport implements FuzzSupport {
    private static final int PAGE = 4096;
    private static final int TABLE_ENTRIES = 512;
    private static final int MOST_BUSES = 3;
    private static final int MOST_DEVICES = 4;

    /** Devices that have ways of their own, from this number on. */
    private static final int FIRST_OF_WAYS = 8;

    private static final int MOST_OF_WAYS = 2;
    private static final int MOST_PAGES = 8;
    private static final int RING_BYTES = PAGE;
    private static final long DONE = 0x600d;
    private static final int POLLS = 4;

    /** How often a context entry stands in the scene: entries of pages are many, and which table is edited is drawn evenly. */
    private static final int CONTEXT_WEIGHT = 4;

    @Override
    public HardwareConfig config(int subVersion, RandomGenerator random) {
        return VtdSettings.TABLE.vary(subVersion, random);
    }

    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        Scenery scenery = new Scenery(port, random, false);
        PhysicalMemory memory = port.platform().memory();
        long root = scenery.page();
        Map<Integer, Long> contexts = new HashMap<>();
        int devices = 1 + random.nextInt(MOST_DEVICES);
        for (int i = 0; i < devices; i++) {
            int bus = random.nextInt(MOST_BUSES);
            if (!contexts.containsKey(bus)) {
                long table = scenery.page();
                contexts.put(bus, table);
                memory.writeLongLe(root + (long) bus * RootEntry.BYTES, RootEntry.P.of(1) | RootEntry.CTP.of(table));
                scenery.scene.table(RootEntry.LAYOUT, root + (long) bus * RootEntry.BYTES, 1);
            }
            int requester = bus << 8 | random.nextInt(4) << 3;
            long at = contexts.get(bus) + (long) (requester & 0xff) * ContextEntry.BYTES;
            scenery.device(requester, at);
        }
        long ring = scenery.page();
        long status = scenery.page();
        scenery.scene.value("IQA", ring);
        scenery.scene.value("STATUS", status);
        scenery.scene.value("StatusAddress", status + 8);
        scenery.scene.value("RTADDR", root);
        scenery.scene.value("RTA", root);
        scenery.scene.value("CTP", contexts.values().iterator().next());
        scenery.scene.value("GCMD", Global.TE.mask());
        scenery.scene.value("GCMD", Global.TE.mask() | Global.QIE.mask());
        scenery.scene.value("GCMD", Global.TE.mask() | Global.QIE.mask() | Global.SRTP.mask());
        for (long tail = 0; tail < 8; tail++) {
            scenery.scene.value("IQT", tail << 4);
        }
        if (hasQueue(port)) {
            enableQueue(port, ring);
        }
        port.write(RootTableAddress.REGISTER, root);
        command(port, Global.SRTP.mask());
        command(port, Global.TE.mask());
        return scenery.scene.build();
    }

    @Override
    public FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        Scenery scenery = new Scenery(port, random, VtdGeneration.isScalable(config.subVersion()));
        int tables = 1 + random.nextInt(3);
        for (int i = 0; i < tables; i++) {
            scenery.newTable();
        }
        int devices = 1 + random.nextInt(MOST_DEVICES);
        for (int i = 0; i < devices; i++) {
            scenery.bindings(random.nextInt(MOST_BUSES) << 8 | random.nextInt(4) << 3);
        }
        BoundWays ways = new BoundWays(config.subVersion(), port, random, scenery.scene);
        for (int i = random.nextInt(MOST_OF_WAYS); i >= 0; i--) {
            ways.add(random.nextInt(MOST_BUSES) << 8 | (FIRST_OF_WAYS + i) << 3);
        }
        return scenery.scene.build();
    }

    private static boolean hasQueue(NativePort port) {
        return Ecap.QI.isSet(port.read(Ecap.REGISTER));
    }

    private static long status(NativePort port) {
        return port.read(Global.STATUS);
    }

    /** Writes GCMD so that what is on stays on. */
    private static void command(NativePort port, long bits) {
        port.write(Global.COMMAND, (status(port) & Global.PERSISTENT) | bits);
    }

    private static void enableQueue(NativePort port, long ring) {
        port.write(QueueTail.REGISTER, 0);
        port.write(QueueAddress.REGISTER, ring);
        command(port, Global.QIE.mask());
    }

    @Override
    public void submit(FuzzScene scene, NativePort port, byte[] command) {
        if (!Global.QIES.isSet(status(port))) {
            return;
        }
        long address = port.read(QueueAddress.REGISTER);
        if (FaultStatus.IQE.isSet(port.read(FaultStatus.REGISTER))) {
            skipWrong(port, address);
        }
        long bytes = (long) RING_BYTES << QueueAddress.QS.get(address);
        long tail = port.read(QueueTail.REGISTER) % bytes;
        long at = QueueAddress.IQA_BASE.get(address) + tail;
        if (port.platform().memory().contains(at, command.length)) {
            port.platform().memory().write(at, command, 0, command.length);
        }
        port.write(QueueTail.REGISTER, (tail + command.length) % bytes);
    }

    /** Puts a wait that does nothing in place of the descriptor at which the queue has stopped, as drivers do, and goes on. */
    private static void skipWrong(NativePort port, long address) {
        long at = QueueAddress.IQA_BASE.get(address) + port.read(QueueHead.REGISTER);
        if (port.platform().memory().contains(at, InvalidationWait.LAYOUT.sizeBytes())) {
            port.platform().memory().writePairLe(at, VtdCommand.TYPE_WAIT, 0);
        }
        port.write(FaultStatus.REGISTER, FaultStatus.IQE.mask());
    }

    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        if (scene.valuesOf("IQA").isEmpty()) {
            return false;
        }
        return hasQueue(port) ? settleByQueue(scene, port) : settleByRegisters(port);
    }

    private boolean settleByQueue(FuzzScene scene, NativePort port) {
        long address = port.read(QueueAddress.REGISTER);
        if (Global.QIES.isSet(status(port))) {
            if (QueueAddress.DW.isSet(address)) {
                // A width that the unit cannot fetch: such a queue is stuck for good.
                return false;
            }
            replaceWaiting(port, address);
            port.write(
                    FaultStatus.REGISTER,
                    FaultStatus.REGISTER.fields().stream()
                            .mapToLong(BitField::mask)
                            .sum());
        } else {
            port.write(FaultStatus.REGISTER, FaultStatus.IQE.mask() | FaultStatus.ITE.mask());
            enableQueue(port, scene.valuesOf("IQA").get(0));
        }
        submit(scene, port, words(VtdCommand.TYPE_CONTEXT_CACHE | ContextCacheInvalidate.G.of(1), 0));
        submit(scene, port, words(VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(1), 0));
        if (Ecap.DT.isSet(port.read(Ecap.REGISTER))) {
            for (int requester : scene.requesters()) {
                submit(
                        scene,
                        port,
                        words(
                                VtdCommand.TYPE_DEVICE_TLB | DeviceTlbInvalidate.SID.of(requester),
                                DeviceTlbInvalidate.ALL));
            }
        }
        long status = scene.valuesOf("STATUS").get(0);
        PhysicalMemory memory = port.platform().memory();
        memory.writeLongLe(status, 0);
        submit(
                scene,
                port,
                words(
                        VtdCommand.TYPE_WAIT | InvalidationWait.SW.of(1) | InvalidationWait.STATUS_DATA.of(DONE),
                        status));
        return memory.readIntLe(status) == DONE;
    }

    /** Puts waits that do nothing in place of what waits in the queue, right or wrong. */
    private static void replaceWaiting(NativePort port, long address) {
        long bytes = (long) RING_BYTES << QueueAddress.QS.get(address);
        long base = QueueAddress.IQA_BASE.get(address);
        long tail = port.read(QueueTail.REGISTER);
        if (tail >= bytes || !port.platform().memory().contains(base, bytes)) {
            // A tail beyond the end never counted: the chip goes on from the one before.
            port.write(QueueTail.REGISTER, port.read(QueueHead.REGISTER));
            return;
        }
        long at = port.read(QueueHead.REGISTER);
        while (at != tail) {
            port.platform().memory().writePairLe(base + at, VtdCommand.TYPE_WAIT, 0);
            at = (at + 16) % bytes;
        }
    }

    private static byte[] words(long word0, long word1) {
        return InvalidationWait.LAYOUT.encode(word0, word1);
    }

    private static boolean settleByRegisters(NativePort port) {
        port.write(ContextCommand.REGISTER, ContextCommand.ICC.of(1) | ContextCommand.CIRG.of(1));
        Register iotlb = Iotlb.of(port.read(Ecap.REGISTER));
        port.write(iotlb, Iotlb.IVT.of(1) | Iotlb.IIRG.of(1));
        for (int i = 0; i < POLLS; i++) {
            if (!ContextCommand.ICC.isSet(port.read(ContextCommand.REGISTER)) && !Iotlb.IVT.isSet(port.read(iotlb))) {
                return true;
            }
        }
        return false;
    }

    @Override
    public ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        return new VtdReferenceWalker(port, driver);
    }

    /** Fewest levels of a table that may be one of the first stage. */
    private static final int FIRST_STAGE_LEVELS = 4;

    /** Builds tables, and notes their addresses and values for the fuzzer. */
    private static final class Scenery {
        private final NativePort port;
        private final PhysicalMemory memory;
        private final RandomGenerator random;
        private final int hostBits;
        private final long cap;
        private final long ecap;
        private final boolean scalable;
        private final FuzzScene.Builder scene = new FuzzScene.Builder();

        /** For a driver of scalable mode, or else for legacy mode. */
        Scenery(NativePort port, RandomGenerator random, boolean scalable) {
            this.port = port;
            this.scalable = scalable;
            this.random = random;
            memory = port.platform().memory();
            hostBits = port.platform().hostAddressWidth();
            cap = port.read(Cap.REGISTER);
            ecap = port.read(Ecap.REGISTER);
        }

        long page() {
            return port.platform().allocatePages(1);
        }

        /** A context entry with a table: a new one, or that of another device together with its domain. */
        void device(int requester, long contextAt) {
            List<FuzzScene.Root> roots = scene.roots();
            FuzzScene.Root root = roots.isEmpty() || random.nextInt(3) != 0 ? newTable() : any(roots);
            if (root == null) {
                return;
            }
            int domain = 1 + scene.roots().indexOf(root);
            int type = random.nextInt(8) == 0 && Ecap.PT.isSet(ecap)
                    ? ContextEntry.PASS_THROUGH
                    : random.nextInt(3) == 0 && Ecap.DT.isSet(ecap)
                            ? ContextEntry.DEVICE_TLB
                            : ContextEntry.UNTRANSLATED_ONLY;
            memory.writeLongLe(
                    contextAt,
                    ContextEntry.P.of(1)
                            | ContextEntry.FPD.of(random.nextInt(8) == 0 ? 1 : 0)
                            | ContextEntry.TT.of(type)
                            | ContextEntry.SSPTPTR.of(root.table()));
            memory.writeLongLe(
                    contextAt + Long.BYTES,
                    ContextEntry.AW.of(Agaw.ofLevels(root.levels())) | ContextEntry.DID.of(domain));
            for (int i = 0; i < CONTEXT_WEIGHT; i++) {
                scene.table(ContextEntry.LAYOUT, contextAt, 1);
            }
            scene.requester(requester);
            scene.value("SID", requester);
            scene.value("DID", domain);
            scene.value("SSPTPTR", root.table());
        }

        /** Correct binds of a device. */
        void bindings(int requester) {
            scene.requester(requester);
            scene.value("requester", requester);
            scene.value("SID", requester);
            for (FuzzScene.Root root : scene.roots()) {
                long width = Agaw.width(Agaw.ofLevels(root.levels()));
                int domain = 1 + random.nextInt(4);
                bind(requester, root.table(), width, domain, 0);
                if (Ecap.DT.isSet(ecap)) {
                    bind(requester, root.table(), width, domain, BindPgtable.DEVICE_TLB);
                }
                if (scalable && root.levels() >= FIRST_STAGE_LEVELS) {
                    bind(requester, root.table(), width, domain, firstStage());
                }
            }
            if (Ecap.PT.isSet(ecap)) {
                bind(requester, 0, 0, 0, BindPgtable.PASS_THROUGH);
            }
            if (scalable && Ecap.PASID.isSet(ecap)) {
                bindPasids(requester);
            }
        }

        /** Correct binds of PASIDs of a device; those to a table as one of the first stage are as wrong as its entries make them. */
        private void bindPasids(int requester) {
            int pasid = 1 + random.nextInt(1 << 10);
            scene.value("PASID", pasid);
            scene.value("pasid", pasid);
            for (FuzzScene.Root root : scene.roots()) {
                long width = Agaw.width(Agaw.ofLevels(root.levels()));
                int stage = root.levels() >= FIRST_STAGE_LEVELS && random.nextBoolean() ? firstStage() : 0;
                byte[] payload = Words.of(BindPasid.LAYOUT)
                        .set(BindPgtable.TABLE_ROOT, root.table())
                        .set(BindPgtable.REQUESTER, requester)
                        .set(BindPgtable.ADDRESS_WIDTH, width)
                        .set(BindPasid.PASID, pasid)
                        .encode();
                scene.bind(Uapi.BIND_PASID, stage, payload);
            }
        }

        private int firstStage() {
            boolean supervisors = Ecap.SRS.isSet(ecap) && random.nextBoolean();
            return (int) (BindPgtable.FLAG_FIRST_STAGE.mask()
                    | (supervisors ? BindPgtable.FLAG_SUPERVISOR.mask() : 0)
                    | (supervisors && random.nextBoolean() ? BindPgtable.FLAG_WRITE_PROTECT.mask() : 0));
        }

        /** U/S of an entry that a first stage may read, too; a second stage ignores the bit. */
        private long user() {
            return scalable && random.nextInt(8) != 0 ? FsPte.US.mask() : 0;
        }

        private void bind(int requester, long table, long width, int domain, int flags) {
            byte[] payload = Words.of(BindPgtable.LAYOUT)
                    .set(BindPgtable.TABLE_ROOT, table)
                    .set(BindPgtable.REQUESTER, requester)
                    .set(BindPgtable.ADDRESS_WIDTH, width)
                    .set(BindPgtable.GUEST_DOMAIN_ID, domain)
                    .encode();
            scene.bind(Uapi.BIND_PGTABLE, flags, payload);
            scene.value("table_root", table);
        }

        /** A table of some width that the unit has, with a few pages; null if it has none. */
        FuzzScene.Root newTable() {
            List<Integer> widths = new ArrayList<>();
            for (int aw = 0; aw <= Agaw.MAX_AW; aw++) {
                if (Agaw.isSupported(aw, Cap.SAGAW.get(cap))) {
                    widths.add(aw);
                }
            }
            if (widths.isEmpty()) {
                return null;
            }
            int levels = Agaw.levels(any(widths));
            FuzzScene.Root root = new FuzzScene.Root(page(), levels);
            scene.root(root.table(), root.levels());
            int bits = Math.min(Agaw.width(Agaw.ofLevels(levels)), (int) Cap.MGAW.get(cap) + 1);
            long cluster = random.nextLong(1L << bits) & -1L << Math.min(bits, 21);
            scene.addresses(cluster, (long) MOST_PAGES * PAGE);
            int pages = 1 + random.nextInt(MOST_PAGES);
            for (int i = 0; i < pages; i++) {
                boolean near = random.nextInt(4) != 0;
                long iova =
                        near ? cluster + (long) random.nextInt(MOST_PAGES) * PAGE : random.nextLong(1L << bits) & -PAGE;
                map(root, iova);
                if (!near) {
                    scene.addresses(iova, 2L * PAGE);
                }
                scene.value("ADDR", iova);
                scene.value("vaddr", iova);
            }
            return root;
        }

        private void map(FuzzScene.Root root, long iova) {
            int leaf = 1;
            if (random.nextInt(4) == 0) {
                leaf = (Cap.SSLPS.get(cap) & 2) != 0 && random.nextInt(3) == 0 && root.levels() > 2
                        ? 3
                        : (Cap.SSLPS.get(cap) & 1) != 0 ? 2 : 1;
            }
            long at = root.table();
            for (int level = root.levels(); level > leaf; level--) {
                long entryAt = at + (long) Agaw.index(iova, level) * SlPte.BYTES;
                long entry = memory.readLongLe(entryAt);
                if (entry == 0) {
                    long rights = random.nextInt(8) == 0 ? 1 + random.nextInt(2) : 3;
                    entry = rights | user() | SlPte.ADDR.of(page());
                    memory.writeLongLe(entryAt, entry);
                    scene.table(SlPte.LAYOUT, entryAt, 1);
                } else if (SlPte.PS.isSet(entry)) {
                    return;
                }
                at = SlPte.ADDR.get(entry);
            }
            long entryAt = at + (long) Agaw.index(iova, leaf) * SlPte.BYTES;
            long rights = random.nextInt(3) == 0 ? random.nextInt(4) : 3;
            long target = random.nextLong(1L << hostBits) & -1L << Agaw.shift(leaf);
            memory.writeLongLe(entryAt, rights | user() | SlPte.ADDR.of(target) | SlPte.PS.of(leaf > 1 ? 1 : 0));
            scene.table(SlPte.LAYOUT, entryAt, Math.min(2, TABLE_ENTRIES - Agaw.index(iova, leaf)));
            scene.value("", target);
        }

        private <T> T any(List<T> list) {
            return list.get(random.nextInt(list.size()));
        }
    }
}
