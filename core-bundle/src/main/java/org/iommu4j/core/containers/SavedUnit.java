package org.iommu4j.core.containers;

import org.iommu4j.backend.Snapshot;

/**
 * The saved state of a unit, or of a virtual IOMMU, while no backend serves it.
 *
 * @param by the backend that saved it, for reports
 * @param hardware the chip's state, or the virtual IOMMU's; null if it was lost
 * @param translator the driver's state; null if it was lost or there is none
 * @param lostBecause why the state was lost; empty if it was not
 */
public record SavedUnit(String by, Snapshot hardware, Snapshot translator, String lostBecause) {
    /** Nothing is left. */
    public static SavedUnit lost(String by, String why) {
        return new SavedUnit(by, null, null, why);
    }

    /** True if nothing is left. */
    public boolean isLost() {
        return hardware == null;
    }
}
