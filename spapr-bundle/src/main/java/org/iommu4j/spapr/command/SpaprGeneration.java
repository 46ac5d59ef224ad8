package org.iommu4j.spapr.command;

/** Numbers of the generations, as {@code sub_version} carries them; sheet 1.1. */
public final class SpaprGeneration {
    /** H_GET_TCE and H_PUT_TCE only. */
    public static final int TCE_V1 = 1;

    /** Also H_PUT_TCE_INDIRECT and H_STUFF_TCE. */
    public static final int TCE_V1_MULTI = 2;

    private SpaprGeneration() {}
}
