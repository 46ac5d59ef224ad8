package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Tells an observer what the architecture has each command remove, IHI 0070 4.3 to 4.5: from the command's own fields, apart from
 * what the caches do with them. The duties of software are SMMU-D.1 to D.38 of docs/spec/arm-smmu.md 10.
 */
final class CommandReports implements InvalidationRules {
    private static final int ANY = TranslationObserver.ANY;
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int PAGE_SHIFT = 12;
    private static final long LAST = -1L;
    private static final int LAST_LEVEL = 3;

    /** Context descriptors are told stream by stream, since a StreamID is their tag, unless a block has all streams of the chip. */
    private static final int MOST_TOLD_BITS = 16;

    private static final Granule[] GRANULES = Granule.values();

    private final TranslationObserver observer;
    private final SmmuCapabilities chip;
    private final InvalidationRange range;

    CommandReports(TranslationObserver observer, SmmuCapabilities chip) {
        this.observer = observer;
        this.chip = chip;
        range = new InvalidationRange(chip.has("DS"));
        observer.started(this);
    }

    /**
     * A command that was carried out; those that remove nothing are not told.
     *
     * @param e2h CR2.E2H
     */
    void carriedOut(SmmuCommand command, long word0, long word1, boolean e2h, long dropped) {
        if (namesNobody(command, word0)) {
            return;
        }
        int vmid = CommandFields.VMID.getInt(word0);
        int asid = CommandFields.ASID.getInt(word0);
        switch (command) {
            case CFGI_STE -> streams(CommandFields.SID.get(word0), 0);
            case CFGI_STE_RANGE -> streams(CommandFields.SID.get(word0), CacheEffects.streamBits(word1));
            case CFGI_CD -> contexts(CommandFields.SID.get(word0), CommandFields.SSID.getInt(word0));
            case CFGI_CD_ALL -> contexts(CommandFields.SID.get(word0), ANY);
            case TLBI_NH_ALL -> whole(Regime.EL1, vmid, ANY);
            case TLBI_NH_ASID -> whole(Regime.EL1, vmid, asid);
            case TLBI_NH_VA -> addresses(Regime.EL1, vmid, asid, range.of(command, word0, word1));
            case TLBI_NH_VAA -> addresses(Regime.EL1, vmid, ANY, range.of(command, word0, word1));
            case TLBI_S2_IPA -> addresses(Regime.STAGE_2, vmid, NO_PASID, range.of(command, word0, word1));
            case TLBI_S12_VMALL -> {
                whole(Regime.EL1, vmid, ANY);
                whole(Regime.STAGE_2, vmid, ANY);
            }
            case TLBI_NSNH_ALL -> {
                observer.spares(tag -> Regime.of(tag).isOfEl2());
                observer.invalidates(CachedKind.TRANSLATION, ANY, ANY, 0, LAST);
                observer.invalidates(CachedKind.PAGING_STRUCTURE, ANY, ANY, 0, LAST);
            }
            case TLBI_EL2_ALL -> {
                whole(Regime.EL2, 0, ANY);
                whole(Regime.EL2_E2H, 0, ANY);
            }
            case TLBI_EL2_ASID -> whole(Regime.EL2_E2H, 0, asid);
            case TLBI_EL2_VA ->
                addresses(e2h ? Regime.EL2_E2H : Regime.EL2, 0, e2h ? asid : NO_PASID, range.of(command, word0, word1));
            case TLBI_EL2_VAA -> addresses(e2h ? Regime.EL2_E2H : Regime.EL2, 0, ANY, range.of(command, word0, word1));
            case ATC_INV -> device(word0, word1);
            default -> {
                return;
            }
        }
        observer.invalidated(command.layout().name(), word0, word1, dropped);
    }

    /**
     * True if the command names a VM or an address space by a number that the unit does not have: then nothing has to go, IHI 0070
     * 4.4.2. Without stage 2 that is each VMID but 0.
     */
    private boolean namesNobody(SmmuCommand command, long word0) {
        boolean otherVm = CommandFields.VMID.getInt(word0) >>> chip.vmidBits() != 0;
        boolean otherSpace = CommandFields.ASID.getInt(word0) >>> chip.asidBits() != 0;
        return switch (command) {
            case TLBI_NH_VA, TLBI_NH_ASID -> otherVm || otherSpace;
            case TLBI_NH_VAA, TLBI_NH_ALL, TLBI_S2_IPA, TLBI_S12_VMALL -> otherVm;
            default -> false;
        };
    }

    /** A CMD_SYNC. */
    void completed() {
        observer.completed();
    }

    private void streams(long streamId, int bits) {
        long inBlock = (1L << bits) - 1;
        long first = streamId & ~inBlock;
        long last = streamId | inBlock;
        observer.invalidates(CachedKind.CONTEXT, ANY, NO_PASID, first, last);
        if (first >>> chip.streamIdBits() != 0) {
            return;
        }
        if (bits >= chip.streamIdBits()) {
            observer.invalidates(CachedKind.PASID, ANY, ANY, 0, LAST);
        } else if (bits <= MOST_TOLD_BITS) {
            for (long each = first; each <= last; each++) {
                observer.invalidates(CachedKind.PASID, each, ANY, 0, LAST);
            }
        }
    }

    private void contexts(long streamId, int index) {
        observer.invalidates(CachedKind.PASID, streamId, index, 0, LAST);
    }

    private void whole(Regime regime, int vmid, int asid) {
        for (Granule granule : GRANULES) {
            for (int level = 0; level <= LAST_LEVEL; level++) {
                long tag = regime.observedTag(vmid, granule, level);
                observer.invalidates(CachedKind.TRANSLATION, tag, asid, 0, LAST);
                observer.invalidates(CachedKind.PAGING_STRUCTURE, tag, asid, 0, LAST);
            }
        }
    }

    private void addresses(Regime regime, int vmid, int asid, InvalidationRange of) {
        for (Granule granule : GRANULES) {
            if (of.granule() != null && of.granule() != granule) {
                continue;
            }
            for (int level = 0; level <= LAST_LEVEL; level++) {
                long tag = regime.observedTag(vmid, granule, level);
                if (of.level() == 0 || of.level() == level) {
                    addresses(CachedKind.TRANSLATION, tag, asid, of);
                }
                if (!of.leafOnly() && (of.level() == 0 || level < of.level())) {
                    addresses(CachedKind.PAGING_STRUCTURE, tag, asid, of);
                }
            }
        }
    }

    /** A global entry goes with every ASID. */
    private void addresses(CachedKind kind, long tag, int asid, InvalidationRange of) {
        observer.invalidates(kind, tag, asid, of.first(), of.last());
        if (asid >= 0) {
            observer.invalidates(kind, tag, Tlb.GLOBAL, of.first(), of.last());
        }
    }

    private void device(long word0, long word1) {
        long streamId = CommandFields.SID.get(word0);
        int order = CommandFields.SIZE.getInt(word1);
        boolean all = order >= CommandFields.SIZE_ALL;
        long inBlock = all ? LAST : (1L << (order + PAGE_SHIFT)) - 1;
        long first = CommandFields.ADDRESS.get(word1) & ~inBlock;
        boolean one = CommandFields.SSV.isSet(word0) && !CommandFields.GLOBAL.isSet(word0);
        observer.invalidates(
                CachedKind.DEVICE, streamId, one ? CommandFields.SSID.getInt(word0) : ANY, first, first | inBlock);
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        String command = switch (kind) {
            case CONTEXT -> "CMD_CFGI_STE StreamID=" + hex(first) + " Leaf=1";
            case PASID -> "CMD_CFGI_CD StreamID=" + hex(tag) + " SubstreamID=" + hex(pasid) + " Leaf=1";
            case TRANSLATION -> tlb(tag, pasid) + " Address=" + hex(first) + " Leaf=1";
            case PAGING_STRUCTURE -> tlb(tag, pasid) + " Address=" + hex(first) + " Leaf=0";
            case DEVICE ->
                "CMD_ATC_INV StreamID=" + hex(tag) + " Address=" + hex(first) + " for " + hex(lengthBytes) + " bytes";
        };
        return command + ", then CMD_SYNC";
    }

    private static String tlb(long tag, int asid) {
        String vmid = " VMID=" + hex(Regime.vmid(tag));
        return switch (Regime.of(tag)) {
            case EL1 -> asid == Tlb.GLOBAL ? "CMD_TLBI_NH_VAA" + vmid : "CMD_TLBI_NH_VA" + vmid + " ASID=" + hex(asid);
            case STAGE_2 -> "CMD_TLBI_S2_IPA" + vmid;
            case EL2 -> "CMD_TLBI_EL2_VA";
            case EL2_E2H -> "CMD_TLBI_EL2_VA ASID=" + hex(asid);
        };
    }

    @Override
    public String rule(CachedKind kind) {
        return switch (kind) {
            case CONTEXT -> "IHI 0070 3.21.3 (SMMU-D.1 to D.4): a changed stream table entry needs CMD_CFGI_STE";
            case PASID -> "IHI 0070 3.21.3 (SMMU-D.17 to D.19): a changed context descriptor needs CMD_CFGI_CD";
            case TRANSLATION ->
                "IHI 0070 3.21.1 (SMMU-D.12, D.25): a changed leaf needs a TLB invalidation of its address, ASID and"
                        + " VMID";
            case PAGING_STRUCTURE ->
                "IHI 0070 4.4.1.1 (SMMU-D.14): a changed table descriptor needs a TLB invalidation with Leaf=0";
            case DEVICE -> "IHI 0070 3.9.1 (SMMU-D.12, D.20): the device drops its translations after the TLBs have";
        };
    }

    @Override
    public String tagName(CachedKind kind) {
        return switch (kind) {
            case CONTEXT, PASID, DEVICE -> "StreamID";
            case TRANSLATION, PAGING_STRUCTURE -> "VMID, granule and level";
        };
    }

    @Override
    public Layout format(String name) {
        for (SmmuCommand command : SmmuCommand.values()) {
            if (command.layout().name().equals(name)) {
                return command.layout();
            }
        }
        return null;
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
