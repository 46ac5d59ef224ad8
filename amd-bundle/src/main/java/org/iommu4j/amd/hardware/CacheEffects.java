package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.front.CommandEffects;
import org.iommu4j.backend.DevicePort;

/** Effects of accepted commands on the chip: they drop cache entries, and devices are asked to drop theirs. */
class CacheEffects implements CommandEffects {
    private final TranslationCaches caches;
    private final DmaRemapper remapper;
    private final DevicePort devices;

    CacheEffects(TranslationCaches caches, DmaRemapper remapper, DevicePort devices) {
        this.caches = caches;
        this.remapper = remapper;
        this.devices = devices;
    }

    @Override
    public Outcome deviceEntry(int deviceId) {
        caches.invalidateDevice(deviceId);
        return Outcome.DONE;
    }

    @Override
    public Outcome pages(int domain, int pasid, long base, int shift, boolean directories) {
        if (pasid == NO_PASID) {
            caches.invalidateHostPages(domain, base, shift, directories);
        } else {
            caches.invalidateGuestPages(domain, pasid, base, shift, directories);
        }
        return Outcome.DONE;
    }

    @Override
    public Outcome deviceTlb(int deviceId, int pasid, long base, int shift) {
        caches.invalidateDeviceTlb(deviceId, pasid, base, shift);
        long bytes = shift == SizeEncoding.ALL ? 0 : 1L << shift;
        return devices.invalidate(deviceId, pasid, base, bytes) ? Outcome.DONE : Outcome.NO_ANSWER;
    }

    /** Interrupt remapping is not modelled: its cache is always empty. */
    @Override
    public Outcome interruptTable(int deviceId) {
        return Outcome.DONE;
    }

    @Override
    public Outcome prefetchInvalidates(int deviceId, int pasid, long base, int shift) {
        int domain = remapper.domainOf(deviceId);
        if (domain >= 0) {
            caches.invalidatePrefetched(domain, pasid, base, shift);
        }
        return Outcome.DONE;
    }

    /** The answer goes to the device, which asks for its translation again. */
    @Override
    public Outcome pageResponse(int deviceId, int pasid, int group, int response) {
        devices.respond(deviceId, pasid, group, CompletePprRequest.response(response));
        return Outcome.DONE;
    }

    @Override
    public Outcome everything() {
        caches.invalidateAll();
        return Outcome.DONE;
    }

    @Override
    public void waited() {
        // Every command is over before the next: there is nothing to wait for.
    }

    @Override
    public void completed() {
        // Nobody observes.
    }

    @Override
    public void carriedOut(AmdViCommand command, long word0, long word1) {
        // Nobody observes.
    }

    @Override
    public void refused(String reason) {
        // Software reads it in the event log and in Status.
    }

    @Override
    public void configured() {
        remapper.configure();
    }
}
