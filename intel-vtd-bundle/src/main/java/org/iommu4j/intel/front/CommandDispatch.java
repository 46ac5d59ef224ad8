package org.iommu4j.intel.front;

import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdRegisters.QueueError;
import org.iommu4j.intel.front.CommandEffects.Outcome;

/** Checks an invalidation command and hands it on; the queue and the registers speak in descriptors alike. */
final class CommandDispatch {
    private final CommandCheck[] checks;
    private final CommandEffects effects;
    private boolean tableModeLegal = true;

    CommandDispatch(int subVersion, VtdCapabilities unit, CommandEffects effects) {
        checks = CommandCheck.of(subVersion, unit);
        this.effects = effects;
    }

    /** The root table pointer was set; in a mode that the unit does not have, no command is carried out. */
    void setTableMode(boolean legal) {
        tableModeLegal = legal;
    }

    /** True unless the root table is of a mode that the unit does not have. */
    boolean isTableModeLegal() {
        return tableModeLegal;
    }

    /** {@link CommandCheck#OK} or a code of IQEI. */
    int check(int type, long word0, long word1) {
        CommandCheck check = type < checks.length ? checks[type] : null;
        return check == null ? QueueError.UNKNOWN_TYPE : check.check(word0, word1);
    }

    /** Why a command was refused, for people. */
    String reason(int type, long word0, long word1) {
        CommandCheck check = type < checks.length ? checks[type] : null;
        return check == null ? "unknown descriptor type 0x" + Integer.toHexString(type) : check.reason(word0, word1);
    }

    /** Hands on a command that was checked, other than a wait. */
    Outcome carryOut(int type, long command0, long command1) {
        long word0 = checks[type].meant0(command0);
        long word1 = checks[type].meant1(command1);
        return type == VtdCommand.TYPE_IOTLB
                ? effects.iotlb(
                        IotlbInvalidate.G.getInt(word0),
                        IotlbInvalidate.DID.getInt(word0),
                        IotlbInvalidate.ADDR.get(word1),
                        IotlbInvalidate.AM.getInt(word1),
                        IotlbInvalidate.IH.isSet(word1))
                : other(type, word0, word1);
    }

    private Outcome other(int type, long word0, long word1) {
        return switch (type) {
            case VtdCommand.TYPE_CONTEXT_CACHE ->
                effects.contextCache(
                        ContextCacheInvalidate.G.getInt(word0),
                        ContextCacheInvalidate.DID.getInt(word0),
                        ContextCacheInvalidate.SID.getInt(word0),
                        ContextCacheInvalidate.FM.getInt(word0));
            case VtdCommand.TYPE_DEVICE_TLB -> effects.deviceTlb(DeviceTlbInvalidate.SID.getInt(word0), word1);
            default -> effects.interruptEntryCache();
        };
    }

    /** Tells that a command of the queue is done. */
    void carriedOut(int type, long word0, long word1) {
        carriedOut(type, word0, word1, VtdCommand.of(type).layout().name(), word0, word1);
    }

    /** Tells that a command is done; {@code name} and the values are what software wrote. */
    void carriedOut(int type, long word0, long word1, String name, long value0, long value1) {
        CommandCheck check = checks[type];
        effects.carriedOut(VtdCommand.of(type), check.meant0(word0), check.meant1(word1), name, value0, value1);
    }
}
