package org.iommu4j.amd.hardware;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.front.CommandEffects;
import org.iommu4j.amd.front.DeviceTable;
import org.iommu4j.amd.front.PageRequest;
import org.iommu4j.amd.front.PageRequest.Outcome;
import org.iommu4j.amd.front.PageRequestLog;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.simulation.register.RegisterFile;

/** Which page requests a device may make, 48882 2.6: its device table entry says so; those go to the PPR log. */
final class PageRequests {
    private final RegisterFile registers;
    private final PhysicalMemory memory;
    private final DeviceTable deviceTable;
    private final PageRequestLog log;
    private final boolean enhanced;

    PageRequests(AmdViCapabilities unit, RegisterFile registers, PhysicalMemory memory, PageRequestLog log) {
        this.registers = registers;
        this.memory = memory;
        this.log = log;
        deviceTable = new DeviceTable(registers);
        enhanced = Efr.EPH_SUP.isSet(unit.efr());
    }

    Outcome request(PageRequest request) {
        return !log.isEnabled() || isAllowed(request) ? log.request(request) : log.invalid(request);
    }

    private boolean isAllowed(PageRequest request) {
        long at = deviceTable.entry(request.deviceId());
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
        boolean guest = request.pasid() == CommandEffects.NO_PASID
                || (DeviceTableEntry.GV.isSet(word0) && registers.isSet(Control.REGISTER, Control.GT_EN));
        return DeviceTableEntry.V.isSet(word0) && asks && guest;
    }
}
