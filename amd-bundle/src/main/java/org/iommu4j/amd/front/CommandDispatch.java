package org.iommu4j.amd.front;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.CompletePprRequest;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateInterruptTable;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.PrefetchIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.front.CommandEffects.Outcome;
import org.iommu4j.layout.BitField;

/** Checks a command and hands it on, taken apart. */
final class CommandDispatch {
    private static final int NO_PASID = CommandEffects.NO_PASID;

    private final CommandCheck[] checks;
    private final CommandEffects effects;

    CommandDispatch(int subVersion, AmdViCapabilities unit, CommandEffects effects) {
        checks = CommandCheck.of(subVersion, unit);
        this.effects = effects;
    }

    /** True if the unit has the command and nothing in it is wrong. */
    boolean isLegal(long word0, long word1) {
        CommandCheck check = checks[AmdViCommand.opcodeOf(word0)];
        return check != null && check.isLegal(word0, word1);
    }

    /** Why a command was refused, for people. */
    String reason(long word0, long word1) {
        CommandCheck check = checks[AmdViCommand.opcodeOf(word0)];
        return check == null ? "no command has opcode " + AmdViCommand.opcodeOf(word0) : check.reason(word0, word1);
    }

    /** Hands on a command that was checked, other than a completion wait. */
    Outcome carryOut(long word0, long word1) {
        return switch (AmdViCommand.opcodeOf(word0)) {
            case AmdViCommand.OP_DEVTAB_ENTRY -> effects.deviceEntry(InvalidateDevtabEntry.DEVICE_ID.getInt(word0));
            case AmdViCommand.OP_IOMMU_PAGES -> pages(word0, word1);
            case AmdViCommand.OP_IOTLB_PAGES -> deviceTlb(word0, word1);
            case AmdViCommand.OP_INTERRUPT_TABLE ->
                effects.interruptTable(InvalidateInterruptTable.DEVICE_ID.getInt(word0));
            case AmdViCommand.OP_PREFETCH -> prefetch(word0, word1);
            case AmdViCommand.OP_COMPLETE_PPR ->
                effects.pageResponse(
                        CompletePprRequest.DEVICE_ID.getInt(word0),
                        CompletePprRequest.GN.isSet(word1) ? CompletePprRequest.PASID.getInt(word0) : NO_PASID,
                        CompletePprRequest.GROUP.getInt(word1),
                        CompletePprRequest.RESPONSE.getInt(word1));
            default -> effects.everything();
        };
    }

    private Outcome pages(long word0, long word1) {
        int shift = shift(InvalidateIommuPages.S, InvalidateIommuPages.ADDRESS, word1);
        return effects.pages(
                InvalidateIommuPages.DOMAIN_ID.getInt(word0),
                InvalidateIommuPages.GN.isSet(word1) ? InvalidateIommuPages.PASID.getInt(word0) : NO_PASID,
                SizeEncoding.base(InvalidateIommuPages.ADDRESS.get(word1), shift),
                shift,
                InvalidateIommuPages.PDE.isSet(word1));
    }

    private Outcome deviceTlb(long word0, long word1) {
        int shift = shift(InvalidateIotlbPages.S, InvalidateIotlbPages.ADDRESS, word1);
        return effects.deviceTlb(
                InvalidateIotlbPages.DEVICE_ID.getInt(word0),
                InvalidateIotlbPages.GN.isSet(word1) ? InvalidateIotlbPages.pasid(word0) : NO_PASID,
                SizeEncoding.base(InvalidateIotlbPages.ADDRESS.get(word1), shift),
                shift);
    }

    /** The prefetch itself is a hint, which this model does not follow. */
    private Outcome prefetch(long word0, long word1) {
        if (!PrefetchIommuPages.INVAL.isSet(word1)) {
            return Outcome.DONE;
        }
        int shift = shift(PrefetchIommuPages.S, PrefetchIommuPages.ADDRESS, word1);
        return effects.prefetchInvalidates(
                PrefetchIommuPages.DEVICE_ID.getInt(word0),
                PrefetchIommuPages.GN.isSet(word1) ? PrefetchIommuPages.PASID.getInt(word0) : NO_PASID,
                SizeEncoding.base(PrefetchIommuPages.ADDRESS.get(word1), shift),
                shift);
    }

    private static int shift(BitField size, BitField address, long word1) {
        return size.isSet(word1) ? SizeEncoding.shift(address.get(word1)) : SizeEncoding.PAGE_SHIFT;
    }
}
