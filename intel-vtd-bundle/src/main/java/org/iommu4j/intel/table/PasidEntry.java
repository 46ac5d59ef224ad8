package org.iommu4j.intel.table;

import static org.iommu4j.layout.Code.code;
import static org.iommu4j.layout.FieldOption.about;
import static org.iommu4j.layout.FieldOption.oneOf;
import static org.iommu4j.layout.FieldOption.when;

import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;

/** Entry of a PASID table, VT-d 9.6; 64 bytes, one for each PASID: how its addresses are translated. */
public final class PasidEntry {
    private static final Layout.Builder ENTRY =
            Layout.named("pasid_entry").size(512).littleEndian().spec("VT-d 9.6");
    public static final BitField P = ENTRY.bit("P", 0, about("present"));
    public static final BitField FPD = ENTRY.bit("FPD", 1, about("qualified faults are not recorded"));

    /** Width of the second-stage table: 30 + 9 * AW bits, AW + 2 levels. */
    public static final BitField AW = ENTRY.bits(
            "AW",
            4,
            2,
            when("SSTS"),
            oneOf(code(1, "39 bits, 3 levels"), code(2, "48 bits, 4 levels"), code(3, "57 bits, 5 levels")));

    public static final BitField PGTT = ENTRY.bits(
            "PGTT",
            8,
            6,
            oneOf(code(1, "first stage"), code(2, "second stage"), code(3, "nested"), code(4, "pass-through")));
    public static final BitField SSADE =
            ENTRY.bit("SSADE", 9, when("SSADS"), about("second-stage accessed and dirty flags"));
    public static final BitField SSPTPTR = ENTRY.address("SSPTPTR", 63, 12, when("SSTS"), about("second-stage table"));
    public static final BitField DID = ENTRY.bits("DID", 79, 64, about("domain id"));
    public static final BitField PWSNP = ENTRY.bit("PWSNP", 87, when("SMPWCS"), about("page walks are snooped"));
    public static final BitField PGSNP = ENTRY.bit("PGSNP", 88, when("SC"), about("page accesses are snooped"));
    public static final BitField CD = ENTRY.bit("CD", 89, when("MTS"), about("cache disable"));

    /** Memory types of second-stage leaves count. */
    public static final BitField EMTE = ENTRY.bit("EMTE", 90, when("MTS"), about("memory types of the second stage"));

    public static final BitField PAT = ENTRY.bits("PAT", 127, 96, when("MTS"), about("page attribute table"));
    public static final BitField SRE = ENTRY.bit("SRE", 128, when("SRS"), about("supervisor requests allowed"));
    public static final BitField FSPM =
            ENTRY.bits("FSPM", 131, 130, when("FSTS"), oneOf(code(0, "4 levels"), code(1, "5 levels")));

    /** Write protect: R/W of a page counts for supervisor requests too. */
    public static final BitField WPE =
            ENTRY.bit("WPE", 132, when("FSTS"), about("write protection for supervisor requests"));

    public static final BitField IGNORED = ENTRY.ignored("ignored 134:133", 134, 133);

    public static final BitField EAFE = ENTRY.bit("EAFE", 135, when("EAFS"), about("extended accessed flags"));

    /** Address of the first-stage table; one of the guest if nested. */
    public static final BitField FSPTPTR = ENTRY.address("FSPTPTR", 191, 140, when("FSTS"), about("first-stage table"));

    /** Size of the host permission table: addresses below 2^(49+HPTSZ). */
    public static final BitField HPTSZ =
            ENTRY.bits("HPTSZ", 257, 256, when("HPTS"), about("permission table for addresses below 2^(49+HPTSZ)"));

    public static final BitField HPTPFD =
            ENTRY.bit("HPTPFD", 258, when("HPTS"), about("host permissions are not fetched ahead"));
    public static final BitField HPTPTR = ENTRY.address("HPTPTR", 319, 268, when("HPTS"), about("permission table"));
    public static final BitField HPTDID =
            ENTRY.bits("HPTDID", 335, 320, when("HPTS"), about("domain id of the permission table"));

    /** The entry; address bits at or above the host address width are reserved too. */
    public static final Layout LAYOUT = ENTRY.presentIfAny(P).build();

    /** Size of an entry. */
    public static final int BYTES = 64;

    // Codes of PGTT.
    public static final int FIRST_STAGE = 1;
    public static final int SECOND_STAGE = 2;
    public static final int NESTED = 3;
    public static final int PASS_THROUGH = 4;

    private PasidEntry() {}

    /** Address of the entry of a PASID in its table. */
    public static long addressOf(long table, int pasid) {
        return table + TableIndex.IN_PASID_TABLE.get(pasid) * BYTES;
    }
}
