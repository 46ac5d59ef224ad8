package org.iommu4j.arm.guest;

import org.iommu4j.arm.command.EventFields;
import org.iommu4j.arm.command.EventType;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.arm.front.EventRecorder;
import org.iommu4j.arm.front.FaultReports;
import org.iommu4j.arm.table.WalkFault;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * What the guest's event queue gets: faults of its own stream table, which only the virtual SMMU reads, and what the host's chip has
 * recorded of the guest's context descriptors and tables, docs/spec/arm-smmu.md 5.6.
 */
final class GuestEvents {
    private final RegisterFile registers;
    private final EventRecorder events;
    private final FaultReports reports;
    private final DmaAccess access = new DmaAccess();
    private final long[] words = new long[EventFields.RECORD_WORDS];

    GuestEvents(RegisterFile registers, EventRecorder events) {
        this.registers = registers;
        this.events = events;
        reports = new FaultReports(events);
    }

    /**
     * An access of a stream has no legal entry.
     *
     * @param pasid or {@link DmaAccess#NO_PASID}
     */
    void configuration(WalkFault fault, int streamId, int pasid) {
        if (fault.type() != EventType.C_BAD_STREAMID || registers.isSet(Cr2.REGISTER, Cr2.RECINVSID)) {
            access.begin(streamId, 0, DmaAccess.READ);
            reports.of(fault, access, pasid, false, false, true).write();
        }
    }

    /**
     * The host's chip has recorded something of a bound stream. Its entry in the host's stream table is the host's own matter, as is a
     * stage 2 that the guest does not have.
     */
    void forward(byte[] record, GuestBinding binding) {
        EventType type = EventType.of(EventType.codeOf(record[0]));
        if (type == null || isOfHost(type)) {
            return;
        }
        for (int word = 0; word < words.length; word++) {
            words[word] = type.layout().word(record, 0, word);
        }
        boolean ofStage2 =
                type.layout().fields().contains(EventFields.S2) && EventFields.S2.isSet(words[EventFields.S2.word()]);
        if (binding.hasStage2() || !ofStage2) {
            events.record(words);
        }
    }

    private static boolean isOfHost(EventType type) {
        return switch (type) {
            case C_BAD_STREAMID, F_STE_FETCH, C_BAD_STE, F_VMS_FETCH -> true;
            default -> false;
        };
    }
}
