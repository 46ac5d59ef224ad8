package org.iommu4j.spapr.translate;

import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.NativePort;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprCapabilities;
import org.iommu4j.spapr.command.SpaprCommand;
import org.iommu4j.spapr.command.SpaprGeneration;
import org.iommu4j.spapr.command.SpaprRegisters.DmaReadSync;
import org.iommu4j.spapr.command.SpaprRegisters.TceKill;

/**
 * Generations 3 to 5, docs/spec/spapr-tce.md 2.3: stores to the TCE Kill register, and from 4 on a DMA read sync after
 * them. Each word is built from checked fields. Pages that the register has no size for are killed in pieces
 * (docs/spec/spapr-tce.md 1.3, d and f); beyond
 * {@link #MAX_KILLS} kills the whole endpoint costs less. Generation 5 does not trust kills of pages (HW560152).
 */
final class KillCommands implements CommandPath {
    /** Most page kills of one request. */
    static final int MAX_KILLS = 512;

    private static final int MIN_SHIFT = 12;

    /** Reads of a register before the host bridge counts as dead. */
    private static final int MAX_POLLS = 1000;

    private static final String ERRATUM = "kills of pages may be lost (HW560152): the whole endpoint";
    private static final String MANY = "more pages than are killed one by one: the whole endpoint";
    private static final String ENDPOINT = "a kill of the endpoint drops its other window too";

    private final NativePort port;
    private final DomainWindows windows;
    private final SpaprCapabilities limits;
    private final boolean ioda3;
    private final boolean pagesAreLost;
    private NativeCommandListener tap;

    /** True if a sync has to follow. */
    private boolean unsynced;

    KillCommands(NativePort port, DomainWindows windows, SpaprCapabilities limits) {
        this.port = port;
        this.windows = windows;
        this.limits = limits;
        ioda3 = SpaprGeneration.isIoda3(limits.subVersion());
        pagesAreLost = limits.subVersion() == SpaprGeneration.IODA3_PEKILL;
    }

    @Override
    public int defaultOp() {
        return InvalidateData.OP_KILL;
    }

    @Override
    public void tap(NativeCommandListener listener) {
        tap = listener;
    }

    @Override
    public boolean isUnfinished() {
        return unsynced;
    }

    @Override
    public void resume(boolean unfinished) {
        unsynced = unfinished;
    }

    @Override
    public Errno invalidate(Domain domain, Window window, long first, long entries, Completion completion) {
        int shift = window.pageShift();
        int killShift = killShift(shift);
        long kills = entries << (shift - killShift);
        boolean tooMany = Long.compareUnsigned(entries, MAX_KILLS) > 0 || kills > MAX_KILLS;
        if (pagesAreLost || tooMany) {
            if (entries != window.entries() || windows.count(domain) > 1) {
                completion.widened(pagesAreLost ? ERRATUM : MANY);
            }
            return kill(domain, TceKill.PE.mask());
        }
        long word = TceKill.ONE.mask();
        if (ioda3 && killShift != MIN_SHIFT) {
            word |= TceKill.PSEL.mask() | TceKill.SIZE.of(TceKill.sizeOf(killShift));
        }
        for (long i = 0; i < kills; i++) {
            Errno outcome = kill(domain, word | first + (i << killShift));
            if (outcome != Errno.OK) {
                return outcome;
            }
        }
        return Errno.OK;
    }

    @Override
    public Errno invalidateAll(Domain domain, Window window, Completion completion) {
        if (window != null && windows.count(domain) > 1) {
            completion.widened(ENDPOINT);
        }
        return kill(domain, TceKill.PE.mask());
    }

    @Override
    public Errno finish() {
        if (!unsynced) {
            return Errno.OK;
        }
        unsynced = false;
        if (tap != null) {
            tap.command(SpaprCommand.DMA_READ_SYNC
                    .layout()
                    .encode(DmaReadSync.REGISTER.offset(), DmaReadSync.START.mask()));
        }
        port.write(DmaReadSync.REGISTER, DmaReadSync.START.mask());
        for (int poll = 0; poll < MAX_POLLS; poll++) {
            if (DmaReadSync.COMPLETE.isSet(port.read(DmaReadSync.REGISTER))) {
                return Errno.OK;
            }
        }
        return Errno.EIO;
    }

    /** The page size of the kills for pages of a window: that size, or the largest one that is smaller. */
    private int killShift(int pageShift) {
        if (!ioda3) {
            // Cached are pages of the window, and any address in one names it.
            return pageShift;
        }
        int shift = pageShift;
        while (TceKill.sizeOf(shift) < 0) {
            shift--;
        }
        return shift;
    }

    private Errno kill(Domain domain, long word) {
        // PE numbers are never cut to what the register holds.
        if (domain.pe() >>> limits.peBits() != 0) {
            return Errno.ERANGE;
        }
        if (ioda3 && !hasRoom()) {
            return Errno.EIO;
        }
        long whole = word | domain.pe();
        if (tap != null) {
            tap.command(TceKill.REGISTER.layout().encode(whole));
        }
        port.write(TceKill.REGISTER, whole);
        unsynced = ioda3;
        return Errno.OK;
    }

    private boolean hasRoom() {
        for (int poll = 0; poll < MAX_POLLS; poll++) {
            if ((port.read(TceKill.REGISTER) & TceKill.BUSY) == 0) {
                return true;
            }
        }
        return false;
    }
}
