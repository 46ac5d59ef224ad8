package org.iommu4j.spapr.translate;

import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.NativeCommandListener;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.spapr.command.InvalidateData;
import org.iommu4j.spapr.command.SpaprCall;
import org.iommu4j.spapr.table.Tce;

/**
 * Generations 1 and 2, docs/spec/spapr-tce.md 5.2: no call drops what is cached and does nothing else, so every entry
 * is read and stored again as it is, which leaves the table alone: its owner may write to it meanwhile. Many entries go
 * through a list if the platform takes one; a single one is stored by itself, as Linux does.
 */
final class HypercallCommands implements CommandPath {
    private final ChipPort chip;
    private final PhysicalMemory memory;
    private final DomainWindows windows;

    /** The page for lists; 0 if the platform takes one entry a call. */
    private final long list;

    /**
     * Calls on a platform.
     *
     * @param list page for lists of entries, 0 for none
     */
    HypercallCommands(ChipPort chip, DomainWindows windows, long list) {
        this.chip = chip;
        this.windows = windows;
        this.list = list;
        memory = chip.port().platform().memory();
    }

    @Override
    public int defaultOp() {
        return InvalidateData.OP_REWRITE;
    }

    @Override
    public Errno invalidate(Domain domain, Window window, long first, long entries, Completion completion) {
        int liobn = window.liobn();
        int shift = window.pageShift();
        int most = list == 0 ? 1 : SpaprCall.MAX_BATCH;
        for (long done = 0; done < entries; done += most) {
            long at = first + (done << shift);
            int count = (int) Math.min(most, entries - done);
            Errno outcome = count == 1 ? rewriteOne(liobn, at) : rewrite(liobn, at, shift, count);
            if (outcome != Errno.OK) {
                return outcome;
            }
        }
        return Errno.OK;
    }

    @Override
    public Errno invalidateAll(Domain domain, Window window, Completion completion) {
        if (window != null) {
            return invalidate(domain, window, window.base(), window.entries(), completion);
        }
        for (int slot = 0; slot < DomainWindows.SLOTS; slot++) {
            Window each = windows.at(domain, slot);
            if (each != null) {
                Errno outcome = invalidate(domain, each, each.base(), each.entries(), completion);
                if (outcome != Errno.OK) {
                    return outcome;
                }
            }
        }
        return Errno.OK;
    }

    @Override
    public Errno finish() {
        // A hypercall is complete when it returns.
        return Errno.OK;
    }

    @Override
    public void tap(NativeCommandListener listener) {
        // The calls themselves are shown where they are made.
    }

    @Override
    public boolean isUnfinished() {
        return false;
    }

    @Override
    public void resume(boolean unfinished) {
        // There is no state.
    }

    private Errno rewriteOne(int liobn, long iova) {
        long result = chip.get(liobn, iova);
        return result == HypercallCode.SUCCESS
                ? storedAgain(chip.putAgain(liobn, iova, chip.tce()))
                : ChipPort.errno(result);
    }

    private Errno rewrite(int liobn, long first, int shift, int count) {
        try {
            for (int i = 0; i < count; i++) {
                long result = chip.get(liobn, first + ((long) i << shift));
                if (result != HypercallCode.SUCCESS) {
                    return ChipPort.errno(result);
                }
                memory.writeLongBe(list + (long) i * Tce.BYTES, chip.tce());
            }
        } catch (BusErrorException e) {
            return Errno.EIO;
        }
        return storedAgain(chip.putIndirectAgain(liobn, first, list, count));
    }

    /**
     * The error of storing what was read. An entry that the platform will not take again has come to the table past it, with
     * reserved bits: no field of the request is at fault, and what is cached of it cannot be dropped.
     */
    private static Errno storedAgain(long result) {
        return result == HypercallCode.PARAMETER ? Errno.EIO : ChipPort.errno(result);
    }
}
