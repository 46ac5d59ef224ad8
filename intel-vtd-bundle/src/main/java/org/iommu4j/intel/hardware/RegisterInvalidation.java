package org.iommu4j.intel.hardware;

import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.layout.BitField;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * Register-based invalidation, VT-d 6.5.1: a write that sets ICC or IVT in the upper half of CCMD or IOTLB starts a command;
 * it is done, with the busy bit clear and the actual granularity set, when the write returns. A wrong request has granularity
 * 0. While the queue is on, writes are ignored.
 */
final class RegisterInvalidation {
    private static final int IOTLB = 8;
    private static final long UPPER_HALF = -1L << Integer.SIZE;

    private final RegisterFile registers;
    private final InvalidationQueue queue;
    private final TranslationCaches caches;

    /** Who observes, or null. */
    private final CommandReports reports;

    private final int addressOffset;
    private final long domainMask;
    private final int largestMask;
    private long commands;

    RegisterInvalidation(
            VtdCapabilities unit,
            RegisterFile registers,
            InvalidationQueue queue,
            TranslationCaches caches,
            CommandReports reports) {
        this.registers = registers;
        this.queue = queue;
        this.caches = caches;
        this.reports = reports;
        addressOffset = unit.iotlbOffset();
        domainMask = (1L << unit.domainIdBits()) - 1;
        largestMask = Cap.PSI.isSet(unit.cap()) ? Cap.MAMV.getInt(unit.cap()) : -1;
        ignoreWhileQueued(ContextCommand.OFFSET);
        ignoreWhileQueued(addressOffset);
        ignoreWhileQueued(addressOffset + IOTLB);
        registers.onWrite(ContextCommand.OFFSET, (before, after, written, lanes) -> {
            if (starts(ContextCommand.ICC, written, lanes)) {
                contextCommand(after);
            }
        });
        registers.onWrite(addressOffset + IOTLB, (before, after, written, lanes) -> {
            if (starts(Iotlb.IVT, written, lanes)) {
                iotlbCommand(after);
            }
        });
    }

    /** Commands executed since the unit was made. */
    long commands() {
        return commands;
    }

    private void ignoreWhileQueued(int offset) {
        registers.filterWrites(offset, (before, proposed, written, lanes) -> isQueued() ? before : proposed);
    }

    private boolean isQueued() {
        return queue != null && queue.isEnabled();
    }

    private boolean starts(BitField go, long written, long lanes) {
        return !isQueued() && (lanes & UPPER_HALF) != 0 && go.isSet(written);
    }

    private void contextCommand(long value) {
        commands++;
        int domain = (int) (ContextCommand.DID.get(value) & domainMask);
        int granularity = ContextCommand.CIRG.getInt(value);
        long dropped = caches.dropped();
        switch (granularity) {
            case 1 -> caches.invalidateContexts();
            case 2 -> caches.invalidateContextsOfDomain(domain);
            case 3 ->
                caches.invalidateContextOfDevice(
                        ContextCommand.SID.getInt(value), ContextCommand.FM.getInt(value), domain);
            default -> {
                // Reserved: nothing is dropped, granularity 0 tells.
            }
        }
        if (reports != null && granularity != 0) {
            reports.contextRegister(
                    granularity,
                    domain,
                    ContextCommand.SID.getInt(value),
                    ContextCommand.FM.getInt(value),
                    value,
                    caches.dropped() - dropped);
        }
        registers.set(ContextCommand.OFFSET, ContextCommand.CAIG.set(value & ~ContextCommand.ICC.mask(), granularity));
    }

    private void iotlbCommand(long value) {
        commands++;
        int domain = (int) (Iotlb.DID.get(value) & domainMask);
        int granularity = Iotlb.IIRG.getInt(value);
        long address = registers.get(addressOffset);
        long dropped = caches.dropped();
        switch (granularity) {
            case 1 -> caches.invalidateTranslations();
            case 2 -> caches.invalidateDomain(domain);
            case 3 -> {
                int addressMask = InvalidateAddress.AM.getInt(address);
                if (addressMask > largestMask) {
                    granularity = 0;
                } else {
                    caches.invalidatePages(
                            domain,
                            InvalidateAddress.ADDR.get(address),
                            addressMask,
                            InvalidateAddress.IH.isSet(address));
                }
            }
            default -> {
                // Reserved: nothing is dropped, granularity 0 tells.
            }
        }
        if (reports != null && granularity != 0) {
            reports.iotlbRegister(
                    granularity,
                    domain,
                    InvalidateAddress.ADDR.get(address),
                    InvalidateAddress.AM.getInt(address),
                    InvalidateAddress.IH.isSet(address),
                    value,
                    address,
                    caches.dropped() - dropped);
        }
        registers.set(addressOffset + IOTLB, Iotlb.IAIG.set(value & ~Iotlb.IVT.mask(), granularity));
    }
}
