package org.iommu4j.intel.translate;

import org.iommu4j.driver.range.RangeCover;
import org.iommu4j.intel.command.VtdRegisters.Cap;

/** Of scalable mode: context entries, PASID entries and translations, VT-d 6.5.3.3 table 28. */
final class ScalableRemovals implements Removals {
    private final ChipPort chip;
    private final QueueCommands commands;
    private final boolean cachingMode;

    /** Through the queue of a chip. */
    ScalableRemovals(ChipPort chip, QueueCommands commands) {
        this.chip = chip;
        this.commands = commands;
        cachingMode = Cap.CM.isSet(chip.cap());
    }

    @Override
    public void dropContext(int requester, int domainId, boolean newBus) {
        if (newBus && cachingMode) {
            // It may have cached an absent root entry for every device of half of the bus.
            commands.contextGlobal();
        } else {
            commands.contextDevice(0, requester);
        }
        if (cachingMode) {
            // PASID entries that are not present are kept under domain id 0.
            commands.pasidCacheDomain(0);
        }
    }

    @Override
    public void dropDomain(int domainId) {
        commands.pasidCacheDomain(domainId);
        commands.iotlbDomain(domainId);
    }

    @Override
    public void dropPasid(int pasid, Stage before, boolean last) {
        if (before == null) {
            if (cachingMode) {
                commands.pasidCache(0, pasid);
            }
        } else if (last) {
            dropDomain(before.domainId());
        } else {
            commands.pasidCache(before.domainId(), pasid);
            if (before.translation().hasSecondStage()) {
                commands.iotlbDomain(before.domainId());
            } else {
                commands.pasidIotlb(before.domainId(), pasid);
            }
        }
    }

    @Override
    public void dropDevice(int requester) {
        commands.fence();
        commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        if (chip.pasidBits() != 0) {
            commands.everyPasidDeviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
    }

    @Override
    public void dropDevicePasid(int requester, int pasid) {
        if (pasid == Device.NO_PASID) {
            commands.fence();
            commands.deviceTlb(requester, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
        if (chip.pasidBits() != 0) {
            commands.pasidDeviceTlb(requester, pasid, 0, RangeCover.WHOLE_SPACE_ORDER);
        }
    }
}
