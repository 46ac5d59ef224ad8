package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.table.DescriptorAddresses;
import org.iommu4j.arm.table.Rights;
import org.iommu4j.arm.table.Stage2Walker;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.WalkListener;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Stage 2 of the stream that is selected: its TLB, else its tables, for an address of the stream, of a context descriptor or of
 * a stage-1 descriptor, IHI 0070 3.3.2.
 */
final class Stage2Translation implements DescriptorAddresses {
    /** Stage 2 refuses. */
    static final long NONE = DescriptorAddresses.NONE;

    /** Attribute of an entry: the first write has to be noted in memory. */
    static final int CLEAN = 1 << 12;

    private static final int DEVICE = 1 << 13;
    private static final int READ = Rights.needed(DmaAccess.READ, true);
    private static final int WRITE = Rights.needed(DmaAccess.WRITE, true);

    private final Stage2Walker walker;
    private final Tlb tlb;
    private final WalkFault fault;
    private final AccessWatch watch;

    private long[] ste;

    /** True once the walker has taken the entry: many accesses ask for nothing of stage 2. */
    private boolean taken;

    private int vmid;
    private WalkListener listener;

    /** True if what is translated is a part of a walk of stage 1. */
    private boolean nested;

    private long pageAddress;
    private int shift;
    private int rights;
    private boolean clean;
    private boolean hit;

    Stage2Translation(Stage2Walker walker, Tlb tlb, WalkFault fault, AccessWatch watch) {
        this.walker = walker;
        this.tlb = tlb;
        this.fault = fault;
        this.watch = watch;
    }

    /** Takes the stream that is selected. */
    void begin(long[] entry, boolean withStage1, int ofVmid, WalkListener seen) {
        ste = entry;
        taken = false;
        nested = withStage1;
        vmid = ofVmid;
        listener = seen;
    }

    /** Physical address of a context descriptor, or of its level-1 descriptor; {@link #NONE} if stage 2 refuses. */
    long locateContext(long ipa) {
        return translate(ipa, EventFields.CLASS_CD, READ) ? pageAddress | (ipa & ((1L << shift) - 1)) : NONE;
    }

    @Override
    public long locate(long ipa, boolean write) {
        return translate(ipa, EventFields.CLASS_TT, write ? WRITE : READ)
                ? pageAddress | (ipa & ((1L << shift) - 1))
                : NONE;
    }

    /**
     * Translates an intermediate physical address; the outcome stands in the accessors.
     *
     * @param during a code of CLASS
     * @param needed rights, as {@link Rights#needed}; 0 if any are enough
     * @return false if stage 2 refuses: the fault says why
     */
    boolean translate(long ipa, int during, int needed) {
        if (!taken) {
            walker.begin(ste);
            taken = true;
        }
        Granule granule = walker.granule();
        if (ipa >>> walker.inputBits() != 0) {
            // Beyond the input size nothing is looked up; the walk says what is wrong.
            return walker.walk(0, -1, ipa, during, needed, fault, listener);
        }
        // An observer judges words that this access has read itself.
        boolean cached = !(nested && watch.observes());
        TranslationCache leaves = tlb.leaves(granule);
        int entry = cached ? leaves.lookup(vmid, Tlb.NO_ASID, ipa) : TranslationCache.MISS;
        if (entry != TranslationCache.MISS) {
            int attributes = leaves.attributes(entry);
            boolean toNote = (attributes & CLEAN) != 0 && (needed & Rights.ANY_WRITE) != 0;
            if (!toNote) {
                return fromCache(leaves, entry, attributes, granule, ipa, during, needed);
            }
        }
        return fromTables(granule, ipa, during, needed, cached);
    }

    private boolean fromCache(
            TranslationCache leaves, int entry, int attributes, Granule granule, long ipa, int during, int needed) {
        pageAddress = leaves.value(entry);
        shift = leaves.pageShift(entry);
        rights = attributes & Rights.ALL;
        clean = (attributes & CLEAN) != 0;
        hit = true;
        watch.hit(false, Regime.STAGE_2, vmid, granule, granule.levelOf(shift), leaves, entry);
        if (!walker.isAllowed(rights, needed, (attributes & DEVICE) != 0, during)) {
            Stage2Walker.refuse(ipa, during, needed, fault);
            return false;
        }
        return true;
    }

    private boolean fromTables(Granule granule, long ipa, int during, int needed, boolean cached) {
        TranslationCache tables = tlb.tables(granule);
        int table = cached ? tables.lookup(vmid, Tlb.NO_ASID, ipa) : TranslationCache.MISS;
        long from = 0;
        int level = -1;
        if (cached) {
            watch.missed(false, Regime.STAGE_2, vmid, granule, Tlb.NO_ASID, ipa);
        }
        if (table != TranslationCache.MISS) {
            from = tables.value(table);
            level = granule.levelOf(tables.pageShift(table)) + 1;
            watch.hit(true, Regime.STAGE_2, vmid, granule, level - 1, tables, table);
        } else if (cached) {
            watch.missed(true, Regime.STAGE_2, vmid, granule, Tlb.NO_ASID, ipa);
        }
        hit = false;
        boolean found = walker.walk(from, level, ipa, during, needed, fault, listener);
        if (cached && (tables.capacity() != 0 || watch.observes())) {
            keepTables(granule, tables, ipa);
        }
        if (!found) {
            return false;
        }
        pageAddress = walker.pageAddress();
        shift = walker.shift();
        rights = walker.rights();
        clean = walker.isClean();
        if (cached) {
            int attributes = rights | (clean ? CLEAN : 0) | (walker.isDevice() ? DEVICE : 0);
            tlb.leaves(granule).insert(vmid, Tlb.NO_ASID, ipa, shift, pageAddress, attributes);
            watch.filled(
                    false,
                    Regime.STAGE_2,
                    vmid,
                    granule,
                    walker.level(),
                    Tlb.NO_ASID,
                    ipa,
                    shift,
                    pageAddress,
                    walker.level() - walker.topLevel() + 1);
        }
        return true;
    }

    private void keepTables(Granule granule, TranslationCache tables, long ipa) {
        for (int level = walker.topLevel(); level < walker.level(); level++) {
            int covers = granule.shiftOf(level);
            tables.insert(vmid, Tlb.NO_ASID, ipa, covers, walker.nextTable(level), 0);
            watch.filled(
                    true,
                    Regime.STAGE_2,
                    vmid,
                    granule,
                    level,
                    Tlb.NO_ASID,
                    ipa,
                    covers,
                    walker.nextTable(level),
                    level - walker.topLevel() + 1);
        }
    }

    /** First address of the page that was found last. */
    long pageAddress() {
        return pageAddress;
    }

    /** log2 of its size. */
    int shift() {
        return shift;
    }

    /** Rights of the entry. */
    int rights() {
        return rights;
    }

    /** True if the first write has to be noted in memory. */
    boolean isClean() {
        return clean;
    }

    /** True if it came from the TLB. */
    boolean isHit() {
        return hit;
    }
}
