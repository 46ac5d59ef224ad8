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
 * 0, as has every request while the root table is not one of legacy mode. While the queue is on, writes are ignored.
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
    private final long addressBits;
    private boolean legacyTables = true;
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
        addressBits = unit.addressMask();
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

    /**
     * The root table pointer was set.
     *
     * @param legacy false if the table is of another mode: every request is wrong then, VT-d 11.4.6.1
     */
    void setTableMode(boolean legacy) {
        legacyTables = legacy;
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
        int granularity = legacyTables ? ContextCommand.CIRG.getInt(value) : 0;
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
        int granularity = legacyTables ? Iotlb.IIRG.getInt(value) : 0;
        long where = registers.get(addressOffset);
        long address = InvalidateAddress.ADDR.get(where) & addressBits;
        long dropped = caches.dropped();
        switch (granularity) {
            case 1 -> caches.invalidateTranslations();
            case 2 -> caches.invalidateDomain(domain);
            case 3 -> {
                int addressMask = InvalidateAddress.AM.getInt(where);
                if (addressMask > largestMask) {
                    granularity = 0;
                } else {
                    caches.invalidatePages(domain, address, addressMask, InvalidateAddress.IH.isSet(where));
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
                    address,
                    InvalidateAddress.AM.getInt(where),
                    InvalidateAddress.IH.isSet(where),
                    value,
                    where,
                    caches.dropped() - dropped);
        }
        registers.set(addressOffset + IOTLB, Iotlb.IAIG.set(value & ~Iotlb.IVT.mask(), granularity));
    }
}
