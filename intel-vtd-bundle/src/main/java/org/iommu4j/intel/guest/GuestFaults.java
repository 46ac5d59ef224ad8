package org.iommu4j.intel.guest;

import java.util.Set;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.intel.command.FaultReason;
import org.iommu4j.intel.command.FaultRecord;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.front.FaultRecorder;
import org.iommu4j.intel.table.AddressSpace;
import org.iommu4j.intel.table.Agaw;
import org.iommu4j.intel.table.ContextEntry;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.SecondStageWalker;
import org.iommu4j.intel.table.TableWalker;

/**
 * Faults of a guest's devices in the guest's terms. The host's chip may be in another mode, and knows other structures: why a
 * request is blocked is read from the guest's own, and the host's reason counts for what is found nowhere else.
 */
final class GuestFaults {
    /** Bits of a guest's own addresses, of which a virtual unit knows no limit. */
    private static final int WIDEST_ADDRESS = 52;

    private static final int OK = TableWalker.OK;
    private static final int RIGHTS = DmaAccess.READ | DmaAccess.WRITE;

    /** Fault of a first stage that is not nested: the host's, in the same words. */
    private static final Set<FaultReason> OF_FIRST_STAGE = Set.of(
            FaultReason.EXECUTE_REQUEST_BLOCKED,
            FaultReason.SUPERVISOR_REQUEST_BLOCKED,
            FaultReason.FIRST_STAGE_ACCESS,
            FaultReason.FIRST_STAGE_NOT_PRESENT,
            FaultReason.FIRST_STAGE_RESERVED,
            FaultReason.FIRST_STAGE_TOP_ACCESS,
            FaultReason.FIRST_STAGE_FLAG_NOT_SNOOPED,
            FaultReason.FIRST_STAGE_FLAG_FAILED,
            FaultReason.ADDRESS_NOT_CANONICAL,
            FaultReason.USER_REQUEST_DENIED,
            FaultReason.SCALABLE_WRITE_DENIED,
            FaultReason.SCALABLE_INTERRUPT_RANGE_OUTPUT);

    private final GuestStructures structures;
    private final FaultRecorder recorder;
    private final SecondStageWalker second;
    private final AddressSpace space;

    GuestFaults(
            VtdCapabilities unit,
            int subVersion,
            PhysicalMemory memory,
            GuestStructures structures,
            FaultRecorder recorder) {
        this.structures = structures;
        this.recorder = recorder;
        second = new SecondStageWalker(unit, subVersion, memory, memory, WIDEST_ADDRESS);
        space = new AddressSpace(unit);
    }

    /** Records what the host has recorded of a device of the guest, unless the guest's structures ask for silence. */
    void record(long low, long high) {
        int pasid = FaultRecord.PP.isSet(high) ? FaultRecord.PASID.getInt(high) : -1;
        int code = structures.reason(FaultRecord.SID.getInt(high), pasid, FaultRecord.AT.getInt(high) != 0);
        if (code == OK) {
            code = structures.mode() == TableMode.SCALABLE ? scalable(low, high) : legacy(low, high);
        }
        FaultReason reason = FaultReason.of(code);
        if (!(structures.faultsSuppressed() && reason.qualified())) {
            recorder.record(code, low, high);
        }
    }

    /** Fault by the tables to which a context entry leads. */
    private int legacy(long low, long high) {
        long context0 = structures.legacy().context0();
        boolean interrupts = isInterruptRange(high);
        long address = FaultRecord.FI.get(low);
        int aw = ContextEntry.AW.getInt(structures.legacy().context1());
        if (ContextEntry.TT.getInt(context0) == ContextEntry.PASS_THROUGH
                || Long.compareUnsigned(address, structures.legacy().lastAddress(aw)) > 0) {
            return interrupts ? FaultReason.INTERRUPT_RANGE_OUTPUT.code() : FaultReason.ADDRESS_BEYOND_WIDTH.code();
        }
        long root = ContextEntry.SSPTPTR.get(context0);
        int fault = structures.legacy().walk(root, root, Agaw.levels(aw), RIGHTS, address, needed(high), null);
        if (fault != OK) {
            return fault;
        }
        // The tables let it pass by now.
        return interrupts ? FaultReason.INTERRUPT_RANGE_OUTPUT.code() : FaultReason.PAGING_ENTRY_ACCESS.code();
    }

    /** Fault by the tables to which a PASID entry leads. */
    private int scalable(long low, long high) {
        // Reading sets no flags of the guest's tables.
        space.decode(
                structures.pasidEntry(0) & ~PasidEntry.SSADE.mask(),
                structures.pasidEntry(1),
                structures.pasidEntry(2));
        FaultReason host = FaultReason.of(FaultRecord.FR.getInt(high));
        if (space.hasFirstStage()) {
            return OF_FIRST_STAGE.contains(host) ? host.code() : FaultReason.FIRST_STAGE_ACCESS.code();
        }
        int interrupts = FaultReason.SCALABLE_INTERRUPT_RANGE_OUTPUT.code();
        if (space.type() == PasidEntry.PASS_THROUGH) {
            return isInterruptRange(high) ? interrupts : FaultReason.ADDRESS_BEYOND_HOST.code();
        }
        return secondStage(low, high, isInterruptRange(high) ? interrupts : FaultReason.SECOND_STAGE_ACCESS.code());
    }

    private int secondStage(long low, long high, int otherwise) {
        long address = FaultRecord.FI.get(low);
        if (Long.compareUnsigned(address, space.lastSecondStageAddress()) > 0) {
            return FaultReason.SCALABLE_ADDRESS_BEYOND_WIDTH.code();
        }
        second.enter(space);
        int fault = second.walk(space, space.secondStageTable(), space.secondStageLevels(), RIGHTS, address, null);
        if (fault != OK) {
            return fault;
        }
        int missing = needed(high) & ~second.rights();
        if (missing == 0) {
            return otherwise;
        }
        return (missing & DmaAccess.WRITE) != 0
                ? FaultReason.SCALABLE_WRITE_DENIED.code()
                : FaultReason.SCALABLE_READ_DENIED.code();
    }

    private static boolean isInterruptRange(long high) {
        int code = FaultRecord.FR.getInt(high);
        return code == FaultReason.INTERRUPT_RANGE_OUTPUT.code()
                || code == FaultReason.SCALABLE_INTERRUPT_RANGE_OUTPUT.code();
    }

    /** Rights that a recorded request wanted. */
    private static int needed(long high) {
        boolean atomic = FaultRecord.T2.isSet(high);
        return atomic ? RIGHTS : FaultRecord.T1.isSet(high) ? DmaAccess.READ : DmaAccess.WRITE;
    }
}
