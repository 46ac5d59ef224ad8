package org.iommu4j.intel.command;

import org.iommu4j.intel.command.VtdRegisters.RootTableAddress;

/** Kind of the tables that the root table address register names, VT-d 11.4.5. */
public enum TableMode {
    /** Legacy tables. */
    LEGACY,
    /** Scalable-mode tables: PASIDs. */
    SCALABLE,
    /** None: every access is blocked. */
    ABORT,
    /** A mode that the unit does not have. */
    INVALID;

    /**
     * The mode that a unit is in.
     *
     * @param rootTableAddress the register as SRTP latched it
     */
    public static TableMode of(VtdCapabilities unit, long rootTableAddress) {
        return switch (RootTableAddress.TTM.getInt(rootTableAddress)) {
            case RootTableAddress.LEGACY -> LEGACY;
            case RootTableAddress.SCALABLE -> unit.hasScalableMode() ? SCALABLE : INVALID;
            case RootTableAddress.ABORT -> unit.hasAbortMode() ? ABORT : INVALID;
            default -> INVALID;
        };
    }

    /** True if the queue takes descriptors of 256 bits only, with the commands that PASIDs need. */
    public boolean needsLongDescriptors() {
        return this == SCALABLE || this == ABORT;
    }
}
