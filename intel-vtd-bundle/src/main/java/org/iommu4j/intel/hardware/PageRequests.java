package org.iommu4j.intel.hardware;

import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.front.FaultRecorder;
import org.iommu4j.intel.front.PageRequestQueue;
import org.iommu4j.intel.table.AddressSpace;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.TableWalker;

/**
 * Requests of devices for pages, VT-d 7.4, in this order:
 *
 * <ol>
 *   <li>The mode of the root table, and the tables up to the PASID entry, must let the device ask; else the request is invalid,
 *       and the fault is recorded.
 *   <li>There is room in the queue; else the unit answers by itself.
 *   <li>6.5.3.1: what is cached of the page is dropped, since software is about to change it.
 *   <li>The record is written.
 * </ol>
 */
final class PageRequests {
    private final DmaRemapper remapper;
    private final ScalableRemapper scalable;
    private final TranslationCaches caches;
    private final FaultRecorder faults;
    private final PageRequestQueue queue;
    private final DevicePort devices;

    PageRequests(
            DmaRemapper remapper,
            ScalableRemapper scalable,
            TranslationCaches caches,
            FaultRecorder faults,
            PageRequestQueue queue,
            DevicePort devices) {
        this.remapper = remapper;
        this.scalable = scalable;
        this.caches = caches;
        this.faults = faults;
        this.queue = queue;
        this.devices = devices;
    }

    /** Takes a request; one of a requester that no device can have is dropped. */
    Outcome request(PageRequest request) {
        if (request.requester() >>> DmaRemapper.SOURCE_ID_BITS != 0) {
            return Outcome.DROPPED;
        }
        Outcome outcome = decide(request);
        if (outcome == Outcome.ANSWERED || outcome == Outcome.INVALID) {
            devices.respond(
                    request.requester(),
                    request.pasid(),
                    request.group(),
                    outcome == Outcome.ANSWERED ? PageResponse.SUCCESS : PageResponse.INVALID);
        }
        return outcome;
    }

    private Outcome decide(PageRequest request) {
        // 1. whether the device may ask
        int fault = admit(request);
        if (fault != TableWalker.OK) {
            boolean readTables = remapper.mode() == TableMode.SCALABLE;
            boolean silent = readTables
                    && scalable.faultsSuppressed()
                    && FaultReason.of(fault).qualified();
            if (!silent) {
                faults.record(fault, request);
            }
            return request.answered(Outcome.INVALID);
        }
        // 2. and 4. the queue, 3. what is cached of the page
        if (queue.hasRoom()) {
            forget(request.address());
        }
        return queue.add(request);
    }

    private int admit(PageRequest request) {
        return switch (remapper.mode()) {
            case SCALABLE -> scalable.admit(request);
            case LEGACY -> FaultReason.PAGE_REQUEST_IN_LEGACY_MODE.code();
            case ABORT -> FaultReason.ABORT_MODE.code();
            case INVALID -> FaultReason.ROOT_ADDRESS_INVALID.code();
        };
    }

    /** The implicit invalidation, VT-d table 27. */
    private void forget(long address) {
        AddressSpace space = scalable.space();
        switch (space.type()) {
            case PasidEntry.FIRST_STAGE ->
                caches.invalidatePasidPages(space.domain(), scalable.pasid(), address, 0, false);
            case PasidEntry.NESTED -> caches.invalidateDomain(space.domain());
            default -> caches.invalidatePages(space.domain(), address, 0, false);
        }
    }
}
