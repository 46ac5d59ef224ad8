package org.iommu4j.s390.front;

import org.iommu4j.backend.NativeCall;
import org.iommu4j.s390.command.ProgramInterruption;
import org.iommu4j.s390.command.RequestRegister;
import org.iommu4j.s390.command.Status;
import org.iommu4j.s390.command.ZpciCapabilities;
import org.iommu4j.s390.command.ZpciInstruction;
import org.iommu4j.s390.command.ZpciSettings;

/**
 * PCILG, PCISTG and PCISTB, docs/spec/s390-zpci.md 2.1 and 2.7: everything that is checked before an access reaches a
 * function. Behind it there is no device: its configuration space reads as zeros and takes no stores, and it has no
 * BARs, so that an access to one is an operand exception.
 *
 * <p>The order of checks is that of MPCIFC: register or handle, state, address space, then length and offset. A function in error or
 * in permanent error is blocked (status 12); one that is only in the state blocked works.
 */
final class LoadStore {
    private static final int LAST_BAR = 5;
    private static final int CONFIGURATION = 15;
    private static final int CONFIGURATION_BYTES = 4096;
    private static final int WORD_MASK = 3;
    private static final int DOUBLEWORD_MASK = 7;
    private static final int PAGE_BYTES = 4096;
    private static final long LENGTH_MASK = 0xf;
    private static final long BLOCK_LENGTH_MASK = 0x1fff;

    private final PciFacility facility;
    private final long longestBlock;

    LoadStore(PciFacility facility, ZpciCapabilities unit) {
        this.facility = facility;
        longestBlock = unit.value(ZpciSettings.MAXSTBL);
    }

    /** PCILG. */
    void load(NativeCall call) {
        int outcome = access(call);
        if (outcome == ZpciInstruction.DONE) {
            call.word(ZpciInstruction.DATA, 0);
        }
        call.result(outcome);
    }

    /** PCISTG. */
    void store(NativeCall call) {
        call.result(access(call));
    }

    private int access(NativeCall call) {
        if ((call.word(ZpciInstruction.R2_NUMBER) & 1) != 0) {
            return -ProgramInterruption.SPECIFICATION;
        }
        int space = RequestRegister.DMAAS.getInt(call.word(ZpciInstruction.REQUEST));
        int unreached = reach(call, ZpciInstruction.REQUEST, space <= LAST_BAR || space == CONFIGURATION);
        if (unreached != ZpciInstruction.DONE) {
            return unreached;
        }
        long length = call.word(ZpciInstruction.REQUEST) & LENGTH_MASK;
        long offset = call.word(ZpciInstruction.OFFSET);
        boolean legal = space == CONFIGURATION
                && Long.bitCount(length) == 1
                && length <= WORD_MASK + 1 - (offset & WORD_MASK)
                && Long.compareUnsigned(offset, CONFIGURATION_BYTES) < 0;
        return legal ? ZpciInstruction.DONE : -ProgramInterruption.OPERAND;
    }

    /** PCISTB: no function has a BAR that it could end in. */
    void storeBlock(NativeCall call) {
        long request = call.word(ZpciInstruction.R1);
        int unreached = reach(call, ZpciInstruction.R1, RequestRegister.DMAAS.getInt(request) <= LAST_BAR);
        if (unreached != ZpciInstruction.DONE) {
            call.result(unreached);
            return;
        }
        long length = request & BLOCK_LENGTH_MASK;
        long offset = call.word(ZpciInstruction.OFFSET);
        boolean legal = ((offset | length | call.word(ZpciInstruction.STORED)) & DOUBLEWORD_MASK) == 0
                && length > DOUBLEWORD_MASK + 1
                && length <= longestBlock
                && (offset & PAGE_BYTES - 1) + length <= PAGE_BYTES;
        call.result(legal ? -ProgramInterruption.OPERAND : -ProgramInterruption.SPECIFICATION);
    }

    /**
     * Checks handle, state and address space.
     *
     * @param register word of the request, in which a status comes back
     */
    private int reach(NativeCall call, int register, boolean knownSpace) {
        PciFunction function = facility.find(RequestRegister.handle(call.word(register)));
        if (function == null || function.state().isAway() || function.state() == FunctionState.DISABLED) {
            return ZpciInstruction.INVALID_HANDLE;
        }
        if (function.state() == FunctionState.ERROR || function.state() == FunctionState.PERMANENT_ERROR) {
            return fail(call, register, Status.BLOCKED);
        }
        return knownSpace ? ZpciInstruction.DONE : fail(call, register, Status.INVALID_SPACE);
    }

    private static int fail(NativeCall call, int register, int status) {
        call.word(register, RequestRegister.STATUS.set(call.word(register), status));
        return ZpciInstruction.ERROR;
    }
}
