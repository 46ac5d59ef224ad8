package org.iommu4j.spapr.hardware;

import java.util.stream.Stream;
import org.iommu4j.backend.CachedKind;
import org.iommu4j.backend.InvalidationRules;
import org.iommu4j.backend.TranslationObserver;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.cache.TranslationCache;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.command.SpaprRegisters.RtcInvalidate;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;
import org.iommu4j.spapr.table.DmaWindow;

/**
 * Tells an observer what the architecture has each operation remove, docs/spec/spapr-tce.md 4.2: from the operation's
 * own arguments, apart from what the cache does with them. A hypercall is complete when it returns, a kill of IODA3
 * with the next DMA read sync.
 */
final class CommandReports implements CommandWatch, InvalidationRules {
    private static final int NO_PASID = TranslationCache.NO_PASID;
    private static final long LAST = -1L;
    private static final int PAGE_SHIFT = 12;

    private final TranslationObserver observer;

    CommandReports(TranslationObserver observer) {
        this.observer = observer;
        observer.started(this);
    }

    @Override
    public void stored(int function, DmaWindow window, long iova, long entries, long dropped) {
        long last = iova + (entries << window.table().pageShift()) - 1;
        observer.invalidates(CachedKind.TRANSLATION, window.pe(), NO_PASID, iova, last);
        observer.implied(SpaprCall.of(function).name(), Integer.toUnsignedLong(window.liobn()), iova, dropped);
        observer.completed();
    }

    @Override
    public void windowsChanged(String cause, int pe, long dropped) {
        observer.invalidates(CachedKind.TRANSLATION, pe, NO_PASID, 0, LAST);
        observer.implied(cause, pe, 0, dropped);
        observer.completed();
    }

    @Override
    public void kill(long word, int pe, boolean syncs, long dropped) {
        int tag = TceKill.ALL.isSet(word) ? TranslationObserver.ANY : pe;
        long first = 0;
        long last = LAST;
        if (!TceKill.ALL.isSet(word) && !TceKill.PE.isSet(word)) {
            int shift = syncs && TceKill.PSEL.isSet(word) ? TceKill.shiftOf(TceKill.SIZE.getInt(word)) : PAGE_SHIFT;
            first = word & TceKill.PAGE & -1L << shift;
            last = first + (1L << shift) - 1;
        }
        observer.invalidates(CachedKind.TRANSLATION, tag, NO_PASID, first, last);
        observer.invalidated(TceKill.REGISTER.name(), word, 0, dropped);
        if (!syncs) {
            observer.completed();
        }
    }

    @Override
    public void requesters(long word) {
        boolean all = RtcInvalidate.ALL.isSet(word);
        long requester = RtcInvalidate.RID.get(word);
        observer.invalidates(
                CachedKind.CONTEXT, TranslationObserver.ANY, NO_PASID, all ? 0 : requester, all ? LAST : requester);
        observer.invalidated(RtcInvalidate.REGISTER.name(), word, 0, 0);
        observer.completed();
    }

    @Override
    public void completed() {
        observer.completed();
    }

    @Override
    public String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes) {
        if (kind == CachedKind.CONTEXT) {
            return "RTC_INVALIDATE RID=0x" + Long.toHexString(first);
        }
        String where = "0x" + Long.toHexString(first) + " in PE 0x" + Long.toHexString(tag);
        return "H_PUT_TCE of IOBA=" + where + ", or TCE_KILL ONE of it";
    }

    @Override
    public String tagName(CachedKind kind) {
        return "PE";
    }

    @Override
    public Layout format(String name) {
        return Stream.of(TceKill.REGISTER, RtcInvalidate.REGISTER)
                .map(Register::layout)
                .filter(layout -> layout.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    @Override
    public String rule(CachedKind kind) {
        return kind == CachedKind.CONTEXT
                ? "IODA: a changed RTT entry needs an RTC invalidate"
                : "PAPR, TCE hypercalls: when a TCE changes, the platform drops what it has cached of it; IODA: a store to the"
                        + " table in memory needs a kill, then on IODA3 a DMA read sync";
    }
}
