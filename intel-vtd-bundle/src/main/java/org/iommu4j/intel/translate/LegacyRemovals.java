package org.iommu4j.intel.translate;

import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.VtdRegisters.Cap;

/** Of legacy mode: a context entry and the translations of its domain id, VT-d 6.5.3.3 table 28. */
final class LegacyRemovals implements Removals {
    private final CommandPath commands;
    private final boolean cachingMode;

    /** Through the commands of a chip. */
    LegacyRemovals(ChipPort chip, CommandPath commands) {
        this.commands = commands;
        cachingMode = Cap.CM.isSet(chip.cap());
    }

    @Override
    public void dropContext(int requester, int domainId, boolean newBus) {
        if (newBus && cachingMode) {
            // It may have cached an absent root entry for every device of the bus.
            commands.contextGlobal();
        } else {
            commands.contextDevice(domainId, requester);
        }
    }

    @Override
    public void dropDomain(int domainId) {
        commands.iotlbDomain(domainId);
    }

    @Override
    public void dropPasid(int pasid, Stage before, boolean last) {
        throw new UnsupportedOperationException("there are no PASIDs in legacy mode");
    }

    @Override
    public void dropDevice(int requester) {
        commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
    }

    @Override
    public void dropDevicePasid(int requester, int pasid) {
        throw new UnsupportedOperationException("there are no PASIDs in legacy mode");
    }
}
