package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.front.DeviceTable;
import org.iommu4j.amd.front.PageRequestLog;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.register.RegisterFile;

/** Which page requests a device may make, 48882 2.6: its device table entry says so; those go to the PPR log. What the unit answers itself, the device is told. */
final class PageRequests {
    private final RegisterFile registers;
    private final PhysicalMemory memory;
    private final DeviceTable deviceTable;
    private final PageRequestLog log;
    private final DevicePort devices;
    private final boolean enhanced;

    PageRequests(
            AmdViCapabilities unit,
            RegisterFile registers,
            PhysicalMemory memory,
            PageRequestLog log,
            DevicePort devices) {
        this.registers = registers;
        this.memory = memory;
        this.log = log;
        this.devices = devices;
        deviceTable = new DeviceTable(registers);
        enhanced = Efr.EPH_SUP.isSet(unit.efr());
    }

    /** Takes a request; one of a DeviceID that no device can have is dropped. */
    Outcome request(PageRequest request) {
        if (request.requester() >>> DmaRemapper.DEVICE_ID_BITS != 0) {
            return Outcome.DROPPED;
        }
        boolean refused = log.isEnabled() && !isAllowed(request);
        Outcome outcome = refused ? log.invalid(request) : log.request(request);
        if (outcome == Outcome.INVALID) {
            answer(request, request.pasid(), refused ? PageResponse.INVALID : PageResponse.FAILURE);
        } else if (outcome == Outcome.ANSWERED) {
            int pasid = log.answersWithoutPasid() ? DmaAccess.NO_PASID : request.pasid();
            answer(request, pasid, CompletePprRequest.response(log.automaticResponse()));
        }
        return outcome;
    }

    private void answer(PageRequest request, int pasid, PageResponse response) {
        devices.respond(request.requester(), pasid, request.group(), response);
    }

    private boolean isAllowed(PageRequest request) {
        long at = deviceTable.entry(request.requester());
        if (at == DeviceTable.OUTSIDE) {
            return false;
        }
        long word0;
        try {
            word0 = memory.readLongLe(at);
        } catch (BusErrorException e) {
            return false;
        }
        boolean asks =
                !(enhanced && registers.isSet(Control.REGISTER, Control.EPH_EN)) || DeviceTableEntry.PPR.isSet(word0);
        boolean guest = request.pasid() == DmaAccess.NO_PASID
                || (DeviceTableEntry.GV.isSet(word0) && registers.isSet(Control.REGISTER, Control.GT_EN));
        return DeviceTableEntry.V.isSet(word0) && asks && guest;
    }
}
