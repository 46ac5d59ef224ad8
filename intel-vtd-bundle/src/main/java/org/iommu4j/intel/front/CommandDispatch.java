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

    CommandDispatch(int subVersion, VtdCapabilities unit, CommandEffects effects) {
        checks = CommandCheck.of(subVersion, unit);
        this.effects = effects;
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
    Outcome carryOut(int type, long word0, long word1) {
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
        VtdCommand command = VtdCommand.of(type);
        effects.carriedOut(command, word0, word1, command.layout().name(), word0, word1);
    }
}
