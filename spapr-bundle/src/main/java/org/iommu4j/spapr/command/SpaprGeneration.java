package org.iommu4j.spapr.command;

/** Numbers of the generations, as {@code sub_version} carries them; docs/spec/spapr-tce.md 1.1. */
public final class SpaprGeneration {
    /** H_GET_TCE and H_PUT_TCE only. */
    public static final int TCE_V1 = 1;

    /** Also H_PUT_TCE_INDIRECT and H_STUFF_TCE. */
    public static final int TCE_V1_MULTI = 2;

    /** POWER8: dynamic windows, a TCE Kill register, 8 bits of PE number. */
    public static final int IODA2 = 3;

    /** POWER9: kills of larger pages, 9 bits of PE number, a DMA read sync. */
    public static final int IODA3 = 4;

    /** POWER9 whose page kills may be lost (HW560152). */
    public static final int IODA3_PEKILL = 5;

    private SpaprGeneration() {}

    /** True if the host bridge's registers show, and with them PE numbers and dynamic windows. */
    public static boolean hasRegisters(int subVersion) {
        return subVersion >= IODA2;
    }

    /** True if a kill may name a page size, and a DMA read sync follows kills. */
    public static boolean isIoda3(int subVersion) {
        return subVersion >= IODA3;
    }
}
