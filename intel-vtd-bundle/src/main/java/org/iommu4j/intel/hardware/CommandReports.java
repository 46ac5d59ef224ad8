package org.iommu4j.intel.hardware;

import java.util.stream.Stream;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
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

    CommandReports(TranslationObserver observer) {
        this.observer = observer;
        observer.started(this);
    }

    /** A command that was carried out; those of the interrupt entry cache remove no translation. */
    void carriedOut(VtdCommand command, long word0, long word1, String name, long value0, long value1, long dropped) {
        switch (command) {
            case CONTEXT_CACHE_INVALIDATE -> context(word0);
            case IOTLB_INVALIDATE -> iotlb(word0, word1);
            case DEVICE_TLB_INVALIDATE -> deviceTlb(DeviceTlbInvalidate.SID.getInt(word0), word1);
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

    private void context(long word0) {
        int granularity = ContextCacheInvalidate.G.getInt(word0);
        int domain = ContextCacheInvalidate.DID.getInt(word0);
        switch (granularity) {
            case ContextCacheInvalidate.GLOBAL -> observer.invalidates(CachedKind.CONTEXT, ANY, NO_PASID, 0, LAST);
            case ContextCacheInvalidate.DOMAIN -> observer.invalidates(CachedKind.CONTEXT, domain, NO_PASID, 0, LAST);
            default -> {
                // FM leaves out the upper bits of the function: its sources are not always neighbours.
                int ignored = ContextCacheInvalidate.ignoredSourceBits(ContextCacheInvalidate.FM.getInt(word0));
                int from = ContextCacheInvalidate.SID.getInt(word0) & ~ignored;
                for (int bits = 0; bits < FUNCTIONS; bits++) {
                    if ((bits & ~ignored) == 0) {
                        observer.invalidates(CachedKind.CONTEXT, domain, NO_PASID, from | bits, from | bits);
                    }
                }
            }
        }
        // VT-d 6.5.3.3: translations of the domains go after their context entries, changed or not.
        observer.demands(CachedKind.TRANSLATION, granularity == ContextCacheInvalidate.GLOBAL ? ANY : domain);
    }

    private void iotlb(long word0, long word1) {
        int granularity = IotlbInvalidate.G.getInt(word0);
        long first = 0;
        long last = LAST;
        if (granularity == IotlbInvalidate.PAGE) {
            long iova = IotlbInvalidate.ADDR.get(word1);
            long inBlock = (1L << (PAGE_SHIFT + IotlbInvalidate.AM.getInt(word1))) - 1;
            first = iova & ~inBlock;
            last = iova | inBlock;
        }
        int tag = granularity == IotlbInvalidate.GLOBAL ? ANY : IotlbInvalidate.DID.getInt(word0);
        observer.invalidates(CachedKind.TRANSLATION, tag, NO_PASID, first, last);
        if (granularity != IotlbInvalidate.PAGE || !IotlbInvalidate.IH.isSet(word1)) {
            observer.invalidates(CachedKind.PAGING_STRUCTURE, tag, NO_PASID, first, last);
        }
    }

    private void deviceTlb(int sourceId, long word1) {
        if (DeviceTlbInvalidate.isAll(word1)) {
            observer.invalidates(CachedKind.DEVICE, sourceId, NO_PASID, 0, LAST);
        } else {
            long first = DeviceTlbInvalidate.firstAddress(word1);
            long bytes = 1L << (PAGE_SHIFT + DeviceTlbInvalidate.pagesShift(word1));
            observer.invalidates(CachedKind.DEVICE, sourceId, NO_PASID, first, first + bytes - 1);
        }
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        String command = switch (kind) {
            case CONTEXT ->
                "cc_inv_dsc G=3 DID=" + hex(tag) + " SID=" + hex(first) + " FM=0, iotlb_inv_dsc G=2 DID=" + hex(tag);
            case PASID -> throw new IllegalArgumentException("legacy mode has no PASID entries");
            case TRANSLATION -> "iotlb_inv_dsc G=3 DID=" + hex(tag) + page(first, lengthBytes);
            case PAGING_STRUCTURE -> "iotlb_inv_dsc G=3 DID=" + hex(tag) + " ADDR=" + hex(first) + " AM=0 IH=0";
            case DEVICE ->
                "dev_tlb_inv_dsc SID=" + hex(tag) + " ADDR=" + hex(first) + " for " + hex(lengthBytes) + " bytes";
        };
        return command + ", then inv_wait_dsc (or the registers CCMD and IOTLB)";
    }

    @Override
    public String rule(CachedKind kind) {
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
