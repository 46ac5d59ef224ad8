package org.iommu4j.intel.hardware;

import org.iommu4j.backend.DevicePort;
import org.iommu4j.intel.command.VtdCommand;

/** The chip's effects while somebody observes: each command is reported with what it has dropped. */
final class ObservedEffects extends CacheEffects {
    private final TranslationCaches caches;
    private final CommandReports reports;
    private final boolean rootTableInvalidates;

    /** Entries dropped before the command that is under way. */
    private long dropped;

    ObservedEffects(
            TranslationCaches caches,
            DmaRemapper remapper,
            DevicePort devices,
            boolean rootTableInvalidates,
            CommandReports reports) {
        super(caches, remapper, devices, rootTableInvalidates);
        this.caches = caches;
        this.reports = reports;
        this.rootTableInvalidates = rootTableInvalidates;
    }

    @Override
    public void rootTable(long rootTableAddress, long command) {
        super.rootTable(rootTableAddress, command);
        if (!rootTableInvalidates) {
            reports.rootTableSet();
        }
    }

    @Override
    void everything(String name, long command) {
        dropped = caches.dropped();
        super.everything(name, command);
        reports.everything(name, command, caches.dropped() - dropped);
    }

    @Override
    public Outcome contextCache(int granularity, int domain, int sourceId, int functionMask) {
        dropped = caches.dropped();
        return super.contextCache(granularity, domain, sourceId, functionMask);
    }

    @Override
    public Outcome iotlb(int granularity, int domain, long address, int addressMask, boolean leafOnly) {
        dropped = caches.dropped();
        return super.iotlb(granularity, domain, address, addressMask, leafOnly);
    }

    @Override
    public Outcome deviceTlb(int sourceId, long word1) {
        dropped = caches.dropped();
        return super.deviceTlb(sourceId, word1);
    }

    @Override
    public Outcome pasidCache(int granularity, int domain, int pasid) {
        dropped = caches.dropped();
        return super.pasidCache(granularity, domain, pasid);
    }

    @Override
    public Outcome pasidIotlb(int granularity, int domain, int pasid, long address, int addressMask, boolean leafOnly) {
        dropped = caches.dropped();
        return super.pasidIotlb(granularity, domain, pasid, address, addressMask, leafOnly);
    }

    @Override
    public Outcome pasidDeviceTlb(int sourceId, int pasid, long range) {
        dropped = caches.dropped();
        return super.pasidDeviceTlb(sourceId, pasid, range);
    }

    @Override
    public void completed() {
        reports.completed();
    }

    @Override
    public void carriedOut(VtdCommand command, long word0, long word1, String name, long value0, long value1) {
        reports.carriedOut(command, word0, word1, name, value0, value1, caches.dropped() - dropped);
    }
}
