package org.iommu4j.amd.command;

import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.Efr2;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.backend.BackendException;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.config.SettingValues;

/**
 * The capability registers of one unit.
 *
 * @param header first word of the capability block in PCI configuration space
 * @param efr extended feature register
 * @param efr2 second extended feature register
 */
public record AmdViCapabilities(long header, long efr, long efr2) {
    /** Revision 1 of the architecture: host tables, device TLBs, no extended features. */
    public static final AmdViCapabilities D_V1 = new AmdViCapabilities(0x110b000fL, 0, 0);

    /** Guest tables: 6-level host, 4-level guest, GCR3 tables of two levels, PASIDs of 16 bits. */
    public static final AmdViCapabilities D_V2 = new AmdViCapabilities(0x190b000fL, 0x0000000f0000485bL, 0);

    /** Also 5-level guest tables, GIOV, accessed and dirty bits, enhanced page requests, invalidation types. */
    public static final AmdViCapabilities D_V3 = new AmdViCapabilities(0x190b000fL, 0x0057000f0000585bL, 0);

    /** Also secure nested paging. */
    public static final AmdViCapabilities D_SNP = new AmdViCapabilities(0x190b000fL, 0x8057000f0000585bL, 0);

    /** Also GCR3 roots as guest physical addresses. */
    public static final AmdViCapabilities D_NEST = new AmdViCapabilities(0x190b000fL, 0x8057000f0000585bL, 0x8);

    /** Host levels of HATS 0; each step is one more, and the last code means none. */
    private static final int LEAST_LEVELS = 4;

    private static final int NO_HOST_TABLES = 3;

    /**
     * The capabilities that have been chosen. Without EFRSup no feature counts; a unit of a generation without features that is
     * given some has EFRSup with them.
     */
    public static AmdViCapabilities of(SettingValues values) {
        boolean added = base(values.subVersion()).efr() == 0 && values.register(AmdViSettings.EFR) != 0;
        long header = values.register(AmdViSettings.CAPABILITY) | (added ? PciCapability.EFR_SUP.mask() : 0);
        boolean extended = PciCapability.EFR_SUP.isSet(header);
        return new AmdViCapabilities(
                header,
                extended ? values.register(AmdViSettings.EFR) : 0,
                extended ? values.register(AmdViSettings.EFR2) : 0);
    }

    /**
     * The capabilities of a generation's default unit.
     *
     * @throws BackendException {@code EPROTONOSUPPORT} for an unknown generation
     */
    public static AmdViCapabilities defaultOf(int subVersion) {
        return of(AmdViSettings.TABLE.defaults(subVersion));
    }

    /** Registers of a known generation's default unit. */
    static AmdViCapabilities base(int subVersion) {
        return switch (subVersion) {
            case AmdViGeneration.V1 -> D_V1;
            case AmdViGeneration.V2 -> D_V2;
            case AmdViGeneration.V3 -> D_V3;
            case AmdViGeneration.SNP -> D_SNP;
            default -> D_NEST;
        };
    }

    /** True if a capability, by the name of its field, is not 0; false for names that do not exist. */
    public boolean has(String capability) {
        return has(PciCapability.REGISTER, header, capability)
                || has(Efr.REGISTER, efr, capability)
                || has(Efr2.REGISTER, efr2, capability);
    }

    private static boolean has(Register register, long value, String capability) {
        for (BitField field : register.fields()) {
            if (field.name().equals(capability)) {
                return field.isSet(value);
            }
        }
        return false;
    }

    /** True if guest tables exist. */
    public boolean hasGuestTables() {
        return Efr.GT_SUP.isSet(efr);
    }

    /** Most levels of a host table; 0 if the unit has none. */
    public int hostLevels() {
        int hats = Efr.HATS.getInt(efr);
        return hats == NO_HOST_TABLES ? 0 : PciCapability.EFR_SUP.isSet(header) ? LEAST_LEVELS + hats : 6;
    }

    /** Most levels of a guest table; 0 without guest tables. */
    public int guestLevels() {
        return hasGuestTables() ? LEAST_LEVELS + Efr.GATS.getInt(efr) : 0;
    }

    /** Width of a PASID in bits; 0 without guest tables. */
    public int pasidBits() {
        return hasGuestTables() ? Math.min(20, Efr.PAS_MAX.getInt(efr) + 1) : 0;
    }

    /** Most device tables. */
    public int deviceTables() {
        return 1 << Efr.DEV_TBL_SEG_SUP.getInt(efr);
    }

    /** True if absent entries may be cached, so that software invalidates after mapping, too. */
    public boolean cachesAbsent() {
        return PciCapability.NP_CACHE.isSet(header);
    }
}
