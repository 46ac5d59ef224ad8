package org.iommu4j.amd.table;

import org.iommu4j.amd.command.AmdViCapabilities;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.simulation.config.SettingValues;

/**
 * What a walk depends on besides the tables.
 *
 * @param pasidBits width of a PASID; a wider one faults
 * @param noExecute EFR.NXSup: NX counts
 * @param levelFirst the check of the level comes before that of the permission
 * @param levelOneIsLeaf an entry of level 1 is a leaf whatever its next level
 * @param skippedUnchecked address bits of skipped levels may be set
 * @param largeFaults host pages of 512 GiB are no legal size
 * @param pasidHighFaults PASID bits above the GCR3 table fault
 * @param nestedAsGuest a failure of the host part of a nested walk is reported with the guest virtual address
 */
public record WalkerConfig(
        int pasidBits,
        boolean noExecute,
        boolean levelFirst,
        boolean levelOneIsLeaf,
        boolean skippedUnchecked,
        boolean largeFaults,
        boolean pasidHighFaults,
        boolean nestedAsGuest) {

    /** Capabilities of a unit and settings that were chosen. */
    public static WalkerConfig of(AmdViCapabilities unit, SettingValues chosen) {
        return new WalkerConfig(
                unit.pasidBits(),
                Efr.NX_SUP.isSet(unit.efr()),
                chosen.isSet(AmdViSettings.ORDER),
                chosen.isSet(AmdViSettings.LEVEL1),
                chosen.isSet(AmdViSettings.SKIP),
                chosen.isSet(AmdViSettings.LARGE_PAGE),
                chosen.isSet(AmdViSettings.PASID_HIGH),
                chosen.isSet(AmdViSettings.NESTED_EVENT));
    }
}
