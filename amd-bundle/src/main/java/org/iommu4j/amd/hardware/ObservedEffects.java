package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.backend.DevicePort;

/** The chip's effects while somebody observes: each command is reported with what it has dropped. */
final class ObservedEffects extends CacheEffects {
    private final TranslationCaches caches;
    private final DmaRemapper remapper;
    private final CommandReports reports;

    /** Entries dropped before the command that is under way. */
    private long dropped;

    /** Domain of the device that the command under way is about; -1 if it is about none. */
    private int domain = -1;

    ObservedEffects(TranslationCaches caches, DmaRemapper remapper, DevicePort devices, CommandReports reports) {
        super(caches, remapper, devices);
        this.caches = caches;
        this.remapper = remapper;
        this.reports = reports;
    }

    @Override
    public Outcome deviceEntry(int deviceId) {
        begin();
        domain = remapper.domainOf(deviceId);
        return super.deviceEntry(deviceId);
    }

    @Override
    public Outcome pages(int ofDomain, int pasid, long base, int shift, boolean directories) {
        begin();
        return super.pages(ofDomain, pasid, base, shift, directories);
    }

    @Override
    public Outcome deviceTlb(int deviceId, int pasid, long base, int shift) {
        begin();
        return super.deviceTlb(deviceId, pasid, base, shift);
    }

    @Override
    public Outcome prefetchInvalidates(int deviceId, int pasid, long base, int shift) {
        begin();
        domain = remapper.domainOf(deviceId);
        return super.prefetchInvalidates(deviceId, pasid, base, shift);
    }

    @Override
    public Outcome everything() {
        begin();
        return super.everything();
    }

    @Override
    public void completed() {
        reports.completed();
    }

    @Override
    public void carriedOut(AmdViCommand command, long word0, long word1) {
        reports.carriedOut(command, word0, word1, domain, caches.dropped() - dropped);
    }

    private void begin() {
        dropped = caches.dropped();
        domain = -1;
    }
}
