package org.iommu4j.arm.hardware;

import org.iommu4j.arm.command.SmmuCapabilities;
import org.iommu4j.arm.front.SmmuFront;
import org.iommu4j.arm.table.ConfigurationRules;
import org.iommu4j.arm.table.StreamTable;
import org.iommu4j.arm.table.StreamTableEntry;
import org.iommu4j.backend.BusErrorException;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PageRequest;
import org.iommu4j.backend.PageRequest.Outcome;
import org.iommu4j.backend.PageResponse;
import org.iommu4j.backend.PhysicalMemory;

/**
 * Page requests of devices, and the chip's own answers to them, IHI 0070 8.1. Every device may ask: stream table entries say nothing
 * of that. An answer has the PASID of its request if the chip always gives it (IDR3.PPS) or the stream table entry asks for it; without
 * a legal entry a chip that would have to look there answers with a failure.
 */
final class PageRequests {
    private final SmmuFront front;
    private final StreamTable table;
    private final ConfigurationRules rules;
    private final PhysicalMemory memory;
    private final DevicePort devices;
    private final boolean alwaysWithPasid;
    private final long[] ste = new long[StreamTableEntry.WORDS];

    PageRequests(
            SmmuCapabilities chip,
            SmmuFront front,
            StreamTable table,
            ConfigurationRules rules,
            PhysicalMemory memory,
            DevicePort devices) {
        this.front = front;
        this.table = table;
        this.rules = rules;
        this.memory = memory;
        this.devices = devices;
        alwaysWithPasid = chip.has("PPS");
    }

    Outcome request(PageRequest request) {
        Outcome outcome = front.pageRequests() == null
                ? request.answered(Outcome.INVALID)
                : front.pageRequests().request(request);
        if (outcome == Outcome.ANSWERED || outcome == Outcome.INVALID) {
            boolean known = alwaysWithPasid || isEntryLegal(request.requester());
            boolean withPasid =
                    alwaysWithPasid || (known && StreamTableEntry.PPAR.isSet(ste[StreamTableEntry.PPAR.word()]));
            devices.respond(
                    request.requester(),
                    withPasid ? request.pasid() : DmaAccess.NO_PASID,
                    request.group(),
                    known && outcome == Outcome.ANSWERED ? PageResponse.SUCCESS : PageResponse.FAILURE);
        }
        return outcome;
    }

    private boolean isEntryLegal(int streamId) {
        try {
            return table.read(streamId, memory, ste) && rules.isLegalStream(ste);
        } catch (BusErrorException e) {
            return false;
        }
    }
}
