package org.iommu4j.amd.guest;

import org.iommu4j.amd.command.AmdViEvent;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.front.EventRecorder;

/**
 * What the guest's event log gets of what the host's chip has recorded: faults of the guest's tables, and requests that its device must not
 * make. The host's device table, and devices that do not answer the host, are the host's own matter.
 */
final class GuestEvents {
    private final GuestDevices devices;
    private final EventRecorder events;

    GuestEvents(GuestDevices devices, EventRecorder events) {
        this.devices = devices;
        this.events = events;
    }

    /** Takes a record; one about a device that is not bound to tables of the guest is none of its. */
    void forward(byte[] record) {
        if (record.length != IoPageFault.LAYOUT.sizeBytes()) {
            return;
        }
        long word0 = IoPageFault.LAYOUT.word(record, 0, 0);
        long word1 = IoPageFault.LAYOUT.word(record, 0, 1);
        AmdViEvent event = AmdViEvent.of(IoPageFault.CODE.getInt(word0));
        GuestContext context = devices.context(IoPageFault.DEVICE_ID.getInt(word0));
        if (event == null || context == null || context.domain() == GuestContext.UNTRANSLATED_DOMAIN) {
            return;
        }
        switch (event) {
            case IO_PAGE_FAULT, PAGE_TAB_HARDWARE_ERROR ->
                // Both name the domain, or a PASID, at the same place.
                events.forward(
                        event,
                        IoPageFault.GN.isSet(word0) ? word0 : IoPageFault.DOMAIN_ID.set(word0, context.domain()),
                        word1);
            case INVALID_DEVICE_REQUEST, INVALID_PPR_REQUEST -> events.forward(event, word0, word1);
            default -> {}
        }
    }
}
