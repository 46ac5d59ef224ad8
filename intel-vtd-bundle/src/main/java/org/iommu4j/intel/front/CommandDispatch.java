package org.iommu4j.intel.front;

import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.front.CommandEffects.Outcome;

/** Checks an invalidation command and hands it on; the queue and the registers speak in descriptors alike. */
final class CommandDispatch {
    /** Type and granularity of the IOTLB invalidation of pages, which nearly all commands are. */
    private static final long PAGES =
            IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(IotlbInvalidate.PAGE);

    private static final long PAGES_MASK =
            IotlbInvalidate.TYPE.mask() | IotlbInvalidate.TYPE_HIGH.mask() | IotlbInvalidate.G.mask();

    private final CommandCheck[] checks;
    private final CommandEffects effects;
    private boolean tableModeLegal = true;

    private final boolean selectsPages;

    /** The bits that tell a plain invalidation of pages: as in {@link #PAGES} in the first word, 0 in the second. */
    private final long decisive0;

    private final long decisive1;

    CommandDispatch(int subVersion, VtdCapabilities unit, CommandEffects effects) {
        checks = CommandCheck.of(subVersion, unit);
        this.effects = effects;
        CommandCheck iotlb = checks[VtdCommand.TYPE_IOTLB];
        selectsPages = iotlb.check(PAGES, 0) == CommandCheck.OK;
        decisive0 = PAGES_MASK | iotlb.doubtful0();
        decisive1 = iotlb.doubtful1();
    }

    /** The root table pointer was set; in a mode that the unit does not have, no command is carried out. */
    void setTableMode(boolean legal) {
        tableModeLegal = legal;
    }

    /** True unless the root table is of a mode that the unit does not have. */
    boolean isTableModeLegal() {
        return tableModeLegal;
    }

    /** What the unit makes of commands of a type; null if it has no such command. */
    CommandCheck ofType(int type) {
        return type < checks.length ? checks[type] : null;
    }

    /**
     * True for an IOTLB invalidation of pages that passes its check and has no bit that the unit ignores, told by one look at
     * each word. False says nothing: the check has to decide.
     */
    boolean isPlainPages(long word0, long word1) {
        return selectsPages && (((word0 ^ PAGES) & decisive0) | (word1 & decisive1)) == 0;
    }

    /** Why a command was refused, for people. */
    String reason(int type, long word0, long word1) {
        CommandCheck check = ofType(type);
        return check == null ? "unknown descriptor type 0x" + Integer.toHexString(type) : check.reason(word0, word1);
    }

    /** Hands on a command that was checked, other than a wait, without the bits that the unit ignores. */
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
}
