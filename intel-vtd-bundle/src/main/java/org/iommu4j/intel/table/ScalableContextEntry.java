package org.iommu4j.intel.table;

import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Context entry of scalable mode, VT-d 9.4; 32 bytes, one for each device and function of half of a bus. */
public final class ScalableContextEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("scalable_context_entry").size(256).littleEndian().spec("VT-d 9.4");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField FPD = ENTRY.bit("FPD", 1, about("qualified faults are not recorded"));

    /** Device-TLB enable: translation and translated requests are allowed. */
    public static final BitField DTE = ENTRY.bit("DTE", 2, when("DT"), about("device TLB allowed"));

    public static final BitField PASIDE = ENTRY.bit("PASIDE", 3, when("PASID"), about("requests with PASID allowed"));

    public static final BitField PRE = ENTRY.bit("PRE", 4, when("PRS"), about("page requests allowed"));

    /** Host permission table enable: translated requests are checked. */
    public static final BitField HPTE = ENTRY.bit("HPTE", 5, when("HPTS"), about("translated requests are checked"));

    public static final BitField EPTR =
            ENTRY.bit("EPTR", 6, when("PTRS"), about("translated requests with PASID allowed"));

    /** Size of the PASID directory: it has 2^(PDTS+7) entries of 64 PASIDs each. */
    public static final BitField PDTS = ENTRY.bits("PDTS", 11, 9, about("2^(PDTS+7) directory entries"));

    public static final BitField PASIDDIRPTR = ENTRY.address("PASIDDIRPTR", 63, 12, about("PASID directory"));

    /** PASID of requests that have none; 0 without ECAP.RPS. */
    public static final BitField RID_PASID =
            ENTRY.bits("RID_PASID", 83, 64, when("RPS"), about("PASID of requests without one"));

    public static final BitField RID_PRIV =
            ENTRY.bit("RID_PRIV", 84, when("RPRIVS"), about("requests without PASID are supervisor requests"));

    /** The entry; address bits at or above the host address width are reserved too. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    /** log2 of the PASIDs of the smallest directory, PDTS 0. */
    public static final int SMALLEST_BITS = 13;

    /** Size of an entry. */
    public static final int BYTES = 32;

    private ScalableContextEntry() {}

    /** Address of the entry of a source id in the table for its half of the bus. */
    public static long addressOf(long contextTable, int sourceId) {
        return contextTable + TableIndex.IN_HALF_BUS.get(sourceId) * BYTES;
    }

    /** How many PASIDs the directory of an entry covers: 2^(PDTS+13). */
    public static int pasids(long word0) {
        return 1 << (PDTS.getInt(word0) + SMALLEST_BITS);
    }
}
