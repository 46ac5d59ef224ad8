package org.iommu4j.intel.hardware;

import java.util.function.Supplier;
import java.util.stream.Stream;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.layout.Layout;
import org.iommu4j.simulation.cache.TranslationCache;

/**
 * Tells an observer what the architecture has each command remove, VT-d 6.5.2: from the command's own fields, apart from what
 * the caches do with them.
 */
final class CommandReports implements InvalidationRules {
    private static final int ANY = TranslationObserver.ANY;
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final int PAGE_SHIFT = 12;
    private static final long LAST = -1L;
    private static final int FUNCTIONS = 8;

    private final TranslationObserver observer;

    /** The mode of the root table in force: in scalable mode other rows of the specification's tables hold. */
    private final Supplier<TableMode> mode;

    CommandReports(TranslationObserver observer, Supplier<TableMode> mode) {
        this.observer = observer;
        this.mode = mode;
        observer.started(this);
    }

    /**
     * A command that was carried out; those of the interrupt entry cache, of host permissions and the answers to page requests
     * remove no translation.
     */
    void carriedOut(VtdCommand command, long word0, long word1, String name, long value0, long value1, long dropped) {
        switch (command) {
            case CONTEXT_CACHE_INVALIDATE -> context(word0);
            case IOTLB_INVALIDATE -> iotlb(word0, word1);
            case DEVICE_TLB_INVALIDATE -> deviceTlb(DeviceTlbInvalidate.SID.getInt(word0), ANY, word1);
            case PASID_CACHE_INVALIDATE -> pasidCache(word0);
            case PASID_IOTLB_INVALIDATE -> pasidIotlb(word0, word1);
            case PASID_DEVICE_TLB_INVALIDATE -> {
                // Of entries without PASID, which GI leaves, an observer cannot be told apart from the others.
                int pasid =
                        PasidDeviceTlbInvalidate.GI.isSet(word1) ? ANY : PasidDeviceTlbInvalidate.PASID.getInt(word0);
                deviceTlb(PasidDeviceTlbInvalidate.SID.getInt(word0), pasid, PasidDeviceTlbInvalidate.range(word1));
            }
            default -> {
                return;
            }
        }
        observer.invalidated(name, value0, value1, dropped);
    }

    /**
     * A new root table, after which software invalidates all context entries and then all translations, VT-d 6.6 and 11.4.4;
     * a unit with CAP.ESRTPS does so itself.
     */
    void rootTableSet() {
        observer.demands(CachedKind.CONTEXT, ANY);
        observer.demands(CachedKind.PASID, ANY);
        observer.demands(CachedKind.TRANSLATION, ANY);
    }

    /** A write of GCMD that drops everything but what devices hold, complete at once. */
    void everything(String name, long value, long dropped) {
        observer.droppedAll(name, value, dropped);
    }

    /** A wait that tells software. */
    void completed() {
        observer.completed();
    }

    private boolean isScalable() {
        return mode.get() == TableMode.SCALABLE;
    }

    private void context(long word0) {
        int granularity = ContextCacheInvalidate.G.getInt(word0);
        boolean scalable = isScalable();
        boolean global = granularity == ContextCacheInvalidate.GLOBAL
                || (scalable && granularity == ContextCacheInvalidate.DOMAIN);
        int domain = scalable ? ANY : ContextCacheInvalidate.DID.getInt(word0);
        if (global) {
            observer.invalidates(CachedKind.CONTEXT, ANY, NO_PASID, 0, LAST);
        } else if (granularity == ContextCacheInvalidate.DOMAIN) {
            observer.invalidates(CachedKind.CONTEXT, domain, NO_PASID, 0, LAST);
        } else {
            // FM leaves out the upper bits of the function: its sources are not always neighbours.
            int ignored = ContextCacheInvalidate.ignoredSourceBits(ContextCacheInvalidate.FM.getInt(word0));
            int from = ContextCacheInvalidate.SID.getInt(word0) & ~ignored;
            for (int bits = 0; bits < FUNCTIONS; bits++) {
                if ((bits & ~ignored) == 0) {
                    observer.invalidates(CachedKind.CONTEXT, domain, NO_PASID, from | bits, from | bits);
                }
            }
        }
        // VT-d 6.5.3.3: what the context entries led to goes after them, changed or not.
        observer.demands(CachedKind.TRANSLATION, global ? ANY : domain);
        if (scalable) {
            observer.demands(CachedKind.PASID, ANY);
        }
    }

    private void iotlb(long word0, long word1) {
        int granularity = IotlbInvalidate.G.getInt(word0);
        boolean pages = granularity == IotlbInvalidate.PAGE;
        long inBlock = pages ? inBlock(IotlbInvalidate.AM.getInt(word1)) : LAST;
        long first = pages ? IotlbInvalidate.ADDR.get(word1) & ~inBlock : 0;
        long last = first | inBlock;
        int tag = granularity == IotlbInvalidate.GLOBAL ? ANY : IotlbInvalidate.DID.getInt(word0);
        observer.invalidates(CachedKind.TRANSLATION, tag, ANY, first, last);
        if (!pages || !IotlbInvalidate.IH.isSet(word1)) {
            observer.invalidates(CachedKind.PAGING_STRUCTURE, tag, NO_PASID, first, last);
        }
        if (isScalable()) {
            // Nobody knows where a first stage uses the pages: all that the domain has of it goes.
            int firstStage = tag == ANY ? ANY : tag | ObservedTags.FIRST_STAGE;
            observer.invalidates(CachedKind.TRANSLATION, firstStage, ANY, 0, LAST);
            observer.invalidates(CachedKind.PAGING_STRUCTURE, firstStage, ANY, 0, LAST);
        }
    }

    private void pasidIotlb(long word0, long word1) {
        int domain = PasidIotlbInvalidate.DID.getInt(word0);
        int pasid = PasidIotlbInvalidate.PASID.getInt(word0);
        int firstStage = domain | ObservedTags.FIRST_STAGE;
        if (PasidIotlbInvalidate.G.getInt(word0) == PasidIotlbInvalidate.ONE_PASID) {
            observer.invalidates(CachedKind.TRANSLATION, domain, pasid, 0, LAST);
            observer.invalidates(CachedKind.TRANSLATION, firstStage, pasid, 0, LAST);
            observer.invalidates(CachedKind.PAGING_STRUCTURE, firstStage, pasid, 0, LAST);
            return;
        }
        long inBlock = inBlock(PasidIotlbInvalidate.AM.getInt(word1));
        long first = PasidIotlbInvalidate.ADDR.get(word1) & ~inBlock;
        observer.invalidates(CachedKind.TRANSLATION, firstStage, pasid, first, first | inBlock);
        if (!PasidIotlbInvalidate.IH.isSet(word1)) {
            observer.invalidates(CachedKind.PAGING_STRUCTURE, firstStage, pasid, first, first | inBlock);
        }
    }

    private void pasidCache(long word0) {
        int granularity = PasidCacheInvalidate.G.getInt(word0);
        int tag = granularity == PasidCacheInvalidate.GLOBAL ? ANY : PasidCacheInvalidate.DID.getInt(word0);
        int pasid = granularity == PasidCacheInvalidate.ONE_PASID ? PasidCacheInvalidate.PASID.getInt(word0) : ANY;
        observer.invalidates(CachedKind.PASID, tag, pasid, 0, LAST);
    }

    /** The bits of an address in an aligned block of 2^order pages. */
    private static long inBlock(int order) {
        int shift = PAGE_SHIFT + order;
        return shift < Long.SIZE ? (1L << shift) - 1 : LAST;
    }

    private void deviceTlb(int sourceId, int pasid, long range) {
        if (DeviceTlbInvalidate.isAll(range)) {
            observer.invalidates(CachedKind.DEVICE, sourceId, pasid, 0, LAST);
        } else {
            long first = DeviceTlbInvalidate.firstAddress(range);
            long bytes = 1L << (PAGE_SHIFT + DeviceTlbInvalidate.pagesShift(range));
            observer.invalidates(CachedKind.DEVICE, sourceId, pasid, first, first + bytes - 1);
        }
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        boolean firstStage = ObservedTags.isFirstStage(tag);
        String domain = " DID=" + hex(ObservedTags.domain(tag));
        String withPasid = domain + " PASID=" + hex(pasid);
        String command = switch (kind) {
            case CONTEXT ->
                isScalable()
                        ? "cc_inv_dsc G=3 SID=" + hex(first)
                                + " FM=0, then pc_inv_dsc G=0 and iotlb_inv_dsc G=2 of its domains"
                        : "cc_inv_dsc G=3" + domain + " SID=" + hex(first) + " FM=0, iotlb_inv_dsc G=2" + domain;
            case PASID ->
                "pc_inv_dsc G=1" + withPasid + ", then iotlb_inv_dsc G=2" + domain + " or p_iotlb_inv_dsc G=2"
                        + withPasid;
            case TRANSLATION ->
                firstStage
                        ? "p_iotlb_inv_dsc G=3" + withPasid + page(first, lengthBytes)
                        : "iotlb_inv_dsc G=3" + domain + page(first, lengthBytes);
            case PAGING_STRUCTURE ->
                (firstStage ? "p_iotlb_inv_dsc G=3" + withPasid : "iotlb_inv_dsc G=3" + domain) + " ADDR=" + hex(first)
                        + " AM=0 IH=0";
            case DEVICE ->
                (pasid == NO_PASID
                                ? "dev_tlb_inv_dsc SID=" + hex(tag)
                                : "p_dev_tlb_inv_dsc SID=" + hex(tag) + " PASID=" + hex(pasid))
                        + " ADDR=" + hex(first) + " for " + hex(lengthBytes) + " bytes";
        };
        return command
                + (isScalable() ? ", then inv_wait_dsc" : ", then inv_wait_dsc (or the registers CCMD and IOTLB)");
    }

    @Override
    public String rule(CachedKind kind) {
        return isScalable() ? scalableRule(kind) : legacyRule(kind);
    }

    @Override
    public String rule(CachedKind kind, Finding.Edit edit) {
        String row = InvalidationDuties.row(kind, edit);
        return row == null ? rule(kind) : row + "; " + rule(kind);
    }

    private static String scalableRule(CachedKind kind) {
        return switch (kind) {
            case CONTEXT -> "VT-d 6.5.2.1: cc_inv_dsc drops a context entry, whatever its domain is";
            case PASID -> "VT-d 6.5.2.2: pc_inv_dsc drops a PASID entry of every device, by its domain and PASID";
            case TRANSLATION ->
                "VT-d 6.5.2.3, 6.5.2.4: p_iotlb_inv_dsc drops what a first stage has of a PASID, iotlb_inv_dsc what a"
                        + " second stage has of a domain";
            case PAGING_STRUCTURE -> "VT-d 6.5.2.3, 6.5.2.4: IH=1 keeps paging-structure entries";
            case DEVICE ->
                "VT-d 6.5.2.5, 6.5.2.6: the device drops its translations after the IOTLB has, those of a PASID by"
                        + " p_dev_tlb_inv_dsc";
        };
    }

    private static String legacyRule(CachedKind kind) {
        return switch (kind) {
            case CONTEXT, PASID ->
                "VT-d 6.5.2.1, 6.5.3.3: a changed context entry needs a context-cache invalidation,"
                        + " then an IOTLB invalidation of its domain";
            case TRANSLATION -> "VT-d 6.5.2.3: IOTLB G=1, G=2, or G=3 on an overlapping page, drops a translation";
            case PAGING_STRUCTURE ->
                "VT-d 6.5.2.3: IOTLB G=1, G=2, or G=3 with IH=0, drops paging-structure entries;" + " IH=1 keeps them";
            case DEVICE -> "VT-d 6.5.2.5, 6.5.2.12: the device drops its translations after the IOTLB has";
        };
    }

    @Override
    public String tagName(CachedKind kind) {
        return kind == CachedKind.DEVICE ? "source id" : "domain";
    }

    @Override
    public Layout format(String name) {
        return Stream.concat(
                        Stream.of(ContextCommand.REGISTER.layout(), Iotlb.REGISTER.layout()),
                        Stream.of(VtdCommand.values()).map(VtdCommand::layout))
                .filter(layout -> layout.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    private static String page(long first, long lengthBytes) {
        return " ADDR=" + hex(first) + " AM=" + (Long.numberOfTrailingZeros(lengthBytes) - PAGE_SHIFT) + " IH=1";
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
