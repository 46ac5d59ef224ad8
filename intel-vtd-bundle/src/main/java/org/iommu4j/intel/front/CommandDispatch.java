package org.iommu4j.intel.front;

import org.iommu4j.intel.command.ContextCacheInvalidate;
import org.iommu4j.intel.command.DeviceTlbInvalidate;
import org.iommu4j.intel.command.HostPermissionInvalidate;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.PasidCacheInvalidate;
import org.iommu4j.intel.command.PasidDeviceTlbInvalidate;
import org.iommu4j.intel.command.PasidIotlbInvalidate;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.front.CommandEffects.Outcome;

/** Checks an invalidation command and hands it on; the queue and the registers speak in descriptors alike. */
final class CommandDispatch {
    private static final int LEGACY_TYPES = VtdCommand.TYPE_WAIT + 1;

    /** Type and granularity of the IOTLB invalidation of pages, which nearly all commands are. */
    private static final long PAGES =
            IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(IotlbInvalidate.PAGE);

    private static final long PAGES_MASK =
            IotlbInvalidate.TYPE.mask() | IotlbInvalidate.TYPE_HIGH.mask() | IotlbInvalidate.G.mask();

    private final CommandCheck[] checks;
    private final CommandEffects effects;
    private TableMode mode = TableMode.LEGACY;

    /** The types below this number exist in the mode, VT-d table 26. */
    private int types = LEGACY_TYPES;

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

    /** The root table pointer was set. */
    void setTableMode(TableMode tableMode) {
        mode = tableMode;
        types = tableMode.needsLongDescriptors() ? checks.length : LEGACY_TYPES;
    }

    /** The mode of the root table; in one that the unit does not have, no command is carried out. */
    TableMode tableMode() {
        return mode;
    }

    /** The check of commands of a type; null if it has no such command, or not in the mode of its tables. */
    CommandCheck ofType(int type) {
        return type < types ? checks[type] : null;
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
            case VtdCommand.TYPE_PASID_IOTLB ->
                effects.pasidIotlb(
                        PasidIotlbInvalidate.G.getInt(word0),
                        PasidIotlbInvalidate.DID.getInt(word0),
                        PasidIotlbInvalidate.PASID.getInt(word0),
                        PasidIotlbInvalidate.ADDR.get(word1),
                        PasidIotlbInvalidate.AM.getInt(word1),
                        PasidIotlbInvalidate.IH.isSet(word1));
            case VtdCommand.TYPE_PASID_CACHE ->
                effects.pasidCache(
                        PasidCacheInvalidate.G.getInt(word0),
                        PasidCacheInvalidate.DID.getInt(word0),
                        PasidCacheInvalidate.PASID.getInt(word0));
            case VtdCommand.TYPE_PASID_DEVICE_TLB ->
                effects.pasidDeviceTlb(
                        PasidDeviceTlbInvalidate.SID.getInt(word0),
                        PasidDeviceTlbInvalidate.GI.isSet(word1)
                                ? CommandEffects.EVERY_PASID
                                : PasidDeviceTlbInvalidate.PASID.getInt(word0),
                        PasidDeviceTlbInvalidate.range(word1));
            case VtdCommand.TYPE_PAGE_GROUP_RESPONSE -> effects.pageGroupResponse(word0, word1);
            case VtdCommand.TYPE_HOST_PERMISSION ->
                effects.hostPermissions(
                        HostPermissionInvalidate.G.getInt(word0),
                        HostPermissionInvalidate.HPTDID.getInt(word0),
                        HostPermissionInvalidate.ADDR.get(word1),
                        HostPermissionInvalidate.AM.getInt(word1),
                        HostPermissionInvalidate.IH.getInt(word1));
            default -> effects.interruptEntryCache();
        };
    }
}
