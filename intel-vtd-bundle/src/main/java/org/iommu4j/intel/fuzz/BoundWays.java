package org.iommu4j.intel.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.random.RandomGenerator;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.FsPte;
import org.iommu4j.intel.table.SlPte;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Words;

/**
 * Pages that devices reach through binds, for edits of just what a translation came from: of either stage, without PASID and with
 * each of some PASIDs.
 */
final class BoundWays {
    private static final int PAGE = 4096;
    private static final int MOST_PASIDS = 3;
    private static final int MOST_PAGES = 3;

    /** Pages among which those of a table are drawn. */
    private static final int CLUSTER = 64;

    /** Addresses of a first stage are canonical in the lower half, which is this much less than its width. */
    private static final int SIGN_BITS = 1;

    private static final int FOUR_LEVELS = 4;
    private static final int FIVE_LEVELS = 5;

    private final PhysicalMemory memory;
    private final NativePort port;
    private final RandomGenerator random;
    private final FuzzScene.Builder scene;
    private final int subVersion;
    private final long cap;
    private final long ecap;

    /** Ways of a scene that begins with nothing bound. */
    BoundWays(int subVersion, NativePort port, RandomGenerator random, FuzzScene.Builder scene) {
        this.subVersion = subVersion;
        this.port = port;
        this.random = random;
        this.scene = scene;
        memory = port.platform().memory();
        cap = port.read(Cap.REGISTER);
        ecap = port.read(Ecap.REGISTER);
    }

    /** Adds the ways of a device that nothing else in the scene uses. */
    void add(int requester) {
        boolean reaches = subVersion != VtdGeneration.LEGACY_REG && Ecap.DT.isSet(ecap);
        int flags = reaches && random.nextBoolean() ? BindPgtable.DEVICE_TLB : 0;
        add(requester, DmaAccess.NO_PASID, flags);
        if (VtdGeneration.isScalable(subVersion) && Ecap.PASID.isSet(ecap)) {
            TreeSet<Integer> pasids = new TreeSet<>();
            for (int i = random.nextInt(MOST_PASIDS); i >= 0; i--) {
                pasids.add(1 + random.nextInt(1 << Math.min(Byte.SIZE, Ecap.PSS.getInt(ecap))));
            }
            pasids.forEach(pasid -> add(requester, pasid, flags));
        }
    }

    private void add(int requester, int pasid, int deviceFlags) {
        List<Integer> second = secondStages();
        boolean first = hasFirstStage() && (second.isEmpty() || random.nextBoolean());
        if (!first && second.isEmpty()) {
            return;
        }
        int levels = first ? firstStageLevels() : second.get(random.nextInt(second.size()));
        int bits = Agaw.width(Agaw.ofLevels(levels));
        bits = first ? bits - SIGN_BITS : Math.min(bits, Cap.MGAW.getInt(cap) + 1);
        long root = page();
        long cluster = random.nextLong(1L << bits) & -((long) CLUSTER * PAGE);
        TreeSet<Long> pages = new TreeSet<>();
        for (int i = random.nextInt(MOST_PAGES); i >= 0; i--) {
            pages.add(cluster + (long) random.nextInt(CLUSTER) * PAGE);
        }
        pages.forEach(iova -> map(root, levels, iova, first));
        int flags = deviceFlags | (first ? (int) BindPgtable.FLAG_FIRST_STAGE.mask() : 0);
        FuzzScene.Bind bind = bind(requester, pasid, root, Agaw.width(Agaw.ofLevels(levels)), flags);
        for (long iova : pages) {
            scene.way(new FuzzScene.Way(requester, pasid, iova, null, bind, entries(root, levels, iova, pages, first)));
        }
    }

    private boolean hasFirstStage() {
        return VtdGeneration.isScalable(subVersion) && Ecap.FSTS.isSet(ecap) && Ecap.SMPWCS.isSet(ecap);
    }

    private int firstStageLevels() {
        return Cap.FS5LP.isSet(cap) && random.nextBoolean() ? FIVE_LEVELS : FOUR_LEVELS;
    }

    /** Numbers of levels that tables of the second stage may have. */
    private List<Integer> secondStages() {
        List<Integer> levels = new ArrayList<>();
        boolean has = !VtdGeneration.isScalable(subVersion) || Ecap.SSTS.isSet(ecap);
        for (int aw = Agaw.MIN_AW; has && aw <= Agaw.MAX_AW; aw++) {
            if (Agaw.isSupported(aw, Cap.SAGAW.get(cap))) {
                levels.add(Agaw.levels(aw));
            }
        }
        return levels;
    }

    private long page() {
        return port.platform().allocatePages(1);
    }

    private static FuzzScene.Bind bind(int requester, int pasid, long root, int width, int flags) {
        boolean ofPasid = pasid != DmaAccess.NO_PASID;
        Words payload = Words.of(ofPasid ? BindPasid.LAYOUT : BindPgtable.LAYOUT)
                .set(BindPgtable.TABLE_ROOT, root)
                .set(BindPgtable.REQUESTER, requester)
                .set(BindPgtable.ADDRESS_WIDTH, width);
        if (ofPasid) {
            payload.set(BindPasid.PASID, pasid);
        }
        return new FuzzScene.Bind(ofPasid ? Uapi.BIND_PASID : Uapi.BIND_PGTABLE, flags, payload.encode());
    }

    private static long rights(boolean first) {
        return first ? FsPte.P.mask() | FsPte.RW.mask() | FsPte.US.mask() : SlPte.R.mask() | SlPte.W.mask();
    }

    private void map(long root, int levels, long iova, boolean first) {
        long at = root;
        for (int level = levels; level > 1; level--) {
            long slot = slot(at, iova, level);
            if (memory.readLongLe(slot) == 0) {
                memory.writeLongLe(slot, rights(first) | SlPte.ADDR.of(page()));
            }
            at = SlPte.ADDR.get(memory.readLongLe(slot));
        }
        memory.writeLongLe(slot(at, iova, 1), leaf(first));
    }

    private long leaf(boolean first) {
        long target = random.nextLong(1L << port.platform().hostAddressWidth()) & -PAGE;
        return rights(first) | SlPte.ADDR.of(target);
    }

    private static long slot(long table, long iova, int level) {
        return table + (long) Agaw.index(iova, level) * SlPte.BYTES;
    }

    /** Entries on the way to a page of a table, each with what is mapped below it. */
    private List<FuzzScene.Entry> entries(long root, int levels, long iova, NavigableSet<Long> pages, boolean first) {
        Layout layout = first ? FsPte.LAYOUT : SlPte.LAYOUT;
        List<FuzzScene.Entry> entries = new ArrayList<>();
        long at = root;
        for (int level = levels; level >= 1; level--) {
            long slot = slot(at, iova, level);
            long now = memory.readLongLe(slot);
            long covered = 1L << Agaw.shift(level);
            long begin = iova & -covered;
            long lowest = pages.ceiling(begin);
            long highest = pages.floor(begin + covered - 1);
            List<byte[]> values = new ArrayList<>(List.of(layout.encode(now), layout.encode(0)));
            if (level == 1) {
                values.add(layout.encode(leaf(first)));
                values.add(layout.encode(now & ~(first ? FsPte.RW : SlPte.W).mask()));
            }
            entries.add(
                    new FuzzScene.Entry(layout, slot, lowest, highest + PAGE - lowest, level == 1, values, drops()));
            at = SlPte.ADDR.get(now);
        }
        return entries;
    }

    /** A guest's command for its whole domain, which drops all of every stage. */
    private List<List<byte[]>> drops() {
        return subVersion == VtdGeneration.LEGACY_REG
                ? List.of()
                : List.of(List.of(IotlbInvalidate.LAYOUT.encode(
                        VtdCommand.TYPE_IOTLB | IotlbInvalidate.G.of(IotlbInvalidate.DOMAIN), 0)));
    }
}
