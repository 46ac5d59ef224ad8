package org.iommu4j.intel.front;

import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.ContextCommand;
import org.iommu4j.intel.command.VtdRegisters.InvalidateAddress;
import org.iommu4j.intel.command.VtdRegisters.Iotlb;
import org.iommu4j.intel.front.CommandEffects.Outcome;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.register.RegisterFile;

/**
 * Register-based invalidation, VT-d 6.5.1: a write that sets ICC or IVT in the upper half of CCMD or IOTLB starts a command;
 * it is done, with the busy bit clear and the actual granularity set, when the write returns. A wrong request has granularity
 * 0, as has every request while the root table is not one of legacy mode, VT-d 11.4.6.1. While the queue is on, the registers
 * are locked.
 */
final class RegisterInvalidation {
    private final RegisterFile registers;
    private final CommandDispatch dispatch;
    private final CommandEffects effects;
    private final Register address;
    private final Register iotlb;
    private long commands;

    RegisterInvalidation(
            VtdCapabilities unit, RegisterFile registers, CommandDispatch dispatch, CommandEffects effects) {
        this.registers = registers;
        this.dispatch = dispatch;
        this.effects = effects;
        address = InvalidateAddress.of(unit.ecap());
        iotlb = Iotlb.of(unit.ecap());
        registers.onWrite(ContextCommand.REGISTER, (before, after, written, lanes) -> {
            if (isStarted(ContextCommand.ICC, written, lanes)) {
                contextCommand(after);
            }
        });
        registers.onWrite(iotlb, (before, after, written, lanes) -> {
            if (isStarted(Iotlb.IVT, written, lanes)) {
                iotlbCommand(after);
            }
        });
    }

    /** Commands executed since the unit was made. */
    long commands() {
        return commands;
    }

    private boolean isStarted(BitField start, long written, long lanes) {
        if (start.isSet(written) && !start.isSet(lanes)) {
            effects.refused(start.name() + ": the queue is on");
        }
        return start.isSet(written & lanes);
    }

    private void contextCommand(long value) {
        int granularity = ContextCommand.CIRG.getInt(value);
        long word0 = ContextCacheInvalidate.TYPE.of(VtdCommand.TYPE_CONTEXT_CACHE)
                | ContextCacheInvalidate.G.of(granularity)
                | ContextCacheInvalidate.DID.of(ContextCommand.DID.get(value))
                | ContextCacheInvalidate.SID.of(ContextCommand.SID.get(value))
                | ContextCacheInvalidate.FM.of(ContextCommand.FM.get(value));
        boolean done = carryOut(VtdCommand.CONTEXT_CACHE_INVALIDATE, word0, 0, ContextCommand.REGISTER, value, 0);
        registers.set(
                ContextCommand.REGISTER,
                ContextCommand.CAIG.set(value & ~ContextCommand.ICC.mask(), done ? granularity : 0));
    }

    private void iotlbCommand(long value) {
        int granularity = Iotlb.IIRG.getInt(value);
        long where = registers.get(address);
        long word0 = IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB)
                | IotlbInvalidate.G.of(granularity)
                | IotlbInvalidate.DID.of(Iotlb.DID.get(value));
        long word1 = IotlbInvalidate.ADDR.of(InvalidateAddress.ADDR.get(where))
                | IotlbInvalidate.AM.of(InvalidateAddress.AM.get(where))
                | (InvalidateAddress.IH.isSet(where) ? IotlbInvalidate.IH.mask() : 0);
        boolean done = carryOut(VtdCommand.IOTLB_INVALIDATE, word0, word1, Iotlb.REGISTER, value, where);
        registers.set(iotlb, Iotlb.IAIG.set(value & ~Iotlb.IVT.mask(), done ? granularity : 0));
    }

    private boolean carryOut(VtdCommand command, long word0, long word1, Register register, long value, long where) {
        commands++;
        int type = command.opcode();
        if (dispatch.tableMode() != TableMode.LEGACY) {
            effects.refused("the root table is not one of legacy mode");
            return false;
        }
        CommandCheck check = dispatch.ofType(type);
        long meant0 = check.meant0(word0);
        long meant1 = check.meant1(word1);
        if (check.check(word0, word1) != CommandCheck.OK || dispatch.carryOut(type, meant0, meant1) != Outcome.DONE) {
            effects.refused(check.reason(word0, word1));
            return false;
        }
        effects.carriedOut(command, meant0, meant1, register.layout().name(), value, where);
        effects.completed();
        return true;
    }
}
