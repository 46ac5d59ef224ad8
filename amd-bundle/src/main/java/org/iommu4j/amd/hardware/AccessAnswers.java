package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents.InvalidDeviceRequest;
import org.iommu4j.amd.front.EventRecorder;
import org.iommu4j.amd.table.DeviceEntry;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;

/** Outcomes of accesses, and the events that tell of them, 48882 2.5. Allocates nothing. */
final class AccessAnswers {
    private static final int NO_PASID = TranslationCaches.NO_PASID;
    private static final int PAGE_FAULT = AmdViEvent.IO_PAGE_FAULT.code();
    private static final int DENIED = 0;

    private final TranslationCaches caches;
    private final DeviceCache devices;
    private final DeviceEntry entry;
    private final AccessWatch watch;

    private EventRecorder events;
    private long hits;
    private long walks;
    private long refused;

    AccessAnswers(TranslationCaches caches, AccessWatch watch) {
        this.caches = caches;
        this.watch = watch;
        devices = caches.devices;
        entry = devices.entry();
    }

    /** Receiver of events; set once, before the first access. */
    void recordTo(EventRecorder recorder) {
        events = recorder;
    }

    /** Receiver of events. */
    EventRecorder events() {
        return events;
    }

    /** A cache answers an access. */
    void countHit() {
        hits++;
    }

    /** Tables are walked for an access. */
    void countWalk() {
        walks++;
    }

    /** Accesses that a cache answered. */
    long hits() {
        return hits;
    }

    /** Accesses that walked a table. */
    long walks() {
        return walks;
    }

    /** Accesses that were refused. */
    long refused() {
        return refused;
    }

    /** Nobody can be the requester: refused without an event. */
    void block(DmaAccess access) {
        refused++;
        access.blocked();
    }

    /** An address that no table translates. */
    void pass(DmaAccess access, int rights) {
        access.translated(access.iova(), 0, rights, false);
    }

    /**
     * The access goes on, translated; a translation request is answered and its device keeps the answer.
     *
     * @param byTable true if a table said so, so that the page has a size
     * @param hit true if a cache answered
     */
    void succeed(DmaAccess access, int pasid, long pageAddress, int shift, int rights, boolean byTable, boolean hit) {
        long address = access.iova();
        long pageBytes = 1L << shift;
        boolean answers = access.addressType() == AddressType.TRANSLATION_REQUEST;
        if (answers) {
            if (rights == DENIED) {
                refused++;
                access.fault(PAGE_FAULT, false);
                return;
            }
            int tag = access.pasid() == DmaAccess.NO_PASID ? NO_PASID : pasid;
            long page = address & -pageBytes;
            caches.deviceTlb.insert(access.requester(), tag, page, shift, pageAddress, rights);
            watch.answered(access.requester(), tag, page, shift, pageAddress);
        }
        access.translated(pageAddress | (address & (pageBytes - 1)), byTable || answers ? pageBytes : 0, rights, hit);
    }

    /** A request that a device may not make of a unit that does not translate for its TLB. */
    void refuseDeviceTlb(DmaAccess access, AddressType type) {
        int code = type == AddressType.TRANSLATION_REQUEST
                ? InvalidDeviceRequest.TRANSLATION_REQUEST
                : InvalidDeviceRequest.TRANSLATED_REQUEST;
        refuse(access, AmdViEvent.INVALID_DEVICE_REQUEST, events.invalidRequest(access, code));
    }

    /**
     * The access is refused.
     *
     * @param recorded true if an entry of the event log tells it
     */
    void refuse(DmaAccess access, AmdViEvent event, boolean recorded) {
        refused++;
        access.fault(event.code(), recorded);
    }

    /** An entry of a table cannot be read. */
    void tableError(DmaAccess access, int domain, int pasid, long address) {
        refuse(access, AmdViEvent.PAGE_TAB_HARDWARE_ERROR, events.pageTableError(access, domain, pasid, address));
    }

    /** A page fault at the address of the request: with its PASID if it has one, else of the domain. */
    void pageFault(DmaAccess access, long flags) {
        if (access.pasid() == DmaAccess.NO_PASID) {
            hostFault(access, access.iova(), flags);
        } else {
            guestFault(access, access.pasid(), !access.privileged(), flags);
        }
    }

    /** A page fault that the event log has with the domain. */
    void hostFault(DmaAccess access, long address, long flags) {
        boolean recorded = isLogged(access) && events.hostPageFault(access, entry.domain(), address, flags);
        faulted(access, recorded);
    }

    /** A page fault that the event log has with a PASID. */
    void guestFault(DmaAccess access, int pasid, boolean user, long flags) {
        boolean recorded = isLogged(access) && events.guestPageFault(access, pasid, user, flags);
        faulted(access, recorded);
    }

    private boolean isLogged(DmaAccess access) {
        return access.addressType() != AddressType.TRANSLATION_REQUEST && !devices.faultsSuppressed();
    }

    private void faulted(DmaAccess access, boolean recorded) {
        if (recorded) {
            devices.faultLogged(access.requester());
        }
        refuse(access, AmdViEvent.IO_PAGE_FAULT, recorded);
    }
}
