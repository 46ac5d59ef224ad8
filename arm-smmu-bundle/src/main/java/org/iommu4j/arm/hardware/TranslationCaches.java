package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.CacheVisitor;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Everything that a chip caches, IHI 0070 3.17 and 16.2, and what each TLB invalidation drops, IHI 0070 4.4. What configuration
 * commands drop is in {@link ConfigurationCaches}; neither touches the other's.
 *
 * <table>
 * <caption>Removal; tables only with Leaf=0</caption>
 * <tr><th>command</th><th>stage 1, EL1</th><th>both stages</th><th>stage 2</th><th>EL2</th></tr>
 * <tr><td>NH_ALL</td><td>VMID</td><td>VMID</td><td>-</td><td>-</td></tr>
 * <tr><td>NH_ASID</td><td>VMID, ASID</td><td>VMID, ASID</td><td>-</td><td>-</td></tr>
 * <tr><td>NH_VA</td><td>VMID, ASID or global, overlap</td><td>as stage 1</td><td>-</td><td>-</td></tr>
 * <tr><td>NH_VAA</td><td>VMID, overlap</td><td>as stage 1</td><td>-</td><td>-</td></tr>
 * <tr><td>S2_IPA</td><td>-</td><td>-</td><td>VMID, overlap</td><td>-</td></tr>
 * <tr><td>S12_VMALL</td><td>VMID</td><td>VMID</td><td>VMID</td><td>-</td></tr>
 * <tr><td>NSNH_ALL</td><td>all</td><td>all</td><td>all</td><td>-</td></tr>
 * <tr><td>EL2_ALL</td><td>-</td><td>-</td><td>-</td><td>all</td></tr>
 * <tr><td>EL2_ASID, EL2_VA, EL2_VAA</td><td>-</td><td>-</td><td>-</td><td>by ASID, overlap, or both</td></tr>
 * </table>
 *
 * An entry of both stages is tagged as stage 1 and has no address of stage 2, so that S2_IPA cannot find it. It may be smaller
 * than the leaf of stage 1 that it comes from, so that a level in a command does not tell it from others: it goes whatever the
 * level.
 */
class TranslationCaches {
    private static final int DEFAULT_DEVICE_TLB = 1 << 12;
    private static final int PAGE_SHIFT = 12;

    final ConfigurationCaches configuration;

    /** Stage 1 of streams of EL1; where the tables of stage 1 are, also with two stages. */
    final Tlb el1;

    /** Both stages together. */
    final Tlb combined;

    /** Stage 2. */
    final Tlb stage2;

    /** Stage 1 of streams of EL2. */
    final Tlb el2;

    /** Translations that devices got by request; the domain is the StreamID. */
    final TranslationCache deviceTlb;

    private long droppedByDevices;

    TranslationCaches(CacheConfig config) {
        this(config, new ConfigurationCaches(config, StreamConfiguration.STRUCTURE_WORDS));
    }

    /** With caches of structures of one's own, which may be broken. */
    TranslationCaches(CacheConfig config, ConfigurationCaches configuration) {
        this.configuration = configuration;
        el1 = new Tlb(config);
        combined = new Tlb(config);
        stage2 = new Tlb(config);
        el2 = new Tlb(config);
        deviceTlb = TranslationCache.of(config, DEFAULT_DEVICE_TLB);
    }

    /** Cache with the leaves of a regime. */
    Tlb leaves(Regime regime, boolean nested) {
        return nested ? combined : tables(regime);
    }

    /** Cache with the stage-1 tables of a regime. */
    Tlb tables(Regime regime) {
        return regime == Regime.EL1 ? el1 : el2;
    }

    /** Entries dropped since the chip was made. */
    long dropped() {
        return configuration.dropped()
                + el1.dropped()
                + combined.dropped()
                + stage2.dropped()
                + el2.dropped()
                + droppedByDevices;
    }

    /** TLBI_NH_ALL. */
    void invalidateVm(int vmid) {
        el1.invalidateTag(vmid);
        combined.invalidateTag(vmid);
    }

    /** TLBI_NH_ASID. */
    void invalidateAsid(int vmid, int asid) {
        el1.invalidateAsid(vmid, asid);
        combined.invalidateAsid(vmid, asid);
    }

    /** TLBI_NH_VA. */
    void invalidateAddress(int vmid, int asid, InvalidationRange range) {
        range.drop(el1, vmid, asid, false, range.level());
        range.drop(combined, vmid, asid, false, 0);
    }

    /** TLBI_NH_VAA. */
    void invalidateAddressAnyAsid(int vmid, InvalidationRange range) {
        range.drop(el1, vmid, Tlb.NO_ASID, true, range.level());
        range.drop(combined, vmid, Tlb.NO_ASID, true, 0);
    }

    /** TLBI_S2_IPA. */
    void invalidateStage2(int vmid, InvalidationRange range) {
        range.drop(stage2, vmid, Tlb.NO_ASID, false, range.level());
    }

    /** TLBI_S12_VMALL. */
    void invalidateBothStages(int vmid) {
        invalidateVm(vmid);
        stage2.invalidateTag(vmid);
    }

    /** TLBI_NSNH_ALL. */
    void invalidateAllBelowEl2() {
        el1.invalidateAll();
        combined.invalidateAll();
        stage2.invalidateAll();
    }

    /** TLBI_EL2_ALL. */
    void invalidateEl2() {
        el2.invalidateAll();
    }

    /** TLBI_EL2_ASID: streams with E2H only have ASIDs. */
    void invalidateEl2Asid(int asid) {
        el2.invalidateAsid(Regime.EL2_E2H.tlbTag(0), asid);
    }

    /** TLBI_EL2_VA. */
    void invalidateEl2Address(boolean e2h, int asid, InvalidationRange range) {
        if (e2h) {
            range.drop(el2, Regime.EL2_E2H.tlbTag(0), asid, false, range.level());
        } else {
            range.drop(el2, Regime.EL2.tlbTag(0), Tlb.NO_ASID, false, range.level());
        }
    }

    /** TLBI_EL2_VAA. */
    void invalidateEl2AddressAnyAsid(boolean e2h, InvalidationRange range) {
        Regime regime = e2h ? Regime.EL2_E2H : Regime.EL2;
        range.drop(el2, regime.tlbTag(0), Tlb.NO_ASID, true, range.level());
    }

    /**
     * ATC_INV, IHI 0070 4.5.1: without a SubstreamID what has one goes, too.
     *
     * @param substream SubstreamID, or {@link TranslationCache#NO_PASID}
     * @param anySubstream true for all SubstreamIDs; what has none stays
     * @param order log2 of the pages of 4 KiB
     */
    void invalidateDevice(int streamId, int substream, boolean anySubstream, long address, int order) {
        boolean all = order >= CommandFields.SIZE_ALL;
        long first = all ? 0 : address & -1L << (order + PAGE_SHIFT);
        long last = all ? -1L : first | ((1L << (order + PAGE_SHIFT)) - 1);
        if (substream == TranslationCache.NO_PASID) {
            droppedByDevices += deviceTlb.invalidateRangeAnyPasid(streamId, first, last);
        } else if (anySubstream) {
            droppedByDevices += deviceTlb.invalidateRangeOfPasids(streamId, first, last);
        } else {
            droppedByDevices += deviceTlb.invalidateRange(streamId, substream, first, last);
        }
    }

    void visit(CacheVisitor visitor) {
        configuration.contexts.visit(entry -> visitor.entry(
                "context",
                configuration.contexts.tag(entry),
                TranslationCache.NO_PASID,
                0,
                0,
                configuration.contexts.word(entry, 1)));
        visit(visitor, "tlb", el1);
        visit(visitor, "tlb-combined", combined);
        visit(visitor, "tlb-stage-2", stage2);
        visit(visitor, "tlb-el2", el2);
        deviceTlb.visit((streamId, substream, address, shift, value, attributes) ->
                visitor.entry("device-tlb", Integer.toUnsignedLong(streamId), substream, address, 1L << shift, value));
    }

    private static void visit(CacheVisitor visitor, String name, Tlb tlb) {
        for (Granule granule : Granule.values()) {
            tlb.leaves(granule)
                    .visit((tag, asid, address, shift, value, attributes) ->
                            visitor.entry(name, tag, asid, address, 1L << shift, value));
            tlb.tables(granule)
                    .visit((tag, asid, address, shift, value, attributes) ->
                            visitor.entry("paging-structure", tag, asid, address, 1L << shift, value));
        }
    }
}
