package org.iommu4j.amd.command;

import java.util.List;

/**
 * Numbers of the hardware generations, as {@code sub_version} carries them: major in bits 15:8, minor in bits 7:0;
 * docs/spec/amd-vi.md 1.2.
 */
public final class AmdViGeneration {
    /** Host tables only: revision 1 of the architecture. */
    public static final int V1 = 0x0100;

    /** Guest tables: GCR3 and PASIDs. */
    public static final int V2 = 0x0200;

    /** Guest tables for requests without PASID, dirty tracking, five levels, invalidation types. */
    public static final int V3 = 0x0300;

    /** Secure nested paging is on: no identity entry, no exclusion range. */
    public static final int SNP = 0x0310;

    /** Guest domain ids, each mapped to a host domain id of its own. */
    public static final int NESTED = 0x0320;

    /** All of them. */
    public static final List<Integer> ALL = List.of(V1, V2, V3, SNP, NESTED);

    private AmdViGeneration() {}
}
