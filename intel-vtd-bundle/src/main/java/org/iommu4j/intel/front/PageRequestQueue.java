package org.iommu4j.intel.front;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.InterruptSink;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.intel.command.PageRequestRecord;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.intel.command.VtdRegisters.EventControl;
import org.iommu4j.intel.command.VtdRegisters.PageRequestPlace;
import org.iommu4j.intel.command.VtdRegisters.PageRequestStatus;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * The queue of requests for pages, VT-d 7.4 and 11.4.11: the unit writes records before PQT, software reads them from PQH on.
 * The event is raised when a record or an overflow appears while neither was there.
 */
public final class PageRequestQueue {
    private static final int PAGE_SHIFT = 12;

    private final RegisterFile registers;
    private final PhysicalMemory memory;
    private final EventMessage event;

    PageRequestQueue(VtdCapabilities unit, RegisterFile registers, PhysicalMemory memory, InterruptSink interrupts) {
        this.registers = registers;
        this.memory = memory;
        event = new EventMessage(registers, EventControl.PAGE_REQUEST, Ecap.EIM.isSet(unit.ecap()), interrupts);
        registers.onWrite(PageRequestStatus.REGISTER, (before, after, written, lanes) -> {
            if (!PageRequestStatus.PPR.isSet(after) && !PageRequestStatus.PRO.isSet(after)) {
                event.withdraw();
            }
        });
    }

    /** True if a request would be taken; else it only sets the overflow, or not even that. */
    public boolean hasRoom() {
        return !registers.isSet(PageRequestStatus.REGISTER, PageRequestStatus.PRO)
                && next() != registers.get(PageRequestPlace.HEAD, PageRequestPlace.QH);
    }

    /** Takes a request of a device that may make it. */
    public PageRequest.Outcome add(PageRequest request) {
        if (registers.isSet(PageRequestStatus.REGISTER, PageRequestStatus.PRO)) {
            return request.answered(PageRequest.Outcome.ANSWERED);
        }
        if (!hasRoom() || !store(request)) {
            raise(PageRequestStatus.PRO.mask());
            return request.answered(PageRequest.Outcome.ANSWERED);
        }
        registers.set(PageRequestPlace.TAIL, PageRequestPlace.QT, next());
        raise(PageRequestStatus.PPR.mask());
        return PageRequest.Outcome.QUEUED;
    }

    /** The tail after one more record. */
    private long next() {
        long bytes = 1L << (PAGE_SHIFT + registers.get(PageRequestPlace.ADDRESS, PageRequestPlace.QS));
        return (registers.get(PageRequestPlace.TAIL, PageRequestPlace.QT) + PageRequestRecord.BYTES) % bytes;
    }

    private boolean store(PageRequest request) {
        long at = registers.get(PageRequestPlace.ADDRESS, PageRequestPlace.QA)
                + registers.get(PageRequestPlace.TAIL, PageRequestPlace.QT);
        long[] words = PageRequestRecord.encode(request);
        byte[] bytes = PageRequestRecord.LAYOUT.encode(words[0], words[1], 0, 0);
        try {
            memory.write(at, bytes, 0, bytes.length);
            return true;
        } catch (BusErrorException | BackendException e) {
            return false;
        }
    }

    private void raise(long cause) {
        long status = registers.get(PageRequestStatus.REGISTER);
        registers.set(PageRequestStatus.REGISTER, status | cause);
        if ((status & (PageRequestStatus.PPR.mask() | PageRequestStatus.PRO.mask())) == 0) {
            event.raise();
        }
    }
}
